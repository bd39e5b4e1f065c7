"""Publishing from where nobody serves: a worker, a cron job, a notebook."""

import os
from types import TracebackType
from typing import Any, Self

from pattern_stack.atoms.broadcast.backends.bridges import BRIDGES, bridge_from_url, scheme_of
from pattern_stack.atoms.broadcast.backends.instance import InstanceBackend
from pattern_stack.atoms.broadcast.backends.loop_thread import LoopThread
from pattern_stack.atoms.broadcast.backends.websocket import WebSocketBroadcastBackend
from pattern_stack.atoms.broadcast.core.event import Event, Payload, Position
from pattern_stack.errors import BroadcastClosed, InvalidURL

_SECONDS = 9.5
"""For one call, the connecting included. The bridge itself gives up earlier; this holds where its loop does not."""


class _Life:
    """What a publisher has in one process: a backend over the bridge, and the thread whose loop both work on."""

    def __init__(self, bridge: Any) -> None:
        self._bridge = bridge
        self.backend = WebSocketBroadcastBackend(bridge=bridge)
        self.thread = LoopThread("pattern_stack-publisher")
        self.thread.call(self._begin, _SECONDS)

    async def _begin(self) -> None:
        self.backend.adopt_loop()  # from now on its calls for plain threads work

    def close(self) -> None:
        try:
            self.thread.call(self.backend.close, _SECONDS)
            self.thread.call(self._bridge.close, _SECONDS)
        finally:
            self.thread.stop()


class _Publishing:
    """What both publishers are made with."""

    def __init__(self, url: str, channel_prefix: str, options: dict[str, Any]) -> None:
        given = {name: value for name, value in options.items() if value is not None}
        _check_url(url)
        self._arguments = (url, {"channel_prefix": channel_prefix, **given})
        self._bridge()  # now, so that a wrong URL is told here
        self._closed = False

    def _bridge(self) -> InstanceBackend:
        url, options = self._arguments
        joins = {"starts_broker": False} if scheme_of(url) == "ipc" else {}
        return bridge_from_url(url, **options, **joins)

    def _check_open(self) -> None:
        if self._closed:
            raise BroadcastClosed("the publisher was closed")


def _check_url(url: str) -> None:
    scheme = scheme_of(url)
    if scheme == "memory":
        raise InvalidURL(f"memory:// is one process: nobody can publish to it from another one. {_taken()}")
    if scheme == "auto":
        raise InvalidURL(f"auto:// links the workers of one server, and a publisher is none of them. {_taken()}")
    if scheme not in BRIDGES:
        raise InvalidURL(f"nothing to publish to at {scheme}://. {_taken()}")
    if url.partition("?")[0] == "ipc://":
        raise InvalidURL("a publisher has no server's workers around it: give the path, like ipc:///run/app.sock")


def _taken() -> str:
    names = ", ".join(f"{name}://" for name in BRIDGES if name != "ipc")
    return f"A publisher takes {names}, and ipc:// with a path, like ipc:///run/app.sock"


class Publisher(_Publishing):
    """Publishes events for the clients of an application, from a process that serves nobody. It needs no event loop.

    Threads may share it. A child of a fork makes its own connection. It connects when it is first used, and a process may
    end without `close`. `url` and `channel_prefix` are those of the application; every URL of `broadcast_from_url` but
    memory://, auto:// and an ipc:// without a path will do. Over ipc:// it publishes while a worker of the application
    serves: it raises BroadcastUnavailable where none does. `patience`, `history` and `credential_provider`: see
    RedisBroadcastBackend; `history` is what a channel keeps, so let it be that of the application.
    Raises InvalidURL, and NotInstalled where the extra of the store is missing.
    """

    def __init__(
        self,
        url: str,
        *,
        channel_prefix: str = "pattern_stack",
        history: Any = None,
        patience: float | None = None,
        credential_provider: Any = None,
    ) -> None:
        options = {"history": history, "patience": patience, "credential_provider": credential_provider}
        super().__init__(url, channel_prefix, options)
        self._lives: dict[int, _Life] = {}
        """By process. What a parent had is kept in its child: to let go of it would touch the parent's sockets."""

    def broadcast(
        self, channel: str, event_type: str, payload: Payload, *, origin: str | None = None, key: str | None = None
    ) -> Position:
        """Publish one event, and return its place once it has one. It blocks.

        `key`: see BroadcastBackend; it makes it safe to repeat a task. Raises InvalidChannel, InvalidEvent,
        BroadcastClosed, BroadcastError where the store refuses this URL, and BroadcastUnavailable within 10 s.
        """
        life = self._life()

        async def publish() -> Event:
            return await life.backend.broadcast(channel, event_type, payload, origin=origin, key=key)

        return life.thread.call(publish, _SECONDS).position

    @property
    def hub(self) -> WebSocketBroadcastBackend:
        """What features work with, in this process."""
        return self._life().backend

    def _life(self) -> _Life:
        self._check_open()
        life = self._lives.get(os.getpid())
        if life is None:
            mine = _Life(self._bridge())
            life = self._lives.setdefault(os.getpid(), mine)
            if life is not mine:  # another thread was faster
                mine.close()
        return life

    def close(self) -> None:
        """Release the connections of this process. Everything but this raises BroadcastClosed afterwards."""
        self._closed = True
        if life := self._lives.pop(os.getpid(), None):
            life.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncPublisher(_Publishing):
    """The same for coroutines: `await publisher.broadcast(...)` on any event loop. See Publisher."""

    def __init__(
        self,
        url: str,
        *,
        channel_prefix: str = "pattern_stack",
        history: Any = None,
        patience: float | None = None,
        credential_provider: Any = None,
    ) -> None:
        options = {"history": history, "patience": patience, "credential_provider": credential_provider}
        super().__init__(url, channel_prefix, options)
        self._bridges: dict[int, InstanceBackend] = {}

    async def broadcast(
        self, channel: str, event_type: str, payload: Payload, *, origin: str | None = None, key: str | None = None
    ) -> Position:
        """Publish one event, and return its place once it has one. Raises as that of Publisher."""
        self._check_open()
        bridge = self._bridges.get(os.getpid()) or self._bridges.setdefault(os.getpid(), self._bridge())
        return (await bridge.broadcast(channel, event_type, payload, origin=origin, key=key)).position

    async def close(self) -> None:
        """Release the connections of this process. Everything but this raises BroadcastClosed afterwards."""
        self._closed = True
        if bridge := self._bridges.pop(os.getpid(), None):
            await bridge.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
