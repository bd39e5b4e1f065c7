"""Which of the subprotocols that a client offers it gets (RFC 6455, 4.2.2)."""

import re
from collections.abc import Sequence

SUBPROTOCOL = b"sec-websocket-protocol"
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


def check_subprotocols(names: Sequence[str]) -> tuple[str, ...]:
    """Raises ValueError for a name that a header cannot carry, TypeError for a single string."""
    if isinstance(names, str):
        raise TypeError(f"subprotocols is a list of names: [{names!r}]")
    for name in names:
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"{name!r} is not a subprotocol: a name has letters, digits and !#$%&'*+-.^_`|~ only")
    return tuple(names)


def chosen(names: Sequence[str], offers: str) -> str | None:
    """The first of `names` that is among the comma-separated `offers`; None where there is none: nothing is selected."""
    if not names:
        return None
    offered = {offer.strip() for offer in offers.split(",")}
    return next((name for name in names if name in offered), None)
