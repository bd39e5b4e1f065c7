"""A store whose calls have a time limit."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

from pattern_stack.atoms.log_every import LogEvery
from pattern_stack.features.sessions.errors import StoreUnavailable
from pattern_stack.features.sessions.store import ProjectStore

T = TypeVar("T")

logger = logging.getLogger(__name__)


class BoundedStore(ProjectStore):
    """Another store, of which no call is waited for longer than `seconds`. It raises StoreUnavailable then, and cancels the
    call: a save may have been carried out, or not."""

    def __init__(self, store: ProjectStore, seconds: float) -> None:
        self._store = store
        self._seconds = seconds
        self._log = LogEvery(logger)

    async def save(self, project_id: str, form: bytes) -> None:
        await self._within(self._store.save(project_id, form))

    async def load(self, project_id: str) -> bytes:
        return await self._within(self._store.load(project_id))

    async def delete(self, project_id: str) -> None:
        await self._within(self._store.delete(project_id))

    async def close(self) -> None:
        await self._within(self._store.close())

    async def _within(self, call: Coroutine[Any, Any, T]) -> T:
        """In a task of its own: a store that does not let itself be cancelled is not waited for either."""
        task = asyncio.get_running_loop().create_task(call)
        try:
            await asyncio.wait((task,), timeout=self._seconds)
            if task.done():
                return task.result()
        finally:
            if not task.done():
                task.cancel()
                task.add_done_callback(_retrieve)
        self._log.warning("the store of projects did not answer within %g s (Sessions(store_seconds=))", self._seconds)
        raise StoreUnavailable("the store of projects does not answer now")


def _retrieve(task: "asyncio.Task[Any]") -> None:
    """So that asyncio does not log what nobody waits for."""
    if not task.cancelled():
        task.exception()
