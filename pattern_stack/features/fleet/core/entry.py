"""One entry of a stream between computers, and its only codec."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self, TypeVar

import orjson
from pydantic import BaseModel

from pattern_stack.features.fleet.core.resources import KINDS, REMOVED
from pattern_stack.features.fleet.errors import Strange
from pattern_stack.features.fleet.models import NAME, Owned, Session, SessionId

F = TypeVar("F", bound=Owned)


class _Removed(BaseModel):
    session_id: SessionId


class Whole(NamedTuple):
    """All that a computer has of a kind."""

    kind: str
    facts: Sequence[Owned]


class Entry(NamedTuple):
    """What has happened on `source`: a session changed or (its id) went, or all that it has of a kind."""

    source: str
    fact: Session | str | Whole

    @classmethod
    def decode(cls, fields: Mapping[bytes, bytes]) -> Self:
        """Raises Strange."""
        try:
            source, event, timestamp = (fields[name].decode() for name in (b"source", b"event", b"timestamp"))
            data = orjson.loads(fields[b"data"])
            if event == REMOVED:
                return cls(_checked(source, source), _Removed.model_validate(data).session_id)
            told = {"computer": source, "created_at": timestamp, "last_activity": timestamp}
            if event == KINDS["sessions"].updated:
                return cls(source, _fact(Session, source, {**told, **data}))
            kind, model = next((kind, row.model) for kind, row in KINDS.items() if row.model and row.whole == event)
            facts = [_fact(model, source, {**told, **one}) for one in data[kind]]
            return cls(_checked(source, data.get("computer", source)), Whole(kind, facts))
        except (KeyError, StopIteration, TypeError, ValueError) as error:  # pydantic's and orjson's are ValueErrors
            raise Strange(f"no entry: {type(error).__name__} in {dict(fields)!r:.200}") from error


def _fact(model: type[F], source: str, data: dict[str, Any]) -> F:
    """What it does not say of itself has happened on its source, and when it was written."""
    fact = model.model_validate(data)
    _checked(source, fact.computer)
    return fact


def _checked(source: str, computer: str) -> str:
    """Nobody speaks for another one."""
    if computer != source or not re.fullmatch(NAME, source):
        raise Strange(f"{source:.100} tells of {computer:.100}")
    return source
