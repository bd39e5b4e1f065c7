import logging

import pytest

from pattern_stack.atoms.log_every import LogEvery


class Seconds:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_one_line_in_so_many_seconds_and_a_count_of_the_rest(caplog: pytest.LogCaptureFixture) -> None:
    clock = Seconds()
    log = LogEvery(logging.getLogger("some"), seconds=60, clock=clock)
    for number in range(5):
        log.warning("%s is wrong", number)
    assert caplog.messages == ["0 is wrong"]
    clock.now = 59.9
    log.warning("still wrong")
    clock.now = 60
    log.warning("%s is wrong", "again")
    assert caplog.messages[1:] == ["again is wrong (5 more like it since the last line)"]
    clock.now = 600
    log.warning("late")
    assert caplog.messages[2:] == ["late"]
    assert {record.levelname for record in caplog.records} == {"WARNING"}


def test_a_percent_sign_in_an_argument_is_text(caplog: pytest.LogCaptureFixture) -> None:
    log = LogEvery(logging.getLogger("some"))
    log.warning("got %s", "%d")
    assert caplog.messages == ["got %d"]


def test_each_has_a_count_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        LogEvery(logging.getLogger("some")).warning("wrong")
    assert caplog.messages == ["wrong", "wrong"]
