"""A store that hangs holds no call for ever."""

import asyncio
import logging

import pytest

from pattern_stack.features.sessions.bounded_store import BoundedStore
from pattern_stack.features.sessions.errors import StoreUnavailable
from pattern_stack.features.sessions.store import ProjectStore


class Hanging(ProjectStore):
    """`stubborn`: it cannot be cancelled."""

    def __init__(self, *, stubborn: bool) -> None:
        self.stubborn = stubborn
        self.cancelled = asyncio.Event()

    async def _hang(self) -> bytes:
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancelled.set()
                if not self.stubborn:
                    raise
                self.stubborn = False

    async def save(self, project_id: str, form: bytes) -> None:
        await self._hang()

    async def load(self, project_id: str) -> bytes:
        return await self._hang()

    async def delete(self, project_id: str) -> None:
        await self._hang()

    async def close(self) -> None:
        await self._hang()


@pytest.mark.parametrize("stubborn", [False, True])
@pytest.mark.parametrize("call", ["save", "load", "delete", "close"])
async def test_each_call_ends(call: str, stubborn: bool, caplog: pytest.LogCaptureFixture) -> None:
    hanging = Hanging(stubborn=stubborn)
    arguments = {"save": ("a", b""), "close": ()}.get(call, ("a",))
    with pytest.raises(StoreUnavailable, match="does not answer now"):
        await getattr(BoundedStore(hanging, 0.01), call)(*arguments)
    await hanging.cancelled.wait()
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()


async def test_who_is_cancelled_cancels_the_call() -> None:
    hanging = Hanging(stubborn=False)
    call = asyncio.create_task(BoundedStore(hanging, 60).load("a"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    call.cancel()
    await hanging.cancelled.wait()
    with pytest.raises(asyncio.CancelledError):
        await call
