"""What the store tells of a session without its journal: what lists show, and who has to do with it. No IO."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from pattern_stack.features.sessions.models import SessionSummary


class About(NamedTuple):
    summary: SessionSummary
    owner: str
    members: Mapping[str, int]
    """Connections by instance."""
    number: int
    """Of the entry that it was written with."""

    def encode(self) -> bytes:
        parts = {"owner": self.owner, "members": self.members, "number": self.number}
        return orjson.dumps({**parts, "summary": orjson.Fragment(self.summary.model_dump_json())})

    @classmethod
    def of(cls, encoded: bytes) -> "About":
        parts: dict[str, Any] = orjson.loads(encoded)
        return cls(SessionSummary(**parts["summary"]), parts["owner"], parts["members"], parts["number"])
