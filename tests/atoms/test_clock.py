"""Times as they are written."""

from datetime import UTC, datetime

import pytest

from pattern_stack.atoms import clock
from pattern_stack.atoms.clock import iso, iso_now, utc_now

SECOND = 1_000_000_000


def test_now_is_written_as_any_other_time() -> None:
    before, now, after = iso(utc_now()), iso_now(), iso(utc_now())
    assert before <= now <= after
    assert iso(datetime.fromisoformat(now)) == now


@pytest.mark.parametrize(
    "nanoseconds", [0, 999, 1_000, SECOND - 1, SECOND, 1_769_904_000 * SECOND - 1, 1_769_904_000 * SECOND]
)
def test_each_second_is_written_anew(monkeypatch: pytest.MonkeyPatch, nanoseconds: int) -> None:
    for time in (nanoseconds + 7 * SECOND, nanoseconds):  # a clock may be set back
        monkeypatch.setattr(clock, "time_ns", lambda time=time: time)
        seconds, rest = divmod(time, SECOND)
        assert iso_now() == iso(datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1_000))
