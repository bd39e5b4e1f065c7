"""How far a channel of a shared store was delivered here: no gap, no repeat, nothing of a stranger's."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pattern_stack.atoms.broadcast.bridge.store import Arrival, Reading
from pattern_stack.atoms.broadcast.core.event import Event, Position, Reset

if TYPE_CHECKING:
    import asyncio

_WAITING_EVENTS = 10_000


class Track:
    """One wanted channel. `hand_on` is called with what comes next, in the channel's order."""

    __slots__ = ("_channel", "_hand_on", "_waiting", "catching_up", "opening", "position", "wanted")

    def __init__(self, channel: str, hand_on: Callable[[Event | Reset], None]) -> None:
        self._channel = channel
        self._hand_on = hand_on
        self._waiting: list[Arrival] = []
        """What came while events before it are fetched."""
        self.wanted = 0
        self.position: Position | None = None
        self.opening: asyncio.Task[None] | None = None  # what the bridge does for it
        self.catching_up: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def wait(self, arrival: Arrival) -> None:
        if len(self._waiting) < _WAITING_EVENTS:
            self._waiting.append(arrival)
        else:
            self._waiting[-1] = arrival  # those between will be fetched

    def take(self, arrival: Arrival) -> bool:
        """Deliver it if it is the next, and drop it if it is a repeat. False where something lies between."""
        here = self.position
        assert here is not None
        if arrival.epoch != here.epoch or arrival.offset > here.offset + 1:
            return False
        if arrival.offset == here.offset + 1:
            self.position = Position(here.epoch, arrival.offset)
            self._hand_on(Event(self._channel, arrival.body, here.epoch, arrival.offset))
        return True

    def take_waiting(self) -> bool:
        """Whether all of them could be taken; otherwise the first of those that wait on has something before it."""
        waiting, self._waiting = self._waiting, []
        for index, arrival in enumerate(waiting):
            if not self.take(arrival):
                self._waiting = waiting[index:]
                return False
        return True

    def apply(self, here: Position, reading: Reading) -> None:
        """What the store has after `here`; a reset where it has not all of it."""
        newest = Position(reading.epoch, reading.offset)
        if newest == here:
            return
        if reading.bodies is None:
            self.position = newest
            self._hand_on(Reset(self._channel, newest))
            return
        for event in events(self._channel, here, reading.bodies):
            self.position = event.position
            self._hand_on(event)

    def drop_foreign(self, known: int) -> int:
        """What was here before the store was asked, the first `known`, and lies beyond its newest place, the store never
        sent. Returns how many there were."""
        assert self.position is not None
        epoch, offset = self.position
        before, later = self._waiting[:known], self._waiting[known:]
        kept = [arrival for arrival in before if arrival.epoch == epoch and arrival.offset <= offset]
        self._waiting = kept + later
        return len(before) - len(kept)


def events(channel: str, since: Position, bodies: Sequence[bytes]) -> list[Event]:
    """Those that follow the position."""
    return [Event(channel, body, since.epoch, since.offset + index) for index, body in enumerate(bodies, 1)]
