"""Where a value stands in a JSON text, so that an error can name the line."""

import json
from collections.abc import Sequence


def line_of(text: str, path: Sequence[str | int]) -> int:
    """The line, from 1 on, where the value begins that the path leads to: keys of objects, indexes of arrays.

    Where there is none, the line where the object or array begins that should have it. `text` is valid JSON.
    """
    at = _after_space(text, 0)
    for step in path:
        found = _descend(text, at, step)
        if found is None:
            break
        at = found
    return text.count("\n", 0, at) + 1


def _descend(text: str, at: int, step: str | int) -> int | None:
    """Where the member of the object or array at `at` begins. None: there is no such member."""
    decoder = json.JSONDecoder()
    closing = {"{": "}", "[": "]"}.get(text[at])
    if closing is None:
        return None
    at, index = _after_space(text, at + 1), 0
    while text[at] != closing:
        key: str | int = index
        if closing == "}":
            key, at = decoder.raw_decode(text, at)
            at = _after_space(text, _after_space(text, at) + 1)  # past the colon
        if key == step:
            return at
        at = _after_space(text, decoder.raw_decode(text, at)[1])
        if text[at] == ",":
            at = _after_space(text, at + 1)
        index += 1
    return None


def _after_space(text: str, at: int) -> int:
    while text[at : at + 1].isspace():
        at += 1
    return at
