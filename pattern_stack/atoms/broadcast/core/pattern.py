"""Channel patterns, like `room:{room_id}` and `files:{name:path}`."""

import re
from typing import NamedTuple

_PATH = "path"
_LETTERS = re.compile(r"(?:[A-Za-z0-9_\-.:/@]|\{[^{}]*\}|[{}])+")
"""A pattern's literals, and its parameters whatever they are called: ChannelPattern checks those, and lone braces."""


class _Part(NamedTuple):
    """What stands between two colons: a literal, then for each parameter its name and the literal behind it."""

    literals: tuple[str, ...]
    names: tuple[str, ...]


class ChannelPattern:
    """Matches channels and tells the values of the pattern's parameters.

    `{name}` matches at least one character and no `:`, and takes as much as it can. `{name:path}` matches the rest, which
    may be empty, and stands at the end. Raises ValueError for a parameter whose name is no identifier or stands there
    twice, for `path` elsewhere, and for a brace without its other half.
    """

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        first, *rest = pattern.split("{")
        pieces = [piece.partition("}") for piece in rest]
        literals = [first, *(literal for _, _, literal in pieces)]
        if not all(brace for _, brace, _ in pieces) or "}" in "".join(literals):
            raise ValueError(f"a brace in {pattern!r} has no other half")
        self._path: str | None = None
        """The name of the parameter that takes the rest."""
        if pieces and pieces[-1][0].endswith(f":{_PATH}") and not literals[-1]:
            self._path = pieces.pop()[0].removesuffix(f":{_PATH}")
            literals.pop()
        names = [name for name, _, _ in pieces]
        self.parameters = names if self._path is None else [*names, self._path]
        self._check_names()
        self._parts = _parts(literals, names)

    def _check_names(self) -> None:
        for number, name in enumerate(self.parameters):
            if name.endswith(f":{_PATH}"):
                raise ValueError(
                    f"{name!r} in {self._pattern!r} is not a parameter's name: only the last one takes a path"
                )
            if not name.isidentifier() or name in self.parameters[:number]:
                raise ValueError(f"{name!r} in {self._pattern!r} is not a parameter's name, or stands there twice")

    def __str__(self) -> str:
        return self._pattern

    def __repr__(self) -> str:
        return f"ChannelPattern({self._pattern!r})"

    @property
    def rest(self) -> str | None:
        """The name of the parameter that takes the rest."""
        return self._path

    @property
    def address(self) -> str:
        """The pattern with each parameter as `{name}`, the one that takes the rest among them."""
        return self._pattern.replace(f"{{{self._path}:{_PATH}}}", f"{{{self._path}}}")

    def match(self, channel: str) -> dict[str, str] | None:
        """The value of each parameter; None where the channel does not match.

        Each literal is looked for once, from the end of its part on. A client cannot make that slow, as it could make a
        regular expression that backtracks.
        """
        parts = channel.split(":", -1 if self._path is None else len(self._parts) - 1)
        if len(parts) != len(self._parts):
            return None
        values: dict[str, str] = {}
        *whole, last = zip(self._parts, parts, strict=True)
        if not all(_match(part, text, values) for part, text in whole):
            return None
        part, text = last
        end = len(text) if self._path is None else _end_of_prefix(part, text)
        if end < 0 or not _match(part, text[:end], values):
            return None
        return values if self._path is None else {**values, self._path: text[end:]}


def check_pattern(pattern: str) -> None:
    """Raises TypeError for what is no text, and ValueError where its literals have what stands in no channel's name."""
    if not isinstance(pattern, str):
        raise TypeError(f"a channel's pattern is text, like room:{{room_id}}, not {pattern!r:.80}")
    if not _LETTERS.fullmatch(pattern):
        raise ValueError(
            f"no channel matches the pattern {pattern!r:.80}: a channel's name is of A-Z a-z 0-9 _ - . : / @, and a parameter "
            "is like {room_id}"
        )


def _parts(literals: list[str], names: list[str]) -> list[_Part]:
    """The pattern, split where its literals have colons."""
    parts = list[_Part]()
    row, inside = list[str](), list[str]()
    for number, literal in enumerate(literals):
        if number:
            inside.append(names[number - 1])
        first, *more = literal.split(":")
        row.append(first)
        for one in more:
            parts.append(_Part(tuple(row), tuple(inside)))
            row, inside = [one], []
    return [*parts, _Part(tuple(row), tuple(inside))]


def _end_of_prefix(part: _Part, text: str) -> int:
    """Where the path begins behind what comes before it in its part; -1 where that does not stand there."""
    *_, literal = part.literals
    if not part.names:
        return len(literal) if text.startswith(literal) else -1
    segment = text.partition(":")[0]
    at = segment.rfind(literal, 1)
    return at + len(literal) if at > 0 else -1


def _match(part: _Part, text: str, values: dict[str, str]) -> bool:
    """Whether the text is the part's; its parameters are added to `values`."""
    first, *between = part.literals
    if not between:
        return text == first
    last = between.pop()
    end = len(text) - len(last)
    if end <= len(first) or not (text.startswith(first) and text.endswith(last)):
        return False
    found = list[str]()
    for literal in reversed(between):
        at = text.rfind(literal, len(first) + 1, end - 1)
        if at < 0:
            return False
        found.append(text[at + len(literal) : end])
        end = at
    found.append(text[len(first) : end])
    values.update(zip(part.names, reversed(found), strict=True))
    return True
