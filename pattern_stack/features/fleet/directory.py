"""A computer's projects and todos, read from a directory.

The projects are its directories. A project's description is the first line of its README.md that is neither blank nor a
heading. Its todos are the files `todos/*.md`. A todo may begin with front matter:

    ---
    status: in_progress
    description: Move the beds
    ---

Without it, or without that field, the status is `pending` and the description the first line that is not blank, without its
`#`. A heading `Requirements` or `Implementation plan` says that the todo has them.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

from pattern_stack.features.fleet.core.limits import FleetLimits
from pattern_stack.features.fleet.core.own import check_entry, encoded_bytes
from pattern_stack.features.fleet.core.todo_file import parse
from pattern_stack.features.fleet.errors import EntryTooLarge, TodoTooLarge
from pattern_stack.features.fleet.models import FleetProject, OwnedRecord, Todo

R = TypeVar("R", bound=OwnedRecord)

_README_BYTES = 256 * 1024
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
"""Opening a named pipe must not wait for its other end."""


class Contents(NamedTuple):
    projects: list[FleetProject]
    todos: list[Todo]
    skipped: list[str]
    """A line for each path that was left out, and why."""


def read(directory: Path, computer: str, limits: FleetLimits) -> Contents:
    """What is there now, sorted. What cannot be read is in `skipped`; hidden paths are left out without a word.

    Links are followed within the directory only, and nothing but directories and regular files is opened.
    """
    return _Reader(directory, computer, limits).read()


class _Reader:
    def __init__(self, directory: Path, computer: str, limits: FleetLimits) -> None:
        self._directory = directory
        self._root = Path(os.path.realpath(directory))
        self._computer = computer
        self._limits = limits
        self._skipped: list[str] = []

    def read(self) -> Contents:
        folders = [path for path in self._children(self._directory) if self._is(path, stat.S_ISDIR)]
        projects = self._fitting(map(self._project, folders))
        todos = self._fitting(todo for folder in folders for todo in self._todos(folder))
        return Contents(projects, todos, self._skipped)

    def _fitting(self, records: Iterable[R]) -> list[R]:
        """As many as fit into one stream entry. The files of the rest are not read."""
        fitting: list[R] = []
        size = 0
        for record in records:
            size += encoded_bytes(record)
            try:
                check_entry(size, self._limits)
            except EntryTooLarge as error:
                self._skipped.append(f"all after the first {len(fitting)} of {type(record).__name__}: {error}")
                break
            fitting.append(record)
        return fitting

    def _project(self, folder: Path) -> FleetProject:
        lines = (line.strip() for line in self._readme(folder).splitlines())
        description = next((line for line in lines if line and not line.startswith("#")), "")
        return FleetProject(
            name=_valid(folder.name), description=description[:10_000], path=_valid(folder), computer=self._computer
        )

    def _readme(self, folder: Path) -> str:
        """Its beginning."""
        file = folder / "README.md"
        try:
            return self._content(file, _README_BYTES).decode(errors="replace")
        except OSError as error:
            self._skip(file, error)
            return ""

    def _todos(self, folder: Path) -> Iterator[Todo]:
        if not self._is(folder / "todos", stat.S_ISDIR):
            return
        for file in self._children(folder / "todos"):
            if file.suffix == ".md":
                try:
                    yield self._todo(file, _valid(folder))
                except (OSError, TodoTooLarge) as error:
                    self._skip(file, error)

    def _todo(self, file: Path, project: str) -> Todo:
        content, limit = self._content(file, self._limits.todo_bytes + 1), self._limits.todo_bytes
        if len(content) > limit:
            raise TodoTooLarge(f"a todo has at most {limit} bytes (FleetLimits.todo_bytes)")
        fields = parse(content.decode(errors="replace"))
        return Todo(slug=_valid(file.stem), project=project, computer=self._computer, **fields._asdict())

    # -- the file system

    def _children(self, directory: Path) -> list[Path]:
        try:
            return sorted(path for path in directory.iterdir() if not path.name.startswith("."))
        except OSError as error:
            self._skip(directory, error)
            return []

    def _is(self, path: Path, is_type: Callable[[int], bool]) -> bool:
        try:
            return is_type(os.stat(self._real(path)).st_mode)
        except OSError as error:
            self._skip(path, error)
            return False

    def _content(self, file: Path, most: int) -> bytes:
        with os.fdopen(os.open(self._real(file), _OPEN_FLAGS), "rb") as opened:
            if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
                raise OSError(errno.EINVAL, "it is not a regular file")
            return opened.read(most)

    def _real(self, path: Path) -> Path:
        """Where its links lead, which has to be in the directory."""
        real = Path(os.path.realpath(path, strict=True))
        if not real.is_relative_to(self._root):
            raise OSError(errno.EXDEV, "it is a link out of the directory")
        return real

    def _skip(self, path: Path, error: Exception) -> None:
        """A path that does not exist was only looked for."""
        if not isinstance(error, FileNotFoundError) or path == self._directory:
            reason = error.strerror if isinstance(error, OSError) else error
            self._skipped.append(f"{_valid(path)}: {reason}")


def _valid(path: Path | str) -> str:
    """A name that is not UTF-8 cannot be encoded as it is."""
    return str(path).encode(errors="replace").decode()
