"""The sessions, projects and todos of this computer."""

from collections.abc import Collection
from typing import Any

import orjson

from pattern_stack.atoms.clock import Clock
from pattern_stack.features.fleet.bodies import FleetSessionBody
from pattern_stack.features.fleet.core.limits import FleetLimits
from pattern_stack.features.fleet.errors import EntryTooLarge, FleetFull, FleetSessionNotFound
from pattern_stack.features.fleet.models import FleetProject, FleetSession, OwnedRecord, Todo

_ENVELOPE_BYTES = 512
"""Of a stream entry, beside its records."""


class OwnRecords:
    """Within the limits: all records of one resource always fit into one stream entry."""

    def __init__(self, computer: str, clock: Clock, limits: FleetLimits) -> None:
        self._computer = computer
        self._clock = clock
        self._limits = limits
        self._sessions: dict[str, FleetSession] = {}
        self._session_bytes = 0
        self._projects: list[FleetProject] = []
        self._todos: list[Todo] = []

    def records(self, resource: str) -> Collection[OwnedRecord]:
        match resource:
            case "sessions":
                return self._sessions.values()
            case "projects":
                return self._projects
            case _:
                return self._todos

    def full_state(self, resource: str) -> dict[str, Any]:
        """All records, as a stream entry has them."""
        return {"computer": self._computer, resource: [record.as_json() for record in self.records(resource)]}

    def has_session(self, id: str) -> bool:
        return id in self._sessions

    def put_session(self, id: str, body: FleetSessionBody) -> tuple[FleetSession, bool]:
        """The session, and whether it is new. Raises FleetFull or EntryTooLarge."""
        before, now = self._sessions.get(id), self._clock()
        if before is None:
            self._check_count()
            values = {**body.model_dump(), "created_at": now, "last_activity": now}
        else:
            activity = max(now, before.last_activity)
            values = {**before.model_dump(), **body.model_dump(exclude_unset=True), "last_activity": activity}
        session = FleetSession(**{**values, "session_id": id, "computer": self._computer})
        size = self._session_bytes + encoded_bytes(session) - (encoded_bytes(before) if before else 0)
        check_entry(size, self._limits)
        self._sessions[id], self._session_bytes = session, size
        return session, before is None

    def delete_session(self, id: str) -> None:
        """Raises FleetSessionNotFound."""
        if id not in self._sessions:
            raise FleetSessionNotFound(f"no computer of the fleet has the session {id!r:.80}")
        self._session_bytes -= encoded_bytes(self._sessions.pop(id))

    def replace_directory(self, projects: list[FleetProject], todos: list[Todo]) -> list[str]:
        """Take what is in the directory now. Returns the resources that changed."""
        changed = [
            resource
            for resource, before, now in (("projects", self._projects, projects), ("todos", self._todos, todos))
            if before != now
        ]
        self._projects, self._todos = projects, todos
        return changed

    def _check_count(self) -> None:
        if len(self._sessions) >= self._limits.sessions:
            raise FleetFull(
                f"{self._computer} has {self._limits.sessions} sessions, as many as FleetLimits.sessions allows"
            )


def encoded_bytes(record: OwnedRecord) -> int:
    """How much a record adds to a stream entry."""
    return len(orjson.dumps(record.as_json())) + 1


def check_entry(record_bytes: int, limits: FleetLimits) -> None:
    """Whether records of so many bytes fit into a stream entry. Raises EntryTooLarge."""
    if record_bytes + _ENVELOPE_BYTES > limits.entry_bytes:
        raise EntryTooLarge(
            f"all records of a resource together have at most {limits.entry_bytes} bytes (FleetLimits.entry_bytes)"
        )
