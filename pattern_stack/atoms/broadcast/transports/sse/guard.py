"""Who asks over HTTP: origin, `authenticate`, then the token of an `Authorization: Bearer` header."""

import asyncio

from starlette.types import Scope

from pattern_stack.atoms.broadcast.core.identity import Identity
from pattern_stack.atoms.broadcast.transports.admission import Admission, Door, header
from pattern_stack.atoms.broadcast.transports.asking import ask
from pattern_stack.atoms.broadcast.transports.refusal import Refusal, fit, unavailable
from pattern_stack.errors import BroadcastUnavailable, Unauthenticated


async def admitted(door: Door, scope: Scope, gone: "asyncio.Task[None]") -> Admission | Refusal | None:
    """None where the client has gone. A refusal waits for as long as the peer has brought upon itself."""
    who = door.check_origin(scope) or _other_site(scope) or await _who(door, scope, gone)
    if gone.done():
        return None
    refusal, identity = (who, None) if isinstance(who, Refusal) else (None, who)
    admission = door.admit(scope, identity, refusal)
    if admission.refusal is None:
        return admission
    if delay := door.refusal_delay(address_of(scope)):
        await asyncio.wait((gone,), timeout=delay)
    return None if gone.done() else admission.refusal


def _other_site(scope: Scope) -> Refusal | None:
    """A page of another site that has the URL loaded, as an image say, names no Origin, and the cookies come along. Whatever
    may read the answer names its Origin."""
    if header(scope, b"origin") is None and header(scope, b"sec-fetch-site") in ("cross-site", "same-site"):
        return Refusal(1008, "a page of another origin may not load this", 403)
    return None


def address_of(scope: Scope) -> str:
    address: str = (scope.get("client") or ("",))[0]
    return address


async def _who(door: Door, scope: Scope, gone: "asyncio.Task[None]") -> Identity | Refusal | None:
    identity = None
    if door.asks:
        scheme = "wss" if scope.get("scheme") == "https" else "ws"
        answer = await ask(door, {**scope, "type": "websocket", "scheme": scheme, "subprotocols": []}, gone)
        if answer is None or isinstance(answer, Refusal):
            return answer
        identity = answer
    if door.asks_for_token:
        return await _by_token(door, scope, identity)
    return identity


async def _by_token(door: Door, scope: Scope, identity: Identity | None) -> Identity | Refusal:
    scheme, _, token = (header(scope, b"authorization") or "").partition(" ")
    if scheme.lower() != "bearer":
        return identity or _unauthenticated("an Authorization header with a Bearer token is missing")
    try:
        proved = await door.identify_by_token(token.strip())
    except Unauthenticated as error:
        return _unauthenticated(str(error))
    except BroadcastUnavailable as error:
        return unavailable(str(error))
    if identity and not identity.is_same_user(proved):
        return Refusal(4403, "the token is another user's", 403)
    return proved


def _unauthenticated(reason: str) -> Refusal:
    return Refusal(4401, fit(reason), 401, ((b"www-authenticate", b"Bearer"),))
