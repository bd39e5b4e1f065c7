"""A computer's projects and todos, read from a directory.

The projects are its directories. A project's description is the first line of its README.md that is neither blank nor a
heading. Its todos are the files `todos/*.md`. A todo may begin with front matter:

    ---
    status: in_progress
    description: Move the beds
    ---

Without it, or where it does not say so, the status is `pending` and the description the first line that is not blank,
without its `#`. A heading `Requirements` or `Implementation plan` says that it has them.
"""

import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from pattern_stack.features.fleet.models import Project, Todo

logger = logging.getLogger(__name__)

_BYTES = 256 * 1024
_FRONT = re.compile(r"\A---\s*\n(.*?)^---\s*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_FIELD = re.compile(r"^(\w+):[ \t]*(.*?)[ \t]*$", re.MULTILINE)


class Contents(NamedTuple):
    projects: list[Project]
    todos: list[Todo]


def read(directory: Path, computer: str) -> Contents:
    """Sorted. What cannot be read is left out, and logged; hidden ones are left out."""
    contents = Contents([], [])
    for folder in _children(directory):
        if _is(folder.is_dir):
            contents.projects.append(_project(folder, computer))
            contents.todos.extend(_todos(folder, computer))
    return contents


def _children(directory: Path) -> list[Path]:
    try:
        return sorted(one for one in directory.iterdir() if not one.name.startswith("."))
    except OSError as error:
        logger.warning("the fleet's directory %s cannot be read: %s", directory, error)
        return []


def _is(asked: Callable[[], bool]) -> bool:
    """Not so, where it must not be looked at: others' directories lie beside one's own."""
    try:
        return asked()
    except OSError as error:
        logger.warning("the fleet's directory cannot be read: %s", error)
        return False


def _project(folder: Path, computer: str) -> Project:
    lines = (line.strip() for line in _text(folder / "README.md").splitlines())
    description = next((line for line in lines if line and not line.startswith("#")), "")
    return Project(name=_shown(folder.name), description=description[:10_000], path=_shown(folder), computer=computer)


def _todos(folder: Path, computer: str) -> Iterator[Todo]:
    if not _is((folder / "todos").is_dir):
        return
    for file in _children(folder / "todos"):
        if file.suffix == ".md" and _is(file.is_file):
            yield _todo(file, _shown(folder), computer)


def _todo(file: Path, project: str, computer: str) -> Todo:
    text = _text(file)
    front = _FRONT.match(text)
    told = dict(_FIELD.findall(front[1])) if front else {}
    body = text[front.end() :] if front else text
    lines = [line.strip() for line in body.splitlines() if line.strip()]
    headings = {line.lstrip("#").strip().lower() for line in lines if line.startswith("#")}
    return Todo(
        slug=_shown(file.stem),
        status=(told.get("status") or "pending")[:1_000],
        description=(told.get("description") or (lines[0].lstrip("#").strip() if lines else ""))[:10_000],
        has_requirements="requirements" in headings,
        has_implementation_plan="implementation plan" in headings,
        project=project,
        computer=computer,
    )


def _text(file: Path) -> str:
    """Its beginning; nothing where it cannot be read."""
    try:
        with file.open("rb") as opened:
            return opened.read(_BYTES).decode(errors="replace").replace("\r\n", "\n")
    except FileNotFoundError:
        return ""
    except OSError as error:
        logger.warning("%s cannot be read: %s", file, error)
        return ""


def _shown(path: Path | str) -> str:
    """A name that is not UTF-8 cannot go on the wire as it is."""
    return str(path).encode(errors="replace").decode()
