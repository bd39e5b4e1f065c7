"""uvicorn's HTTP protocol with a bound on a request's head: what `pattern-stack serve` parses HTTP with."""

import asyncio
import logging
from http import HTTPStatus
from typing import cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from pattern_stack.atoms.broadcast.transports.half_close import half_close
from pattern_stack.atoms.log_every import LogEvery

logger = logging.getLogger(__name__)

_HEAD_BYTES = 65_536
_HEADERS = 100
_TOO_MANY = f"a request has at most {_HEADERS} headers"
HEAD_SECONDS = 15.0
_LINGER_SECONDS = 1.0
"""How long what comes behind the answer is thrown away: closing over unread data resets the connection, and the client would
not get the answer."""

_refusals = LogEvery(logger)


class HTTPProtocol(HttpToolsProtocol):
    """A head has at most 64 KiB and 100 headers, and 15 s to arrive: from the connect on, or from its first byte on where
    the connection was kept alive. More is answered 431 or 408, and the connection ends. Trailers are bound likewise.
    """

    _unread = 0
    """Bytes read since the connect, the last whole head, or the last piece of a body."""
    _timer: asyncio.TimerHandle | None = None
    _in_head = True
    _refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_timer()

    def data_received(self, data: bytes) -> None:
        if len(data) <= _HEAD_BYTES - self._unread and not self._refused:
            self._feed(data)
        else:
            self._feed_piecewise(data)

    def _feed(self, data: bytes) -> None:
        self._unread += len(data)
        super().data_received(data)
        if self._unread and not self._refused:  # most heads come in one piece, and are forgotten here
            if self.headers and len(self.headers) > _HEADERS:
                self._refuse(431, _TOO_MANY)
            elif self._in_head and self._timer is None:
                self._start_timer()

    def _feed_piecewise(self, data: bytes) -> None:
        at = 0
        while at < len(data) and not self._refused:
            room = _HEAD_BYTES - self._unread
            if room <= 0:
                self._refuse(431, f"a request's head has at most {_HEAD_BYTES} bytes")
                return
            self._feed(data[at : at + room])
            at += room
            if (upgraded := cast(asyncio.Protocol, self.transport.get_protocol())) is not self:
                if at < len(data):
                    upgraded.data_received(data[at:])
                return
            if self.transport.is_closing():
                return

    # -- what the parser tells

    def on_headers_complete(self) -> None:
        if len(self.headers) > _HEADERS:
            self._refuse(431, _TOO_MANY)
            raise ValueError("too many headers")  # which ends the parser
        self._unread, self._in_head = 0, False
        self._stop_timer()
        HttpToolsProtocol.on_headers_complete(self)

    def on_body(self, body: bytes) -> None:
        self._unread = 0
        HttpToolsProtocol.on_body(self, body)

    def on_message_complete(self) -> None:
        if len(self.headers) > _HEADERS:  # by its trailers
            self._refuse(431, _TOO_MANY)
            raise ValueError("too many trailers")
        self._unread, self._in_head = 0, True
        HttpToolsProtocol.on_message_complete(self)

    def send_400_response(self, msg: str) -> None:
        if not self._refused:
            super().send_400_response(msg)

    # -- its ends

    def count_from(self, opened_at: float) -> None:
        """Of a connection that was open before it came here: the loop's time then."""
        self._stop_timer()
        self._timer = self.loop.call_at(opened_at + HEAD_SECONDS, self._too_late)

    def _start_timer(self) -> None:
        self._timer = self.loop.call_later(HEAD_SECONDS, self._too_late)

    def _too_late(self) -> None:
        if self.cycle and not self.cycle.response_complete:  # what came is the start of the request after this one
            self._start_timer()
        else:
            self._refuse(408, f"a request's head arrives within {HEAD_SECONDS:g} s")

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _refuse(self, status: int, why: str) -> None:
        self._stop_timer()
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        phrase = HTTPStatus(status).phrase
        _refusals.warning("refused a request with %d %s: %s", status, phrase, why)
        if self._may_answer():
            head = f"HTTP/1.1 {status} {phrase}\r\ncontent-type: text/plain; charset=utf-8\r\n"
            self.transport.write(f"{head}content-length: {len(why)}\r\nconnection: close\r\n\r\n{why}".encode())
        half_close(self.transport)
        self._timer = self.loop.call_later(_LINGER_SECONDS, self.transport.abort)

    def _may_answer(self) -> bool:
        """Unless it would stand in the midst of another answer. What the application still answers goes nowhere."""
        cycle = self.cycle
        if not cycle or cycle.response_complete:
            return True
        cycle.disconnected = True
        cycle.message_event.set()
        return not cycle.response_started

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)
