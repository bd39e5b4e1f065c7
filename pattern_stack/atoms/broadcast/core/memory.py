"""The engine in memory: positions and history of one process."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import count
from time import monotonic

from pattern_stack.atoms.broadcast.core.engine import Engine
from pattern_stack.atoms.broadcast.core.event import Draft, Event, Position, ephemeral_event
from pattern_stack.atoms.broadcast.core.history import History, Log
from pattern_stack.atoms.broadcast.core.ledger import MemoryLedger
from pattern_stack.atoms.broadcast.core.limits import Limits
from pattern_stack.atoms.broadcast.core.presence import MemoryPresence
from pattern_stack.atoms.broadcast.core.process import ProcessToken, generation

_Row = tuple[History, float, bool]


class MemoryEngine(Engine):
    """History of one process.

    A channel that nobody is on is kept for its window's seconds, and for 300 s where it remembers keys; after that it
    begins a new epoch.
    """

    def __init__(
        self, window: Callable[[str], History], limits: Limits, clock: Callable[[], float] = monotonic
    ) -> None:
        super().__init__()
        self._window = window
        self._limits = limits
        self._clock = clock
        self._logs: dict[str, Log] = {}
        # The channels that nobody is on, the longest left first; one row for each window and for how long they are kept,
        # and for those without an event
        self._idle: dict[_Row, OrderedDict[str, Log]] = {}
        self._presence = MemoryPresence()
        self._ledger = MemoryLedger(limits.ledger_bytes, clock)
        self._last_forgotten = clock()
        """No channel that was forgotten has had an event since."""
        self._prefix = ProcessToken(4)
        self._generation = generation()
        self._epochs = count()

    async def publish(self, drafts: Sequence[Draft]) -> list[Event]:
        now = self._clock()
        new: list[Event] = []
        events = [self._append(draft, now, new) for draft in drafts]
        self._counters.published += len(new)
        for deliver in self._deliver:
            for event in new:
                deliver(event)
        return events

    async def send(self, drafts: Sequence[Draft]) -> None:
        for draft in drafts:
            self._pass_on(ephemeral_event(draft.channel, draft.body))

    def _append(self, draft: Draft, now: float, new: list[Event]) -> Event:
        log = self._log(draft.channel, now)
        if draft.key is not None and (event := log.repeated(draft, now)):
            return event
        self._occupy(draft.channel, log)
        event = log.append(draft, now)
        new.append(event)
        if not log.subscribed:
            self._leave(draft.channel, log)
        return event

    async def subscribe(self, channel: str) -> None:
        log = self._log(channel, self._clock())
        self._occupy(channel, log)
        log.subscribed += 1

    def unsubscribe(self, channel: str) -> None:
        log = self._logs[channel]
        log.subscribed -= 1
        if not log.subscribed:
            log.touched = self._clock()
            self._leave(channel, log)

    def position(self, channel: str) -> Position:
        return self._log(channel, self._clock()).position

    def quiet(self, channel: str) -> float:
        now = self._clock()
        return now - self._log(channel, now).moved

    def presence(self, channel: str) -> MemoryPresence:
        return self._presence

    def ledger(self, channel: str) -> MemoryLedger:
        return self._ledger

    async def position_of(self, channel: str) -> Position:
        return self.position(channel)

    async def history(self, channel: str, since: Position, until: Position) -> list[Event] | None:
        now = self._clock()
        log = self._log(channel, now)
        log.trim(now)
        return log.since(since, until)

    async def last(self, channel: str, count: int, until: Position) -> list[Event]:
        now = self._clock()
        log = self._log(channel, now)
        log.trim(now)
        return log.last(count, until)

    def _log(self, channel: str, now: float) -> Log:
        if self._generation != generation():  # in a child of a fork: what is here is its parent's history
            self._generation = generation()
            self._logs.clear()
            self._idle.clear()
            self._last_forgotten = now
        self._forget(now)
        log = self._logs.get(channel)
        if log is None:
            log = self._logs[channel] = Log(f"{self._prefix}{next(self._epochs):x}", self._window(channel), now)
            log.moved = self._last_forgotten
            self._leave(channel, log)
        return log

    def lose(self, channel: str) -> Position:
        """Forget the channel's history, as a store does that loses its data: a new epoch begins. Returns its first position."""
        now = self._clock()
        old = self._log(channel, now)
        self._occupy(channel, old)
        new = self._logs[channel] = Log(f"{self._prefix}{next(self._epochs):x}", self._window(channel), now)
        new.subscribed = old.subscribed
        if not new.subscribed:
            self._leave(channel, new)
        return new.position

    def _leave(self, channel: str, log: Log) -> None:
        row = self._idle.setdefault(_row(log), OrderedDict())
        row[channel] = log
        if len(row) > max(self._limits.idle_channels, 1):
            self._drop(*row.popitem(last=False))

    def _drop(self, channel: str, log: Log) -> None:
        self._last_forgotten = max(self._last_forgotten, log.moved)
        del self._logs[channel]

    def _occupy(self, channel: str, log: Log) -> None:
        if not log.subscribed:
            self._idle[_row(log)].pop(channel)

    def _forget(self, now: float) -> None:
        """Drop what nobody came back to. Each call of the engine does it, so that no timer is needed."""
        for (_, seconds, _), row in self._idle.items():
            while row:
                channel, log = next(iter(row.items()))
                if log.touched >= now - seconds:
                    break
                del row[channel]
                self._drop(channel, log)


def _row(log: Log) -> _Row:
    return log.window, log.idle_seconds, not log.offset
