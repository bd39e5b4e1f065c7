"""A stream of Server-Sent Events as a Link: see docs/sse.md."""

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import orjson

from pattern_stack.atoms.broadcast.core.bookmark import reached_by, text_of
from pattern_stack.atoms.broadcast.core.limits import Limits
from pattern_stack.client.backoff import seconds
from pattern_stack.client.errors import Closed, NotOpened
from pattern_stack.client.link import Incoming, Message, Way, Wish
from pattern_stack.client.socket import answered

_SILENCE_SECONDS = 40.0
"""The server says something every 15 s."""
_OPEN_SECONDS = 10.0
_LIMITS = Limits()


class StreamLink:
    """Reads a response. What it sends goes out as requests of their own."""

    is_two_way = False

    def __init__(self, http: httpx2.AsyncClient, url: str, response: httpx2.Response, headers: dict[str, str]) -> None:
        self._http = http
        self._url = url
        self._headers = headers
        self._chunks = response.aiter_raw()
        self._rest = b""
        self._blocks: deque[bytes] = deque()

    async def receive(self) -> Incoming:
        while True:
            incoming = _incoming(await self._next())
            if incoming is not None:
                return incoming

    async def aclose(self) -> None:
        """What reads is left in no garbage: it would be closed after its loop."""
        await self._chunks.aclose()

    async def _next(self) -> bytes:
        while not self._blocks:
            try:
                self._rest += await anext(self._chunks)
            except (StopAsyncIteration, httpx2.HTTPError):
                raise Closed(1006) from None
            *blocks, self._rest = self._rest.split(b"\n\n")
            self._blocks += blocks
        return self._blocks.popleft()

    async def send(self, frame: Message) -> Message | None:
        try:
            response = await self._http.post(self._url, content=orjson.dumps(frame), headers=self._headers)
            reply: Message = orjson.loads(response.content)
        except (httpx2.HTTPError, ValueError) as error:
            raise NotOpened(str(error) or type(error).__name__) from error
        return {**reply, "id": frame.get("id")}


@asynccontextmanager
async def open_stream(url: str, wish: Wish, way: Way) -> AsyncIterator[StreamLink]:
    """Raises NotOpened, and BroadcastError where another try would fail too. Cancelled, it leaves no socket."""
    headers = wish.headers(way.headers)
    asked = {**headers, "Accept": "text/event-stream", "Accept-Encoding": "identity"}
    if wish.positions:
        asked["Last-Event-ID"] = text_of(wish.positions)
    query: list[tuple[str, str | int | float | bool | None]]
    query = [*httpx2.URL(url).params.multi_items(), *(("channel", channel) for channel in wish.channels)]
    if wish.last is not None:
        query.append(("last", f"{wish.last}"))
    timeout = httpx2.Timeout(_OPEN_SECONDS, read=_SILENCE_SECONDS)
    async with httpx2.AsyncClient(timeout=timeout, trust_env=way.by_proxy(url)) as http:
        try:
            request = http.build_request("GET", url, params=query, headers=asked)
            response = await http.send(request, stream=True)
        except httpx2.HTTPError as error:
            raise NotOpened(str(error) or type(error).__name__) from error
        try:
            if response.status_code != 200:
                raise answered(
                    response.status_code, await response.aread(), seconds(response.headers.get("Retry-After", ""))
                )
            if not response.headers.get("Content-Type", "").startswith("text/event-stream"):
                raise NotOpened("the answer is no event stream")
            link = StreamLink(http, url, response, headers)
            try:
                yield link
            finally:
                await link.aclose()
        finally:
            await response.aclose()


def _incoming(block: bytes) -> Incoming | None:
    """None for a comment."""
    fields = dict(line.split(b": ", 1) for line in block.split(b"\n") if b": " in line)
    if b"data" not in fields:
        return None
    settled = reached_by(fields[b"id"].decode(), _LIMITS) if b"id" in fields else ()
    return Incoming(fields[b"data"], settled)
