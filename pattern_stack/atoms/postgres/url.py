"""What a PostgreSQL URL says: where the server is, and how to connect to it."""

from urllib.parse import parse_qsl, urlsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pattern_stack.atoms.url_text import check_text
from pattern_stack.errors import InvalidURL

SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")
_OWN = ("client_encoding", "connect_timeout", "fallback_application_name", "replication")
"""A link has its own way with these, whatever the URL says."""


def conninfo_of(url: str) -> tuple[str, str]:
    """What libpq connects with, and where that is, without its secrets.

    Raises InvalidURL where it cannot be read, and where it has an option that libpq does not know, which it names.
    """
    check_text(url)
    scheme, _, rest = url.partition("://")
    try:
        if scheme not in SCHEMES:
            raise ValueError(scheme)
        parts = urlsplit(f"postgresql://{rest}")
        arguments = {name: str(value) for name, value in conninfo_to_dict(f"postgresql://{rest}").items()}
    except (ProgrammingError, ValueError) as error:  # which may quote a password
        raise InvalidURL(_what_is_wrong(rest, error)) from None
    for name in _OWN:
        arguments.pop(name, None)
    ports = arguments.get("port", "5432").split(",")
    if not all(port.isdecimal() and 0 < int(port) < 65_536 for port in ports):
        raise InvalidURL(_what_is_wrong("", None))
    hosts = arguments.get("host", parts.hostname or "localhost").split(",")
    place = ",".join(f"{host}:{ports[min(at, len(ports) - 1)]}" for at, host in enumerate(hosts))
    arguments |= {"client_encoding": "UTF8", "fallback_application_name": "pattern_stack"}
    return make_conninfo("", **arguments), place


def _what_is_wrong(rest: str, error: Exception | None) -> str:
    if error and "query parameter" in str(error):
        names = [name for name, _ in parse_qsl(rest.partition("?")[2], keep_blank_values=True)]
        odd = next((name for name in names if f'"{name}"' in str(error)), "")
        shown = odd if odd.isidentifier() and len(odd) <= 40 else "of an odd name"
        return f"a PostgreSQL URL with the option {shown}, which libpq does not know"
    return "not a PostgreSQL URL, like postgresql://user:password@host:5432/database"
