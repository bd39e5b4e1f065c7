"""One instance: its hub, its engine, its connections, and the loop they live on."""

import asyncio
import logging
import random
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakSet

from pattern_stack.atoms.broadcast.core.channels import Channels
from pattern_stack.atoms.broadcast.core.engine import Engine
from pattern_stack.atoms.broadcast.core.event import Draft, Event, Position
from pattern_stack.atoms.broadcast.core.hub import Hub
from pattern_stack.atoms.broadcast.core.limits import Limits
from pattern_stack.atoms.broadcast.instance.listener import Listener
from pattern_stack.atoms.broadcast.instance.loop import Call, LoopOwner
from pattern_stack.errors import BroadcastClosed, NotFound

if TYPE_CHECKING:
    from pattern_stack.atoms.broadcast.connection.connection import Connection

T = TypeVar("T")

logger = logging.getLogger(__name__)

# A publisher that never waits would keep what it published from leaving: past this it yields to the loop once.
_TURN_EVENTS = 64
_TURN_BYTES = 256 * 1024
_RECONNECTS_A_SECOND = 500
_DRAIN_SECONDS = 4

instances: "WeakSet[Instance]" = WeakSet()
"""Every instance of this process, so that a server can end their connections before it stops."""


class Instance:
    """What the surface (backends), the edge (endpoint) and the connections share. Only the home's loop touches it."""

    def __init__(self, engine: Engine, channels: Channels, limits: Limits, everyone: Sequence[str]) -> None:
        self.engine = engine
        self.channels = channels
        self.limits = limits
        self.everyone = tuple(everyone)
        self.loop_owner = LoopOwner(self._abandon)
        self.hub = Hub(self._schedule_flush)
        self.listeners: set[Listener] = set()
        self.connections: set[Connection] = set()
        """The open ones: these count."""
        self.closing: set[Connection] = set()
        """Those that were sent a close, or are about to be, and whose socket is still there."""
        self.closed = False
        self.draining = False
        self.activity = 0
        """Frames received so far, by all connections."""
        self._settled_here = False
        self._checking: asyncio.TimerHandle | None = None
        self._busy = 0
        self._idle: list[asyncio.Future[None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        engine.attach(self.hub.publish)
        instances.add(self)

    def _schedule_flush(self) -> None:
        self.loop_owner.loop.call_soon(self._flush)

    def _flush(self) -> None:
        if self.loop_owner.is_current():  # not so, where the hub has moved to another loop meanwhile
            self.hub.flush()

    def _abandon(self) -> None:
        """The loop was closed under everybody: nothing of it can be ended any more, only forgotten."""
        self.engine.abandon()
        self._settled_here = False
        for listener in self.listeners:
            self.engine.unwant(listener.channel)
        for connection in self.connections:
            for channel in connection.subscriptions.channels:
                self.engine.unwant(channel)
        for what in (self.listeners, self.connections, self.closing, self._tasks, self._idle):
            what.clear()
        self.hub.clear()
        self._busy, self._checking = 0, None

    async def run(self, call: Call[T], elsewhere: Call[T]) -> T:
        """Run a call on the hub's loop: see LoopOwner.run."""
        self.settle()
        return await self.loop_owner.run(call, elsewhere)

    def settle(self) -> None:
        if not self.engine.prompt and not self.loop_owner.is_owned:
            self.loop_owner.acquire()
            self._settled_here = True

    async def publish(self, drafts: Sequence[Draft]) -> list[Event]:
        self.check_open()
        events = await self.engine.publish(drafts)
        if self.hub.pending_events >= _TURN_EVENTS or self.hub.pending_bytes >= _TURN_BYTES:
            await asyncio.sleep(0)
        return events

    async def publish_from_elsewhere(self, drafts: Sequence[Draft]) -> list[Event]:
        await self.settled(hooks=False)
        return await self.publish(drafts)

    def add(self, connection: "Connection") -> None:
        self.loop_owner.acquire()
        self.connections.add(connection)
        if self._checking is None:
            self._checking = self.loop_owner.loop.call_later(self.limits.stalled_seconds, self._check)

    def remove(self, connection: "Connection") -> None:
        """Its socket is gone."""
        self.closing.discard(connection)
        if not self.connections and not self.closing and self._checking:
            self._checking.cancel()
            self._checking = None
        self.loop_owner.release()

    def _check(self) -> None:
        self._checking = self.loop_owner.loop.call_later(self.limits.stalled_seconds, self._check)
        for connection in [*self.connections, *self.closing]:
            connection.check()

    def check_open(self) -> None:
        if self.closed:
            raise BroadcastClosed("the backend was closed")

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task of this instance. What it raises is logged with its traceback."""
        task = self.loop_owner.loop.create_task(coroutine)
        self._tasks.add(task)
        self.loop_owner.acquire()
        task.add_done_callback(self._spawned_ended)
        return task

    def _spawned_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self.loop_owner.release()
        if not task.cancelled() and (error := task.exception()):
            logger.error("%r failed", task.get_coro(), exc_info=error)

    def busy(self, change: int) -> None:
        """A connection waits for a hook (+1), or does no longer (-1)."""
        self._busy += change
        if not self._busy:
            idle, self._idle = self._idle, []
            for waiter in idle:
                if not waiter.done():
                    waiter.set_result(None)

    async def settled(self, *, hooks: bool = True) -> None:
        """Until the frames that were handed to the server before this call have taken effect, or a second has passed.

        Who calls from another thread has often just sent a frame. Nothing tells that it is on its way from there to the
        connection; but a queue between two coroutines takes one turn of the loop a frame, so three quiet turns will do.
        """
        quiet = 0
        for _ in range(100):
            before = self.activity
            await asyncio.sleep(0)
            quiet = quiet + 1 if self.activity == before else 0
            if quiet == 3:
                break
        if hooks and self._busy:
            waiter = self.loop_owner.loop.create_future()
            self._idle.append(waiter)
            await asyncio.wait((waiter,), timeout=1)
            if waiter in self._idle:
                self._idle.remove(waiter)

    async def listen(self, channel: str, since: Position | None = None) -> Listener:
        """An in-process subscriber: what came after `since`, then every later event. NotFound where that is gone."""
        self.check_open()
        self.loop_owner.acquire()
        listener = Listener(channel, self.limits.handler_events)
        try:
            await self.engine.want(channel)
            if since:
                await self.engine.reach(channel, since)
            self.hub.join(channel, listener, counted=False)
        except BaseException:
            self.loop_owner.release()
            raise
        self.listeners.add(listener)
        try:
            replay = await self.engine.read_since(channel, since, self.engine.position(channel)) if since else []
            if replay is None:
                raise NotFound(f"the history of {channel} does not reach back to {since}")
        except BaseException:
            self.unlisten(listener)
            raise
        listener.prepend([*replay, *self.hub.stop_buffering(channel, listener)])
        return listener

    def unlisten(self, listener: Listener) -> None:
        self.listeners.discard(listener)
        self.hub.leave(listener.channel, listener, counted=False)
        self.engine.unwant(listener.channel)
        self.loop_owner.release()

    def end(self, channel: str) -> None:
        self.hub.flush()
        for subscriber in self.hub.subscribers(channel):
            subscriber.channel_ended(channel)

    async def drain(self, seconds: float) -> int:
        """Close every connection with 1012 and a delay of its own, so that they do not all come back at once.

        Those that have not closed after `seconds` are aborted; returns how many. New ones are turned away with 1012.
        """
        self.draining = True
        spread = min(max(len(self.connections) / _RECONNECTS_A_SECOND, 1), 30)
        for connection in list(self.connections):
            connection.close(1012, f"retry-after={random.uniform(0.1, spread):.1f}")
        deadline = asyncio.get_running_loop().time() + seconds
        while self.closing and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110 - once in a life
            await asyncio.sleep(0.02)
        stuck = list(self.closing)
        for connection in stuck:
            connection.abort()
        return len(stuck)

    async def stop(self) -> None:
        """End listeners and connections, and wait for what their hooks still do."""
        self.hub.flush()
        for listener in list(self.listeners):
            listener.end()
        await self.drain(_DRAIN_SECONDS)
        pending = [task for task in self._tasks if task is not asyncio.current_task()]
        if pending:
            _, stuck = await asyncio.wait(pending, timeout=_DRAIN_SECONDS)
            for task in stuck:
                logger.error("%r did not end by itself and is cancelled", task.get_coro())
                task.cancel()
        await self.engine.rest()
        self.draining = self.closed
        if self._settled_here:
            self._settled_here = False
            self.loop_owner.release()


async def drain_all(seconds: float) -> tuple[int, int]:
    """Drain the instances of the running loop. Returns how many connections they had, and how many of them were aborted."""
    here = [instance for instance in instances if instance.loop_owner.is_current()]
    count = sum(len(instance.connections) for instance in here)
    return count, sum(await asyncio.gather(*(instance.drain(seconds) for instance in here)))
