"""Channels and who is on them: join, leave, fan out. Synchronous, no IO; only the loop that owns it touches it."""

import logging
from collections.abc import Callable, Iterator
from typing import Protocol

from pattern_stack.atoms.broadcast.core.event import Event, Reset
from pattern_stack.atoms.broadcast.websocket.frames import Batch

logger = logging.getLogger(__name__)


class Sink(Protocol):
    """Takes events: a connection's outbox, or an in-process handler's feed. It neither raises nor joins nor leaves in `take`."""

    @property
    def write_prepared(self) -> Callable[[bytes], None] | None:
        """Where there is one, it does with a batch's `wire` what `take` would do: the shortest way for the many."""

    def take(self, batch: Batch, turn: int | None = None) -> None: ...

    def dismiss(self, channel: str) -> None:
        """The channel has ended."""

    @property
    def limit(self) -> int:
        """Bytes of events that may be held for it."""

    def overflow(self) -> None:
        """More than that are."""


class Held:
    """Events that one sink shall get later."""

    __slots__ = ("events", "size")

    def __init__(self) -> None:
        self.events: list[Event | Reset] = []
        self.size = 0

    def add(self, event: Event | Reset, sink: Sink) -> None:
        if self.size > sink.limit:
            self.events.clear()
            sink.overflow()
            return
        self.events.append(event)
        self.size += len(event.data)


class Room:
    """One channel that somebody is on."""

    __slots__ = ("held", "open", "subscribers")

    def __init__(self) -> None:
        self.open: dict[Sink, None] = {}
        self.held: dict[Sink, Held] = {}
        self.subscribers = 0


class Hub:
    """Events of one turn of the loop leave together: `schedule` is called once a turn, to call `flush` at its end.

    A run of consecutive events of one channel is one Batch for all of the channel's sinks. Whatever changes who is on a
    channel flushes first, so that a sink gets exactly what was published while it was on.
    """

    def __init__(self, schedule: Callable[[], None]) -> None:
        self._schedule = schedule
        self._rooms: dict[str, Room] = {}
        self._runs: list[tuple[Room, list[Event | Reset]]] = []
        self.turn = 0
        self.pending_events = 0
        self.pending_bytes = 0

    def publish(self, event: Event | Reset) -> None:
        room = self._rooms.get(event.channel)
        if room is None:
            return
        for sink, held in room.held.items():
            held.add(event, sink)
        if not room.open:
            return
        if not self._runs:
            self._schedule()
        if self._runs and self._runs[-1][0] is room:
            self._runs[-1][1].append(event)
        else:
            self._runs.append((room, [event]))
        self.pending_events += 1
        self.pending_bytes += len(event.data)

    def flush(self) -> None:
        if not self._runs:
            return
        runs, self._runs = self._runs, []
        self.pending_events = self.pending_bytes = 0
        self.turn += 1
        for room, events in runs:
            self._fan_out(Batch(events), room)

    def _fan_out(self, batch: Batch, room: Room) -> None:
        """To each of them, whatever is wrong with another."""
        turn, wire = self.turn, batch.wire
        for sink in room.open:
            write = sink.write_prepared
            try:
                if write is not None:
                    write(wire)
                else:
                    sink.take(batch, turn)
            except Exception:
                logger.exception("%r takes nothing", sink)

    def clear(self) -> None:
        """Forget who is on what."""
        self._rooms.clear()
        self._runs.clear()
        self.pending_events = self.pending_bytes = 0

    def join(self, channel: str, sink: Sink, *, counted: bool = True) -> None:
        """From now on the channel's events are held for this sink, until `release`. `counted`: it is a subscriber."""
        self.flush()
        room = self._rooms.setdefault(channel, Room())
        room.held[sink] = Held()
        room.subscribers += counted

    def hold(self, channel: str, sink: Sink) -> None:
        """Keep the channel's events back from this sink until `release`. What was held so far is forgotten."""
        self.flush()
        room = self._rooms[channel]
        room.open.pop(sink, None)
        room.held[sink] = Held()

    def release(self, channel: str, sink: Sink) -> list[Event | Reset]:
        """End the hold. Returns what was held: the caller hands it on before anything else of this channel."""
        self.flush()
        room = self._rooms[channel]
        room.open[sink] = None
        held = room.held.pop(sink, None)
        return held.events if held else []

    def leave(self, channel: str, sink: Sink, *, counted: bool = True) -> None:
        self.flush()
        room = self._rooms[channel]
        room.open.pop(sink, None)
        room.held.pop(sink, None)
        room.subscribers -= counted
        if not room.open and not room.held:
            del self._rooms[channel]

    def sinks(self, channel: str) -> list[Sink]:
        room = self._rooms.get(channel)
        return [*room.open, *room.held] if room else []

    def subscribers(self, channel: str) -> int:
        room = self._rooms.get(channel)
        return room.subscribers if room else 0

    def channels(self) -> Iterator[tuple[str, int]]:
        """Every channel with subscribers, and how many."""
        return ((channel, room.subscribers) for channel, room in self._rooms.items() if room.subscribers)
