"""What a computer says of itself, again and again."""

from typing import NamedTuple, Self

from pydantic import Field, ValidationError

from pattern_stack.features.fleet.errors import Strange
from pattern_stack.features.fleet.models import Fact, Line, Moment, Name, Stats

BYTES = 64 * 1024
"""The longest heartbeat: clients are told of a computer in one event, which has a bound too."""


class Life(NamedTuple):
    """One stretch of a computer's life in which nothing that was written to it was lost."""

    instance: str | None
    connection: int | None


class Heartbeat(Fact):
    """The value of a computer's key, and what it publishes. Only the first three are needed to take part."""

    computer: Name
    last_seen: Moment
    interested_in: list[Line] = Field(default_factory=list, max_length=100)
    """Sorted kinds; absent when there is none."""
    instance: Line | None = None
    """Of this run of it: two computers of one name are told apart by it."""
    connection: int | None = None
    """Another number: what was written to it since the last heartbeat may be lost."""
    user: Line | None = None
    host: Line | None = None
    role: Line | None = None
    system_stats: Stats = Field(default_factory=dict)

    @property
    def life(self) -> Life:
        return Life(self.instance, self.connection)

    def encode(self) -> bytes:
        absent = {"interested_in"} if not self.interested_in else set()
        return self.model_dump_json(exclude=absent, exclude_none=True).encode()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Raises Strange."""
        if len(data) > BYTES:
            raise Strange(f"no heartbeat: {len(data)} bytes")
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            raise Strange(f"no heartbeat: {error.error_count()} faults in {data[:80]!r}") from error
