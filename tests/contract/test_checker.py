"""The judge itself: it has to find each kind of fault in a log that is good but for that one."""

from collections.abc import Callable

import pytest

from tests.contract.checker import Log, Reader, judge


def good() -> tuple[Log, Reader]:
    log = Log()
    for offset in (1, 2, 3):
        log.publish("a", f"k{offset}", log.tick(), ("e", offset))
    reader = log.reader("a")
    log.subscribed(reader, {"epoch": "e", "offset": 0}, None)
    for offset in (1, 2, 3):
        log.delivered(reader, offset, f"k{offset}")
    return log, reader


def lost_tail(log: Log, reader: Reader) -> None:
    log.publish("a", "k4", log.tick(), ("e", 4))


def other_event(log: Log, reader: Reader) -> None:
    reader.got["e", 2] = "k9"


def gap(log: Log, reader: Reader) -> None:
    log.delivered(reader, 5, "k5")


def twice(log: Log, reader: Reader) -> None:
    log.delivered(reader, 3, "k3")


def one_offset_for_two(log: Log, reader: Reader) -> None:
    log.publish("a", "k4", log.tick(), ("e", 3))


def overtaken(log: Log, reader: Reader) -> None:
    log.publish("a", "k5", log.tick(), ("e", 5))
    log.publish("a", "k4", log.tick(), ("e", 4))


def false_recovery(log: Log, reader: Reader) -> None:
    log.subscribed(reader, {"epoch": "e", "offset": 2, "recovered": True}, ("e", 3))


def raised_and_there_twice(log: Log, reader: Reader) -> None:
    log.publish_raised("k4")
    other = log.reader("a")
    log.subscribed(other, {"epoch": "e", "offset": 3}, None)
    log.delivered(reader, 4, "k4")
    log.delivered(other, 4, "k4")
    log.delivered(other, 5, "k4")


def test_a_good_log_passes() -> None:
    log, _ = good()
    judge(log, {"a": ("e", 3)})


@pytest.mark.parametrize(
    "fault",
    [lost_tail, other_event, gap, twice, one_offset_for_two, overtaken, false_recovery, raised_and_there_twice],
)
def test_a_fault_is_found(fault: Callable[[Log, Reader], None]) -> None:
    log, reader = good()
    with pytest.raises(AssertionError):  # noqa: PT012 - some faults are found when they are logged
        fault(log, reader)
        judge(log, {"a": max(place for one in log.published if (place := one.place))})
