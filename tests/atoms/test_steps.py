"""Work in pieces: at once, in turns of the loop, and to its end where it is cancelled."""

import asyncio

import pytest

from pattern_stack.atoms.steps import Steps, at_once, collect
from pattern_stack.atoms.turns import in_turns, to_the_end


def count(done: list[int], until: int = 10) -> Steps[str]:
    for number in range(until):
        done.append(number)
        yield
    return "the result"


def test_at_once_it_does_all_and_returns_the_result() -> None:
    done: list[int] = []
    assert at_once(count(done)) == "the result"
    assert done == list(range(10))


@pytest.mark.parametrize(("items", "pauses"), [(0, 0), (4, 0), (5, 1), (12, 2)])
def test_items_are_collected_with_a_pause_after_each_piece(items: int, pauses: int) -> None:
    steps = collect(range(items), piece=5)
    for _ in range(pauses):
        next(steps)
    with pytest.raises(StopIteration) as stop:
        next(steps)
    assert stop.value.value == list(range(items))


@pytest.mark.parametrize("run", [in_turns, to_the_end])
async def test_between_two_steps_everything_else_has_a_turn(run) -> None:  # type: ignore[no-untyped-def]
    done: list[int] = []
    seen: list[int] = []

    def others() -> None:
        if len(done) < 10:
            seen.append(len(done))
            asyncio.get_running_loop().call_soon(others)

    asyncio.get_running_loop().call_soon(others)
    assert await run(count(done)) == "the result"
    assert seen == list(range(1, 10))


@pytest.mark.parametrize("run", [in_turns, to_the_end])
async def test_a_single_step_does_not_wait(run) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(StopIteration) as stop:
        run(count([], until=0)).send(None)
    assert stop.value.value == "the result"


async def test_in_turns_a_cancellation_leaves_the_rest_undone() -> None:
    done: list[int] = []
    task = asyncio.create_task(in_turns(count(done)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done in ([0], [0, 1])  # eager tasks are a step ahead


async def test_to_the_end_a_cancellation_is_raised_by_the_next_await() -> None:
    done: list[int] = []
    results: list[str] = []

    async def work() -> None:
        results.append(await to_the_end(count(done)))
        await asyncio.sleep(0)
        results.append("not cancelled")

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (done, results) == (list(range(10)), ["the result"])


async def test_to_the_end_a_timeout_is_still_a_timeout() -> None:
    done: list[int] = []

    async def work() -> None:
        async with asyncio.timeout(0):
            await to_the_end(count(done))
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await work()
    assert done == list(range(10))
