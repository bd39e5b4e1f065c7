"""Events whose publisher does not wait: they are published in order, as soon as the store takes them."""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any

from pattern_stack.atoms.broadcast.bridge.store import OutcomeUnknown
from pattern_stack.atoms.broadcast.core.backlog import LINK_DOWN, LINK_UP, Backlog, Waiting
from pattern_stack.atoms.broadcast.core.engine import LinkedEngine
from pattern_stack.atoms.broadcast.core.event import Draft, Event
from pattern_stack.atoms.broadcast.instance.loop import LoopOwner, run_now
from pattern_stack.errors import BroadcastClosed, BroadcastUnavailable

logger = logging.getLogger(__name__)

_AT_ONCE = 64
_AGAIN_SECONDS = 0.5
_END_SECONDS = 4.0

Publish = Callable[[Sequence[Draft]], Coroutine[Any, Any, list[Event | None]]]
"""One after the other. It does not wait for what stays in this process."""
Spawn = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]


class Soon:
    """The events that `broadcast_soon` took, on their way: see there what is guaranteed.

    Those that need no store are published on the hub's loop at once, from other threads in its next turn.
    """

    def __init__(
        self,
        publish: Publish,
        link: LinkedEngine | None,
        is_local: Callable[[str], bool],
        owner: LoopOwner,
        spawn: Spawn,
    ) -> None:
        self._publish_or_send = publish
        self._link = link
        self._is_local = is_local
        self._owner = owner
        self._spawn = spawn
        self._refusal: str | None = None
        self._has_published = False
        self.sending: asyncio.Task[None] | None = None
        self.reset()

    def reset(self) -> None:
        """Nothing waits. In a child of a fork: what does is the parent's, and a thread of the parent may have held the lock."""
        self._lock = threading.Lock()
        self._here: deque[Draft] = deque()
        self._backlog = Backlog()

    @property
    def trouble(self) -> str | None:
        """What keeps events from being published, and how many wait; None while nothing does."""
        reason = (self._link.unavailable_reason if self._link else None) or self._refusal
        if reason is None:
            return None
        waiting, dropped = len(self._backlog), self._backlog.dropped
        told = [f"{waiting} events wait to be published"] if waiting else []
        told += [f"{dropped} were dropped"] if dropped else []
        return "; ".join([reason, *told])

    @property
    def is_needed(self) -> bool:
        """Whether anything waits, or has to be told."""
        return bool(self._here) or self._backlog.is_needed

    def add(self, draft: Draft) -> None:
        """In any thread."""
        if self._link is None or self._is_local(draft.channel):
            self._here.append(draft._replace(patient=True))
        elif draft.ephemeral and self._link.unavailable_reason:
            return
        else:
            bounds = LINK_DOWN if self._link.unavailable_reason else LINK_UP
            with self._lock:
                self._backlog.add(draft._replace(patient=True), bounds)
        self._owner.call_soon(self.begin, self._publish_here)

    # -- on the hub's loop

    def begin(self) -> None:
        """Publish what waits."""
        if not self._owner.is_current():  # the hub has moved meanwhile
            self._owner.call_soon(self.begin, self._publish_here)
            return
        self._publish_here()
        if self._backlog.is_needed and (self.sending is None or self.sending.done()):
            self.sending = self._spawn(self._send())

    def _publish_here(self) -> None:
        while self._here:
            run_now(self._publish_or_send([self._here.popleft()]))

    async def _send(self) -> None:
        assert self._link
        while self._backlog.is_needed:
            with self._lock:
                channel = self._backlog.due
                taken = [] if channel else self._backlog.take(_AT_ONCE)
            try:
                if channel:
                    await self._link.begin_anew(channel)
                    self._backlog.told(channel)
                else:
                    await self._publish(taken)
                self._refusal, self._has_published = None, True
            except BroadcastClosed:  # the store takes nothing more: `end` tells what is left
                return
            except BroadcastUnavailable as error:
                self._refusal = str(error)
                await asyncio.sleep(_AGAIN_SECONDS)

    async def _publish(self, taken: Sequence[Waiting]) -> None:
        """Raises BroadcastUnavailable where some are to be tried again."""
        publishes = [
            self._pass(one.draft) if one.draft.ephemeral else self._publish_or_send([one.draft]) for one in taken
        ]
        results = await asyncio.gather(*publishes, return_exceptions=True)
        outcomes = [(one, result) for one, result in zip(taken, results, strict=True) if not isinstance(result, list)]
        lost = [(one, result) for one, result in outcomes if not _may_be_repeated(result)]
        with self._lock:
            self._backlog.settle([one for one, result in outcomes if _may_be_repeated(result)])
            for one, _ in lost:
                self._backlog.lose(one)
        for one, error in lost:
            logger.error("an event on %s was lost: its clients are told to reset", one.draft.channel, exc_info=error)
        for _, error in outcomes:
            if _may_be_repeated(error):
                raise error

    async def _pass(self, draft: Draft) -> list[Event | None]:
        with suppress(BroadcastUnavailable):  # it is not kept
            await self._publish_or_send([draft])
        return []

    def forget_loop(self) -> None:
        """It was closed, with what was under way."""
        self.sending = None
        with self._lock:
            self._backlog.settle_all()

    async def end(self) -> None:
        """Publish what the store takes now. The rest is dropped, with a logged error."""
        if self._link is None:
            return
        self.begin()
        if self.sending and not self.sending.done():
            if self._link.unavailable_reason is None or not self._has_published:  # it may be about to connect
                await asyncio.wait([self.sending], timeout=_END_SECONDS)
            self.sending.cancel()
            await asyncio.wait([self.sending])
        why = self.trouble or "there was no time"
        with self._lock:
            left, self._backlog = len(self._backlog), Backlog()
        if left:
            logger.error("%d events were not published before this instance stopped: %s", left, why)


def _may_be_repeated(error: Any) -> bool:
    return isinstance(error, BroadcastUnavailable | BroadcastClosed) and not isinstance(error, OutcomeUnknown)
