"""Whether what is given as a URL is text at all."""

from pattern_stack.errors import InvalidURL


def check_text(url: object) -> None:
    """Raises InvalidURL for what is no str: None is what a setting that is missing often is."""
    if url is None:
        raise InvalidURL("a URL is text, not None: is the setting missing?")
    if not isinstance(url, str):
        raise InvalidURL(f"a URL is text, not {type(url).__name__}")
