"""What a computer regularly says of itself, and its only codec."""

from typing import NamedTuple, Self

from pydantic import Field, ValidationError

from pattern_stack.features.fleet.errors import Malformed
from pattern_stack.features.fleet.models import ComputerName, Record, ShortText, Stats, UTCTime

MAX_BYTES = 64 * 1024
"""Of an encoded heartbeat: clients get a computer in one event, which has a bound too."""


class Incarnation(NamedTuple):
    """A stretch of a computer's run in which it missed nothing that was written to it. A new one has to be sent everything."""

    instance: str | None
    connection: int | None


class Heartbeat(Record):
    """The value of a computer's key, and of its messages. Only the first three fields are needed to take part."""

    computer: ComputerName
    last_seen: UTCTime
    interested_in: list[ShortText] = Field(default_factory=list, max_length=100)
    """Sorted names of resources; absent when there is none."""
    instance: ShortText | None = None
    """Of this run of the process: two computers of one name are told apart by it."""
    connection: int | None = None
    """Grows when entries that were written to this computer may be lost."""
    user: ShortText | None = None
    host: ShortText | None = None
    role: ShortText | None = None
    system_stats: Stats = Field(default_factory=dict)

    @property
    def incarnation(self) -> Incarnation:
        return Incarnation(self.instance, self.connection)

    def encode(self) -> bytes:
        absent = {"interested_in"} if not self.interested_in else set()
        return self.model_dump_json(exclude=absent, exclude_none=True).encode()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Raises Malformed."""
        if len(data) > MAX_BYTES:
            raise Malformed(f"a heartbeat of {len(data)} bytes; it has at most {MAX_BYTES}")
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            raise Malformed(f"not a heartbeat: {error.error_count()} faults in {data[:80]!r}") from error
