"""StreamTransport: a connection whose frames go out as one HTTP response that does not end by itself."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, cast

from starlette.types import Send

from pattern_stack.atoms.broadcast.connection.connection import ClientConnection
from pattern_stack.atoms.broadcast.core.protocol import CommandError, Subscribe
from pattern_stack.atoms.broadcast.transports.asgi import abort_socket
from pattern_stack.atoms.broadcast.transports.sse.at_once import run_at_once
from pattern_stack.atoms.broadcast.transports.sse.straight import chunk_writer
from pattern_stack.atoms.broadcast.transports.sse.wire import COMMENT, PIECE_BYTES, Wire, last_event
from pattern_stack.atoms.broadcast.websocket.frames import Batch

logger = logging.getLogger(__name__)

SILENCE_SECONDS = 15.0
"""After so long without a frame a comment goes out."""
Headers = Sequence[tuple[bytes, bytes]]


class StreamTransport:
    """While the server takes no more, the outbox is paused. Nothing is sent before `run`: until then there may be a refusal."""

    write_prepared = None
    lane, queued = "stream", True

    __slots__ = (
        "_batch",
        "_beat",
        "_connection",
        "_deadline",
        "_end",
        "_flow",
        "_is_idle",
        "_is_silent",
        "_joining",
        "_send",
        "_server",
        "_time",
        "_unfinished",
        "_wake",
        "_wire",
        "_write_chunk",
        "_wrote",
        "closing",
        "taken",
    )

    def __init__(self, send: Send, server: object = None) -> None:
        self._send = send
        self._server = server
        self._flow: Any = getattr(server, "flow", None)
        """uvicorn's, where no middleware is in between: it says whether a write would have to wait."""
        self._is_idle = False
        """The writer waits for something to write, and nothing has come."""
        self._unfinished: Coroutine[Any, Any, None] | None = None
        self._wire = Wire()
        self._write_chunk: Callable[[bytes], None] | None = None
        self._batch: Batch | None = None
        self._beat: asyncio.TimerHandle | None = None
        self._wake = asyncio.Event()
        self._end: asyncio.Timeout | None = None
        self._deadline: float | None = None
        self._joining: asyncio.Future[list[CommandError]] | None = None
        self._is_silent = False
        self._time = asyncio.get_running_loop().time
        self._wrote = 0.0
        self._connection: ClientConnection
        self.closing: tuple[int, str] | None = None
        self.taken = 0

    def carry(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def begin(self, wish: Subscribe, gone: "asyncio.Task[None]") -> list[CommandError]:
        """Put the client on its channels. The refusals where it is on none; nothing either where it has gone, or the
        connection was closed, meanwhile."""
        joined: asyncio.Future[list[CommandError]] = asyncio.get_running_loop().create_future()
        self._joining = joined
        self._connection.open_stream(wish, lambda refusals: None if joined.done() else joined.set_result(refusals))
        await asyncio.wait((joined, gone), return_when="FIRST_COMPLETED")
        self._joining = None
        return joined.result() if joined.done() else []

    async def run(self, headers: Headers, gone: "asyncio.Task[None]") -> None:
        """Answer 200 and stream until the connection is closed, was aborted, or `gone` is done: the client has left."""
        try:
            async with asyncio.timeout_at(self._deadline) as self._end:
                gone.add_done_callback(self._left)
                await self._send({"type": "http.response.start", "status": 200, "headers": list(headers)})
                self._write_chunk = chunk_writer(self._send, self._server)
                await self._write(COMMENT)
                await self._write_all()
        except TimeoutError:
            if not gone.done():
                abort_socket(self._server)
        except (OSError, RuntimeError) as error:  # the client is gone, or the server has ended the response
            logger.debug("%s takes no more: %r", self._connection.id, error)
        finally:
            self._end = None  # `_left` may be on its way
            gone.remove_done_callback(self._left)
            if self._beat:
                self._beat.cancel()

    async def _write_all(self) -> None:
        loop = asyncio.get_running_loop()
        self._beat = loop.call_later(SILENCE_SECONDS, self._look_for_silence)
        while not self.closing:
            self._is_idle = True
            await self._wake.wait()
            self._wake.clear()
            await self._write_batch()
            if self._is_silent:
                await self._write(COMMENT)
            if not self.closing:
                self._connection.outbox.resume()
        await self._write(last_event(*self.closing), more=False)

    async def _write_batch(self) -> None:
        """Up to a close. One that comes while a batch is here drops what waits, but no part of a frame."""
        if unfinished := self._unfinished:
            self._unfinished = None
            await unfinished
        batch, self._batch = self._batch, None
        if batch and not self.closing:
            for piece, part in self._wire.pieces(batch):
                await self._write(piece)
                if part:
                    self._connection.wrote(part)
                    if self.closing:
                        return

    async def _write(self, data: bytes, *, more: bool = True) -> None:
        self._is_silent = False
        await self._send({"type": "http.response.body", "body": data, "more_body": more})
        self.taken += 1
        self._wrote = self._time()

    def _rouse(self) -> None:
        self._is_idle = False
        self._wake.set()

    def _write_at_once(self, batch: Batch) -> None:
        """Without waking the writer, which costs more than all the rest. Only where it would not have to wait."""
        try:
            if self._write_chunk is not None:
                self._write_chunk(self._wire.chunk(batch))
            else:
                self._send_at_once(batch)
        except (OSError, RuntimeError) as error:
            logger.debug("%s takes no more: %r", self._connection.id, error)
            self.abort()
        self.taken += 1
        self._wrote = self._time()
        if self._unfinished:
            self._connection.outbox.pause()
            self._rouse()

    def _send_at_once(self, batch: Batch) -> None:
        data = b"".join([piece for piece, _ in self._wire.pieces(batch)])
        body = {"type": "http.response.body", "body": data, "more_body": True}
        self._unfinished = run_at_once(cast("Coroutine[Any, Any, None]", self._send(body)))

    def _look_for_silence(self) -> None:
        loop = asyncio.get_running_loop()
        left = self._wrote + SILENCE_SECONDS - self._time()
        if left <= 0:
            self._is_silent = True
            self._rouse()
        self._beat = loop.call_later(left if left > 0 else SILENCE_SECONDS, self._look_for_silence)

    def _left(self, gone: "asyncio.Task[None]") -> None:
        self.abort()

    # -- what the outbox and the connection call

    def write(self, batch: Batch) -> bool:
        if not self._is_idle or self._flow is None or self._flow.write_paused or batch.size > PIECE_BYTES:
            self._write_later(batch)
            return False
        self._write_at_once(batch)
        return True

    def _write_later(self, batch: Batch) -> None:
        self._connection.outbox.pause()
        self._batch = batch
        self._rouse()

    def resume_reading(self) -> None:
        """Nothing is read."""

    def close(self, code: int, reason: str) -> None:
        self.closing = (code, reason)
        if self._joining and not self._joining.done():
            self._joining.set_result([])
        self._rouse()

    def expire(self, seconds: float) -> None:
        when = asyncio.get_running_loop().time() + seconds
        if self._deadline is None or when < self._deadline:
            self._deadline = when
            if self._end and not self._end.expired():
                self._end.reschedule(when)

    def abort(self) -> None:
        self.expire(0)
