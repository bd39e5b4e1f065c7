"""Channels and who is on them: join, leave, fan out. Synchronous, no IO; only the loop that owns it touches it."""

from collections.abc import Callable, Iterator
from typing import Protocol

from pattern_stack.atoms.broadcast.event import Event
from pattern_stack.atoms.broadcast.frame import Batch


class Sink(Protocol):
    """Takes events: a connection's outbox, or an in-process handler's feed. It neither raises nor joins nor leaves in `take`."""

    def take(self, batch: Batch, turn: int | None = None) -> None: ...

    def dismiss(self, channel: str) -> None:
        """The channel has ended."""


class Room:
    """One channel that somebody is on."""

    __slots__ = ("held", "open", "subscribers")

    def __init__(self) -> None:
        self.open: dict[Sink, None] = {}
        self.held: dict[Sink, list[Event]] = {}
        self.subscribers = 0


class Hub:
    """Events of one turn of the loop leave together: `schedule` is called once a turn, to call `flush` at its end.

    A run of consecutive events of one channel is one Batch for all of the channel's sinks. Whatever changes who is on a
    channel flushes first, so that a sink gets exactly what was published while it was on.
    """

    def __init__(self, schedule: Callable[[], None]) -> None:
        self._schedule = schedule
        self._rooms: dict[str, Room] = {}
        self._runs: list[tuple[Room, list[Event]]] = []
        self.turn = 0
        self.pending_events = 0
        self.pending_bytes = 0

    def publish(self, event: Event) -> None:
        room = self._rooms.get(event.channel)
        if room is None:
            return
        for held in room.held.values():
            held.append(event)
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
            batch = Batch(events)
            for sink in room.open:
                sink.take(batch, self.turn)

    def join(self, channel: str, sink: Sink, *, counted: bool = True) -> None:
        """From now on the channel's events are held for this sink, until `release`. `counted`: it is a subscriber."""
        self.flush()
        room = self._rooms.setdefault(channel, Room())
        room.held[sink] = []
        room.subscribers += counted

    def hold(self, channel: str, sink: Sink) -> None:
        """Keep the channel's events back from this sink until `release`."""
        self.flush()
        room = self._rooms[channel]
        if sink in room.open:
            del room.open[sink]
            room.held[sink] = []

    def release(self, channel: str, sink: Sink) -> list[Event]:
        """End the hold. Returns what was held: the caller hands it on before anything else of this channel."""
        self.flush()
        room = self._rooms[channel]
        room.open[sink] = None
        return room.held.pop(sink, [])

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
