"""The listeners of one instance: how they begin, without a gap to what they ask for, and how they end."""

from contextlib import suppress
from typing import Protocol

from pattern_stack.atoms.broadcast.core.engine import Engine
from pattern_stack.atoms.broadcast.core.event import Event, Last, Position, Since
from pattern_stack.atoms.broadcast.core.hub import Hub
from pattern_stack.atoms.broadcast.core.limits import Limits
from pattern_stack.atoms.broadcast.instance.listener import Listener
from pattern_stack.atoms.broadcast.instance.loop import LoopOwner
from pattern_stack.errors import BroadcastError, NotFound


class Source(Protocol):
    """What it uses of the instance."""

    engine: Engine

    def check_open(self) -> None: ...

    def ensure_control(self) -> None: ...

    def failed(self, kind: str, text: str, error: Exception | None) -> None: ...

    async def catch_up(self, channel: str, position: Position | None) -> bool: ...


class Listening:
    """Only the loop that owns the hub uses it, but for `end_soon`."""

    def __init__(self, source: Source, hub: Hub, loop_owner: LoopOwner, limits: Limits) -> None:
        self._source = source
        self._hub = hub
        self._loop_owner = loop_owner
        self._limits = limits
        self.listeners: set[Listener] = set()

    async def listen(self, channel: str, since: Since | None = None, *, ephemeral: bool = False) -> Listener:
        """An in-process subscriber: events after `since`, then every later event. Raises NotFound where those are gone.

        `ephemeral`: it takes ephemeral events too.
        """
        listener = await self.begin(channel, since, ephemeral=ephemeral)
        self._source.ensure_control()
        return listener

    async def begin(self, channel: str, since: Since | None = None, *, ephemeral: bool = False) -> Listener:
        """`listen` for the instance itself."""
        self._source.check_open()
        self._loop_owner.acquire()
        listener = Listener(channel, self._limits, ephemeral=ephemeral)
        listener.failed = self._source.failed
        try:
            await self._source.engine.subscribe(channel)
            if since:
                await self._source.catch_up(channel, None if isinstance(since, Last) else since)
            self._hub.join(channel, listener, counted=False)
        except BaseException:
            self._loop_owner.release()
            raise
        self.listeners.add(listener)
        try:
            replay = await self._replay(channel, since) if since else []
        except BaseException:
            self.end(listener)
            raise
        listener.prepend([*replay, *self._hub.stop_buffering(channel, listener)])
        return listener

    async def _replay(self, channel: str, since: Since) -> list[Event]:
        engine = self._source.engine
        until = engine.position(channel)
        if isinstance(since, Last):
            return await engine.last(channel, since.events, until)
        replay = await engine.history(channel, since, until)
        if replay is None:
            raise NotFound(f"the history of {channel} does not reach back to {since}")
        return replay

    def end(self, listener: Listener) -> None:
        """It gets nothing more."""
        self.listeners.discard(listener)
        self._hub.leave(listener.channel, listener, counted=False)
        self._source.engine.unsubscribe(listener.channel)
        self._loop_owner.release()

    def end_soon(self, listener: Listener) -> None:
        """`end` from any thread, on the hub's loop; nothing where that is gone, or the listener is."""

        def end() -> None:
            if listener in self.listeners:
                self.end(listener)

        with suppress(RuntimeError, BroadcastError):
            self._loop_owner.loop.call_soon_threadsafe(end)

    def end_all(self) -> None:
        """Each gives what it holds, and ends."""
        for listener in list(self.listeners):
            self._hub.flush_to(listener)
            listener.end()

    def hears(self, channel: str) -> bool:
        return any(listener.channel == channel for listener in self.listeners)

    def forget_loop(self) -> None:
        """The loop was closed, and the listeners with it."""
        for listener in self.listeners:
            self._source.engine.unsubscribe(listener.channel)
        self.listeners.clear()
