"""Whom a hub sends what is not kept."""

from typing import Any

from pattern_stack.atoms.broadcast.core.event import Ephemeral, Event, PresenceEvent, encode, ephemeral_event
from pattern_stack.atoms.broadcast.core.hub import Hub
from pattern_stack.atoms.broadcast.core.limits import Limits
from pattern_stack.atoms.broadcast.core.outbox import Outbox
from pattern_stack.atoms.broadcast.websocket.frames import Batch


class Wire:
    """A transport, and the owner of the outbox before it."""

    write_prepared = None

    def __init__(self) -> None:
        self.got: list[str] = []
        self.outbox = Outbox(self, 1_000, self)  # type: ignore[arg-type]

    def write(self, batch: Batch) -> None:
        for frame in batch.frames:
            assert isinstance(frame, Event | Ephemeral)
            self.got.append(frame.handler_args[0])

    def too_slow(self) -> None: ...

    def bulk_written(self) -> None: ...

    def channel_ended(self, channel: str) -> None: ...


def named(name: str) -> Ephemeral:
    return ephemeral_event("a", encode("a", name, {}, ephemeral=True, limits=Limits()).body)


def event(name: str, offset: int) -> Event:
    return encode("a", name, {}, limits=Limits()).at("k", offset)


def wired(count: int) -> tuple[Hub, list[Wire]]:
    hub, wires = Hub(lambda: None), [Wire() for _ in range(count)]
    for wire in wires:
        hub.join("a", wire.outbox)
        hub.stop_buffering("a", wire.outbox)
    return hub, wires


def test_it_goes_out_in_the_order_it_was_published() -> None:
    hub, (wire,) = wired(1)
    for one in ("typing", "moved"):
        hub.pass_on(named(one))
    hub.publish(event("sent", 1))
    hub.pass_on(named("typing"))
    assert hub.pending_events == 4
    hub.flush()
    assert wire.got == ["typing", "moved", "sent", "typing"]


def test_who_is_blocked_never_gets_it_and_its_neighbour_does() -> None:
    hub, (blocked, healthy) = wired(2)
    blocked.outbox.pause()
    for n in range(3):
        hub.pass_on(named("typing"))
        hub.publish(event("sent", n + 1))
        hub.pass_on(named("typing"))
        hub.flush()
    waiting = blocked.outbox.waiting
    hub.pass_on(named("typing"))
    hub.flush()
    assert blocked.outbox.waiting == waiting
    blocked.outbox.resume()
    assert blocked.got == ["sent"] * 3
    assert healthy.got.count("typing") == 7


def test_who_has_events_buffered_never_gets_it() -> None:
    hub, (wire,) = wired(1)
    hub.start_buffering("a", wire.outbox)
    hub.pass_on(named("typing"))
    hub.publish(event("sent", 1))
    assert [type(one) for one in hub.stop_buffering("a", wire.outbox)] == [Event]
    hub.flush()
    assert wire.got == []


def test_who_came_and_went_waits_for_everybody() -> None:
    hub, (blocked, buffering) = wired(2)
    blocked.outbox.pause()
    hub.start_buffering("a", buffering.outbox)
    joined: Any = named("presence-joined")
    assert isinstance(joined, PresenceEvent)
    assert not isinstance(named("presence-state"), PresenceEvent)
    hub.pass_on(joined)
    hub.flush()
    assert hub.stop_buffering("a", buffering.outbox) == [joined]
    blocked.outbox.resume()
    assert blocked.got == ["presence-joined"]


def test_nobody_on_the_channel_costs_nothing() -> None:
    hub, _ = wired(0)
    hub.pass_on(named("typing"))
    assert hub.pending_events == 0
