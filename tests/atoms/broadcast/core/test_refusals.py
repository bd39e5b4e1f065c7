"""Frames that are refused, as a whole or for some channels: the code, and the id of the frame where it has a valid one."""

from itertools import islice, product
from typing import Any

import orjson
import pytest

from pattern_stack.atoms.broadcast.core import protocol
from pattern_stack.atoms.broadcast.core.limits import Limits
from pattern_stack.atoms.broadcast.core.protocol import CommandError, Ping, Subscribe, parse

LISTS = ("subscribe", "unsubscribe", "refresh", "presence")
LIMITS = Limits()


def refused(frame: object, code: str) -> CommandError:
    """The error for `frame`: a text, or a value that is sent as JSON."""
    with pytest.raises(CommandError) as refused:
        parse(frame.encode() if isinstance(frame, str) else orjson.dumps(frame), LIMITS)
    assert refused.value.code == code
    return refused.value


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
    "brackets and quotes that do not pair": "[" * 33 + '"' + r"\"" * 16_000,
}


@pytest.mark.parametrize("text", NOT_JSON.values(), ids=NOT_JSON)
def test_not_json(text: str) -> None:
    assert refused(text, "invalid_json").id is None


def nested(depth: int) -> str:
    """A ping with id 9 whose objects and lists are this deep."""
    return '{"id": 9, "ping": 1, "x": ' + "[" * (depth - 1) + "]" * (depth - 1) + "}"


WRONG_FORM = {
    "null": "null",
    "number": "1",
    "string": '"subscribe"',
    "list": '[{"ping": 1}]',
    "33 deep": "[" * 33 + "]" * 33,
    "no command": "{}",
    "no command of that case": '{"Ping": 1}',
    "only since": '{"since": {}}',
}


@pytest.mark.parametrize("text", WRONG_FORM.values(), ids=WRONG_FORM)
def test_wrong_form(text: str) -> None:
    assert refused(text, "invalid_message").id is None


def test_nesting_is_allowed_32_deep() -> None:
    assert parse(nested(32).encode(), LIMITS) == Ping(9, 1)
    assert refused(nested(33), "invalid_message").id == 9


WRONG_TYPES: list[tuple[str, object]] = [
    *product(
        LISTS, [None, True, 1, 1.5, "orders", {}, {"orders": 1}, [1], [None], [True], [["orders"]], ["orders", 2]]
    ),
    *product(["ping"], [None, True, False, 1.5, [], {}, "x" * 65]),
    *product(["auth"], [None, True, 1, [], {}]),
]


@pytest.mark.parametrize(("command", "value"), WRONG_TYPES)
def test_a_wrong_type(command: str, value: object) -> None:
    answer = refused({command: value, "id": "mine"}, "invalid_message")
    assert answer.id == "mine"
    assert command in answer.message
    assert refused({command: value}, "invalid_message").id is None


POSITIONS: list[object] = [
    *(None, True, 41, "k:41", [], ["k", 41], {}, {"epoch": "k"}, {"offset": 41}),
    *({"epoch": epoch, "offset": 41} for epoch in (None, True, 1, [])),
    *({"epoch": "k", "offset": offset} for offset in (None, True, False, "41", -1, 1.0, 1.5, [])),
]


@pytest.mark.parametrize("since", [False, True, 0, 1, "x", [], *({"orders": position} for position in POSITIONS)])
def test_a_wrong_since(since: object) -> None:
    assert refused({"subscribe": ["orders"], "since": since, "id": 0}, "invalid_message").id == 0


@pytest.mark.parametrize("id", [True, False, 1.0, 1.5, [], {}, "x" * 65])
def test_a_wrong_id(id: object) -> None:
    assert refused({"subscribe": ["orders"], "id": id}, "invalid_message").id is None


@pytest.mark.parametrize(
    "frame",
    [
        '{"ping": %b}',
        '{"ping": 1, "id": %b}',
        '{"subscribe": ["orders"], "since": {"orders": {"epoch": "k", "offset": %b}}}',
    ],
)
@pytest.mark.parametrize("digits", [20, 31, 400, 60_000])
def test_a_huge_integer(frame: str, digits: int) -> None:
    with pytest.raises(CommandError) as refused:
        parse(frame.encode() % (b"9" * digits), LIMITS)
    assert refused.value.code in ("invalid_json", "invalid_message")


@pytest.mark.parametrize("value", [0, -1, 2**63 - 1, -(2**63), 2**64 - 1, "", "x" * 64, "\u00e9" * 64])
def test_ids_and_pings_come_back_exactly(value: int | str) -> None:
    command = parse(orjson.dumps({"ping": value, "id": value}), LIMITS)
    assert isinstance(command, Ping)
    answer = orjson.loads(protocol.pong(command.value, command.id).data)
    assert (answer["id"], answer["pong"]) == (value, value)


@pytest.mark.parametrize("frame", [{"subscribe": ["orders"], "ping": 1}, {"unsubscribe": [], "subscribe": ["orders"]}])
def test_two_commands(frame: dict[str, object]) -> None:
    assert refused({**frame, "id": 7}, "invalid_message").id == 7


NAMES = ["", " ", "a b", "a\n", "\n", "a\x00", "\x7f", "*", "orders*", "order?", "[ab]", "{a}", "a{b", "a|b", "a,b"]
NAMES += ["a\\b", "a%20", "a#b", "a+b", "caf\u00e9", "\u0430", "\u0663", "a\u200b", "\U0001f600", "a" * 201]


@pytest.mark.parametrize("word", LISTS)
@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_wrong_channel(word: str, name: str) -> None:
    """An error names it; the other channels of the frame are kept."""
    command: Any = parse(orjson.dumps({word: ["first", name, "last"], "id": "mine"}), LIMITS)
    assert (command.channels, command.invalid) == (("first", "last"), (name,))
    (error,) = protocol.invalid_channels(command, LIMITS)
    assert (error.code, error.id, error.channel) == ("invalid_channel", "mine", name)


@pytest.mark.parametrize("name", ["a" * 200, "AZaz09_-.:/@", "-", "..", "//", "0"])
def test_an_odd_channel_that_is_allowed(name: str) -> None:
    assert parse(orjson.dumps({"subscribe": [name]}), LIMITS) == Subscribe(None, (name,), {})


def test_10_000_channels_in_one_frame() -> None:
    names = ["".join(letters) for letters in islice(product("abcdefghijklmnopqrstuvwxyz", repeat=3), 10_000)]
    assert refused({"subscribe": names, "id": 1}, "too_many_channels").id == 1
