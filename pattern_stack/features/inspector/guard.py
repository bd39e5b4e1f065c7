"""Who may look: the token as Bearer or as a cookie, and the tickets by which a page that may look opens its socket."""

import hmac
import logging
import secrets
import time
from collections.abc import Callable
from hashlib import sha256
from urllib.parse import parse_qsl, urlencode

from fastapi import HTTPException, Request, Response

from pattern_stack.atoms.broadcast.core.identity import Identity, Operator
from pattern_stack.atoms.log_every import LogEvery
from pattern_stack.errors import Unauthenticated

COOKIE = "pattern_stack_inspector"
_TICKET_SECONDS = 60
_log = LogEvery(logging.getLogger(__name__))


class Token:
    """One secret, of all instances. Compared in constant time."""

    def __init__(self, token: str) -> None:
        """Raises ValueError for an empty one."""
        if not token:
            raise ValueError("the inspector's token is empty")
        self._token = token.encode()
        self._cookie = _signed(self._token, "cookie")

    def key(self) -> bytes:
        """For tickets: the same on all instances."""
        return sha256(b"ticket" + self._token).digest()

    async def check(self, request: Request) -> None:
        """A FastAPI dependency. Raises HTTPException 401."""
        if not self._is_known(request):
            _log.warning("refused who has no token of the inspector, from %s", request.client and request.client.host)
            raise HTTPException(
                401,
                "this needs the inspector's token: open /inspector?token=..., or send Authorization: Bearer ...",
                {"WWW-Authenticate": "Bearer"},
            )

    def exchanged(self, request: Request) -> Response | None:
        """A redirect to the same URL without `?token=`, where that is the token: a cookie stands for it from then on."""
        query = parse_qsl(request.url.query, keep_blank_values=True)
        given = [value for name, value in query if name == "token"]
        if not given or not hmac.compare_digest(given[0].encode(), self._token):
            return None
        rest = urlencode([(name, value) for name, value in query if name != "token"])
        here = request.url.path.rsplit("/", 1)[1]
        headers = {
            "Location": here + (f"?{rest}" if rest else ""),
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
        }
        response = Response(status_code=303, headers=headers)
        secure = request.url.scheme == "https"
        # not Strict: who follows a link with the token, from a mail, would come without the cookie
        response.set_cookie(COOKIE, self._cookie, path=None, secure=secure, httponly=True, samesite="lax")
        return response

    def _is_known(self, request: Request) -> bool:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return hmac.compare_digest(token.strip().encode("latin-1"), self._token)
        return hmac.compare_digest(request.cookies.get(COOKIE, "").encode(), self._cookie.encode())


class Tickets:
    """A ticket opens one page's sockets for a minute. It is made for whoever may look already, and sent as the first frame: so
    a page needs for its socket no more than what its calls have. It needs no memory; instances with one key share them."""

    def __init__(self, key: bytes | None = None, clock: Callable[[], float] = time.time) -> None:
        self._key = key or secrets.token_bytes(32)
        self._clock = clock

    def new(self) -> str:
        until = str(int(self._clock()) + _TICKET_SECONDS)
        return f"{until}.{_signed(self._key, until)}"

    async def verify(self, ticket: str) -> Identity:
        """Raises Unauthenticated."""
        until, _, signature = ticket.partition(".")
        if not hmac.compare_digest(signature.encode(errors="replace"), _signed(self._key, until).encode()):
            raise Unauthenticated("this is no ticket of the inspector")
        if int(until) < self._clock():
            raise Unauthenticated("expired")
        return Identity(Operator(), key="operator")


def _signed(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(errors="replace"), sha256).hexdigest()
