"""What time it is, as an argument, so that tests can set it; and how times are written."""

from collections.abc import Callable
from datetime import UTC, datetime
from time import time_ns
from typing import Annotated

from pydantic import PlainSerializer

Clock = Callable[[], datetime]
"""Now, as an aware datetime in UTC."""


def utc_now() -> datetime:
    return datetime.now(UTC)


def iso(time: datetime) -> str:
    """In UTC, ISO 8601 with microseconds and Z."""
    utc = time if time.tzinfo is UTC else time.astimezone(UTC)
    return utc.isoformat(timespec="microseconds")[: -len("+00:00")] + "Z"


_second = (0, "")
"""The last one that was written, and how it is written."""


def iso_now() -> str:
    """`iso(utc_now())`, in a third of its time: each event has it."""
    global _second
    seconds, rest = divmod(time_ns(), 1_000_000_000)
    last, written = _second
    if seconds != last:
        written = datetime.fromtimestamp(seconds, UTC).isoformat()[: -len("+00:00")]
        _second = (seconds, written)
    return f"{written}.{rest // 1_000:06d}Z"


Time = Annotated[datetime, PlainSerializer(iso, return_type=str, when_used="json")]
"""A datetime in a model; in JSON it is written by `iso`."""
