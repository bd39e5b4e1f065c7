"""Who a connection belongs to, and for how long."""

from dataclasses import dataclass
from datetime import datetime
from inspect import isasyncgen, isawaitable, isgenerator
from math import isfinite
from typing import Any
from uuid import UUID

Key = str | int


class Operator:
    """The user of a connection that belongs to this package itself, like that of the inspector's page. It is on no channel of
    the application, none of the application's hooks is asked about it, and nobody else joins the channels for operators."""


_KEY_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Identity:
    """What `authenticate` and `verify_token` return.

    `expires_at`: seconds since 1970, or an aware datetime; None: never. `key` is what users are compared by, and all that
    others see of a user. A user that is a string, an integer or a UUID is its own key; any other user has none unless it is
    given here. Raises ValueError for a key or a time of another form.
    """

    user: Any
    expires_at: float | datetime | None = None
    key: Key | None = None

    def __post_init__(self) -> None:
        if not _is_time(self.expires_at):
            raise ValueError("expires_at has to be a number of seconds since 1970, an aware datetime, or None")
        if self.key is None:
            object.__setattr__(self, "key", _own_key(self.user))
        elif not _is_key(self.key):
            raise ValueError(f"key has to be an integer, or a string of 1 to {_KEY_LENGTH} printable characters")

    @classmethod
    def of(cls, value: Any) -> "Identity":
        """A plain value is the user. Raises TypeError for what a function returned that has not run yet: it knows no user."""
        if isinstance(value, cls):
            return value
        if isawaitable(value) or isgenerator(value) or isasyncgen(value):
            raise TypeError(f"this is no user, but a {type(value).__name__} that nothing has run")
        return cls(value)

    def is_same_user(self, other: "Identity") -> bool:
        """By key where both have one, else by the user itself."""
        if self.key is not None or other.key is not None:
            return self.key == other.key
        return bool(self.user == other.user)

    def seconds_left(self, now: float) -> float | None:
        """Until it expires, from `now` in seconds since 1970; None where it never does."""
        if self.expires_at is None:
            return None
        end = self.expires_at.timestamp() if isinstance(self.expires_at, datetime) else self.expires_at
        return end - now


def key_of(identity: Identity | None) -> Key | None:
    """All that is ever shown of a user."""
    return identity.key if identity else None


def _is_time(value: Any) -> bool:
    if isinstance(value, datetime):
        return value.tzinfo is not None
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value))


def _own_key(user: Any) -> Key | None:
    if isinstance(user, UUID):
        return str(user)
    return user if _is_key(user) else None


def _is_key(value: Any) -> bool:
    if isinstance(value, str):
        return 1 <= len(value) <= _KEY_LENGTH and value.isprintable()
    return type(value) is int and -(2**63) <= value < 2**63
