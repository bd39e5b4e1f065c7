"""Which epochs go on from one that was told before a channel's first event."""

import pytest

from pattern_stack.atoms.broadcast.bridge.epoch import continues


@pytest.mark.parametrize("epoch", ["k3f9", "abc-7", "", "-", "a-b"])
def test_an_epoch_goes_on_from_itself(epoch: str) -> None:
    assert continues(epoch, epoch)


@pytest.mark.parametrize(("told", "epoch"), [("abc-7", "abc-8"), ("abc-7", "abc-10"), ("a-b-9", "a-b-10")])
def test_a_first_event_may_come_up_to_three_periods_later(told: str, epoch: str) -> None:
    assert continues(told, epoch)


@pytest.mark.parametrize(
    ("told", "epoch"),
    [
        ("abc-7", "abc-11"),
        ("abc-8", "abc-7"),
        ("abc-7", "abd-8"),
        ("abc", "abd"),
        ("-7", "-8"),
        ("abc-7", "abc"),
        ("abc-", "abc-1"),
        ("abc-x", "abc-1"),
        ("abc-\u0667", "abc-8"),
        ("abc-" + "9" * 5_000, "abc-8"),
        ("x81c", "k3f9"),
    ],
)
def test_others_are_another_order(told: str, epoch: str) -> None:
    assert not continues(told, epoch)
