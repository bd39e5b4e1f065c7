"""What a client on one channel gets, through the application's endpoint."""

import asyncio
import threading
from collections import deque
from collections.abc import Coroutine, Mapping
from concurrent.futures import Future
from typing import Any, Self, TypeVar

import orjson

from pattern_stack.atoms.broadcast.core.event import Event, Position, Reset
from pattern_stack.errors import BroadcastError, Forbidden, NotFound, Unauthenticated
from pattern_stack.testing.socket import Gone, Socket
from pattern_stack.testing.target import Target, target_of

T = TypeVar("T")
_ERRORS: dict[str, type[BroadcastError]] = {
    "forbidden": Forbidden,
    "not_found": NotFound,
    "unauthenticated": Unauthenticated,
}
_SHOWN = 10


class subscribe:  # noqa: N801 - it reads as a function
    """`async with subscribe(app, "orders") as events`, or `with`: one client of the application's endpoint on one channel.

    It works with TestClient and with httpx, with or without a lifespan; open it inside `with TestClient(app)` where there is one.
    `headers` are those of the handshake; `token` is sent as the first frame; `path` names the endpoint where there are
    several. A client whose connection breaks comes back and recovers. Raises Forbidden, NotFound or Unauthenticated where
    the channel or the client is refused.
    """

    def __init__(
        self,
        app: Any,
        channel: str,
        headers: Mapping[str, str] | None = None,
        *,
        token: str | None = None,
        path: str | None = None,
    ) -> None:
        self._target = target_of(app, path)
        self._client = Client(self._target, channel, headers or {}, token)
        self._loop: asyncio.AbstractEventLoop
        self._own: threading.Thread | None = None

    async def __aenter__(self) -> "Events":
        self._loop = self._target.loop or asyncio.get_running_loop()
        await self._there(self._client.open())
        return Events(self._client, self._there)

    async def __aexit__(self, *exception: object) -> None:
        await self._there(self._client.close())

    async def _there(self, step: Coroutine[Any, Any, T]) -> T:
        if self._loop is asyncio.get_running_loop():
            return await step
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(step, self._loop))

    def __enter__(self) -> "SyncEvents":
        loop = self._target.loop
        if loop is None:
            loop = asyncio.new_event_loop()
            self._own = threading.Thread(target=loop.run_forever, name="pattern_stack.testing", daemon=True)
            self._own.start()
        self._loop = loop
        try:
            self._there_sync(self._client.open())
        except BaseException:
            self._end()
            raise
        return SyncEvents(self._client, self._there_sync)

    def __exit__(self, *exception: object) -> None:
        self._there_sync(self._client.close())
        self._end()

    def _there_sync(self, step: Coroutine[Any, Any, T]) -> T:
        running: Future[T] = asyncio.run_coroutine_threadsafe(step, self._loop)
        return running.result()

    def _end(self) -> None:
        if self._own:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._own.join()
            self._loop.close()


class Client:
    """On the loop of the hub alone."""

    def __init__(self, target: Target, channel: str, headers: Mapping[str, str], token: str | None) -> None:
        self._target = target
        self.channel = channel
        self._headers = headers
        self._token = token
        self._socket: Socket | None = None
        self.position: Position | None = None
        self.passed: deque[str] = deque(maxlen=_SHOWN)
        """What came and was not asked for."""

    async def open(self) -> None:
        self._socket = socket = Socket(self._target.app, self._target.path, self._headers)
        await socket.open()
        if self._token is not None:
            await socket.send({"auth": self._token})
        since = {self.channel: self.position._asdict()} if self.position else {}
        await socket.send({"subscribe": [self.channel], "since": since, "id": 1})
        while True:
            message = orjson.loads(await socket.receive())
            if "error" in message:
                error = message["error"]
                await socket.close()
                raise _ERRORS.get(error["code"], BroadcastError)(f"{self.channel}: {error['code']}: {error['message']}")
            if "subscribed" in message:
                place = message["subscribed"][self.channel]
                self.position = Position(place["epoch"], place["offset"])
                return

    async def close(self) -> None:
        if self._socket:
            await self._socket.close()

    async def receive(self) -> Event | Reset:
        """The next event or reset. It comes back where the connection broke."""
        while True:
            assert self._socket
            try:
                one = self._read(await self._socket.receive())
            except Gone:
                await self.open()
                continue
            if one is not None:
                return one

    def _read(self, data: bytes) -> Event | Reset | None:
        message = orjson.loads(data)
        if self.channel in message.get("reset", ()):
            self.position = Position(**message["reset"][self.channel])
            return Reset(self.channel, self.position)
        if self.channel in message.get("unsubscribed", ()):
            raise BroadcastError(f"{self.channel} has ended, or this client is no longer allowed there")
        if message.get("channel") != self.channel:
            return None
        assert self.position
        event = Event(self.channel, b"{}", self.position.epoch, message.get("offset", self.position.offset))
        event.data = data
        self.position = event.position
        return event

    async def next(self, name: str | None, timeout: float) -> Event | Reset:
        try:
            async with asyncio.timeout(timeout):
                while True:
                    one = await self.receive()
                    here = "reset" if isinstance(one, Reset) else one.event_type
                    if name in (None, here):
                        return one
                    self.passed.append(here if isinstance(one, Reset) else f"{here} {one.payload}"[:200])
        except TimeoutError:
            wanted = "nothing" if name is None else f"no {name!r}"
            instead = "".join(f"\n  {one}" for one in self.passed)
            raise AssertionError(
                f"{wanted} came on {self.channel!r} within {timeout:g} s."
                + (f" Instead came:{instead}" if instead else " Nothing else came either.")
            ) from None


class Events:
    """The channel's events, in order."""

    def __init__(self, client: Client, there: Any) -> None:
        self._client = client
        self._there = there

    async def next(self, name: str | None = None, timeout: float = 1) -> Any:
        """The next event of that name, past those of other names; `"snapshot"` and `"reset"` too; by default whatever comes.
        An Event, or a Reset with `channel` and `position`. Raises AssertionError after `timeout` seconds, and says what came
        instead.
        """
        __tracebackhide__ = True
        return await self._there(self._client.next(name, timeout))

    async def leave(self) -> None:
        """Close the connection. The next call of `next` opens another one, which recovers."""
        await self._there(self._client.close())

    @property
    def position(self) -> Position:
        """How far this client has come."""
        assert self._client.position
        return self._client.position


class SyncEvents:
    """The same for tests that are plain functions."""

    def __init__(self, client: Client, there: Any) -> None:
        self._client = client
        self._there = there

    def next(self, name: str | None = None, timeout: float = 1) -> Any:
        """See Events.next."""
        __tracebackhide__ = True
        return self._there(self._client.next(name, timeout))

    def leave(self) -> None:
        """See Events.leave."""
        self._there(self._client.close())

    @property
    def position(self) -> Position:
        """How far this client has come."""
        assert self._client.position
        return self._client.position

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None: ...
