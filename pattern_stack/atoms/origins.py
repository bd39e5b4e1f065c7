"""Which web pages may open sockets, and make calls that change something."""

import re
from collections.abc import Iterable

_ORIGIN = re.compile(r"(?P<scheme>https?)://(?P<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._~%-]+)(:(?P<port>[1-9]\d{0,4}))?")
_ANY_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#@*\s]+")
"""Browsers' extensions and the web views of applications have schemes of their own."""
_PORTS = {"http": 80, "https": 443}


class Origins:
    """The origins of an application: its own, and those listed, like `https://app.example`. `*` lists every origin.

    A browser sends cookies along with requests of any page, and names that page's origin. So a request with an Origin is
    allowed only if the origin is the application's. A request without one comes from no page, and is allowed.
    Raises TypeError for what is no list of strings, ValueError for an entry that no browser sends as an Origin.
    """

    def __init__(self, listed: Iterable[str] = ()) -> None:
        if isinstance(listed, str):  # whose letters would be the list
            raise TypeError(f'origins is a list, like ["https://app.example"], not {listed!r:.80}')
        self._listed = frozenset(_checked(origin) for origin in listed)

    def allow(self, origin: str | None, host: str | None, *, secure: bool) -> bool:
        """Whether a request with these headers is allowed. `secure`: it came over TLS.

        An origin is the application's own if its host and port are those of Host.
        """
        if origin is None or origin in self._listed or "*" in self._listed:
            return True
        # a Host without a port means 443 behind a proxy that ends TLS, though this server sees no TLS
        scheme = "https" if secure or origin.startswith("https:") else "http"
        address = host_and_port(origin)
        return address is not None and address == host_and_port(f"{scheme}://{host or ''}")


def host_and_port(origin: str) -> tuple[str, int] | None:
    """None if it is not a bare origin, which has a scheme, a host and maybe a port."""
    found = _ORIGIN.fullmatch(origin)
    if found is None:
        return None
    return found["host"].lower(), int(found["port"] or _PORTS[found["scheme"]])


def _checked(origin: str) -> str:
    """As a browser sends it: without a slash at its end."""
    if not isinstance(origin, str):
        raise TypeError(f'an origin is text, like "https://app.example", not {origin!r:.80}')
    bare = origin.rstrip("/")
    if bare not in ("*", "null") and not _ANY_SCHEME.fullmatch(bare):
        raise ValueError(
            f"{origin!r:.80} is no origin: it is a scheme, a host and maybe a port, without a path or a wildcard, like "
            'https://app.example; "*" alone is any'
        )
    return bare
