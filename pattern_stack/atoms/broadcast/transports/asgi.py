"""ASGITransport: for every ASGI server, one `websocket.send` a frame, in a task of its own."""

import asyncio
import logging

from starlette.types import Message, Receive, Send

from pattern_stack.atoms.broadcast.connection.connection import ClientConnection
from pattern_stack.atoms.broadcast.websocket.frames import Batch

logger = logging.getLogger(__name__)

_OWN_CODES = 3_000
"""Daphne sends 1000 and what begins here, and raises at every other code: 1012 becomes 4012 there."""


class ASGITransport:
    """Writes what the outbox gives it, frame by frame; while a send waits for the server, the outbox is paused."""

    write_prepared = None
    lane, queued = "websocket", True

    def __init__(self, receive: Receive, send: Send, server: object = None) -> None:
        self._receive = receive
        self._server = server
        self._send = send
        self._batch: Batch | None = None
        self._closing: tuple[int, str] | None = None
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self.taken = 0
        self._code = 1006
        self._end = asyncio.timeout(None)
        self._connection: ClientConnection

    async def run(self, connection: ClientConnection, refusal: tuple[int, str] | None) -> None:
        """Carry the connection until its socket is gone, or it was aborted."""
        self._connection = connection
        writer = asyncio.create_task(self._write_all())
        try:
            async with self._end:
                connection.open(refusal)
                await self._read_all()
        except TimeoutError:
            abort_socket(self._server)
        finally:
            writer.cancel()
            connection.lost(self._code)

    async def _read_all(self) -> None:
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                self._code = self._code_of(message)
                return
            text = message.get("text")
            if text is None:
                self._connection.receive(message["bytes"], binary=True)
            else:
                self._connection.receive(text.encode(errors="surrogatepass"))
            if self._connection.full:
                self._room.clear()
                await self._room.wait()

    def _code_of(self, message: Message) -> int:
        """uvicorn says 1005 of a connection that was lost, too, where no close has come."""
        code = message.get("code") or 1006
        is_lost = getattr(getattr(self._server, "conn", None), "close_rcvd", message) is None
        return 1006 if code == 1005 and is_lost else code

    async def _write_all(self) -> None:
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                await self._write_batch()
                if self._closing:
                    await self._send_close(*self._closing)
                    return
                self._connection.outbox.resume()
        except (OSError, RuntimeError) as error:  # the peer is gone, or the server has closed (its pings ran out)
            logger.debug("%s takes no more: %r", self._connection.id, error)
            self.abort()
        except Exception:
            logger.exception("cannot write to %s", self._connection.id)
            self.abort()

    async def _send_close(self, code: int, reason: str) -> None:
        close = {"type": "websocket.close", "reason": reason}
        try:
            await self._send({**close, "code": code})
        except (OSError, RuntimeError):
            raise
        except Exception:
            if code >= _OWN_CODES:
                raise
            await self._send({**close, "code": code + _OWN_CODES})

    async def _write_batch(self) -> None:
        batch, self._batch = self._batch, None
        if batch is None:
            return
        sent = 0
        try:
            for frame in batch.frames:
                if self._closing:
                    return
                await self._send({"type": "websocket.send", "text": frame.text})
                sent += 1
                self.taken += 1
        finally:
            self._connection.wrote(batch if sent == len(batch.frames) else Batch(batch.frames[:sent]))

    # -- what the outbox and the connection call

    def write(self, batch: Batch) -> bool:
        self._connection.outbox.pause()
        self._batch = batch
        self._wake.set()
        return False

    def resume_reading(self) -> None:
        self._room.set()

    def close(self, code: int, reason: str) -> None:
        self._closing = (code, reason)
        self._wake.set()

    def expire(self, seconds: float) -> None:
        when, before = asyncio.get_running_loop().time() + seconds, self._end.when()
        if not self._end.expired() and (before is None or when < before):
            self._end.reschedule(when)

    def abort(self) -> None:
        self.expire(0)


def abort_socket(server: object) -> None:
    """Drop the socket of a server's protocol. ASGI has no message for this: a server waits, for as long as it takes, until
    a peer that never reads has taken what was written. uvloop's transports are no asyncio.Transport: the method counts."""
    abort = getattr(getattr(server, "transport", None), "abort", None)
    if callable(abort):
        abort()
