"""Events that wait: their order, their bounds, and which channels lost some."""

from pattern_stack.atoms.broadcast.core.backlog import Backlog, Bounds
from pattern_stack.atoms.broadcast.core.event import Draft

ROOM = Bounds(events=1_000, bytes=1_000_000)


def filled(*channels: str, bounds: Bounds = ROOM) -> Backlog:
    backlog = Backlog()
    for number, channel in enumerate(channels):
        backlog.add(Draft(channel, b"%03d" % number), bounds)
    return backlog


def bodies(backlog: Backlog) -> list[bytes]:
    """All that waits, in the order in which it leaves."""
    left = []
    while taken := backlog.take(64):
        left += [one.draft.body for one in taken]
        backlog.settle([])
    return left


def test_each_channel_leaves_in_order_and_one_at_a_time() -> None:
    backlog = filled("a", "b", "a", "c")
    assert [one.draft.channel for one in backlog.take(64)] == ["a", "b"]
    backlog.settle([])
    assert [one.draft.channel for one in backlog.take(64)] == ["a", "c"]


def test_what_failed_is_first_again() -> None:
    backlog = filled("a", "b", "c", "a")
    _, b, c = backlog.take(64)
    backlog.settle([b, c])
    assert bodies(backlog) == [b"001", b"002", b"003"]
    assert not backlog.is_needed


def test_the_newest_are_dropped_by_count_and_by_bytes() -> None:
    for bounds in (Bounds(events=2, bytes=1_000), Bounds(events=1_000, bytes=6)):
        backlog = filled("a", "a", "a", "b", bounds=bounds)
        assert backlog.dropped == 2
        assert backlog.due is None
        assert bodies(backlog) == [b"000", b"001"]


def test_a_channel_is_due_when_all_that_waited_before_its_loss_has_left() -> None:
    backlog = filled("a", "b", "b", bounds=Bounds(events=2, bytes=1_000))
    backlog.take(1)
    backlog.settle([])
    backlog.add(Draft("c", b"later"), ROOM)
    assert backlog.due is None
    backlog.take(1)
    assert backlog.due is None
    backlog.settle([])
    assert backlog.due == "b"
    backlog.told("b")
    assert backlog.due is None
    assert backlog.dropped == 0
    assert bodies(backlog) == [b"later"]


def test_where_all_was_lost_the_channel_is_due_at_once() -> None:
    backlog = filled("a", bounds=Bounds(events=0, bytes=0))
    assert backlog.due == "a"
    assert backlog.is_needed


def test_bytes_are_free_again_when_events_have_left() -> None:
    backlog = filled("a", "b", bounds=Bounds(events=1_000, bytes=6))
    bodies(backlog)
    backlog.add(Draft("a", b"123456"), Bounds(events=1_000, bytes=6))
    assert backlog.dropped == 0
