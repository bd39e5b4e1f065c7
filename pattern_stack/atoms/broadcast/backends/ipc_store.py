"""A channel's place and history in the broker of the workers of one host."""

import logging
import math
from collections.abc import Awaitable, Callable
from itertools import count
from time import monotonic
from typing import Any, TypeVar

from pattern_stack.atoms.broadcast.backends.ipc_journals import IPCJournals
from pattern_stack.atoms.broadcast.bridge.linked_store import LinkedStore
from pattern_stack.atoms.broadcast.bridge.store import (
    PATIENCE,
    Arrival,
    Attendance,
    OutcomeUnknown,
    Placed,
    Reading,
)
from pattern_stack.atoms.broadcast.core.event import Draft, Position
from pattern_stack.atoms.broadcast.core.history import History
from pattern_stack.atoms.broadcast.core.ledger import LEASE_SECONDS, Claim
from pattern_stack.atoms.broadcast.core.process import ProcessToken
from pattern_stack.atoms.ipc.frames import cut
from pattern_stack.atoms.ipc.line import LinkDown
from pattern_stack.atoms.ipc.link import Link, Refused
from pattern_stack.atoms.ipc.rendezvous import Meeting
from pattern_stack.errors import BroadcastUnavailable

T = TypeVar("T")

logger = logging.getLogger(__name__)

Told = Callable[[str], None]
"""Called with the socket's path by the first worker of a space, once it is linked."""


class IPCStore(LinkedStore):
    """All of it is in the broker's memory: with the last worker it is gone."""

    SERVER, DOWN, REJECTED = "the broker", LinkDown, Refused

    def __init__(
        self,
        meet: Callable[[], Meeting],
        patience: float = PATIENCE,
        told: Told | None = None,
        *,
        starts_broker: bool = True,
    ) -> None:
        super().__init__()
        self.patience = patience
        self._told = told
        self._link = Link(meet, self, starts_broker=starts_broker)
        self._token = ProcessToken(6)
        self._numbers = count()
        self.journals = IPCJournals(self)

    # -- the link

    @property
    def link(self) -> Link:
        return self._link

    def _rejection(self, error: Exception) -> str:
        return str(error)

    @property
    def unavailable_reason(self) -> str | None:
        return self._link.trouble

    @property
    def place(self) -> str:
        """The broker's socket."""
        return self._link.place

    async def restored(self) -> None:
        if self._link.is_first and self._told:
            told, self._told = self._told, None
            told(self._link.place)
        await self.resumed()

    async def follow(self, channel: str) -> None:
        await self.start()
        try:
            await self._link.follow(channel)
        except LinkDown as error:
            raise BroadcastUnavailable(str(error)) from error

    def unfollow(self, channel: str) -> None:
        self._link.unfollow(channel)

    def event(self, channel: str, epoch: str, offset: int, body: bytes) -> None:
        self.arrived(channel, Arrival(epoch, offset, body))

    def message(self, channel: str, body: bytes) -> None:
        self.sent(channel, body)

    # -- calls

    async def publish(self, draft: Draft, window: History) -> Placed:
        """One place, however often the link breaks: a try whose answer was lost is looked for before the next one.

        A broker that dies before it has answered has told nobody of the event: the next one may place it anew.
        """
        id = f"{self._token}:{next(self._numbers)}"
        bounds = (max(window.events, 1), window.seconds, window.bytes)
        first: tuple[str, float] | None = None

        async def attempt() -> tuple[list[Any], bytes]:
            nonlocal first
            began, life = monotonic(), self._link.life
            again = (first[0], began - first[1] + 1) if first else None
            try:
                return await self._link.call("publish", draft.channel, bounds, id, draft.key, again, body=draft.body)
            except LinkDown as error:
                if error.sent and (first is None or first[0] != life):
                    first = (life, began)
                raise

        (epoch, offset, *repeat), body = await self._patiently(attempt, math.inf if draft.patient else None)
        if offset is None:
            raise OutcomeUnknown("the link broke, and it cannot be known whether the event was published")
        return Placed(epoch, offset, body if repeat and repeat[1] else None, repeated=bool(repeat))

    async def begin_anew(self, channel: str) -> None:
        await self._call("anew", channel)

    async def send(self, draft: Draft) -> None:
        """Once at most: a try whose answer was lost is not repeated."""

        async def attempt() -> None:
            try:
                await self._link.call("send", draft.channel, body=draft.body)
            except LinkDown as error:
                if not error.sent:
                    raise

        await self._patiently(attempt)

    async def claim(self, place: str, key: str, owner: str) -> Claim:
        (state,), result = await self._call("claim", place, key, owner, LEASE_SECONDS)
        if state == "full":
            raise BroadcastUnavailable("too many commands with keys are remembered now; try again later")
        return Claim(state, result)

    async def renew(self, place: str, key: str, owner: str) -> None:
        await self._call("renew", place, key, owner)

    async def settle(self, place: str, key: str, owner: str, result: bytes) -> None:
        await self._patiently(lambda: self._link.call("settle", place, key, owner, body=result))

    async def position(self, channel: str) -> Position:
        (epoch, offset), _ = await self._call("position", channel)
        return Position(epoch, offset)

    async def read(self, channel: str, since: Position, until: int | None = None) -> Reading:
        (epoch, offset, first, sizes), joined = await self._call("read", channel, *since, until)
        return Reading(epoch, offset, first, cut(joined, sizes))

    async def attend(self, channel: str, *arguments: Any) -> Attendance:
        instance, _, what, *rest = arguments
        words = [word.decode() if isinstance(word, bytes) else word for word in rest]
        (total, answer), _ = await self._call("attend", channel, instance, what, *words)
        return Attendance(total, (), [word.encode() for word in answer])

    async def rows(self, place: str, most: int, oldest: float, what: str, *arguments: Any) -> Any:
        """One step on a table that all instances share: see atoms/table.py. Raises BroadcastUnavailable."""
        (answer,), _ = await self._call("rows", place, most, oldest, what, *arguments)
        return answer

    async def patiently(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """See LinkedStore."""
        return await self._patiently(attempt)

    async def _call(self, call: str, *arguments: Any) -> tuple[list[Any], bytes]:
        return await self._patiently(lambda: self._link.call(call, *arguments))
