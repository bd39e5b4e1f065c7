"""Which web pages may open sockets, and make calls that change something."""

import re
from collections.abc import Iterable

_ORIGIN = re.compile(r"(?P<scheme>https?)://(?P<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._~%-]+)(:(?P<port>[1-9]\d{0,4}))?")
_PORTS = {"http": 80, "https": 443}


class Origins:
    """The origins of an application: its own, and those listed, like `https://app.example`. `*` lists every origin.

    A browser sends cookies along with requests of any page, and names that page's origin. So a request with an Origin is
    allowed only if the origin is the application's. A request without one comes from no page, and is allowed.
    """

    def __init__(self, listed: Iterable[str] = ()) -> None:
        self._listed = frozenset(origin.rstrip("/") for origin in listed)

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
