"""What can be wrong with a link to Redis."""

import asyncio
from collections.abc import Iterable
from ssl import SSLCertVerificationError, SSLError
from typing import Any

from redis.exceptions import (
    AskError,
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    ClusterDownError,
    InvalidResponse,
    MasterDownError,
    MovedError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TryAgainError,
)

ELSEWHERE = (AskError, ClusterDownError, MasterDownError, MovedError, ReadOnlyError, TryAgainError)
"""Answers of a server that is not, or not now, the one for this key: nothing was done."""

_FOR_NOW = ("BUSY", "MISCONF", "NOREPLICAS", "OOM")
"""What a server says that does not write now, and may later."""


class ServerRejected(Exception):
    """The server has answered, and will not serve this URL: password, database, permission, TLS or version."""


class LinkDown(Exception):
    """The link is down, or broke before the answer came. `sent`: the command may have been carried out."""

    def __init__(self, why: str, sent: bool) -> None:
        super().__init__(why)
        self.sent = sent


def refused(error: BaseException) -> ServerRejected | None:
    """Whether an attempt to connect failed because the server has answered and will go on refusing."""
    if isinstance(error, ServerRejected):
        return error
    if isinstance(error, (*ELSEWHERE, BusyLoadingError, OutOfMemoryError)):
        return None
    if isinstance(error, ResponseError) and any(word in str(error) for word in _FOR_NOW):
        return None
    if isinstance(error, AuthenticationError | AuthorizationError | NoPermissionError | ResponseError):
        return ServerRejected(f"it says {error}")
    if isinstance(error, InvalidResponse):
        return ServerRejected("it does not speak the protocol of Redis; is it rediss:// (TLS), or another server?")
    cause: BaseException | None = error
    while cause:
        if isinstance(cause, SSLError):
            return ServerRejected(f"TLS failed: {_tls_reason(cause)}")
        cause = cause.__cause__ or cause.__context__
    return None


_UNKNOWN_ISSUER = (2, 18, 19, 20, 21)
_CERTIFICATE = {
    9: "its certificate is not valid yet: check the clocks of both hosts",
    10: "its certificate has expired: renew it on the server",
    62: "its certificate is for another host name: connect by a name that it lists",
    64: "its certificate is for another address: connect by a name or an address that it lists",
    **dict.fromkeys(
        _UNKNOWN_ISSUER, "nobody knows the issuer of its certificate: name it with ssl_ca_certs=/path/to/ca.pem"
    ),
}
"""By OpenSSL's number of the error (X509_V_ERR_...)."""
_REASONS = {
    "NO_CERTIFICATE_OR_CRL_FOUND": "the file that ssl_ca_certs names has no certificate",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "it asks for a certificate of this client: ssl_certfile= and ssl_keyfile=",
    "KEY_VALUES_MISMATCH": "the key in ssl_keyfile does not belong to the certificate in ssl_certfile",
}


def _tls_reason(error: SSLError) -> str:
    """What is wrong, and what to change."""
    if isinstance(error, SSLCertVerificationError):
        known = _CERTIFICATE.get(error.verify_code)
        return f"{known} ({error.verify_message})" if known else error.verify_message
    return _REASONS.get(error.reason or "", error.reason or str(error))


def in_short(error: BaseException) -> str:
    """What is wrong, for clients: no host, port or user, which the texts of redis-py and of servers name."""
    if isinstance(error, ELSEWHERE):
        return "another server has this key now, or none"
    if isinstance(error, LinkDown):
        return str(error)
    if isinstance(error, ServerRejected):
        return "it refuses to serve this application"
    if isinstance(error, ResponseError):
        code = str(error).partition(" ")[0]
        return f"it refuses the command: {code if code.isupper() else type(error).__name__}"
    return "it does not answer" if isinstance(error, TimeoutError) else "it cannot be reached"


def give_up(answers: Iterable[asyncio.Future[Any]], why: str, *, sent: bool) -> None:
    for answer in answers:
        if not answer.done():
            answer.set_exception(LinkDown(why, sent))


def first_of(error: BaseException) -> BaseException:
    """Out of a group, the one that began it."""
    return first_of(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error
