"""Where workers meet: a Unix socket that those of one server name alike, in a folder that no other user gets into."""

import os
import stat
import tempfile
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from pattern_stack.atoms.ipc.parent import Parent

PATH_BYTES = 100
"""A socket's path at most: the system allows 103 to 107."""
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


class Untrusted(Exception):
    """The folder is not this user's alone. The message says what is wrong, in words."""


class Meeting(NamedTuple):
    path: Path
    """The broker's socket."""
    space: str
    """What is shared there with whoever names the same space."""
    parent: Parent | None
    """The process that starts the workers; None where they are told the path."""


def under_parent(parent: Parent, application: Sequence[str], space: str) -> Meeting:
    """Workers of one parent that run one application. Raises Untrusted, or OSError where no folder can be made."""
    words = "\0".join([str(parent.pid), parent.began, *application])
    name = blake2b(words.encode(errors="surrogateescape"), digest_size=8).hexdigest()
    return Meeting(own_folder() / name, space, parent)


def at_path(path: Path, space: str) -> Meeting:
    """Whoever names this path. Raises Untrusted, or OSError where there is no such folder."""
    folder = path.parent.resolve(strict=True)
    about = folder.stat()
    if about.st_uid not in (0, os.getuid()):
        raise Untrusted(f"{folder} belongs to another user")
    if about.st_mode & _OTHERS_WRITE and not about.st_mode & stat.S_ISVTX:
        raise Untrusted(f"other users may write in {folder}")
    return Meeting(folder / path.name, space, None)


def own_folder() -> Path:
    """Of mode 0700: in $XDG_RUNTIME_DIR, where that is this user's, else in the temporary directory."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime and Path(runtime).is_absolute() and _is_own(Path(runtime)) and len(os.fsencode(runtime)) < 60:
        folder = Path(runtime) / "pattern-stack"
    else:
        folder = Path(_temporary()) / f"pattern-stack-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    _check(folder)
    return folder


def _temporary() -> str:
    found = tempfile.gettempdir()
    return found if len(os.fsencode(found)) < 60 else "/tmp"  # noqa: S108 - its owner and mode are checked


def _is_own(folder: Path) -> bool:
    try:
        return folder.stat().st_uid == os.getuid()
    except OSError:
        return False


def _check(folder: Path) -> None:
    about = folder.lstat()
    if not stat.S_ISDIR(about.st_mode):
        raise Untrusted(f"{folder} is not a directory")
    if about.st_uid != os.getuid():
        raise Untrusted(f"{folder} belongs to another user")
    if about.st_mode & 0o077:
        raise Untrusted(f"other users may enter {folder}: its mode has to be 0700")
