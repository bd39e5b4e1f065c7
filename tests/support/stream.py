"""A client of the HTTP lane: Server-Sent Events over a real socket."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from tests.support.patience import PATIENCE

Message = dict[str, Any]


class Stream:
    """One response. `id` is the last one that came; comments and `retry:` are kept beside the frames."""

    def __init__(self, response: httpx2.Response) -> None:
        self.response = response
        self.id: str | None = None
        self.retry: int | None = None
        self.comments = 0
        self.raw = b""
        """The data of the last frame, as it came."""
        self._rest = bytearray()
        self._blocks: deque[bytes] = deque()
        self._chunks = response.aiter_bytes()

    async def receive(self, timeout: float = PATIENCE) -> Message:
        """The next frame. Raises EOFError at the end of the stream."""
        async with asyncio.timeout(timeout):
            while True:
                message = self._block((await self._next()).decode())
                if message is not None:
                    return message

    async def take(self, count: int) -> list[Message]:
        return [await self.receive() for _ in range(count)]

    async def comment(self) -> None:
        """The next block, which has to be a comment."""
        before = self.comments
        async with asyncio.timeout(PATIENCE):
            assert self._block((await self._next()).decode()) is None
        assert self.comments == before + 1

    async def _next(self) -> bytes:
        while not self._blocks:
            seen = len(self._rest)
            try:
                self._rest += await anext(self._chunks)
            except StopAsyncIteration:
                raise EOFError from None
            if self._rest.find(b"\n\n", max(seen - 1, 0)) >= 0:
                *blocks, self._rest = self._rest.split(b"\n\n")
                self._blocks += map(bytes, blocks)
        return self._blocks.popleft()

    def _block(self, text: str) -> Message | None:
        message = None
        for line in text.split("\n"):
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "":
                self.comments += 1
            elif name == "id":
                self.id = value
            elif name == "retry":
                self.retry = int(value)
            elif name == "data":
                self.raw = value.encode()
                message = json.loads(value)
            else:
                raise AssertionError(f"a field that is not known: {line}")
        return message


def stream_url(http: str) -> str:
    return f"{http}/sse/broadcast"


@asynccontextmanager
async def stream(
    http: str,
    *channels: str,
    id: str | None = None,
    last: int | None = None,
    headers: dict[str, str] | None = None,
    query: Sequence[tuple[str, str]] = (),
) -> AsyncIterator[Stream]:
    """`http`: the server's address, or a whole URL. Closed with the block."""
    url = http if "/sse/" in http else stream_url(http)
    params: list[tuple[str, str | int]] = [*query, *(("channel", channel) for channel in channels)]
    if last is not None:
        params.append(("last", last))
    sent = {"Accept": "text/event-stream", **(headers or {}), **({"Last-Event-ID": id} if id is not None else {})}
    async with (
        httpx2.AsyncClient(timeout=PATIENCE, trust_env=False, verify=False) as http_client,
        http_client.stream("GET", url, params=params, headers=sent) as response,
    ):
        assert response.status_code == 200, await response.aread()
        yield Stream(response)


async def refused(
    http: str, channels: Sequence[str] = (), query: Sequence[tuple[str, str]] = (), **options: Any
) -> tuple[int, str]:
    """The status, and the error's code, of a GET that gets no stream."""
    async with httpx2.AsyncClient(timeout=PATIENCE, trust_env=False, verify=False) as client:
        params = [*(("channel", channel) for channel in channels), *query]
        async with client.stream("GET", stream_url(http), params=params, **options) as response:
            assert response.status_code != 200
            assert response.headers["content-type"] == "application/json"
            error = json.loads(await response.aread())
    assert error.keys() == {"error"}
    assert error["error"].keys() == {"code", "message"}
    return response.status_code, error["error"]["code"]
