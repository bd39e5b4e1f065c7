"""Bounds and lists that cannot be are refused where the application writes them."""

from typing import Any

import pytest

from pattern_stack import Channel, History, Limits, RedisBroadcastBackend, WebSocketBroadcastBackend, command
from pattern_stack.atoms.broadcast.backends.ipc import IPCBroadcastBackend
from pattern_stack.features.fleet import FleetLimits
from pattern_stack.features.sessions.core.limits import SessionLimits


@pytest.mark.parametrize("kind", [History, Limits])
@pytest.mark.parametrize("value", ["5", None, True, [1]])
def test_a_bound_that_is_no_number(kind: type, value: Any) -> None:
    name = "events" if kind is History else "outbox_bytes"
    with pytest.raises(TypeError, match=rf"^{kind.__name__}\.{name} is a number, not "):
        kind(**{name: value})


@pytest.mark.parametrize("value", [-1, float("inf"), float("nan")])
def test_a_bound_that_no_number_of_seconds_can_have(value: float) -> None:
    with pytest.raises(ValueError, match=r"^History\.seconds is a finite number, 0 or more, not "):
        History(seconds=value)
    with pytest.raises(ValueError, match=r"^Limits\.hook_seconds is a finite number, 0 or more, not "):
        Limits(hook_seconds=value)


def test_a_bound_of_a_feature() -> None:
    with pytest.raises(TypeError, match=r"^FleetLimits\.computers is a number, not '5'"):
        FleetLimits(computers="5")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^SessionLimits\.undo_bytes is a finite number, 0 or more, not -1"):
        SessionLimits(sessions=1, total_bytes=1, graph_bytes=1, node_bytes=1, undo_bytes=-1)


@pytest.mark.parametrize("make", [WebSocketBroadcastBackend, RedisBroadcastBackend, IPCBroadcastBackend])
def test_a_prefix_that_is_no_text_or_would_confuse_keys(make: Any) -> None:
    with pytest.raises(TypeError, match='channel_prefix is text, like "shop", not 1'):
        make(channel_prefix=1)
    with pytest.raises(ValueError, match="a channel_prefix is 1 to 100 printable characters"):
        make(channel_prefix="a b")


def test_what_is_counted_is_whole_and_what_is_measured_need_not_be() -> None:
    with pytest.raises(ValueError, match=r"^History\.events is a whole number, not 1\.5"):
        History(events=1.5)  # type: ignore[arg-type]
    assert History(seconds=1.5).seconds == 1.5
    assert History(events=0).events == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"limits": {}}, r"limits is Limits\(\.\.\.\), not {}"),
        ({"limits": Limits}, r"limits is Limits\(\.\.\.\)"),
        ({"history": 5}, r"history is History\(\.\.\.\), not 5"),
        ({"everyone": "news"}, r"everyone is a list of channels, like \[\"news\"\], not 'news'"),
    ],
)
def test_an_option_of_another_type(options: dict[str, Any], said: str) -> None:
    with pytest.raises(TypeError, match=said):
        WebSocketBroadcastBackend(**options)


@pytest.mark.parametrize("bridge", ["redis://localhost", 1])
def test_a_bridge_that_is_a_url_or_something_else(bridge: Any) -> None:
    with pytest.raises(TypeError, match="for a URL call broadcast_from_url"):
        WebSocketBroadcastBackend(bridge=bridge)


@pytest.mark.parametrize("pattern", ["", "my room:{id}", "rooms*", "room:{id}!"])
def test_a_pattern_that_no_channel_matches(pattern: str) -> None:
    with pytest.raises(ValueError, match="no channel matches the pattern"):
        WebSocketBroadcastBackend().channel(pattern)(Channel)


def test_a_declaration_of_another_type() -> None:
    backend = WebSocketBroadcastBackend()
    with pytest.raises(TypeError, match="a channel's pattern is text"):
        backend.channel(1)(Channel)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="decorates a class derived from Channel"):
        backend.channel("room:{id}")(dict)  # type: ignore[type-var]
    with pytest.raises(TypeError, match="events of orders are like"):
        backend.channel("orders", events=["created"])(Channel)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="presence of orders is True, False or a function of the user, not 'yes'"):
        backend.channel("orders", presence="yes")(Channel)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="local of orders is True or False, not 'x'"):
        backend.channel("orders", local="x")(Channel)  # type: ignore[arg-type]


def test_a_hook_that_is_spelled_wrong() -> None:
    class Rooms(Channel):
        async def authorise(self, connection: Any, room_id: str) -> None: ...

    with pytest.raises(TypeError, match=r"Rooms\.authorise is no hook, and nothing calls it: is authorize meant\?"):
        WebSocketBroadcastBackend().channel("room:{room_id}")(Rooms)


def test_methods_of_ones_own_and_commands_are_no_hooks() -> None:
    class Rooms(Channel):
        def _authorise(self) -> None: ...

        def room(self) -> None: ...

        @command("snapshot")
        async def snapshots(self, connection: Any, payload: dict[str, Any], room_id: str) -> None: ...

    assert WebSocketBroadcastBackend().channel("room:{room_id}")(Rooms) is Rooms


async def test_a_handler_that_does_not_take_an_event() -> None:
    async with WebSocketBroadcastBackend() as backend:
        with pytest.raises(TypeError, match=r"a handler has to take \(event_type, payload\)"):
            await backend.subscribe("orders", lambda: None)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="too many positional arguments"):
            await backend.subscribe("orders", lambda payload: None)  # type: ignore[arg-type, misc]


def test_a_channels_history_of_another_type() -> None:
    backend = WebSocketBroadcastBackend()
    with pytest.raises(TypeError, match=r"the history of room:\{id\} is History\(\.\.\.\), not 5"):
        backend.channel("room:{id}", history=5)(Channel)  # type: ignore[arg-type]
