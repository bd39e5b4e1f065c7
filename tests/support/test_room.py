"""Who is alone, and who waits for whom."""

import fcntl
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.eventually import eventually
from tests.support.room import room

Enter = Callable[..., "Future[ExitStack]"]


@pytest.fixture
def enter(tmp_path: Path) -> Iterator[Enter]:
    """Its result is there once they are inside; closing that, they leave."""

    def come(alone: bool) -> ExitStack:
        stay = ExitStack()
        stay.enter_context(room(tmp_path, alone=alone))
        return stay

    with ThreadPoolExecutor() as pool:
        yield lambda alone=False: pool.submit(come, alone)


def somebody_waits_at_the_door(directory: Path) -> bool:
    with (directory / "door").open("w") as door:
        try:
            fcntl.flock(door, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_many_share_it_and_one_has_it_alone(enter: Enter, tmp_path: Path) -> None:
    one, other = enter().result(20), enter().result(20)
    alone = enter(alone=True)
    eventually(lambda: somebody_waits_at_the_door(tmp_path))
    one.close()
    assert not alone.done()
    other.close()
    later = enter()
    with alone.result(20):
        eventually(lambda: somebody_waits_at_the_door(tmp_path))
        assert not later.done()
    later.result(20).close()


def test_who_waits_to_be_alone_is_not_overtaken(enter: Enter, tmp_path: Path) -> None:
    order: list[str] = []
    first = enter().result(20)
    alone = enter(alone=True)
    alone.add_done_callback(lambda _: order.append("alone"))
    eventually(lambda: somebody_waits_at_the_door(tmp_path))
    later = enter()
    later.add_done_callback(lambda _: order.append("later"))
    first.close()
    alone.result(20).close()
    later.result(20).close()
    assert order == ["alone", "later"]
