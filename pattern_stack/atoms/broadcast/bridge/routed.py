"""Two engines for one hub: channels that stay on this instance, and channels that instances share."""

from collections.abc import Callable, Sequence
from itertools import groupby

from pattern_stack.atoms.broadcast.core.counters import Counters
from pattern_stack.atoms.broadcast.core.engine import Deliver, Engine, LinkedEngine, PassOn
from pattern_stack.atoms.broadcast.core.event import Draft, Event, Position
from pattern_stack.atoms.broadcast.core.ledger import Ledger
from pattern_stack.atoms.broadcast.core.presence import Presence


class RoutedEngine(Engine):
    """Each channel has one of the two for good. An instance works with the shared engine's link itself."""

    def __init__(self, local: Engine, shared: LinkedEngine, is_local: Callable[[str], bool]) -> None:
        super().__init__()
        self._local = local
        self._shared = shared
        self._is_local = is_local

    def _of(self, channel: str) -> Engine:
        return self._local if self._is_local(channel) else self._shared

    def attach(self, deliver: Deliver, pass_on: PassOn | None = None) -> None:
        self._local.attach(deliver, pass_on)
        self._shared.attach(deliver, pass_on)

    def count_in(self, counters: Counters) -> None:
        self._local.count_in(counters)
        self._shared.count_in(counters)

    async def publish(self, drafts: Sequence[Draft]) -> list[Event]:
        """In their order, those of one engine at a time."""
        events: list[Event] = []
        for engine, some in groupby(drafts, lambda draft: self._of(draft.channel)):
            events += await engine.publish(list(some))
        return events

    async def send(self, drafts: Sequence[Draft]) -> None:
        """In their order, those of one engine at a time."""
        for engine, some in groupby(drafts, lambda draft: self._of(draft.channel)):
            await engine.send(list(some))

    async def subscribe(self, channel: str) -> None:
        await self._of(channel).subscribe(channel)

    def unsubscribe(self, channel: str) -> None:
        self._of(channel).unsubscribe(channel)

    def position(self, channel: str) -> Position:
        return self._of(channel).position(channel)

    def quiet(self, channel: str) -> float:
        return self._of(channel).quiet(channel)

    async def position_of(self, channel: str) -> Position:
        return await self._of(channel).position_of(channel)

    def presence(self, channel: str) -> Presence:
        return self._of(channel).presence(channel)

    def ledger(self, channel: str) -> Ledger:
        return self._of(channel).ledger(channel)

    async def history(self, channel: str, since: Position, until: Position) -> list[Event] | None:
        return await self._of(channel).history(channel, since, until)

    async def last(self, channel: str, count: int, until: Position) -> list[Event]:
        return await self._of(channel).last(channel, count, until)
