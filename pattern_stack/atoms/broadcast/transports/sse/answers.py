"""What the HTTP lane answers with: the headers of a stream, errors in one form, and what CORS asks for."""

from collections.abc import Iterable

import orjson
from starlette.responses import Response
from starlette.types import Scope

from pattern_stack.atoms.broadcast.core.protocol import CommandError
from pattern_stack.atoms.broadcast.transports.admission import header
from pattern_stack.atoms.broadcast.transports.refusal import Refusal

Header = tuple[bytes, bytes]

STATUS = {
    "unauthenticated": 401,
    "forbidden": 403,
    "not_subscribed": 403,
    "not_found": 404,
    "unknown_event": 404,
    "too_many_channels": 422,
    "rate_limited": 429,
    "internal": 500,
    "unavailable": 503,
    "unknown_outcome": 504,
}
"""By the code of an error frame. Codes that begin with `invalid_` are 422; those that an application names itself are 409."""
STREAM_HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
)
"""Neither nginx nor a proxy that compresses holds frames back."""
_RETRY_SECONDS = 1
_PREFLIGHT = (
    (b"access-control-allow-methods", b"GET, POST"),
    (b"access-control-allow-headers", b"authorization, cache-control, content-type, last-event-id"),
    (b"access-control-max-age", b"600"),
)


def status_of(code: str) -> int:
    return 422 if code.startswith("invalid_") else STATUS.get(code, 409)


def cors(scope: Scope) -> list[Header]:
    """For an origin that is allowed: a page may read the answer, and its cookies count."""
    origin = header(scope, b"origin")
    vary = (b"vary", b"Origin")
    if origin is None:
        return [vary]
    allowed = (b"access-control-allow-origin", origin.encode("latin-1"))
    return [allowed, (b"access-control-allow-credentials", b"true"), vary]


def answer(body: bytes, status: int, headers: Iterable[Header] = ()) -> Response:
    response = Response(body, status, media_type="application/json")
    response.raw_headers += list(headers)
    return response


def error_of(code: str, message: str, status: int | None = None, headers: Iterable[Header] = ()) -> Response:
    body = orjson.dumps({"error": {"code": code, "message": message}})
    return answer(body, status_of(code) if status is None else status, headers)


def refused_command(error: CommandError, headers: Iterable[Header] = (), status: int | None = None) -> Response:
    """`status`: another one than that of the error's code."""
    wait = error.retry_after or (_RETRY_SECONDS if error.code == "unavailable" else None)
    after = [] if wait is None else [(b"retry-after", b"%d" % max(round(wait), 1))]
    # a frame has the channel beside the message
    named = f", not {error.channel!r:.80}" if error.code == "invalid_channel" else ""
    return error_of(error.code, error.message + named, status, [*headers, *after])


def refused(refusal: Refusal, headers: Iterable[Header] = ()) -> Response:
    return answer(refusal.body, refusal.status, [*headers, *refusal.headers])


def closed(code: int, reason: str, headers: Iterable[Header] = ()) -> Response:
    """For a connection that was closed before its stream began."""
    if code == 4401:
        return error_of("unauthenticated", reason, headers=headers)
    if code in (1008, 4403):
        return error_of("forbidden", reason, headers=headers)
    return error_of("unavailable", reason, headers=[*headers, (b"retry-after", b"%d" % _RETRY_SECONDS)])


def preflight(headers: Iterable[Header]) -> Response:
    response = Response(status_code=204)
    response.raw_headers += [*headers, *_PREFLIGHT]
    return response
