"""What the calls of sessions have in common: parameters of paths, both forms of a path, and how they answer."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import orjson
from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, BeforeValidator

from pattern_stack.atoms.rest import refusals
from pattern_stack.errors import ServiceError
from pattern_stack.features.sessions.commands import EXAMPLE_ID, canonical

if TYPE_CHECKING:
    from pattern_stack.features.sessions.service import Outcome

F = TypeVar("F", bound=Callable[..., Any])

SessionId = Annotated[str, BeforeValidator(canonical), Path(examples=[EXAMPLE_ID])]
NodeId = Annotated[str, BeforeValidator(canonical), Path(examples=[EXAMPLE_ID])]
ProjectId = Annotated[str, BeforeValidator(canonical), Path(examples=[EXAMPLE_ID])]
TemplatePath = Annotated[str, Path(examples=["restomod"])]
SessionQuery = Annotated[str, BeforeValidator(canonical), Query(examples=[EXAMPLE_ID])]
WantGraph = Annotated[bool, Query(alias="graph", description="false: the answer comes without the graph")]


class JSON(Response):
    """What orjson makes of the content; bytes in an `orjson.Fragment` go as they are."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content)


def answers(*kinds: type[ServiceError]) -> dict[int | str, dict[str, Any]]:
    """The errors of a call, for OpenAPI."""
    return refusals(*kinds)


def both(
    router: APIRouter, method: str, path: str, model: type[BaseModel] | None, *kinds: type[ServiceError], **route: Any
) -> Callable[[F], F]:
    """The call under `sessions/{session_id}` and under the id alone. The short form matches uuids, and shadows nothing."""

    def add(call: F) -> F:
        for prefix in ("/sessions/{session_id}", "/{session_id:uuid}"):
            router.add_api_route(
                f"{prefix}{path}", call, methods=[method], response_model=model, responses=answers(*kinds), **route
            )
        return call

    return add


def executed(outcome: "Outcome") -> JSON:
    """The answer to a command, an undo and a redo."""
    told = {
        "success": True,
        "command_id": outcome.command_id,
        "node_id": outcome.node_id,
        "graph": outcome.graph and orjson.Fragment(outcome.graph),
        "undo_available": outcome.undo_available,
        "redo_available": outcome.redo_available,
    }
    return JSON({key: value for key, value in told.items() if value is not None})
