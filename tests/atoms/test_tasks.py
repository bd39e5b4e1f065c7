import asyncio
from threading import Thread

import pytest

from pattern_stack.atoms.tasks import Tasks, run_on, running_loop, wait_at_most


async def forever() -> None:
    await asyncio.Event().wait()


async def until(tasks: Tasks) -> None:
    async with asyncio.timeout(20):
        while not tasks.trouble:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0)


async def test_a_task_that_fails_is_named_and_the_others_run_on(caplog: pytest.LogCaptureFixture) -> None:
    tasks, reached = Tasks(), asyncio.Event()

    async def fail() -> None:
        raise ValueError("a reason")

    async def reach() -> None:
        await asyncio.sleep(0)
        reached.set()
        await forever()

    tasks.start("the reader", fail())
    tasks.start("the writer", reach())
    assert tasks.trouble is None
    await until(tasks)
    assert tasks.trouble == "the reader has ended"
    await reached.wait()
    assert "the reader has ended" in caplog.text
    assert "ValueError: a reason" in caplog.text
    await tasks.stop()


async def test_a_task_that_returns_is_trouble_too_and_the_first_one_is_named() -> None:
    tasks = Tasks()

    async def done() -> None:
        pass

    tasks.start("first", done())
    await until(tasks)
    tasks.start("second", done())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert tasks.trouble == "first has ended"
    await tasks.stop()


async def test_stop_waits_for_the_end_of_each_and_can_be_followed_by_a_start(caplog: pytest.LogCaptureFixture) -> None:
    tasks = Tasks()
    ended = list[int]()

    async def slow(number: int) -> None:
        try:
            await forever()
        finally:
            for _ in range(number):
                await asyncio.sleep(0)
            ended.append(number)

    for number in (3, 1, 2):
        tasks.start(str(number), slow(number))
    await asyncio.sleep(0)
    await tasks.stop()
    assert ended == [1, 2, 3]
    assert (tasks.trouble, caplog.text) == (None, "")
    await tasks.stop()
    tasks.start("again", forever())
    await asyncio.sleep(0)
    assert tasks.trouble is None
    await tasks.stop()


async def test_wait_at_most_ends_with_the_event_or_without_it() -> None:
    event = asyncio.Event()
    await wait_at_most(0, event)
    assert not event.is_set()
    waiting = asyncio.create_task(wait_at_most(3_600, event))
    await asyncio.sleep(0)
    event.set()
    async with asyncio.timeout(20):
        await waiting
    assert event.is_set()


async def test_wait_at_most_can_be_cancelled() -> None:
    waiting = asyncio.create_task(wait_at_most(3_600, asyncio.Event()))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_run_on_another_loop_returns_and_raises_as_the_call_does() -> None:
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()

    async def fail() -> None:
        raise ValueError("a reason")

    try:
        assert await run_on(loop, running_loop) is loop
        assert await run_on(asyncio.get_running_loop(), running_loop) is asyncio.get_running_loop()
        with pytest.raises(ValueError, match="a reason"):
            await run_on(loop, fail)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
