"""Which connections are in a session, and when its clients are sent that one has come or gone. No IO, no clock.

The number of these events in any span of time is bounded, so that they leave room for others in the channel's history.
"""

from collections import deque
from typing import NamedTuple

BURST = 32
"""Events that may go out at once, after a silence."""
MAX_IN_SPAN = 64
"""Events in SPAN_SECONDS, the burst included: a quarter of what a channel's history keeps."""
SPAN_SECONDS = 300.0
"""How far a channel's history reaches back."""
QUIET_SECONDS = 10.0
"""In so many seconds two events at most name the same connection, as when it comes and goes."""
_RATE = (MAX_IN_SPAN - BURST) / SPAN_SECONDS
_TOKEN = 1 - 1e-6
"""A token, less what sums of floats may lack of it: `next_due` would never be reached otherwise."""


class Arrival(NamedTuple):
    """A connection that has come, or has gone."""

    connection_id: str
    is_here: bool


class Attendance:
    """The connections of one session. Times are in seconds."""

    __slots__ = ("_announced", "_recent", "_refilled", "_tokens", "_waiting", "present")

    def __init__(self) -> None:
        self.present: set[str] = set()
        self._announced: set[str] = set()
        """Connections that the clients were sent to be here."""
        self._waiting: dict[str, None] = {}
        """Connections that have come or gone since; the one that waits longest is first."""
        self._recent: dict[str, deque[float]] = {}
        """The last two times that each connection was named. The one that was named last is last."""
        self._tokens = float(BURST)
        self._refilled = 0.0

    def join(self, connection_id: str) -> None:
        self.present.add(connection_id)
        self._note(connection_id)

    def leave(self, connection_id: str) -> None:
        self.present.discard(connection_id)
        self._note(connection_id)

    def _note(self, connection_id: str) -> None:
        """A connection that goes before its coming was sent, or comes back before its going was sent, is not named at all."""
        if (connection_id in self.present) == (connection_id in self._announced):
            self._waiting.pop(connection_id, None)
        else:
            self._waiting[connection_id] = None

    def due(self, now: float) -> list[Arrival]:
        """What may be sent now. It counts as sent."""
        self._refill(now)
        named: list[Arrival] = []
        if self._tokens < _TOKEN:
            return named
        for connection_id in list(self._waiting):
            if self._tokens < _TOKEN:
                break
            if self._quiet_until(connection_id) <= now:
                named.append(self._name(connection_id, now))
        return named

    def unsent(self, arrivals: list[Arrival]) -> None:
        """What `due` gave could not be sent: it will be due again."""
        for connection_id, is_here in arrivals:
            if is_here:
                self._announced.discard(connection_id)
            else:
                self._announced.add(connection_id)
            self._tokens = min(BURST, self._tokens + 1)
            self._recent.get(connection_id, deque([0.0])).pop()
            if not self._recent.get(connection_id, True):
                del self._recent[connection_id]
            self._note(connection_id)

    def next_due(self, now: float) -> float | None:
        """In how many seconds `due` has something again. None: only after another `join` or `leave`."""
        if not self._waiting:
            return None
        next_token = max(0.0, (1 - self._tokens) / _RATE)
        return max(next_token, min(map(self._quiet_until, self._waiting)) - now)

    def _name(self, connection_id: str, now: float) -> Arrival:
        self._tokens -= 1
        del self._waiting[connection_id]
        times = self._recent.pop(connection_id, None) or deque(maxlen=2)
        times.append(now)
        self._recent[connection_id] = times
        is_here = connection_id in self.present
        if is_here:
            self._announced.add(connection_id)
        else:
            self._announced.discard(connection_id)
        return Arrival(connection_id, is_here)

    def _quiet_until(self, connection_id: str) -> float:
        times = self._recent.get(connection_id)
        return times[0] + QUIET_SECONDS if times and len(times) == 2 else float("-inf")

    def _refill(self, now: float) -> None:
        self._tokens = min(BURST, self._tokens + (now - self._refilled) * _RATE)
        self._refilled = now
        while self._recent:
            connection_id, times = next(iter(self._recent.items()))
            if times[-1] + QUIET_SECONDS > now:
                break
            del self._recent[connection_id]
