"""Waiting for a state that tells nobody when it comes."""

import time
from collections.abc import Callable

from tests.support.patience import PATIENCE


def eventually(is_it: Callable[[], object], what: str = "", seconds: float = PATIENCE) -> None:
    """Until it holds. Blocking: call it from a plain test or a thread. AssertionError with `what` after that time."""
    deadline = time.monotonic() + seconds
    while not is_it():
        assert time.monotonic() < deadline, what or "it never came to hold"
        time.sleep(0.01)
