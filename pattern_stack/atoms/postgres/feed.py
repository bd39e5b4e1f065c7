"""Messages of one server, and the names that it is asked for."""

import asyncio
from collections.abc import Awaitable

from pattern_stack.atoms.postgres.errors import LinkDown, give_up
from pattern_stack.atoms.postgres.session import Session

_NAMES = 256


class Feed:
    """One session for messages, and the names that it listens to. Names are quoted identifiers."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._listening: set[str] = set()
        self._wanted: set[str] = set()
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}
        self._changed = asyncio.Event()

    def listen(self, name: str) -> Awaitable[None]:
        """Done when the server has acknowledged it. Raises LinkDown."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._wanted.add(name)
        if name in self._listening:
            done.set_result(None)
        else:
            self._waiting.setdefault(name, []).append(done)
            self._changed.set()
        return done

    def unlisten(self, name: str) -> None:
        self._wanted.discard(name)
        self._changed.set()

    async def run(self) -> None:
        """Tell the server of changes, those of one turn together, until the connection breaks."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            while gone := sorted(self._listening - self._wanted)[:_NAMES]:
                self._listening.difference_update(gone)
                await self.session.script(";".join(f"UNLISTEN {name}" for name in gone))
            while new := sorted(self._wanted - self._listening)[:_NAMES]:
                await self.session.script(";".join(f"LISTEN {name}" for name in new))
                self._listening.update(new)
                for name in new:
                    self._acknowledge(name)

    def _acknowledge(self, name: str) -> None:
        for done in self._waiting.pop(name, ()):
            if not done.done():
                done.set_result(None)

    def close(self) -> None:
        for waiting in self._waiting.values():
            for done in waiting:
                give_up(done, LinkDown("the link to PostgreSQL broke", sent=True))
        self._waiting.clear()
