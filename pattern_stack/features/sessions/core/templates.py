"""Templates from JSON files, one each, validated when they are loaded."""

import json
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from pattern_stack.atoms.json_location import line_of
from pattern_stack.features.sessions.core.schema import Template
from pattern_stack.features.sessions.errors import InvalidTemplate, TemplateNotFound

SHIPPED = Path(__file__).parents[1] / "data"
"""The directory of the templates that come with the package."""


class Catalogue:
    """The shipped templates and those of `directories`. Raises InvalidTemplate, which names file and line, and OSError."""

    def __init__(self, directories: Iterable[Path] = ()) -> None:
        self._templates: dict[str, Template] = {}
        for directory in (SHIPPED, *directories):
            for file in sorted(directory.glob("*.json")):
                self._add(file)

    def all(self) -> list[Template]:
        return list(self._templates.values())

    def get(self, template_id: str) -> Template:
        """Raises TemplateNotFound."""
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
    """The template in a file. Raises InvalidTemplate, which names file and line, and OSError."""
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
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, or brackets nested too deep
        raise InvalidTemplate(f"{file}:1: {error}") from None
