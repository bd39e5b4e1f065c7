"""Two engines for one hub: channels that stay on this instance, and those that cross the bridge."""

from collections.abc import Callable, Sequence
from itertools import groupby

from pattern_stack.atoms.broadcast.core.engine import Deliver, Engine
from pattern_stack.atoms.broadcast.core.event import Draft, Event, Position
from pattern_stack.atoms.broadcast.core.presence import Presence


class Split(Engine):
    """Each channel has one of the two for good."""

    def __init__(self, local: Engine, shared: Engine, is_local: Callable[[str], bool]) -> None:
        super().__init__()
        self._local = local
        self._shared = shared
        self._is_local = is_local
        self.prompt = local.prompt and shared.prompt

    def _of(self, channel: str) -> Engine:
        return self._local if self._is_local(channel) else self._shared

    def attach(self, deliver: Deliver) -> None:
        self._local.attach(deliver)
        self._shared.attach(deliver)

    @property
    def trouble(self) -> str | None:
        return self._shared.trouble

    async def start(self) -> None:
        await self._shared.start()

    async def rest(self) -> None:
        await self._shared.rest()

    def abandon(self) -> None:
        self._shared.abandon()

    async def publish(self, drafts: Sequence[Draft]) -> list[Event]:
        """In their order, those of one engine at a time."""
        events: list[Event] = []
        for engine, some in groupby(drafts, lambda draft: self._of(draft.channel)):
            events += await engine.publish(list(some))
        return events

    async def want(self, channel: str) -> None:
        await self._of(channel).want(channel)

    def unwant(self, channel: str) -> None:
        self._of(channel).unwant(channel)

    def position(self, channel: str) -> Position:
        return self._of(channel).position(channel)

    async def locate(self, channel: str) -> Position:
        return await self._of(channel).locate(channel)

    def presence(self, channel: str) -> Presence:
        return self._of(channel).presence(channel)

    async def reach(self, channel: str, place: Position | None) -> bool:
        return await self._of(channel).reach(channel, place)

    async def read_since(self, channel: str, since: Position, until: Position) -> list[Event] | None:
        return await self._of(channel).read_since(channel, since, until)
