"""Why a handshake is refused, as a close frame for browsers and as an HTTP answer for everybody else."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import NamedTuple

import orjson
from fastapi.exceptions import WebSocketRequestValidationError
from starlette.exceptions import HTTPException, WebSocketException

from pattern_stack.errors import BroadcastUnavailable, Forbidden, Unauthenticated

_REASON_BYTES = 120
_RETRY_SECONDS = 5
_CODES = {401: "unauthenticated", 403: "forbidden", 429: "rate_limited", 503: "unavailable"}
_HEADERS = ("www-authenticate", "retry-after")
"""Headers of an HTTPException that are passed on."""

_FREE = 20
_WINDOW_SECONDS = 60.0
_FIRST_DELAY = 0.25
_LONGEST_DELAY = 5.0
_MOST_ADDRESSES = 10_000


class Refusal(NamedTuple):
    """A browser cannot read the status of a handshake: it is accepted and closed with `code` and `reason`. Anything else,
    which sends no Origin, gets `status` and `headers` instead."""

    code: int
    reason: str
    """At most 123 bytes."""
    status: int
    headers: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def close(self) -> tuple[int, str]:
        return self.code, self.reason

    @property
    def body(self) -> bytes:
        return orjson.dumps({"error": {"code": _CODES[self.status], "message": self.reason}})

    @property
    def response_headers(self) -> list[tuple[bytes, bytes]]:
        own = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(self.body))]
        return [*own, (b"connection", b"close"), *self.headers]

    def response(self, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
        """The HTTP answer as bytes, with these headers beside its own."""
        head = [b"HTTP/1.1 %d %b" % (self.status, HTTPStatus(self.status).phrase.encode())]
        head += [b"%b: %b" % header for header in (*headers, *self.response_headers)]
        return b"\r\n".join([*head, b"", self.body])


def foreign_origin(origin: str) -> Refusal:
    return Refusal(1008, fit(f"the origin {origin} is not allowed"), 403)


def expired() -> Refusal:
    return Refusal(4401, "expired", 401)


def refusal_of(error: Exception) -> Refusal | None:
    """What `authenticate` or `verify_token` says by raising this; None if it is nothing that either raises on purpose."""
    if isinstance(error, HTTPException):
        return _of_http(error)
    if isinstance(error, Forbidden):
        return Refusal(4403, fit(str(error) or "forbidden"), 403)
    if isinstance(error, WebSocketRequestValidationError):
        return Refusal(4401, "the credentials that are asked for are missing or malformed", 401)
    if isinstance(error, WebSocketException):
        return Refusal(4401, fit(error.reason or "not authenticated"), 401)
    if isinstance(error, Unauthenticated):
        return Refusal(4401, fit(str(error) or "not authenticated"), 401)
    if isinstance(error, BroadcastUnavailable):
        return unavailable(fit(str(error) or "unavailable"))
    return None


def _of_http(error: HTTPException) -> Refusal | None:
    headers, reason = tuple(_passed_on(error.headers or {})), fit(str(error.detail))
    if error.status_code in (401, 403):
        return Refusal(4401, reason, error.status_code, headers)
    if error.status_code not in (429, 503):
        return None
    after = dict(headers).get(b"retry-after", b"%d" % _RETRY_SECONDS)
    if after.isdigit():
        reason = f"retry-after={after.decode()}"
    return Refusal(1013, reason, error.status_code, tuple({**dict(headers), b"retry-after": after}.items()))


def _passed_on(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    lower = {name.lower(): value for name, value in headers.items()}
    given = [(name, lower[name]) for name in _HEADERS if name in lower]
    return [(name.encode(), value.encode("latin-1")) for name, value in given if value.isprintable()]


def unavailable(reason: str) -> Refusal:
    """It may work later: clients come back."""
    return Refusal(1013, reason, 503, ((b"retry-after", b"%d" % _RETRY_SECONDS),))


def fit(text: str) -> str:
    """As much of it as a close frame has room for."""
    return text.encode(errors="replace")[:_REASON_BYTES].decode(errors="ignore")


class RefusalDelays:
    """How long the next refusal of an address waits. A client that comes back at once, every time, is slowed by that.

    20 refusals within a minute go out at once; each later one waits twice as long as the one before, at most 5 s. The
    `clock` is in seconds and never goes back. At most 10,000 addresses are remembered, the latest.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._refused: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def next(self, address: str) -> float:
        """Count one more. Returns the seconds that its answer has to wait."""
        now = self._clock()
        count, last = self._refused.pop(address, (0, now))
        count = 1 if now - last > _WINDOW_SECONDS else count + 1
        self._refused[address] = (count, now)
        if len(self._refused) > _MOST_ADDRESSES:
            self._refused.popitem(last=False)
        return 0 if count <= _FREE else float(min(_FIRST_DELAY * 2 ** min(count - _FREE - 1, 10), _LONGEST_DELAY))
