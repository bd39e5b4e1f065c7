"""Who is on a channel, over all instances: each holds a lease for its members and renews it while it lives."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import orjson

from pattern_stack.atoms.broadcast.bridge.store import Attendance
from pattern_stack.atoms.broadcast.core.channels import CONTROL
from pattern_stack.atoms.broadcast.core.presence import Change, Member, Presence, State, change
from pattern_stack.atoms.broadcast.core.process import ProcessToken
from pattern_stack.errors import BroadcastUnavailable

logger = logging.getLogger(__name__)

LEASE_SECONDS = 20.0
RENEW_SECONDS = 7.0
"""Members of an instance that was killed are gone within the sum of both, if another instance has the channel."""


Ask = Callable[..., Awaitable[Attendance]]
"""channel, instance, lease in milliseconds, the step, and its arguments: see presence.lua."""
Tell = Callable[[str, str, Change], Awaitable[Any]]
"""Send on a channel: presence-joined or presence-left, with its payload."""
TellHere = Callable[[str, str, Change], None]
"""The same to the clients of this instance alone."""


class SharedPresence(Presence):
    """Members that the store lost, or could not be told of while it was away, are put right at the next renewal.

    What others tell is not kept. So each instance remembers who is on the channels of its members, and tells them the
    difference where it may have missed something.
    """

    def __init__(self, ask: Ask, tell: Tell, tell_here: TellHere) -> None:
        self._ask = ask
        self._tell = tell
        self._tell_here = tell_here
        self._instance = ProcessToken(6)
        self._mine: dict[str, dict[str, Member]] = {}
        self._known: dict[str, dict[str, Any]] = {}
        """Who is on each of these channels, as the clients of this instance were told."""
        self._answering: dict[str, list[list[tuple[str, Change]]]] = {}
        """What is heard of these channels while the store is asked who is there, for each that asks."""
        self._not_removed: dict[str, set[str]] = {}
        """Members that left while the store could not be reached."""
        self._renewing: asyncio.Task[None] | None = None

    async def join(self, channel: str, connection_id: str, user: Any) -> Change:
        member = Member(user)
        count = await self._do(channel, "join", connection_id, _encoded(member))
        self._mine.setdefault(channel, {})[connection_id] = member
        if channel not in self._known and channel != CONTROL:
            with suppress(BroadcastUnavailable):  # there is nothing to compare with then
                self._known[channel] = await self._by_id(channel)
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._renew_while_needed())
        return change(connection_id, user, count)

    async def show(self, channel: str, connection_id: str, state: State) -> Any:
        member = self._mine[channel][connection_id]._replace(state=state)
        found = await self._look(channel, "state", connection_id, _encoded(member))
        if connection_id in self._mine.get(channel, ()):  # else it has left meanwhile
            self._mine[channel][connection_id] = member
            if found.answer:
                await self._put_back(channel, connection_id, member)
        return member.user

    async def leave(self, channel: str, connection_id: str) -> Change:
        who = self._mine[channel].pop(connection_id).user
        if not self._mine[channel]:
            del self._mine[channel]
            self._known.pop(channel, None)
        try:
            return change(connection_id, who, await self._do(channel, "leave", connection_id))
        except BroadcastUnavailable:
            self._not_removed.setdefault(channel, set()).add(connection_id)
            raise

    async def members(self, channel: str) -> list[dict[str, Any]]:
        """With what the clients of this instance were told while the store was asked: its answer may be older than that."""
        with self._hearing(channel) as heard:
            found = await self._look(channel, "look")
        parsed = [(*_parsed(value), id) for id, value in _pairs(found.answer)]
        rows = {id: member.row(id) for _, member, id in sorted(parsed, key=lambda row: row[0])}
        for event_type, payload in heard:
            id = payload["connection_id"]
            if event_type == "presence-left":
                rows.pop(id, None)
            else:
                rows.setdefault(id, Member(payload.get("user")).row(id))
        return list(rows.values())

    @contextmanager
    def _hearing(self, channel: str) -> Iterator[list[tuple[str, Change]]]:
        heard: list[tuple[str, Change]] = []
        self._answering.setdefault(channel, []).append(heard)
        try:
            yield heard
        finally:
            askers = self._answering[channel] = [one for one in self._answering[channel] if one is not heard]
            if not askers:
                del self._answering[channel]

    async def _by_id(self, channel: str) -> dict[str, Any]:
        return {member["connection_id"]: member["user"] for member in await self.members(channel)}

    def heard(self, channel: str, event_type: str, payload: Change) -> None:
        """The clients of this instance are told of this."""
        if not isinstance(id := payload.get("connection_id"), str):
            return
        for heard in self._answering.get(channel, ()):
            heard.append((event_type, payload))
        known = self._known.get(channel)
        if known is None:
            return
        if event_type == "presence-joined":
            known[id] = payload.get("user")
        else:
            known.pop(id, None)

    async def compare(self) -> None:
        """Tell the clients of this instance what they may have missed. Raises BroadcastUnavailable."""
        for channel in list(self._known):
            now = await self._by_id(channel)
            before = self._known.get(channel)
            if before is None:  # its last member has left meanwhile
                continue
            self._known[channel] = now
            for id in before.keys() - now.keys():
                self._tell_here(channel, "presence-left", change(id, before[id], len(now)))
            for id in now.keys() - before.keys():
                self._tell_here(channel, "presence-joined", change(id, now[id], len(now)))

    def forget(self) -> None:
        """The loop was closed, and every connection with it."""
        self._mine.clear()
        self._known.clear()
        self._renewing = None

    async def renew(self) -> None:
        """Renew the leases, put back members that the store has lost, and remove those that could not be removed before.

        Raises BroadcastUnavailable.
        """
        for channel, members in list(self._mine.items()):
            found = await self._look(channel, "renew", *members)
            for id in [missing.decode() for missing in found.answer]:
                if id in members:
                    await self._put_back(channel, id, members[id])
        while self._not_removed:
            channel, ids = next(iter(self._not_removed.items()))
            for id in ids:
                count = await self._do(channel, "leave", id)
                await self._tell(channel, "presence-left", change(id, None, count))
            del self._not_removed[channel]

    async def _put_back(self, channel: str, id: str, who: Member) -> None:
        count = await self._do(channel, "join", id, _encoded(who))
        if id in self._mine.get(channel, ()):
            await self._tell(channel, "presence-joined", change(id, who.user, count))
        else:  # it has left meanwhile
            await self._do(channel, "leave", id)

    async def _renew_while_needed(self) -> None:
        while self._mine or self._not_removed:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                await self.renew()
            except BroadcastUnavailable as error:
                logger.warning("presence is not renewed: %s", error)

    async def _do(self, channel: str, what: str, *arguments: Any) -> int:
        return (await self._look(channel, what, *arguments)).total

    async def _look(self, channel: str, what: str, *arguments: Any) -> Attendance:
        found = await self._ask(channel, str(self._instance), int(LEASE_SECONDS * 1000), what, *arguments)
        for id, value in _pairs(found.gone):
            await self._tell(channel, "presence-left", change(id, _parsed(value)[1].user, found.total))
        return found


def _pairs(flat: Sequence[bytes]) -> list[tuple[str, bytes]]:
    return [(id.decode(), value) for id, value in zip(flat[::2], flat[1::2], strict=True)]


def _encoded(member: Member) -> bytes:
    """The user, and behind a newline the state: JSON has none of its own."""
    user = orjson.dumps(member.user)
    return user if member.state is None else b"%b\n%b" % (user, orjson.dumps(member.state))


def _parsed(value: bytes) -> tuple[int, Member]:
    """When it came, and what it shows."""
    _, since, shown = value.split(b" ", 2)
    user, _, state = shown.partition(b"\n")
    return int(since), Member(orjson.loads(user), orjson.loads(state) if state else None)
