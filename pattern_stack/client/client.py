"""BroadcastClient: what applications use."""

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from concurrent.futures import Future
from contextlib import suppress
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, cast, overload
from urllib.parse import urlsplit
from weakref import WeakSet

from pattern_stack.atoms.broadcast.core.event import Event, Last, Since, check_channel
from pattern_stack.atoms.broadcast.core.limits import Limits
from pattern_stack.atoms.broadcast.core.place import Place, position_of
from pattern_stack.client.errors import Reset
from pattern_stack.client.follower import Follower
from pattern_stack.client.link import Way
from pattern_stack.client.outage import Outage
from pattern_stack.client.requests import Requests, command_of
from pattern_stack.client.route import Route
from pattern_stack.client.sender import Sender
from pattern_stack.client.tokens import Token, Tokens
from pattern_stack.errors import BroadcastClosed, InvalidURL

Resets = Literal["raise", "yield"]
T = TypeVar("T")
_LIMITS = Limits()


class Listening(AsyncIterator[T]):
    """One channel's events. It ends with its channel, with `aclose()`, and with the client."""

    def __init__(self, client: "BroadcastClient", follower: Follower, resets: Resets) -> None:
        self._client = client
        self._events = follower.events()
        self._resets = resets
        self._stepping: asyncio.Task[Any] | None = None
        self._stepped = asyncio.Event()
        self._has_ended = False
        self._loop: asyncio.AbstractEventLoop | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        one = await self._step()
        if isinstance(one, Reset) and self._resets == "raise":
            self._client._continue[one.channel] = one.position
            await self.aclose()
            raise one
        return cast(T, one)

    async def _step(self) -> Event | Reset:
        if self._has_ended:
            raise StopAsyncIteration
        self._stepping = task = asyncio.current_task()
        assert task
        self._loop = task.get_loop()
        try:
            return await anext(self._events)
        except asyncio.CancelledError:
            if self._has_ended and not task.uncancel():  # by `aclose`, and by nobody else
                raise StopAsyncIteration from None
            raise
        finally:
            self._stepping = None
            self._stepped.set()

    async def aclose(self) -> None:
        """Nothing is left of it then. A step that waits in another task ends the iteration."""
        self._has_ended = True
        if self._stepping:
            self._stepped.clear()
            self._stepping.cancel()
            await self._stepped.wait()
        await self._events.aclose()

    def __del__(self) -> None:
        """Who drops it in the midst of an iteration leaves a connection: the client closes it, and waits for that."""
        if self._loop and not self._has_ended:
            with suppress(RuntimeError):  # the loop is gone
                self._loop.call_soon_threadsafe(self._client._close_soon, self._events)


class BroadcastClient:
    """Follows channels and sends commands, through every break. The logger `pattern_stack.client` says where it cannot.

    `url`: the WebSocket endpoint. `token`: a string; or a plain function (run in a thread) or a coroutine function of the
    token that the server no longer takes (None at first), which returns a string, a (string, expires_at) or None: there is
    none. It is sent as `{"auth": token}` and as `Authorization: Bearer`. `sse`: the URL of the HTTP lane; by default that of
    the same server, where `url` ends in `/ws/broadcast`. `headers` go with every request. Raises TypeError where `url` is no
    string, and InvalidURL where it is none of ws:// or wss://.

    Use it as `async with client` on one event loop, or as `with client` in plain threads. Each `listen` has a connection of
    its own: one that reads slowly holds up no other.
    """

    def __init__(
        self, url: str, *, token: Token = None, sse: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        if not isinstance(url, str):
            raise TypeError(f"url is the URL of the WebSocket endpoint, a string; not of type {type(url).__name__}")
        if urlsplit(url).scheme not in ("ws", "wss"):
            raise InvalidURL("the URL of an endpoint begins with ws:// or wss://, as in wss://host/ws/broadcast")
        self._route = Route(url, sse, Way(headers or {}))
        self._tokens = Tokens(token)
        self._continue: dict[str, Since] = {}
        """Where the next `listen` goes on after a reset."""
        self._open: WeakSet[Listening[Any]] = WeakSet()
        self._closing: set[asyncio.Task[None]] = set()
        self._senders: dict[str, Sender] = {}
        self._closed = True
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    # -- async

    async def __aenter__(self) -> Self:
        self._closed = False
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End every `listen`, and commands that wait with BroadcastClosed."""
        self._closed = True
        senders, self._senders = list(self._senders.values()), {}
        await asyncio.gather(*(sender.close() for sender in senders), *(one.aclose() for one in list(self._open)))
        await asyncio.sleep(0)  # for what was dropped just now
        if self._closing:
            await asyncio.wait(self._closing)

    def _close_soon(self, events: AsyncGenerator[Event | Reset]) -> None:
        task = asyncio.get_running_loop().create_task(_close(events))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    @overload
    def listen(
        self,
        channel: str,
        since: Place | None = None,
        last: int | None = None,
        *,
        resets: Literal["raise"] = "raise",
    ) -> Listening[Event]: ...

    @overload
    def listen(
        self, channel: str, since: Place | None = None, last: int | None = None, *, resets: Resets
    ) -> Listening[Event | Reset]: ...

    def listen(
        self, channel: str, since: Place | None = None, last: int | None = None, *, resets: Resets = "raise"
    ) -> Any:
        """The channel's events, in order, each once: after `since`; or the newest `last` of the window and what follows; or
        from now on. A snapshot is an event named `snapshot`.

        Steps raise Reset where events may be missing, and the next `listen` of this client goes on from there; with
        `resets="yield"` they return it and go on. They raise Forbidden, NotFound or Unauthenticated where the channel, or
        the client, is refused, and BroadcastError where the server closes for good. Raises InvalidChannel, TypeError where
        `since` is no Position or (epoch, offset), and BroadcastClosed outside of `async with`.
        """
        self._check(channel)
        position, goes_on = position_of(since), self._continue.pop(channel, None)
        place = position or (Last(last) if last is not None else goes_on)
        follower = Follower(self._route, self._tokens, [channel], {} if place is None else {channel: place})
        listening: Listening[Any] = Listening(self, follower, resets)
        self._open.add(listening)
        return listening

    async def send(
        self, channel: str, event: str, payload: Mapping[str, Any] | None = None, *, key: str | None = None
    ) -> Any:
        """Send a command, and return its result. It is kept while there is no connection. It is carried out once; a `key` of
        one's own makes that hold for a repeat of the call.

        Raises InvalidEvent, before anything is sent, where the payload is no JSON object: it is encoded in this call. Raises
        Rejected with the code and message that the command was refused with; Forbidden, NotFound and Unauthenticated
        where that is what was said; BroadcastClosed where the client closes before the answer.
        """
        self._check(channel)
        command = command_of(channel, event, payload, key)
        sender = self._senders.get(channel)
        if sender is None or sender.has_ended:
            where = f"{channel} on {self._route.shown}"
            requests = Requests(Outage(f"cannot send commands to {where}", f"commands to {where} are answered again"))
            sender = self._senders[channel] = Sender(
                Follower(self._route, self._tokens, [channel], {}, requests), requests
            )
        return await sender.ask(command)

    def _check(self, channel: str) -> None:
        check_channel(channel, _LIMITS)
        if self._closed:
            raise BroadcastClosed("use the client inside `async with client`, or `with client`")

    # -- plain threads

    def __enter__(self) -> Self:
        self._loop = loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=loop.run_forever, name="pattern_stack.client", daemon=True)
        self._thread.start()
        self._closed = False
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._loop
        assert self._thread
        self._run(self.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._loop = self._thread = None

    @overload
    def listen_sync(
        self,
        channel: str,
        since: Place | None = None,
        last: int | None = None,
        *,
        resets: Literal["raise"] = "raise",
    ) -> Iterator[Event]: ...

    @overload
    def listen_sync(
        self, channel: str, since: Place | None = None, last: int | None = None, *, resets: Resets
    ) -> Iterator[Event | Reset]: ...

    def listen_sync(
        self, channel: str, since: Place | None = None, last: int | None = None, *, resets: Resets = "raise"
    ) -> Iterator[Any]:
        """`listen` for plain threads, inside `with client`."""
        listening = self.listen(channel, since, last, resets=resets)
        try:
            while True:
                try:
                    yield self._run(anext(listening))
                except StopAsyncIteration:
                    return
        finally:
            if not self._closed:
                self._run(listening.aclose())

    def send_sync(
        self, channel: str, event: str, payload: Mapping[str, Any] | None = None, *, key: str | None = None
    ) -> Any:
        """`send` for plain threads, inside `with client`."""
        return self._run(self.send(channel, event, payload, key=key))

    def _run(self, step: Any) -> Any:
        if self._loop is None:
            raise BroadcastClosed("use the client inside `with client`")

        async def run() -> Any:
            return await step

        running: Future[Any] = asyncio.run_coroutine_threadsafe(run(), self._loop)
        try:
            return running.result()
        except BaseException:
            running.cancel()
            raise


async def _close(events: AsyncGenerator[Event | Reset]) -> None:
    await events.aclose()
