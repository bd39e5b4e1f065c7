"""The pytest plugin. What it needs is imported by the fixtures, so that a run without them pays nothing."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pattern_stack.testing.faults import Faults
    from pattern_stack.testing.log import BroadcastLog


@pytest.fixture
def broadcast_log() -> "Iterator[BroadcastLog]":
    """Every publish of every backend of this process, from here on to the end of the test."""
    from pattern_stack.testing.log import BroadcastLog

    with BroadcastLog() as log:
        yield log


@pytest.fixture
def faults() -> "Faults":
    """What goes wrong between the backends of this process and their clients."""
    from pattern_stack.testing.faults import Faults

    return Faults()
