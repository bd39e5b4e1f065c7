"""Who a connection belongs to, and for how long."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Identity:
    """What `authenticate` and `verify_token` return. `expires_at`: seconds since 1970, or an aware datetime; None: never."""

    user: Any
    expires_at: float | datetime | None = None

    def __post_init__(self) -> None:
        if isinstance(self.expires_at, datetime) and self.expires_at.tzinfo is None:
            raise ValueError("expires_at has to be an aware datetime")

    @classmethod
    def of(cls, value: Any) -> "Identity":
        """A plain value is the user."""
        return value if isinstance(value, cls) else cls(value)

    def seconds_left(self, now: float) -> float | None:
        """Until it expires, from `now` in seconds since 1970; None where it never does."""
        if self.expires_at is None:
            return None
        end = self.expires_at.timestamp() if isinstance(self.expires_at, datetime) else self.expires_at
        return end - now
