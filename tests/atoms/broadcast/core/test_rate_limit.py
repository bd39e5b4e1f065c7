from pattern_stack.atoms.broadcast.core.limits import Limits
from pattern_stack.atoms.broadcast.core.rate_limit import RateLimit


class Fixture:
    def __init__(self) -> None:
        self.now = 0.0
        limits = Limits(frames_per_second=10, frames_burst=20, bad_frames=3)
        self.throttle = RateLimit(limits, lambda: self.now)


def test_a_burst_and_then_the_rate() -> None:
    it = Fixture()
    assert [it.throttle.admit() for _ in range(21)] == [True] * 20 + [False]
    it.now = 0.5
    assert [it.throttle.admit() for _ in range(6)] == [True] * 5 + [False]
    it.now = 1_000
    assert sum(it.throttle.admit() for _ in range(50)) == 20


def test_bad_frames_are_counted_within_a_minute() -> None:
    it = Fixture()
    assert not it.throttle.violation()
    it.now = 30
    assert not it.throttle.violation()
    it.now = 61
    assert not it.throttle.violation()
    it.now = 62
    assert it.throttle.violation()
