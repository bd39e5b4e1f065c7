"""One instance: its hub, its engine, its connections, its listeners, and the loop that they run on."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple, TypeVar
from weakref import WeakSet

from pattern_stack.atoms.broadcast.core.channels import CONTROL, Channels
from pattern_stack.atoms.broadcast.core.counters import Counters
from pattern_stack.atoms.broadcast.core.engine import Engine, LinkedEngine
from pattern_stack.atoms.broadcast.core.event import Draft, Ephemeral, Event, Position
from pattern_stack.atoms.broadcast.core.everyone import Everyone
from pattern_stack.atoms.broadcast.core.hub import Hub
from pattern_stack.atoms.broadcast.core.identity import Key
from pattern_stack.atoms.broadcast.core.limits import Limits
from pattern_stack.atoms.broadcast.core.outbox import Outbox
from pattern_stack.atoms.broadcast.core.presence import state_of
from pattern_stack.atoms.broadcast.instance.command_room import CommandRoom
from pattern_stack.atoms.broadcast.instance.connections import Connections
from pattern_stack.atoms.broadcast.instance.control import Control
from pattern_stack.atoms.broadcast.instance.events import InstanceEvents
from pattern_stack.atoms.broadcast.instance.failures import Failures
from pattern_stack.atoms.broadcast.instance.listening import Listening
from pattern_stack.atoms.broadcast.instance.loop import Call, LoopOwner
from pattern_stack.atoms.broadcast.instance.meters import watch
from pattern_stack.atoms.broadcast.instance.news import News
from pattern_stack.atoms.broadcast.instance.presence_news import PresenceNews
from pattern_stack.atoms.broadcast.instance.revocation import Revocation
from pattern_stack.atoms.broadcast.instance.soon import Soon
from pattern_stack.errors import BroadcastClosed

T = TypeVar("T")

Choose = Callable[[], tuple[Engine, LinkedEngine | None]]
"""The engine, and the part of it that works with a store outside this process."""

_CHOSEN = ("engine", "link", "control", "presence_news", "soon")

logger = logging.getLogger(__name__)

_DRAIN_SECONDS = 4
_QUEUE_TURNS = 8


class RunningHook(NamedTuple):
    """One of the application's hooks, while a client waits for it."""

    name: str
    channel: str
    user: Key | None
    begun: float
    """By a monotonic clock."""


instances: "WeakSet[Instance]" = WeakSet()
"""Every instance of this process, so that a server can end their connections before it stops."""


class Instance:
    """What backends, endpoints and connections share. Only the loop that owns the hub uses it."""

    engine: Engine
    link: LinkedEngine | None
    """The engine, or the part of it, that works with a store outside this process."""
    control: Control | None
    """What reaches the connections of the other instances on the bridge."""
    soon: Soon
    presence_news: PresenceNews
    """What the others on a channel are told of who comes and goes."""

    def __init__(
        self,
        choose: Choose,
        channels: Channels,
        limits: Limits,
        everyone: Everyone,
    ) -> None:
        self._choose = choose
        self.channels = channels
        self.limits = limits
        self.everyone = everyone
        self.loop_owner = LoopOwner(self._forget_loop, self._begin_loop, self._queued_frames_processed)
        self.counters: Counters = watch(self)
        self.news = News()
        self.hub: Hub = Hub(self._schedule_flush, counters=self.counters)
        self.connections: Connections = Connections(limits, self.loop_owner)
        self.listening = Listening(self, self.hub, self.loop_owner, limits)
        self.events = InstanceEvents(self, self.hub)
        self.revocation = Revocation(self.connections, self.hub, self.events.deliver_all)
        self._controlling: asyncio.Task[None] | None = None
        self.failures = Failures(logger, told=self.failed)
        """What goes wrong in hooks, logged once a minute and kind."""
        self.running_hooks: dict[object, RunningHook] = {}
        self.on_published: Callable[[Sequence[Event]], None] | None = None
        """Called with what this instance has published."""
        self.on_engine: Callable[[Engine], None] | None = None
        """Called with the engine when it is chosen."""
        self.closed = False
        self._is_copy = False
        """In a child of a fork: the parent serves with this backend."""
        self._adopted = False
        self._servers = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self.command_room = CommandRoom(limits)
        self._hook_slots: tuple[asyncio.AbstractEventLoop, asyncio.Semaphore] | None = None
        self.showing: dict[str, Outbox] = {}
        """Of connections that show a state of themselves, by id."""
        instances.add(self)

    def __getattr__(self, name: str) -> Any:
        """Which engine it has is decided when the hub comes to life: whoever asks first needs it."""
        if name not in _CHOSEN:
            raise AttributeError(f"{type(self).__name__} has no attribute {name}")
        self.engine, link = self.__dict__["_choose"]()
        self.link = link
        self.control = Control(link, self.revocation.carry_out, self.revocation.ask_again) if link else None
        self.presence_news = PresenceNews(self.engine, self.events.send, self.loop_owner, self.failures)
        self.soon = Soon(self.events.publish_or_send, link, self.channels.is_local, self.loop_owner, self._spawn_here)
        self.engine.attach(self.hub.publish, self._pass_on)
        self.engine.count_in(self.counters)
        if self.on_engine:
            self.on_engine(self.engine)
        return self.__dict__[name]

    # -- the loop

    def _schedule_flush(self) -> None:
        self.loop_owner.loop.call_soon(self._flush)

    def _flush(self) -> None:
        if self.loop_owner.is_current():  # false if the hub has moved to another loop meanwhile
            self.hub.flush()

    def _begin_loop(self) -> None:
        """The hub has a loop, maybe another one than before: nobody is subscribed, and nothing is scheduled on it."""
        self.hub.clear()
        if self.soon.is_needed:
            asyncio.get_running_loop().call_soon(self.soon.begin)

    def _forget_loop(self) -> None:
        """The loop was closed while connections, listeners or tasks were on it: none of them can end any more."""
        if self.link:
            self.link.forget_loop()
        self._adopted, self._servers = False, 0
        self.soon.forget_loop()
        self.listening.forget_loop()
        for connection in self.connections.open:
            for channel in connection.channels:
                self.engine.unsubscribe(channel)
        self.presence_news.forget()
        self._tasks.clear()
        self.running_hooks.clear()
        self.showing.clear()
        self.connections.forget()
        self.hub.clear()

    async def run(self, call: Call[T]) -> T:
        """Run a call on the hub's loop: see LoopOwner.run."""
        if self.loop_owner.is_current():
            return await call()
        self.adopt_loop()
        return await self.loop_owner.run(call)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """The life of one application that serves this instance. It stops when the last of them ends."""
        self.loop_owner.acquire()
        self.connections.draining = False
        self._servers += 1
        try:
            if self.link:
                await self.link.start()
            yield
        finally:
            self._servers -= 1
            if not self._servers:
                await self.stop()
            self.loop_owner.release()

    def adopt_loop(self) -> None:
        """A linked engine works on one loop: the first loop that uses it owns the hub until the instance stops."""
        if self.link and not self.loop_owner.is_owned:
            self.loop_owner.acquire()
            self._adopted = True

    async def _queued_frames_processed(self) -> None:
        """Wait, at most 8 loop iterations, until frames already queued by the server have been processed.

        A caller in another thread has often just sent a frame. On most ASGI servers it crosses a queue to its connection.
        """
        if self.connections.queued:
            for _ in range(_QUEUE_TURNS):
                await asyncio.sleep(0)

    def ensure_control(self) -> None:
        """Hear what other instances revoke, from the first connection or listener on."""
        if self.control and (self._controlling is None or self._controlling.done()) and not self.connections.draining:
            self._controlling = self.spawn(self.control.run(lambda: self.listening.begin(CONTROL), self.listening.end))

    def after_fork(self) -> None:
        self._is_copy = self.loop_owner.disown() or self._is_copy
        if self._is_copy or self.__dict__.get("link") is not None:
            self.soon.reset()
            return
        for name in _CHOSEN:  # its parent may be no worker of a server, while it is one
            self.__dict__.pop(name, None)

    def check_open(self) -> None:
        """Raises BroadcastClosed."""
        if self.closed:
            raise BroadcastClosed("the backend was closed")
        if self._is_copy:
            raise BroadcastClosed("this process was forked from the one that uses this backend: it cannot act for it")

    def _pass_on(self, event: Ephemeral) -> None:
        """A state is for the others."""
        self.hub.pass_on(event, self.showing.get(state_of(event)) if self.showing else None)

    def failed(self, kind: str, text: str, error: Exception | None) -> None:
        """Something of the application failed, and is logged elsewhere."""
        self.news.note("failed", what=kind, text=text, error=type(error).__name__ if error else None)

    # -- tasks

    def hook_slots(self) -> asyncio.Semaphore:
        """One slot for each of the application's hooks that may run at the same time, as an async context manager."""
        loop = self.loop_owner.loop
        if self._hook_slots is None or self._hook_slots[0] is not loop:
            self._hook_slots = (loop, asyncio.Semaphore(self.limits.hooks))
        return self._hook_slots[1]

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task of this instance. What it raises is logged with its traceback."""
        return self.watch(self.loop_owner.loop.create_task(coroutine))

    def _spawn_here(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        self.adopt_loop()
        return self.spawn(coroutine)

    def watch(self, task: asyncio.Task[None]) -> asyncio.Task[None]:
        self._tasks.add(task)
        self.loop_owner.acquire()
        task.add_done_callback(self._task_ended)
        return task

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self.loop_owner.release()
        if not task.cancelled() and (error := task.exception()):
            logger.error("%r failed", task.get_coro(), exc_info=error)

    # -- events

    def publish_soon(self, draft: Draft) -> None:
        """Without waiting, from any thread. On a loop that works with a bridge alone, that becomes the hub's."""
        with suppress(RuntimeError):  # no loop runs here
            asyncio.get_running_loop()
            self.adopt_loop()
        self.soon.add(draft)

    async def catch_up(self, channel: str, position: Position | None) -> bool:
        """Deliver a subscribed channel's events up to this position, or the newest: see LinkedEngine.catch_up."""
        if self.link is None or self.channels.is_local(channel):
            return False
        return await self.link.catch_up(channel, position)

    # -- its end

    async def stop(self) -> None:
        """End listeners and connections, and wait for hooks that still run."""
        self.listening.end_all()
        if self._controlling and not self.listening.hears(CONTROL):
            self._controlling.cancel()  # the store has not answered yet
        await self.connections.drain(_DRAIN_SECONDS)
        pending = [task for task in self._tasks if task not in (asyncio.current_task(), self.soon.sending)]
        if pending:
            _, stuck = await asyncio.wait(pending, timeout=_DRAIN_SECONDS)
            for task in stuck:
                logger.error("%r did not end by itself and is cancelled", task.get_coro())
                task.cancel()
        await self.soon.end()
        if self.link:
            await self.link.pause()
        self.connections.draining = self.closed
        if self._adopted:
            self._adopted = False
            self.loop_owner.release()


def _after_fork() -> None:
    for instance in list(instances):
        instance.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


async def drain_all(seconds: float) -> tuple[int, int]:
    """Drain the instances of the running loop. Returns how many connections they had, and how many were aborted."""
    here = [instance.connections for instance in instances if instance.loop_owner.is_current()]
    count = sum(len(connections.open) for connections in here)
    return count, sum(await asyncio.gather(*(connections.drain(seconds) for connections in here)))
