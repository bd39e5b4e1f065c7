"""What the routes share: their parameters, the two paths of a call, and JSON answers."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import orjson
from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from pydantic import BaseModel, BeforeValidator

from pattern_stack.atoms.rest import error_responses
from pattern_stack.errors import ServiceError
from pattern_stack.features.sessions.core.commands import EXAMPLE_ID, canonical

F = TypeVar("F", bound=Callable[..., Any])

SessionId = Annotated[str, BeforeValidator(canonical), Path(examples=[EXAMPLE_ID])]
NodeId = Annotated[str, BeforeValidator(canonical), Path(examples=[EXAMPLE_ID])]
ProjectId = Annotated[str, BeforeValidator(canonical), Path(examples=[EXAMPLE_ID])]
TemplatePath = Annotated[str, Path(examples=["restomod"])]
SessionQuery = Annotated[str, BeforeValidator(canonical), Query(examples=[EXAMPLE_ID])]
_CommandId = Annotated[
    str | None,
    Header(
        alias="X-Command-Id",
        min_length=1,
        max_length=200,
        description="A repeat with the same one, within 300 s, does nothing and is answered as the first call was.",
    ),
]


def _command_key(request: Request, command_id: _CommandId = None) -> str | None:
    """Each user has ids of its own, where create_app() asks who calls: nobody is answered with what somebody else did."""
    user = getattr(request.state, "user_key", None)
    return command_id if command_id is None or user is None else f"{user}\n{command_id}"


CommandKey = Annotated[str | None, Depends(_command_key)]
"""By the header that makes a repeat of a call safe."""
WantGraph = Annotated[bool, Query(alias="graph", description="false: the answer is without the graph")]


class JSON(Response):
    """The content as orjson encodes it. Bytes in an `orjson.Fragment` are copied as they are."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content)


def both_paths(
    router: APIRouter, method: str, path: str, model: type[BaseModel] | None, *kinds: type[ServiceError], **route: Any
) -> Callable[[F], F]:
    """Decorates a call that is reached under `/sessions/{session_id}` and under the id alone.

    The short path matches uuids only, so that it shadows no other path.
    """

    def add(call: F) -> F:
        for prefix in ("/sessions/{session_id}", "/{session_id:uuid}"):
            router.add_api_route(
                f"{prefix}{path}",
                call,
                methods=[method],
                response_model=model,
                responses=error_responses(*kinds),
                **route,
            )
        return call

    return add
