"""Frames that are refused as a whole: the code, the id, nothing took effect, and the connection stays open."""

import json
from itertools import islice, product
from typing import Any

import pytest

from pattern_stack import Limits, WebSocketBroadcastBackend
from tests.support.bystander import undisturbed
from tests.support.client import Client, Message, client
from tests.support.server import serving_backend
from tests.support.watched import Watched

backend = WebSocketBroadcastBackend()


async def refused(one: Client, frame: object, code: str) -> Message:
    """Send it. The error is the only answer, and the connection still works."""
    await one.send(frame)
    answer = await one.receive()
    assert answer["error"]["code"] == code, answer
    assert answer["error"].keys() - {"channel"} == {"code", "message"}
    await one.nothing_more()
    return answer


REFUSED: dict[str, tuple[str | bytes, str, object]] = {
    "not JSON": ("subscribe", "invalid_json", None),
    "nothing": ("", "invalid_json", None),
    "NaN": ('{"ping": NaN, "id": 1}', "invalid_json", None),
    "a lone surrogate": (r'{"ping": "\ud800"}', "invalid_json", None),
    "no object": ('[{"ping": 1}]', "invalid_message", None),
    "binary": (b'{"ping": 1}', "invalid_message", None),
    "nothing, in binary": (b"", "invalid_message", None),
    "no command": ('{"id": 7}', "invalid_message", 7),
    "two commands": ('{"subscribe": ["other"], "ping": 1, "id": 7}', "invalid_message", 7),
    "a wrong id": ('{"subscribe": ["other"], "id": 1.5}', "invalid_message", None),
    "a wrong type": ('{"subscribe": "other", "id": "mine"}', "invalid_message", "mine"),
    "a wrong since": ('{"subscribe": ["other"], "since": {"other": 41}, "id": 0}', "invalid_message", 0),
}


@pytest.mark.lanes("slow", "fast")
@pytest.mark.parametrize(("frame", "code", "id"), REFUSED.values(), ids=REFUSED)
async def test_a_frame_is_refused_as_a_whole(one: Client, frame: str | bytes, code: str, id: object) -> None:
    """Which frames are: core/test_refusals.py."""
    await one.subscribe("held")
    assert (await refused(one, frame, code)).get("id") == id
    assert (backend.get_subscriber_count("held"), backend.get_subscriber_count("other")) == (1, 0)


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


ANSWERS = {"subscribe": "subscribed", "unsubscribe": "unsubscribed", "refresh": "refreshed", "presence": "presence"}


@pytest.mark.parametrize("command", ANSWERS)
async def test_a_wrong_channel_is_refused_alone(one: Client, command: str) -> None:
    """Which are wrong: core/test_refusals.py."""
    await one.send({command: ["*", "other"], "id": "mine"})
    error, *more = await one.take(3 if command == "presence" else 2)
    assert (error["id"], error["error"]["code"], error["error"]["channel"]) == ("mine", "invalid_channel", "*")
    assert list(more[-1]) == ["id", ANSWERS[command]]
    await one.nothing_more()
    assert backend.get_subscriber_count("other") == (command == "subscribe")


async def test_the_oddest_channel_that_is_allowed(one: Client) -> None:
    name = "AZaz09_-.:/@" + "a" * 188
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
