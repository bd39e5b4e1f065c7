"""Frames that are refused as a whole: the code, the id, nothing took effect, and the connection stays open."""

import json
import time
from itertools import islice, product
from typing import Any

import pytest

from pattern_stack import Limits, WebSocketBroadcastBackend
from tests.support.bystander import undisturbed
from tests.support.client import Client, Message, client
from tests.support.server import serving_backend
from tests.support.watched import Watched

backend = WebSocketBroadcastBackend()
LISTS = ("subscribe", "unsubscribe", "refresh", "presence")


async def refused(one: Client, frame: object, code: str) -> Message:
    """Send it. The error is the only answer, and the connection still works."""
    await one.send(frame)
    answer = await one.receive()
    assert answer["error"]["code"] == code, answer
    assert answer["error"].keys() - {"channel"} == {"code", "message"}
    await one.nothing_more()
    return answer


NOT_JSON = {
    "empty": "",
    "blank": " ",
    "a word": "subscribe",
    "cut off": '{"ping": 1',
    "trailing comma": '{"ping": 1,}',
    "single quotes": "{'ping': 1}",
    "leading zero": '{"ping": 01}',
    "two values": '{"ping": 1} {"ping": 2}',
    "control character": '{"ping": "\n"}',
    "byte order mark": '\ufeff{"ping": 1}',
    "NUL at the end": '{"ping": 1}\x00',
    "lone surrogate": r'{"ping": "\ud800"}',
    "NaN": '{"ping": NaN}',
    "Infinity": '{"ping": Infinity}',
    "-Infinity": '{"id": -Infinity, "ping": 1}',
    "NaN in an unknown key": '{"ping": 1, "x": [NaN]}',
    "10,000 deep": "[" * 10_000 + "]" * 10_000,
    "10,000 deep, never closed": "[" * 10_000,
    "wrongly closed": "[" * 40 + "}" * 40,
}


@pytest.mark.parametrize("text", NOT_JSON.values(), ids=NOT_JSON)
async def test_not_json(one: Client, text: str) -> None:
    assert "id" not in await refused(one, text, "invalid_json")


def nested(depth: int) -> str:
    """A ping with id 9 whose objects and lists are this deep."""
    return '{"id": 9, "ping": 1, "x": ' + "[" * (depth - 1) + "]" * (depth - 1) + "}"


WRONG_FORM = {
    "null": "null",
    "number": "1",
    "string": '"subscribe"',
    "list": '[{"ping": 1}]',
    "33 deep": "[" * 33 + "]" * 33,
    "binary": b'{"ping": 1}',
    "empty binary": b"",
    "no command": "{}",
    "no command of that case": '{"Ping": 1}',
    "only since": '{"since": {}}',
}


@pytest.mark.parametrize("frame", WRONG_FORM.values(), ids=WRONG_FORM)
async def test_wrong_form(one: Client, frame: str | bytes) -> None:
    assert "id" not in await refused(one, frame, "invalid_message")


async def test_nesting_is_allowed_32_deep(one: Client) -> None:
    await one.send(nested(32))
    assert (await one.receive())["pong"] == 1
    assert (await refused(one, nested(33), "invalid_message"))["id"] == 9


async def test_brackets_and_quotes_that_do_not_pair_are_refused_at_once(one: Client) -> None:
    began = time.process_time()  # the server is a thread of this process
    await refused(one, "[" * 33 + '"' + r"\"" * 16_000, "invalid_json")
    assert time.process_time() - began < 1


WRONG_TYPES: list[tuple[str, object]] = [
    *product(
        LISTS, [None, True, 1, 1.5, "orders", {}, {"orders": 1}, [1], [None], [True], [["orders"]], ["orders", 2]]
    ),
    *product(["ping"], [None, True, False, 1.5, [], {}, "x" * 65]),
    *product(["auth"], [None, True, 1, [], {}]),
]


@pytest.mark.parametrize(("command", "value"), WRONG_TYPES)
async def test_a_wrong_type(one: Client, command: str, value: object) -> None:
    answer = await refused(one, {command: value, "id": "mine"}, "invalid_message")
    assert answer["id"] == "mine"
    assert command in answer["error"]["message"]
    assert "id" not in await refused(one, {command: value}, "invalid_message")
    assert backend.get_subscriber_count("orders") == 0


POSITIONS: list[object] = [
    *(None, True, 41, "k:41", [], ["k", 41], {}, {"epoch": "k"}, {"offset": 41}),
    *({"epoch": epoch, "offset": 41} for epoch in (None, True, 1, [])),
    *({"epoch": "k", "offset": offset} for offset in (None, True, False, "41", -1, 1.0, 1.5, 10**30, [])),
]


@pytest.mark.parametrize("since", [False, True, 0, 1, "x", [], *({"orders": position} for position in POSITIONS)])
async def test_a_wrong_since(one: Client, since: object) -> None:
    frame = {"subscribe": ["orders"], "since": since, "id": 0}
    assert (await refused(one, frame, "invalid_message"))["id"] == 0
    assert backend.get_subscriber_count("orders") == 0


@pytest.mark.parametrize("id", [True, False, 1.0, 1.5, [], {}, "x" * 65, 10**30])
async def test_a_wrong_id(one: Client, id: object) -> None:
    assert "id" not in await refused(one, {"subscribe": ["orders"], "id": id}, "invalid_message")
    assert backend.get_subscriber_count("orders") == 0


@pytest.mark.parametrize("value", [0, -1, 2**63 - 1, -(2**63), 2**64 - 1, "", "x" * 64, "\u00e9" * 64])
async def test_ids_and_pings_come_back_exactly(one: Client, value: int | str) -> None:
    await one.send({"ping": value, "id": value})
    answer = await one.receive()
    assert (answer["id"], answer["pong"]) == (value, value)


@pytest.mark.parametrize("digits", [20, 400, 60_000])
async def test_a_huge_integer_is_refused(one: Client, digits: int) -> None:
    await one.send('{"ping": ' + "9" * digits + "}")
    assert (await one.receive())["error"]["code"] in ("invalid_json", "invalid_message")
    await one.nothing_more()


@pytest.mark.parametrize("frame", [{"subscribe": ["orders"], "ping": 1}, {"unsubscribe": [], "subscribe": ["orders"]}])
async def test_two_commands(one: Client, frame: Message) -> None:
    assert (await refused(one, {**frame, "id": 7}, "invalid_message"))["id"] == 7
    assert backend.get_subscriber_count("orders") == 0


HARMLESS: list[tuple[Message, Message]] = [
    ({"subscribe": []}, {"subscribed": {}}),
    ({"unsubscribe": []}, {"unsubscribed": []}),
    ({"refresh": []}, {"refreshed": []}),
    ({"presence": []}, {"presence": {}}),
    ({"subscribe": [], "since": {}, "colour": None, "": [{"x": 10**25}], "Subscribe": 1}, {"subscribed": {}}),
    ({"unsubscribe": ["never-held"]}, {"unsubscribed": ["never-held"]}),
    ({"refresh": ["never-held"]}, {"refreshed": []}),
    ({"auth": "where nothing is asked"}, {"authenticated": True}),
]


@pytest.mark.parametrize(("frame", "reply"), HARMLESS)
async def test_harmless(one: Client, frame: Message, reply: Message) -> None:
    await one.send(frame)
    await one.nothing_more()
    answer = await one.ask(frame)
    assert answer == {"id": answer["id"], **reply}


NAMES = ["", " ", "a b", "a\n", "\n", "a\x00", "\x7f", "*", "orders*", "order?", "[ab]", "{a}", "a{b", "a|b", "a,b"]
NAMES += ["a\\b", "a%20", "a#b", "a+b", "caf\u00e9", "\u0430", "\u0663", "a\u200b", "\U0001f600", "a" * 201]


ANSWERS = {"subscribe": "subscribed", "unsubscribe": "unsubscribed", "refresh": "refreshed", "presence": "presence"}


@pytest.mark.parametrize("command", LISTS)
@pytest.mark.parametrize("name", NAMES, ids=ascii)
async def test_a_wrong_channel(one: Client, command: str, name: str) -> None:
    await one.subscribe("held")
    await one.send({command: [name, "other"], "id": "mine"})
    error, *more = await one.take(3 if command == "presence" else 2)
    assert (error["id"], error["error"]["code"], error["error"]["channel"]) == ("mine", "invalid_channel", name)
    assert list(more[-1]) == ["id", ANSWERS[command]]
    await one.nothing_more()
    assert backend.get_subscriber_count("other") == (command == "subscribe")


@pytest.mark.parametrize("name", ["a" * 200, "AZaz09_-.:/@", "-", "..", "//", "0"])
async def test_an_odd_channel_that_is_allowed(one: Client, name: str) -> None:
    assert name in await one.subscribe(name)
    await backend.broadcast(name, "created", {})
    assert (await one.event())["channel"] == name


FULL = [f"c{n}" for n in range(128)]


async def test_128_channels_and_not_one_more(one: Client) -> None:
    assert (await one.subscribe(*FULL)).keys() == set(FULL)
    assert (await one.subscribe(*FULL, *FULL)).keys() == set(FULL)
    for channels in (["more"], ["c0", "more"], ["more", *FULL]):
        await one.send({"subscribe": channels, "id": 1000})
        error, reply = await one.take(2)
        assert (error["error"]["code"], error["error"]["channel"]) == ("too_many_channels", "more")
        assert list(reply["subscribed"]) == [channel for channel in channels if channel != "more"]
        assert backend.get_subscriber_count("more") == 0
    await one.ask({"unsubscribe": ["c0"]})
    assert "more" in await one.subscribe("more")


async def test_10_000_channels_in_one_frame(one: Client) -> None:
    names = ["".join(letters) for letters in islice(product("abcdefghijklmnopqrstuvwxyz", repeat=3), 10_000)]
    frame = json.dumps({"subscribe": names, "id": 1}, separators=(",", ":"))
    assert (await refused(one, frame, "too_many_channels"))["id"] == 1
    assert backend.get_all_channels() == ["bystander"]


BAD: dict[str, Any] = {
    "invalid_json": "{",
    "invalid_message": b"\x00",
    "invalid_channel": {"subscribe": ["*"]},
    "too_many_channels": {"subscribe": [*FULL, "more"]},
}


@pytest.mark.parametrize("codes", [*([code] for code in BAD), list(BAD)], ids="+".join)
async def test_the_20th_bad_frame_closes(one: Client, codes: list[str]) -> None:
    twenty = (codes * 20)[:20]
    for code in twenty[:19]:
        await refused(one, BAD[code], code)
    await one.send(BAD[twenty[19]])
    assert (await one.receive())["error"]["code"] == twenty[19]
    assert (await one.closed())[0] == 1008


async def test_frames_past_the_rate_are_refused_until_the_20th_closes() -> None:
    backend = WebSocketBroadcastBackend(limits=Limits(frames_burst=5, frames_per_second=1e-9))
    with serving_backend(backend) as server:
        async with undisturbed(backend, server.url), client(server.url) as one:
            await one.subscribe("orders")
            for n in range(4):
                assert (await one.ask({"ping": n}))["pong"] == n
            for n in range(19):
                answer = await one.ask({"subscribe": ["more"]} if n % 2 else {"unsubscribe": ["orders"]})
                assert answer["error"]["code"] == "rate_limited"
            await backend.broadcast("orders", "still-open", {})
            assert (await one.event())["event"] == "still-open"
            assert backend.get_subscriber_count("more") == 0
            await one.send({"ping": 1})
            answer = await one.receive()
            assert "id" not in answer
            assert answer["error"]["code"] == "rate_limited"
            assert (await one.closed())[0] == 1008


async def test_a_page_that_turns_over_a_frame_a_row_hears_every_row() -> None:
    """Three pages of 50 rows, each row subscribed and unsubscribed by a frame of its own, as fast as they can be sent."""
    backend = WebSocketBroadcastBackend(limits=Limits(frames_per_second=1e-9))
    with serving_backend(backend) as server:
        async with client(server.url) as one:
            for page in range(3):
                rows = [f"row:{page}:{n}" for n in range(50)]
                for row in rows:
                    if page:
                        await one.send({"unsubscribe": [row.replace(f":{page}:", f":{page - 1}:")]})
                    await one.send({"subscribe": [row]})
            await one.nothing_more()
            assert sorted(backend.get_all_channels()) == sorted(f"row:2:{n}" for n in range(50))


async def test_rate_limited_says_when_to_come_again() -> None:
    backend = WebSocketBroadcastBackend(limits=Limits(frames_burst=1, frames_per_second=2.5))
    with serving_backend(backend) as server:
        async with client(server.url) as one:
            for id in range(2):
                await one.send({"ping": id, "id": id})
            assert (await one.receive())["pong"] == 0
            error = (await one.receive())["error"]
            assert error["code"] == "rate_limited"
            assert 0 < error["retry_after"] <= 0.4


async def test_hooks_are_work_that_is_limited() -> None:
    backend = WebSocketBroadcastBackend(limits=Limits(work_per_second=1e-9, work_burst=60))
    rooms = Watched(backend)
    with serving_backend(backend) as server:
        async with client(server.url) as one:
            await one.subscribe(*[f"room:{n}" for n in range(10)])
            error = (await one.ask({"subscribe": ["room:10"]}))["error"]
            assert error["code"] == "rate_limited"
            assert (await one.ask({"ping": 1}))["pong"] == 1
    assert len([call for call in rooms.calls if call.startswith("authorize")]) == 10
