"""What a Redis URL says: where the server is, and how to connect to it."""

import os
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from redis.asyncio.connection import Connection as TcpConnection
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from pattern_stack.atoms.redis.line import Dial
from pattern_stack.errors import InvalidURL

_TAKEN = {"client_name", "db", "password", "socket_connect_timeout", "socket_keepalive", "username"}
_TAKEN_TLS = {"ca_certs", "ca_data", "ca_path", "cert_reqs", "certfile", "check_hostname", "ciphers", "keyfile"}
_TAKEN_TLS |= {"min_version", "password", "exclude_verify_flags", "include_verify_flags"}
_FILES = ("ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile")
_OWN = {"decode_responses", "health_check_interval", "max_connections", "protocol", "retry_on_timeout"}
_OWN |= {"socket_read_size", "socket_timeout", "timeout"}
"""A link has its own way with these, whatever the URL says: a URL that a pool of redis-py takes may have them."""


def dialler(url: str) -> tuple[Dial, str]:
    """What makes connections to a URL, and where that is, without its secrets.

    Raises InvalidURL where it cannot be read, and where it has an option that a link does not take, which it names.
    """
    _check_options(url)
    try:
        arguments: dict[str, Any] = dict(parse_url(url))
        kind = arguments.pop("connection_class", TcpConnection)
        for name in _OWN:
            arguments.pop(name, None)
        arguments |= {"protocol": 2, "retry": Retry(NoBackoff(), 0), "socket_timeout": None, "decode_responses": False}
        place = arguments.get("path") or f"{arguments.get('host', 'localhost')}:{arguments.get('port', 6379)}"
        _check_files(arguments)
        kind(**arguments)
        path = urlsplit(url).path.strip("/")
        if "path" not in arguments and path and not path.isdecimal():
            raise ValueError(path)
    except InvalidURL:
        raise
    except (TypeError, ValueError):  # which may quote a password
        raise InvalidURL(
            "not a Redis URL, like redis://user:password@host:6379/0, rediss:// with TLS, or unix://"
        ) from None
    return lambda where: kind(**{**arguments, **where}), place


def _check_options(url: str) -> None:
    try:
        parts = urlsplit(url)
    except ValueError:
        return  # told with the rest of what cannot be read
    taken = _TAKEN | _OWN
    if parts.scheme == "rediss":
        taken = taken | {f"ssl_{name}" for name in _TAKEN_TLS}
    for name, _ in parse_qsl(parts.query, keep_blank_values=True):
        if name not in taken:
            raise InvalidURL(
                f"a Redis URL with the option {_shown(name)}, which is not known; known are {', '.join(sorted(taken))}"
            )


def _check_files(arguments: dict[str, Any]) -> None:
    """While connecting, a file that is missing looks like a server that is away."""
    for name in _FILES:
        if (path := arguments.get(name)) and not os.access(path, os.R_OK):
            raise InvalidURL(f"the option {name} of a Redis URL names nothing that can be read")


def _shown(name: str) -> str:
    """What is no option's name may be part of a password."""
    return name if name.isidentifier() and len(name) <= 40 else "of an odd name"
