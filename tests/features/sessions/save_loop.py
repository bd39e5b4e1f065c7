"""Saves one project over and over, a new version each time, until it is killed: python -m tests.features.sessions.save_loop
DIRECTORY [torn]. Each version is printed once it is saved. `torn`: into a plain file, as one should not."""

import asyncio
import itertools
import sys
from pathlib import Path

from pattern_stack.features.sessions.sql import SQLStore
from pattern_stack.features.sessions.store import ProjectStore

PROJECT = "2f0b8a52-6c1e-4d0f-9c55-0d6a2f6b9f11"
DIGITS = 8
TIMES = 250_000


def form(version: int) -> bytes:
    """Two megabytes that say the version everywhere."""
    return b"%0*d" % (DIGITS, version) * TIMES


class TornStore(ProjectStore):
    """What is wrong with it: between the first byte and the last one there is neither the old form nor the new one."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "torn"

    async def save(self, project_id: str, form: bytes) -> None:
        with self._file.open("wb", buffering=0) as file:
            for start in range(0, len(form), 512):
                file.write(form[start : start + 512])

    async def load(self, project_id: str) -> bytes:
        return self._file.read_bytes()

    async def delete(self, project_id: str) -> None:
        self._file.unlink()

    async def close(self) -> None:
        pass


def store(directory: Path, torn: bool) -> ProjectStore:
    return TornStore(directory) if torn else SQLStore(f"sqlite+aiosqlite:///{directory}/projects.db")


async def main(directory: Path, torn: bool) -> None:
    kept = store(directory, torn)
    for version in itertools.count(1):
        await kept.save(PROJECT, form(version))
        print("saved", version, flush=True)  # noqa: T201 - the test reads it


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), "torn" in sys.argv))
