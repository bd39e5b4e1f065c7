"""A channel's place and history in Redis, and its messages over pub/sub."""

import logging
import math
import secrets
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import count, takewhile
from time import monotonic
from typing import Any, TypeVar

from pattern_stack.atoms.broadcast.backends.redis_journals import RedisJournals
from pattern_stack.atoms.broadcast.backends.redis_scripts import lua_script, placed, terse
from pattern_stack.atoms.broadcast.bridge.linked_store import LinkedStore
from pattern_stack.atoms.broadcast.bridge.store import (
    PATIENCE,
    Arrival,
    Attendance,
    OutcomeUnknown,
    Placed,
    Reading,
    is_event,
)
from pattern_stack.atoms.broadcast.core.event import Draft, Position
from pattern_stack.atoms.broadcast.core.history import KEY_SECONDS, History
from pattern_stack.atoms.broadcast.core.ledger import KEPT_SECONDS, LEASE_SECONDS, Claim
from pattern_stack.atoms.log_every import LogEvery
from pattern_stack.atoms.redis import (
    CredentialProvider,
    Link,
    LinkDown,
    ResponseError,
    ServerRejected,
    in_short,
    on_shards,
)
from pattern_stack.errors import BroadcastUnavailable

T = TypeVar("T")

_log = LogEvery(logging.getLogger(__name__))

_KEPT = 86_400
"""Seconds that a channel's place outlives its last use."""
_PIECE_BYTES = 524_288
"""Of events in one answer. The last of them may go beyond it."""
_REPLICA_MS = 1_000
"""How long a command waits for a replica to have its key. Meanwhile the connection for what is long waits too."""
_DIGITS = 17
"""Of an offset that nobody gave: Lua counts to 2**53."""


class RedisStore(LinkedStore):
    """A channel's keys share a hash tag, so that a cluster keeps them together:

    `{prefix}:{channel}:state`, a hash of epoch, offset and the server that gave them; `:lives`, how many epochs it has had;
    `:events`, a stream whose ids are the offsets; `:again:` with a publish's id, for an hour, where that was tried again;
    `:key:` with a publish's key, for 300 s, its place; `:once:` with a command's key: see ledger.lua; and the pub/sub channel
    `{prefix}:{channel}`, which carries `epoch:offset:bytes`, and `::bytes` of what is ephemeral.
    `:journal` and `:entries`: see journal.lua.
    A channel without an event has none of them but `:once:`. `{prefix}:generation` is one for all channels: see epoch.lua.
    """

    SERVER, DOWN, REJECTED, FAILED = "Redis", LinkDown, ServerRejected, (ResponseError,)

    def __init__(
        self, url: str, prefix: str, patience: float = PATIENCE, credentials: CredentialProvider | None = None
    ) -> None:
        super().__init__()
        self._prefix = prefix
        self.patience = patience
        self._link = Link(
            url, self, prefix, probe=lua_script("probe"), bulk=True, sharded=True, credentials=credentials
        )
        self._publish, self._read = lua_script("epoch", "place", "publish"), lua_script("epoch", "read")
        self._anew = lua_script("forget", "epoch", "anew")
        self._presence = lua_script("presence")
        self._ledger = lua_script("ledger")
        self._ids = (f"{secrets.token_hex(6)}:{number}" for number in count())
        self.journals = RedisJournals(self)

    # -- the link

    @property
    def link(self) -> Link:
        return self._link

    def _in_short(self, error: Exception) -> str:
        return in_short(error)

    @property
    def unavailable_reason(self) -> str | None:
        return self._link.trouble

    def message(self, channel: bytes, data: bytes) -> None:
        name = channel[len(self._prefix) + 2 : -1].decode()
        epoch, _, rest = data.partition(b":")
        offset, _, body = rest.partition(b":")
        is_new_epoch = offset == b"0" and not body
        if not epoch and not offset and is_event(name, body):
            self.sent(name, body)
        elif offset.isdigit() and len(offset) < _DIGITS and (is_new_epoch or is_event(name, body)):
            self.arrived(name, Arrival(epoch.decode("latin-1"), int(offset), body))
        else:
            self.unrecognised(name)

    async def restored(self) -> None:
        await self.resumed()

    async def follow(self, channel: str) -> None:
        await self.start()
        try:
            await self._link.follow(self._topic(channel))
        except LinkDown as error:
            raise BroadcastUnavailable(str(error)) from error

    def unfollow(self, channel: str) -> None:
        self._link.unfollow(self._topic(channel))

    # -- scripts

    async def publish(self, draft: Draft, window: History) -> Placed:
        """One place, however often the link breaks: a try whose answer was lost is looked for before the next one."""
        id, tried = next(self._ids), list[float]()
        topic, keep = self._topic(draft.channel), int(window.seconds * 1000)
        remembered = 0 if draft.key is None else KEY_SECONDS * 1000

        async def attempt() -> list[Any]:
            began = monotonic()
            since = int((began - tried[0]) * 1000) + 1_000 if tried else -1
            arguments = (draft.body, id, max(window.events, 1), max(keep, 1), window.bytes, topic, since, remembered)
            try:
                answer: list[Any] = await self._run(
                    self._publish, draft.channel, keep, *arguments, again=id, key=draft.key
                )
                return answer
            except LinkDown as error:
                if error.sent:
                    tried.append(began)
                raise

        answer = await self._patiently(attempt, math.inf if draft.patient else None)
        if not answer:
            raise OutcomeUnknown("the link to Redis broke, and it cannot be known whether the event was published")
        return placed(draft.channel, *answer)

    async def send(self, draft: Draft) -> None:
        """Once at most: a try whose answer was lost is not repeated."""
        topic = self._topic(draft.channel)

        async def attempt() -> None:
            try:
                word = "SPUBLISH" if self._link.is_sharded else "PUBLISH"
                await self._link.call(topic.decode(), word, topic, b"::" + draft.body)
            except LinkDown as error:
                if not error.sent:
                    raise

        await self._patiently(attempt)

    async def begin_anew(self, channel: str) -> None:
        topic = self._topic(channel)
        await self._patiently(lambda: self._run(self._anew, channel, 0, topic))

    async def position(self, channel: str) -> Position:
        answer = await self._patiently(lambda: self._run(self._read, channel, 0, "", 0, "+", 0))
        return Position(answer[0].decode(), int(answer[1]))

    async def read(self, channel: str, since: Position, until: int | None = None) -> Reading:
        arguments = (*since, "+" if until is None else until, _PIECE_BYTES)
        answer = await self._patiently(lambda: self._run(self._read, channel, 0, *arguments, bulk=True))
        first, bodies = int(answer[2]), list(takewhile(partial(is_event, channel), answer[3]))
        if answer[3] and not bodies:
            first += 1  # as if it were not there
        return Reading(answer[0].decode(), int(answer[1]), first, bodies)

    async def attend(self, channel: str, *arguments: Any) -> Attendance:
        topic = self._topic(channel).decode()
        keys = (f"{topic}:members", f"{topic}:leases")
        call = ("EVAL", self._presence, 2, *keys, *arguments)
        answer = await self._patiently(lambda: self._link.call(topic, *call, bulk="look" in arguments))
        return Attendance(*answer)

    async def claim(self, place: str, key: str, owner: str) -> Claim:
        """A replica has it before this returns, where there is one: a failover does not forget who carries it out."""

        async def attempt() -> list[Any]:
            answer = await self._record("claim", place, key, owner)
            if answer[2] and not await self._link.call(self._topic(place).decode(), "WAIT", 1, _REPLICA_MS, bulk=True):
                _log.warning("no replica of Redis at %s has confirmed a command's key", self._link.place)
            return answer

        state, result, _ = await self._patiently(attempt)
        return Claim(state.decode(), result)

    async def renew(self, place: str, key: str, owner: str) -> None:
        await self._patiently(lambda: self._record("renew", place, key, owner))

    async def settle(self, place: str, key: str, owner: str, result: bytes) -> None:
        await self._patiently(lambda: self._record("settle", place, key, owner, result))

    async def _record(self, step: str, place: str, key: str, owner: str, result: bytes = b"") -> list[Any]:
        topic = self._topic(place).decode()
        kept, lease = int(KEPT_SECONDS * 1000), int(LEASE_SECONDS * 1000)
        call = ("EVAL", self._ledger, 1, f"{topic}:once:{key}", step, owner, kept, lease, result)
        answer: list[Any] = await self._link.call(topic, *call, bulk=True)
        return answer

    async def evaluate(self, script: str, place: str, keys: Sequence[str], *arguments: Any) -> Any:
        topic = self._topic(place).decode()
        names = [f"{topic}:{key}" for key in keys]
        return await self._patiently(
            lambda: self._link.call(topic, "EVAL", terse(script), len(names), *names, *arguments, bulk=True)
        )

    async def _run(
        self,
        script: str,
        channel: str,
        keep: int,
        *arguments: Any,
        again: str = "",
        key: str | None = None,
        bulk: bool = False,
    ) -> Any:
        own = (f"again:{again}", f"key:{key or ''}")
        return await self.run_script(script, channel, keep, own, *arguments, bulk=bulk)

    async def run_script(
        self, script: str, channel: str, keep: int, own: tuple[str, str], *arguments: Any, bulk: bool = False
    ) -> Any:
        """One that begins with epoch.lua, on the channel's keys and two of its `own`. Raises LinkDown and ResponseError."""
        topic = self._topic(channel).decode()
        keys = [f"{topic}:{key}" for key in ("state", "events", own[0], "lives", own[1])]
        if self._link.is_sharded:
            script = on_shards(script)
        if not self._link.is_cluster:
            keys.append(f"{self._prefix}:generation")
        call = ("EVAL", script, len(keys), *keys, secrets.token_hex(6), max(keep, _KEPT * 1000), *arguments)
        return await self._link.call(topic, *call, bulk=bulk)

    async def patiently(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """See LinkedStore."""
        return await self._patiently(attempt)

    def topic(self, channel: str) -> bytes:
        """The pub/sub channel that carries the messages of this one; its keys begin with it."""
        return self._topic(channel)

    def _topic(self, channel: str) -> bytes:
        return f"{self._prefix}:{{{channel}}}".encode()
