"""The REST calls that read and change a graph: commands, undo and redo, and a short way to each command."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Body, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from pattern_stack.atoms.rest import EventOrigin, error_responses
from pattern_stack.features.sessions.core import commands
from pattern_stack.features.sessions.core.commands import EXAMPLE_ID, Command
from pattern_stack.features.sessions.errors import (
    GraphFull,
    InvalidCommand,
    InvalidParent,
    InvalidProperty,
    NodeFull,
    NodeNotFound,
    NothingToRedo,
    NothingToUndo,
    SessionNotFound,
    SessionsFull,
)
from pattern_stack.features.sessions.rest.bodies import (
    ExecutedAnswer,
    Execution,
    NewChild,
    NewLink,
    NewValue,
    NodeAnswer,
    Tree,
)
from pattern_stack.features.sessions.rest.parameters import (
    JSON,
    CommandKey,
    NodeId,
    SessionId,
    SessionQuery,
    WantGraph,
    both_paths,
)
from pattern_stack.features.sessions.service import Outcome, SessionService

_CREATING = (SessionNotFound, NodeNotFound, InvalidCommand, InvalidParent, GraphFull, SessionsFull)
_LINKING = (SessionNotFound, NodeNotFound, InvalidParent, SessionsFull)


def add_graph_routes(router: APIRouter, sessions: SessionService) -> None:
    _add_command_routes(router, sessions)
    _add_reading_routes(router, sessions)
    _add_node_routes(router, sessions)
    _add_link_routes(router, sessions)


def _examples() -> dict[str, Any]:
    """An example body for each command."""
    found = {}
    for name, command in Command.types.items():
        data = {key: (field.examples or [None])[0] for key, field in command.model_fields.items()}
        value = {"session_id": EXAMPLE_ID, "command_type": name, "data": data}
        found[name] = {"summary": command.__doc__, "value": value}
    return found


def _command(command_type: str, data: dict[str, Any]) -> Command:
    try:
        return Command.of(command_type, data)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=False, include_input=False)
        raise RequestValidationError([{**one, "loc": ("body", "data", *one["loc"])} for one in errors]) from None


def _add_command_routes(router: APIRouter, sessions: SessionService) -> None:
    failures = (*_CREATING, InvalidProperty, NodeFull)

    @router.post(
        "/commands/execute", response_model=ExecutedAnswer, responses=error_responses(*failures), tags=["graph"]
    )
    async def execute_command(
        body: Annotated[Execution, Body(openapi_examples=_examples())],
        key: CommandKey,
        graph: WantGraph = True,
        origin: EventOrigin = None,
    ) -> JSON:
        """Carry out one command. The session's clients get events of its success, and of its failure too."""
        await sessions.check(body.session_id)
        command = _command(body.command_type, body.data)
        return _executed(await sessions.execute(body.session_id, command, origin=origin, key=key, graph=graph))

    @both_paths(router, "POST", "/undo", ExecutedAnswer, SessionNotFound, NothingToUndo, tags=["graph"])
    async def undo(session_id: SessionId, key: CommandKey, graph: WantGraph = True, origin: EventOrigin = None) -> JSON:
        """Take back the last command."""
        return _executed(await sessions.undo(session_id, origin=origin, key=key, graph=graph))

    @both_paths(router, "POST", "/redo", ExecutedAnswer, SessionNotFound, NothingToRedo, tags=["graph"])
    async def redo(session_id: SessionId, key: CommandKey, graph: WantGraph = True, origin: EventOrigin = None) -> JSON:
        """Carry out again what was undone last."""
        return _executed(await sessions.redo(session_id, origin=origin, key=key, graph=graph))


def _add_reading_routes(router: APIRouter, sessions: SessionService) -> None:
    @both_paths(router, "GET", "/graph", Tree, SessionNotFound, tags=["graph"])
    async def session_graph(session_id: SessionId) -> Response:
        """The trees, each node with its children in it."""
        return Response(await sessions.graph(session_id), media_type="application/json")

    @router.get("/graph", response_model=Tree, responses=error_responses(SessionNotFound), tags=["graph"])
    async def graph(session_id: SessionQuery) -> Response:
        """The same, with the session as a query parameter."""
        return await session_graph(session_id)


def _add_node_routes(router: APIRouter, sessions: SessionService) -> None:
    async def node(session_id: str, command: Command, origin: str | None, key: str | None) -> Response:
        return _node(await sessions.execute(session_id, command, origin=origin, key=key))

    @both_paths(router, "POST", "/nodes", NodeAnswer, *_CREATING, status_code=201, tags=["nodes"])
    async def create_node(
        session_id: SessionId, body: commands.CreateNode, key: CommandKey, origin: EventOrigin = None
    ) -> Response:
        """Create a root, or the last child of a node."""
        return _created(await node(session_id, body, origin, key))

    @both_paths(router, "POST", "/nodes/{node_id}/children", NodeAnswer, *_CREATING, status_code=201, tags=["nodes"])
    async def create_child(
        session_id: SessionId, node_id: NodeId, body: NewChild, key: CommandKey, origin: EventOrigin = None
    ) -> Response:
        """Create the last child of a node."""
        command = commands.CreateNode(**body.model_dump(), parent_id=node_id)
        return _created(await node(session_id, command, origin, key))

    @both_paths(
        router,
        "DELETE",
        "/nodes/{node_id}",
        None,
        SessionNotFound,
        NodeNotFound,
        SessionsFull,
        status_code=204,
        tags=["nodes"],
    )
    async def delete_node(session_id: SessionId, node_id: NodeId, key: CommandKey, origin: EventOrigin = None) -> None:
        """Delete the node and all that is under it."""
        await sessions.execute(session_id, commands.DeleteNode(node_id=node_id), origin=origin, key=key)

    @both_paths(
        router, "POST", "/nodes/{node_id}/properties", NodeAnswer, SessionNotFound, NodeNotFound, InvalidProperty,
        NodeFull, GraphFull, SessionsFull,
        tags=["nodes"],
    )  # fmt: skip
    async def set_property(
        session_id: SessionId, node_id: NodeId, body: NewValue, key: CommandKey, origin: EventOrigin = None
    ) -> Response:
        """Set a property. The value of a select is the id of one of its options."""
        command = commands.UpdateProperty.model_construct(node_id=node_id, **dict(body))  # a big value is checked once
        return await node(session_id, command, origin, key)


def _add_link_routes(router: APIRouter, sessions: SessionService) -> None:
    @both_paths(router, "POST", "/nodes/{node_id}/links", NodeAnswer, *_LINKING, tags=["nodes"])
    async def link(
        session_id: SessionId, node_id: NodeId, body: NewLink, key: CommandKey, origin: EventOrigin = None
    ) -> Response:
        """Make a root the last child of the node. The answer is that child."""
        command = commands.LinkNode(parent_id=node_id, child_id=body.child_id)
        return _node(await sessions.execute(session_id, command, origin=origin, key=key))

    @both_paths(router, "DELETE", "/nodes/{node_id}/links/{child_id}", None, *_LINKING, status_code=204, tags=["nodes"])
    async def unlink(
        session_id: SessionId, node_id: NodeId, child_id: NodeId, key: CommandKey, origin: EventOrigin = None
    ) -> None:
        """Make the child the last root."""
        await sessions.execute(
            session_id, commands.UnlinkNode(parent_id=node_id, child_id=child_id), origin=origin, key=key
        )


def _node(outcome: Outcome) -> Response:
    return Response(outcome.node_json, media_type="application/json")


def _created(answer: Response) -> Response:
    answer.status_code = 201
    return answer


def _executed(outcome: Outcome) -> JSON:
    """The answer to a command, an undo or a redo."""
    content = {
        "success": True,
        "command_id": outcome.command_id,
        "node_id": outcome.node_id,
        "graph": outcome.graph and orjson.Fragment(outcome.graph),
        "undo_available": outcome.undo_available,
        "redo_available": outcome.redo_available,
    }
    return JSON({key: value for key, value in content.items() if value is not None})
