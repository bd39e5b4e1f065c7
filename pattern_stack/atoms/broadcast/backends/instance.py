"""What every backend does with its instance: subscribe handlers, listen, read history, end channels."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeVar

from pattern_stack.atoms.broadcast.backends.event_stream import EventStream
from pattern_stack.atoms.broadcast.backends.publishing import Publishing
from pattern_stack.atoms.broadcast.base import Handler, Subscription
from pattern_stack.atoms.broadcast.core.channels import Channels
from pattern_stack.atoms.broadcast.core.event import Event, Last, Position, check_channel
from pattern_stack.atoms.broadcast.core.everyone import Everyone
from pattern_stack.atoms.broadcast.core.function_kind import check_takes, runs_in_thread
from pattern_stack.atoms.broadcast.core.limits import Limits
from pattern_stack.atoms.broadcast.core.place import Place, position_of
from pattern_stack.atoms.broadcast.instance.instance import Choose, Instance
from pattern_stack.atoms.broadcast.instance.loop import Call

T = TypeVar("T")


class InstanceBackend(Publishing):
    """One instance and the engine it works with."""

    def __init__(
        self,
        choose: Choose,
        channels: Channels,
        limits: Limits,
        everyone: Iterable[str] = (),
    ) -> None:
        self._limits = limits
        self._channels = channels
        self._instance = Instance(choose, channels, limits, Everyone(everyone, limits))

    @property
    def limits(self) -> Limits:
        return self._limits

    def adopt_loop(self) -> None:
        """Let a hub with a bridge belong to the running loop, if it belongs to none. Without a bridge it does nothing."""
        self._instance.adopt_loop()

    async def run(self, call: Call[T]) -> T:
        """`await call()` on the hub's loop, whichever loop and thread this is: there, what has no await in between
        happens at once for everybody. Where nothing uses the hub yet it runs here."""
        return await self._instance.run(call)

    def run_sync(self, call: Call[T]) -> T:
        """`run` for plain threads. On the hub's own loop it raises BroadcastError. While nothing uses the hub, `call` must
        not have to wait for anything; a hub with a bridge raises BroadcastUnavailable then."""
        self._check_owned()
        return self._instance.loop_owner.run_sync(call)

    async def position(self, channel: str) -> Position:
        """The newest place of the channel: every later event follows it. For a snapshot that is read from a store."""
        check_channel(channel, self._limits)

        async def read() -> Position:
            self._instance.check_open()
            return await self._instance.engine.position_of(channel)

        return await self._instance.run(read)

    async def history(self, channel: str, *, last: int) -> list[Event]:
        """The newest events of the channel's window, the oldest first: `last` of them, or as many as are kept.

        It has every event whose publish returned before the call. It may be awaited on any loop, in any thread.
        Raises InvalidChannel, ValueError for a negative `last`, BroadcastUnavailable or BroadcastClosed.
        """
        check_channel(channel, self._limits)
        count = _count(last)
        return await self._instance.run(lambda: self._instance.events.history(channel, count))

    async def end(self, channel: str) -> None:
        """Unsubscribe everyone from the channel after its last event; sockets are told by {"unsubscribed": [channel]}.

        On this instance first, then on every instance of the bridge: it returns when all of them have done it, or after 2 s.
        An instance that is cut off does it when it is back, within an hour. Raises InvalidChannel, BroadcastClosed, and
        BroadcastUnavailable where it could not be passed on. A channel that is `local` ends on this instance alone.
        """
        check_channel(channel, self._limits)
        is_local = self._channels.is_local(channel)
        end = {"do": "end", "channel": channel}
        await self._everywhere(lambda: self._instance.revocation.end(channel), end, is_local=is_local)

    async def _everywhere(
        self, here: Callable[[], Awaitable[None]], command: Mapping[str, Any], *, is_local: bool = False
    ) -> None:
        async def call() -> None:
            self._instance.check_open()
            await here()
            if self._instance.control and not is_local:
                await self._instance.control.send(command)

        await self._instance.run(call)

    # -- in-process subscribers

    async def subscribe(self, channel: str, handler: Handler) -> Subscription:
        """See BroadcastBackend. A coroutine function runs on the hub's loop, which is this one; a plain function in a thread.

        Raises TypeError for a handler that is neither, or that does not take (event_type, payload).
        """
        check_channel(channel, self._limits)
        in_thread = runs_in_thread(handler, "a handler")
        check_takes(handler, "a handler", "event_type", "payload")
        listener = await self._instance.listening.listen(channel, ephemeral=True)
        task = self._instance.spawn(listener.run(handler, in_thread=in_thread))
        task.add_done_callback(lambda _: self._instance.listening.end(listener))

        async def end() -> None:
            listener.stop()

        return Subscription(channel, lambda: self._instance.run(end))

    def listen(self, channel: str, since: Place | None = None, *, last: int | None = None) -> EventStream:
        """The channel's events, after `since` or from the first step on, until the channel ends or the backend closes.
        With `last`, the newest events of the window come first: so many, or as many as are kept. Ephemeral events are left
        out.

        Use it on the hub's loop. Steps raise NotFound where the history no longer reaches back to `since`,
        BroadcastUnavailable, BroadcastClosed, and TooSlow after the events that still waited, where more than
        `Limits.handler_events` or `handler_bytes` were waiting. Raises InvalidChannel, TypeError where `since` is no
        Position or (epoch, offset), and ValueError for a negative `last` or one beside `since`.
        """
        check_channel(channel, self._limits)
        position = position_of(since)
        if last is None:
            return EventStream(self._instance, channel, position)
        if since is not None:
            raise ValueError("since or last, not both")
        return EventStream(self._instance, channel, Last(_count(last)))

    # -- its end

    @property
    def is_ready(self) -> bool:
        """Whether this instance can do its work: see `trouble`."""
        return self.trouble is None

    @property
    def trouble(self) -> str | None:
        """What keeps this instance from its work, in words; None while it works."""
        if self._instance.closed or self._instance.connections.draining:
            return "this instance is on its way out"
        return self._instance.soon.trouble

    async def _publish_waiting(self) -> None:
        """What `broadcast_soon` took, as far as the store takes it now: for a bridge, before it takes nothing more."""
        if self._instance.soon.is_needed and not self._instance.closed:
            await self._instance.run(self._instance.soon.end)

    async def close(self) -> None:
        """Close connections with 1012, end handlers and listeners. Afterwards everything but this raises BroadcastClosed."""
        self._instance.closed = True
        await self._instance.run(self._instance.stop)


def _count(last: int) -> int:
    if not isinstance(last, int) or isinstance(last, bool) or last < 0:
        raise ValueError(f"last is an integer from 0 on, not {last!r:.80}")
    return last
