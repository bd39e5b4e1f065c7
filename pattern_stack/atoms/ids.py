"""What new things are called, as an argument, so that tests can set it."""

from collections.abc import Callable
from uuid import uuid4

Ids = Callable[[], str]
"""One that nothing else has."""


def new_id() -> str:
    return str(uuid4())
