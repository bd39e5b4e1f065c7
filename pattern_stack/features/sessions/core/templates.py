"""Templates from data files, validated when they are loaded: one JSON file each."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import ValidationError

from pattern_stack.features.sessions.core.schema import Template
from pattern_stack.features.sessions.errors import InvalidTemplate, TemplateNotFound

SHIPPED = Path(__file__).parents[1] / "data"
"""The directory of those that come with the package."""


class Catalogue:
    """Every template of some directories. Raises InvalidTemplate, which names file and line, and OSError."""

    def __init__(self, directories: Iterable[Path] = ()) -> None:
        self._templates: dict[str, Template] = {}
        for directory in (SHIPPED, *directories):
            for file in sorted(directory.glob("*.json")):
                self._add(file)

    def all(self) -> list[Template]:
        return list(self._templates.values())

    def get(self, template_id: str) -> Template:
        try:
            return self._templates[template_id]
        except KeyError:
            raise TemplateNotFound(f"there is no template {template_id!r:.80}") from None

    def _add(self, file: Path) -> None:
        template = read(file)
        if template.id in self._templates:
            raise InvalidTemplate(f"{file}:1: there is a template {template.id} already")
        self._templates[template.id] = template


def read(file: Path) -> Template:
    """The template in a file."""
    try:
        text = file.read_text(encoding="utf-8")
        return Template.model_validate(json.loads(text))
    except json.JSONDecodeError as error:
        raise InvalidTemplate(f"{file}:{error.lineno}: {error.msg}") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InvalidTemplate(f"{file}:{line}: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InvalidTemplate(f"{file}:{line_of(text, first['loc'])}: {where or 'template'}: {first['msg']}") from None
    except (ValueError, RecursionError) as error:  # a number without end, or nothing but brackets
        raise InvalidTemplate(f"{file}:1: {error}") from None


def line_of(text: str, path: Sequence[str | int]) -> int:
    """The line where what the path leads to begins; where that is missing, what should have held it. Of valid JSON."""
    at = _skip(text, 0)
    for step in path:
        found = _descend(text, at, step)
        if found is None:
            break
        at = found
    return text.count("\n", 0, at) + 1


def _descend(text: str, at: int, step: str | int) -> int | None:
    """Where the member of the object or array at `at` begins."""
    decoder = json.JSONDecoder()
    closing = {"{": "}", "[": "]"}.get(text[at])
    if closing is None:
        return None
    at, index = _skip(text, at + 1), 0
    while text[at] != closing:
        key: str | int = index
        if closing == "}":
            key, at = decoder.raw_decode(text, at)
            at = _skip(text, _skip(text, at) + 1)  # past the colon
        if key == step:
            return at
        at = _skip(text, decoder.raw_decode(text, at)[1])
        if text[at] == ",":
            at = _skip(text, at + 1)
        index += 1
    return None


def _skip(text: str, at: int) -> int:
    while text[at : at + 1].isspace():
        at += 1
    return at
