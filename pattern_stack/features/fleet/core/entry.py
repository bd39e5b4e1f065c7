"""One entry of a stream between computers, and its only decoder."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self, TypeVar

import orjson
from pydantic import BaseModel

from pattern_stack.features.fleet.core.resources import RESOURCES, SESSION_REMOVED
from pattern_stack.features.fleet.errors import Malformed
from pattern_stack.features.fleet.models import COMPUTER_NAME, FleetSession, OwnedRecord, SessionId

R = TypeVar("R", bound=OwnedRecord)


class _RemovedSession(BaseModel):
    session_id: SessionId


class FullState(NamedTuple):
    """All records that a computer has of one resource."""

    resource: str
    records: Sequence[OwnedRecord]


class Entry(NamedTuple):
    """What happened on `source`: a changed session, the id of a removed one, or all records of a resource."""

    source: str
    content: FleetSession | str | FullState

    @classmethod
    def decode(cls, fields: Mapping[bytes, bytes]) -> Self:
        """Raises Malformed, also where `source` speaks for another computer."""
        try:
            source, event, timestamp = (fields[name].decode() for name in (b"source", b"event", b"timestamp"))
            data = orjson.loads(fields[b"data"])
            if event == SESSION_REMOVED:
                return cls(_checked_source(source, source), _RemovedSession.model_validate(data).session_id)
            defaults = {"computer": source, "created_at": timestamp, "last_activity": timestamp}
            if event == RESOURCES["sessions"].updated_event:
                return cls(source, _record(FleetSession, source, {**defaults, **data}))
            name, model = next(
                (name, row.model) for name, row in RESOURCES.items() if row.model and row.full_entry == event
            )
            records = [_record(model, source, {**defaults, **one}) for one in data[name]]
            return cls(_checked_source(source, data.get("computer", source)), FullState(name, records))
        except (KeyError, StopIteration, TypeError, ValueError) as error:  # pydantic's and orjson's are ValueErrors
            raise Malformed(f"not a stream entry: {type(error).__name__} in {dict(fields)!r:.200}") from error


def _record(model: type[R], source: str, data: dict[str, Any]) -> R:
    record = model.model_validate(data)
    _checked_source(source, record.computer)
    return record


def _checked_source(source: str, computer: str) -> str:
    """A computer writes about itself only."""
    if computer != source or not re.fullmatch(COMPUTER_NAME, source):
        raise Malformed(f"{source!r:.100} writes about {computer!r:.100}")
    return source
