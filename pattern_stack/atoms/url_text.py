"""URLs as texts: whether one is a text at all, and what of it others may see."""

from pattern_stack.atoms.printable import printable
from pattern_stack.errors import InvalidURL


def check_text(url: object) -> None:
    """Raises InvalidURL for what is no str: None is what a setting that is missing often is."""
    if url is None:
        raise InvalidURL("a URL is text, not None: is the setting missing?")
    if not isinstance(url, str):
        raise InvalidURL(f"a URL is text, not {type(url).__name__}")


def shown(url: str) -> str:
    """The URL without what may be a secret: its user, password, query and fragment. Of what is no URL, what is left of it."""
    bare = url.partition("?")[0].partition("#")[0]
    scheme, slashes, rest = bare.partition("://")
    rest = (rest if slashes else bare).rpartition("@")[2]
    return printable(f"{scheme}://{rest}" if slashes else rest)
