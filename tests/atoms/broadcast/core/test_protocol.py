"""The golden frames, which the TypeScript client reads too; and that no text makes the parser fail."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pattern_stack.atoms.broadcast.core import protocol, sending
from pattern_stack.atoms.broadcast.core.event import Draft, Position, ephemeral_event
from pattern_stack.atoms.broadcast.core.limits import Limits
from pattern_stack.atoms.broadcast.core.presence import Member, state_change
from pattern_stack.atoms.broadcast.core.protocol import CommandError, parse
from pattern_stack.atoms.broadcast.websocket.frames import Frame
from tests.support.examples import examples
from tests.support.texts import json_texts

GOLDEN = json.loads((Path(__file__).parents[3] / "frames.json").read_text())
pure = settings(deadline=None, max_examples=examples(400))
WHEN = "2026-11-21T07:00:00.123456Z"


def named(frames: list[dict[str, Any]]) -> Any:
    return pytest.mark.parametrize("golden", frames, ids=[frame["name"] for frame in frames])


@named(GOLDEN["client"])
def test_what_a_client_sends(golden: dict[str, Any]) -> None:
    command = parse(json.dumps(golden["frame"]).encode(), Limits())
    assert json.loads(json.dumps({"kind": type(command).__name__, **asdict(command)})) == golden["command"]


@named(GOLDEN["refused"])
def test_what_is_refused(golden: dict[str, Any]) -> None:
    with pytest.raises(CommandError) as refused:
        parse(golden["text"].encode(), Limits())
    sent = json.loads(protocol.error_frame(refused.value).data)
    assert sent == {"error": golden["error"], **({"id": golden["id"]} if "id" in golden else {})}


def event(event_type: str, payload: object, offset: int, origin: str | None = None) -> Frame:
    message = {"channel": "orders", "event": event_type, "payload": payload, "timestamp": WHEN}
    if origin:
        message["origin"] = origin
    return Draft("orders", json.dumps(message).encode()).at("k3f9", offset)


def passing(event_type: str, payload: object) -> Frame:
    message = {"channel": "orders", "event": event_type, "payload": payload, "timestamp": WHEN}
    return ephemeral_event("orders", json.dumps(message).encode())


old, new = Position("k3f9", 41), Position("x81c", 7)
BUILT = {
    "event": event("created", {"entity_id": "1"}, 42),
    "event with origin": event("created", {}, 43, "tab-1"),
    "ephemeral event": passing("typing", {"user": "ann"}),
    "presence-joined": passing("presence-joined", {"connection_id": "c1", "user": "ann", "count": 2}),
    "snapshot": event("snapshot", {"orders": []}, 41),
    "subscribed": protocol.subscribed({"orders": (old, None)}, 1),
    "subscribed, and quiet": protocol.subscribed({"orders": (old, None)}, 1, quiet={"orders": 12.5009}),
    "subscribed, recovered": protocol.subscribed({"orders": (old, True)}, 1),
    "subscribed, not recovered": protocol.subscribed({"orders": (new, False)}, 1),
    "unsubscribed": protocol.unsubscribed(["orders"], 2),
    "channel ended": protocol.unsubscribed(["orders"]),
    "authenticated": protocol.authenticated(3),
    "refreshed": protocol.refreshed(["orders"], 4),
    "pong": protocol.pong(17, None),
    "pong with id": protocol.pong("now", 9),
    "presence": protocol.presence({"room:7": [{"connection_id": "c1", "user": "ann"}]}, 5),
    "presence with a state": protocol.presence({"room:7": [Member("ann", {"typing": True}).row("c1")]}, 5),
    "result of a command": sending.answer(sending.outcome_of({"title": "x"}), 9),
    "a command that was refused": sending.answer(sending.refused_with("full", "the room is full"), 9),
    "state is shown": sending.state_set(["room:7"], 10),
    "state of another": Frame(
        json.dumps(
            {
                "channel": "room:7",
                "event": "presence-state",
                "payload": state_change("c1", "ann", {"typing": True}),
                "timestamp": WHEN,
            }
        ).encode()
    ),
    "reset": protocol.reset({"orders": new}),
    "error": protocol.error_frame(CommandError("invalid_message", "subscribe must be a list of channel names", 1)),
    "error without id": protocol.error_frame(CommandError("invalid_json", "not JSON")),
    "error of a wrong name": protocol.error_frame(
        protocol.invalid_channels(protocol.Subscribe(1, (), {}, ("orders*",)), Limits())[0]
    ),
    "rate limited": protocol.error_frame(
        CommandError("rate_limited", "more than 100 frames a second", 1, retry_after=0.4)
    ),
    "error of a channel": protocol.error_frame(CommandError("forbidden", "not yours", 1, "orders")),
}


@named(GOLDEN["server"])
def test_what_the_server_sends(golden: dict[str, Any]) -> None:
    sent = json.loads(BUILT[golden["name"]].data)
    if "pong" in sent:
        assert len(sent["timestamp"]) == len(WHEN)
        sent["timestamp"] = WHEN
    assert sent == golden["frame"]


def test_every_golden_frame_is_built() -> None:
    assert BUILT.keys() == {golden["name"] for golden in GOLDEN["server"]}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[" * 33 + "]" * 33, "invalid_message"),
        ("[" * 10_000 + "]" * 10_000, "invalid_json"),
        ("[" * 10_000, "invalid_json"),
        ("[" * 40 + "}" * 40, "invalid_json"),
        ('"' + "[" * 100, "invalid_json"),
        ('{"ping": "' + "[" * 50 + '"}', None),
        ('{"ping": 1, "x": ' + "[" * 31 + "]" * 31 + "}", None),
    ],
)
def test_nesting(text: str, code: str | None) -> None:
    if code is None:
        parse(text.encode(), Limits())
        return
    with pytest.raises(CommandError) as refused:
        parse(text.encode(), Limits())
    assert refused.value.code == code


@given(st.binary() | st.text().map(str.encode) | json_texts.map(str.encode) | st.text('[]{}":,\\ 1a').map(str.encode))
@pure
def test_parse_gives_a_command_or_refuses(data: bytes) -> None:
    try:
        assert isinstance(parse(data, Limits()), protocol.Command)
    except CommandError as refusal:
        refused = refusal
    else:
        return
    assert refused.code in ("invalid_json", "invalid_message", "invalid_channel")
    assert json.loads(protocol.error_frame(refused).data).get("id") == refused.id


@given(json_texts, st.integers(0, 31))
@pure
def test_parse_ignores_whatever_an_unknown_key_holds(text: str, depth: int) -> None:
    assume("NaN" not in text and "Infinity" not in text and r"\ud" not in text)
    frame = f'{{"ping": 1, "colour": {"[" * depth}{text}{"]" * depth}}}'
    deepest = 1 + depth + measured(json.loads(text))
    try:
        command = parse(frame.encode(), Limits())
    except CommandError as refusal:
        assert deepest > 32, refusal  # noqa: PT017 - a command is right, too
    else:
        assert deepest <= 32
        assert command == protocol.Ping(None, 1)


def measured(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(measured, value.values()), default=0)
    return 1 + max(map(measured, value), default=0) if isinstance(value, list) else 0
