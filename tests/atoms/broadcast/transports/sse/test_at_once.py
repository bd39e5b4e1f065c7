"""A call that has nothing to wait for ends at once; one that waits goes on in whatever awaits the rest."""

import asyncio

import pytest

from pattern_stack.atoms.broadcast.transports.sse.at_once import run_at_once


async def test_what_waits_for_nothing_has_ended() -> None:
    done: list[int] = []

    async def call() -> None:
        done.append(1)

    assert run_at_once(call()) is None
    assert done == [1]


async def test_what_waits_goes_on_later() -> None:
    room, done = asyncio.Event(), list[str]()

    async def call() -> None:
        done.append("begun")
        await room.wait()
        await asyncio.sleep(0)
        done.append("ended")

    rest = run_at_once(call())
    assert rest
    assert done == ["begun"]
    room.set()
    await rest
    assert done == ["begun", "ended"]


async def test_what_it_raises_is_raised_and_a_cancel_reaches_it() -> None:
    ended: list[str] = []

    async def fail() -> None:
        raise OSError("gone")

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    with pytest.raises(OSError, match="gone"):
        run_at_once(fail())
    rest = run_at_once(wait())
    assert rest
    task = asyncio.create_task(rest)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["cancelled"]
