from pattern_stack.atoms.broadcast.core.limits import Limits
from pattern_stack.atoms.broadcast.core.rate_limit import RateLimit


class Fixture:
    def __init__(self) -> None:
        self.now = 0.0
        limits = Limits(frames_per_second=10, frames_burst=20, bad_frames=3, work_per_second=10, work_burst=100)
        self.limit = RateLimit(limits, lambda: self.now)


def test_a_burst_and_then_the_rate() -> None:
    it = Fixture()
    assert [it.limit.admit() for _ in range(21)] == [None] * 20 + [0.1]
    it.now = 0.5
    assert [it.limit.admit() for _ in range(6)] == [None] * 5 + [0.1]
    it.now = 1_000
    assert [it.limit.admit() for _ in range(50)].count(None) == 20


def test_work_is_refused_until_it_is_there() -> None:
    it = Fixture()
    assert [it.limit.spend(40) for _ in range(3)] == [None, None, 2]
    it.now = 2
    assert it.limit.spend(40) is None


def test_work_that_is_charged_later_delays_what_comes_next() -> None:
    it = Fixture()
    for _ in range(10):
        it.limit.charge(50)
    assert it.limit.spend(1) == 10.1, "no more than one burst is owed"


def test_work_that_is_more_than_a_burst_waits_for_a_full_bucket() -> None:
    it = Fixture()
    assert it.limit.spend(1_000) is None
    assert it.limit.spend(1_000) == 10


def test_bad_frames_are_counted_within_a_minute() -> None:
    it = Fixture()
    assert not it.limit.violation()
    it.now = 30
    assert not it.limit.violation()
    it.now = 61
    assert not it.limit.violation()
    it.now = 62
    assert it.limit.violation()
