"""Text of others, made safe for terminals and log lines."""

import unicodedata

_ESCAPED_CATEGORIES = {"Cc", "Cs", "Zl", "Zp"}
"""Control characters, halves of surrogate pairs, and separators of lines."""
_BIDI_CLASSES = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
_BIDI_MARKS = "\u061c\u200e\u200f"


def printable(text: str) -> str:
    """The text as one line that a terminal shows as it is: control characters and marks that change the direction of text
    are written as `\\u001b`. What is JSON stays JSON of the same value.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(escaped(sign) if _is_escaped(sign) else sign for sign in text)


def escaped(text: str) -> str:
    """All of the text as JSON escapes it: `\\u00fc`, and two of them for what UTF-16 writes as a pair."""
    units = text.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def _is_escaped(sign: str) -> bool:
    return (
        unicodedata.category(sign) in _ESCAPED_CATEGORIES
        or unicodedata.bidirectional(sign) in _BIDI_CLASSES
        or sign in _BIDI_MARKS
    )
