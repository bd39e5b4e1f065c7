"""What a Redis URL says: where the server is, and how to connect to it."""

import os
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from redis.asyncio.connection import Connection as TcpConnection
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.credentials import CredentialProvider

from pattern_stack.atoms.redis.line import Dial
from pattern_stack.atoms.redis.sentinel import Sentinels
from pattern_stack.atoms.url_text import check_text
from pattern_stack.errors import InvalidURL

_TAKEN = {"client_name", "db", "password", "socket_connect_timeout", "socket_keepalive", "username"}
_TAKEN_TLS = {"ca_certs", "ca_data", "ca_path", "cert_reqs", "certfile", "check_hostname", "ciphers", "keyfile"}
_TAKEN_TLS |= {"min_version", "password", "exclude_verify_flags", "include_verify_flags"}
_FILES = ("ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile")
_OWN = {"decode_responses", "health_check_interval", "max_connections", "protocol", "retry_on_timeout"}
_OWN |= {"socket_read_size", "socket_timeout", "timeout"}
"""A link has its own way with these, whatever the URL says: a URL that a pool of redis-py takes may have them."""


_SENTINEL = "+sentinel"
_SENTINEL_PORT = 26_379
_FORM = "redis+sentinel://user:password@host1:26379,host2:26379/MASTER/0, or rediss+sentinel:// with TLS"


class Target(NamedTuple):
    """What a URL stands for."""

    dial: Dial
    place: str
    """Where that is, without its secrets."""
    sentinels: Sentinels | None = None
    """Who is asked for the server's host and port."""


def target_of(url: str, credentials: CredentialProvider | None = None) -> Target:
    """`credentials`: they win over those of the URL. Raises InvalidURL as `dialler`."""
    check_text(url)
    if url.partition("://")[0].endswith(_SENTINEL):
        return _behind_sentinels(url, credentials)
    return Target(*dialler(url, credentials))


def _behind_sentinels(url: str, credentials: CredentialProvider | None) -> Target:
    try:
        scheme, host_names, name, database, query = _parts(url)
        login, _, hosts = host_names.rpartition("@")
        addresses = [_address(host) for host in hosts.split(",")]
        query, sentinel_login = _without_sentinel_login(query)
    except ValueError:  # which may quote a password
        raise InvalidURL(f"not a URL of Redis behind sentinels, like {_FORM}") from None
    options = f"?{query}" if query else ""
    dial, _ = dialler(f"{scheme}://{login}{'@' * bool(login)}127.0.0.1/{database}{options}", credentials)
    tls = "&".join(part for part in query.split("&") if part.startswith(("ssl_", "socket_")))
    sentinels = [
        dialler(f"{scheme}://{sentinel_login}{host}:{port}{'?' * bool(tls)}{tls}")[0] for host, port in addresses
    ]
    place = ",".join(f"{host}:{port}" for host, port in addresses)
    return Target(dial, f"{place}/{name}", Sentinels(sentinels, name))


def _parts(url: str) -> tuple[str, str, str, str, str]:
    parts = urlsplit(url)
    name, _, database = parts.path.strip("/").partition("/")
    if not name or not parts.netloc or (database and not database.isdecimal()):
        raise ValueError
    return parts.scheme.removesuffix(_SENTINEL), parts.netloc, unquote(name), database or "0", parts.query


def _address(host: str) -> tuple[str, int]:
    parts = urlsplit(f"//{host}")
    if not parts.hostname:
        raise ValueError
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return name, parts.port or _SENTINEL_PORT


def _without_sentinel_login(query: str) -> tuple[str, str]:
    """The query of the Redis servers, and the login of the sentinels."""
    pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    login = {name: value for name, value in pairs if name in ("sentinel_username", "sentinel_password")}
    rest = urlencode([pair for pair in pairs if pair[0] not in login])
    if not login:
        return rest, ""
    user, password = (quote(login.get(f"sentinel_{name}", ""), safe="") for name in ("username", "password"))
    return rest, f"{user}:{password}@"


def dialler(url: str, credentials: CredentialProvider | None = None) -> tuple[Dial, str]:
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
        if credentials is not None:
            arguments |= {"credential_provider": credentials, "username": None, "password": None}
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
