"""Tells the others on channels with presence who has come and gone, and not more often than they need."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from pattern_stack.atoms.broadcast.core.engine import Engine
from pattern_stack.atoms.broadcast.core.event import Draft, encode
from pattern_stack.atoms.broadcast.core.limits import Limits
from pattern_stack.atoms.broadcast.core.presence import Change
from pattern_stack.atoms.broadcast.core.told import Told
from pattern_stack.atoms.broadcast.instance.failures import Failures
from pattern_stack.atoms.broadcast.instance.loop import LoopOwner
from pattern_stack.errors import BroadcastError

_Who = tuple[str, str]
"""A channel and a connection's id."""


class PresenceNews:
    """Of the connections of this instance. For each connection and channel two in 10 s are sent at once; what is true after
    that is sent by itself."""

    def __init__(
        self,
        engine: Engine,
        send: Callable[[Sequence[Draft]], Awaitable[None]],
        loop_owner: LoopOwner,
        failures: Failures,
    ) -> None:
        self._engine = engine
        self._send = send
        self._loop_owner = loop_owner
        self._failures = failures
        self._here: dict[_Who, Told] = {}
        self._gone: dict[_Who, Told] = {}
        """Those that may come again; the one that went last is last."""
        self._timers: dict[_Who, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def changed(self, channel: str, change: Change, *, here: bool, at_once: bool = False) -> None:
        """A connection has come or gone. `at_once`: it is closed, and cannot come again."""
        self._forget_old()
        who = channel, str(change["connection_id"])
        told = self._here.pop(who, None) or self._gone.pop(who, None) or Told()
        told.here = here
        if here:
            self._here[who] = told
        elif not at_once:
            self._gone[who] = told
        self._stop(who)
        wait = told.wait(self._now)
        if wait is None:
            return
        if wait and not at_once:
            self._tell_after(wait, who, change)
        else:
            await self._tell(channel, told, change)

    def __len__(self) -> int:
        """How many connections it remembers, each on each of its channels."""
        return len(self._here) + len(self._gone)

    def forget(self) -> None:
        """The loop was closed, and every connection with it."""
        self._here.clear()
        self._gone.clear()
        self._timers.clear()
        self._tasks.clear()

    @property
    def _now(self) -> float:
        return self._loop_owner.loop.time()

    def _stop(self, who: _Who) -> None:
        if timer := self._timers.pop(who, None):
            timer.cancel()

    def _tell_after(self, seconds: float, who: _Who, change: Change) -> None:
        self._timers[who] = self._loop_owner.loop.call_later(seconds, self._go_on, who, change)

    def _go_on(self, who: _Who, change: Change) -> None:
        self._timers.pop(who, None)
        if self._loop_owner.is_current():  # false where the hub has left the loop meanwhile: nobody is on any channel
            task = self._loop_owner.loop.create_task(self._tell_later(who, change))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _tell_later(self, who: _Who, change: Change) -> None:
        channel, told = who[0], self._here.get(who) or self._gone.get(who)
        with suppress(BroadcastError):  # it stays as it was counted
            change["count"] = len(await self._engine.presence(channel).members(channel))
        wait = told.wait(self._now) if told and who not in self._timers else None
        if wait:  # uvloop's timers count whole milliseconds, and ring up to half of one too early
            self._tell_after(wait, who, change)
        elif told and wait is not None:
            await self._tell(channel, told, change)

    async def _tell(self, channel: str, told: Told, change: Change) -> None:
        told.tell(self._now)
        name = "presence-joined" if told.here else "presence-left"
        try:
            await self._send([encode(channel, name, change, ephemeral=True, limits=Limits())])
        except BroadcastError as error:
            self._failures.warning("presence", "%s of %s was not sent: %s", name, channel, error)

    def _forget_old(self) -> None:
        now = self._now
        while self._gone:
            who, told = next(iter(self._gone.items()))
            if not told.is_over(now):
                break
            del self._gone[who]
