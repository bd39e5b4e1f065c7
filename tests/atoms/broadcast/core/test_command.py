"""Commands as they are declared, and what goes in and out of them."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel, ConfigDict, Field

from pattern_stack import Channel, Connection, WebSocketBroadcastBackend, command
from pattern_stack.atoms.broadcast.core.channels import Channels
from pattern_stack.atoms.broadcast.core.command import CommandMethod
from pattern_stack.atoms.broadcast.core.command_error import CommandError
from pattern_stack.atoms.broadcast.core.history import History


class Rename(BaseModel):
    model_config = ConfigDict(strict=True)
    title: str = Field(min_length=1)
    when: datetime | None = None


class Renamed(BaseModel):
    title: str = Field(alias="newTitle")


def declared(method: Callable[..., Any], pattern: str = "room:{room_id}") -> CommandMethod:
    channels = Channels(History())
    channels.add(pattern, type("Room", (Channel,), {"rename": method})(), None, False, False)
    found = channels.match("room:7")
    assert found
    return found[0].commands["rename"]


def taking(annotation: Any, result: Any = Any) -> CommandMethod:
    async def rename(self: Channel, connection: Connection, payload: Any, room_id: str) -> Any: ...

    rename.__annotations__.update(payload=annotation)
    rename.__annotations__["return"] = result
    return declared(command("rename")(rename))


# -- declared


async def no_payload(self: Channel, connection: Connection, room_id: str) -> None: ...
async def no_annotation(self: Channel, connection: Connection, payload, room_id: str) -> None: ...  # type: ignore[no-untyped-def]
async def another_parameter(self: Channel, connection: Connection, payload: dict[str, Any], name: str) -> None: ...
async def no_parameter(self: Channel, connection: Connection, payload: dict[str, Any]) -> None: ...
async def of_a_class_that_pydantic_cannot_read(
    self: Channel, connection: Connection, payload: Channels, room_id: str
) -> None: ...
async def of_an_unknown_class(self: Channel, connection: Connection, payload: "Missing", room_id: str) -> None: ...  # type: ignore[name-defined]  # noqa: F821
async def a_generator(self: Channel, connection: Connection, payload: dict[str, Any], room_id: str) -> Any:
    yield 1


@pytest.mark.parametrize(
    ("method", "says"),
    [
        (no_payload, "has to take \\(connection, payload, room_id\\)"),
        (no_annotation, "annotation of its payload"),
        (another_parameter, "has to take"),
        (no_parameter, "has to take"),
        (of_a_class_that_pydantic_cannot_read, "pydantic cannot read"),
        (of_an_unknown_class, "annotations of Room.rename cannot be read"),
        (a_generator, "coroutine function or a plain function"),
    ],
)
def test_a_wrong_declaration_is_a_type_error(method: Any, says: str) -> None:
    with pytest.raises(TypeError, match=says):
        declared(command("rename")(method))


@pytest.mark.parametrize("name", ["", "a\n", "x" * 201, None, no_payload])
def test_a_command_has_a_name(name: Any) -> None:
    with pytest.raises(TypeError, match="a command has a name"):
        command(name)


def test_two_commands_of_one_name() -> None:
    class Room(Channel):
        @command("rename")
        async def one(self, connection: Connection, payload: Rename, room_id: str) -> None: ...

        @command("rename")
        async def two(self, connection: Connection, payload: Rename, room_id: str) -> None: ...

    with pytest.raises(TypeError, match="two commands 'rename'"):
        WebSocketBroadcastBackend().channel("room:{room_id}")(Room)


def test_commands_are_inherited() -> None:
    class Base(Channel):
        @command("rename")
        def rename(self, connection: Connection, payload: Rename, room_id: str) -> None: ...

    class Room(Base): ...

    channels = Channels(History())
    channels.add("room:{room_id}", Room(), None, False, False)
    found = channels.match("room:7")
    assert found
    assert found[0].commands["rename"].plain


# -- in


def refusal(method: CommandMethod, payload: object) -> str:
    with pytest.raises(CommandError) as refused:
        method.read(json.dumps(payload).encode())
    assert refused.value.code == "invalid_payload"
    return refused.value.message


def test_what_validates() -> None:
    read = taking(Rename).read(b'{"title": "x", "when": "2026-11-21T07:00:00Z"}')
    assert read == Rename(title="x", when=datetime(2026, 11, 21, 7, tzinfo=UTC))
    assert taking(dict).read(b'{"a": [1, null]}') == {"a": [1, None]}
    assert taking(Rename | None).read(b"null") is None


def test_the_message_names_the_field() -> None:
    assert refusal(taking(Rename), {}).startswith("title: ")
    assert refusal(taking(Rename), {"title": 7}).startswith("title: ")
    assert "when: " in refusal(taking(Rename), {"title": "x", "when": "soon"})
    assert refusal(taking(list[Rename]), [{"title": "x"}, {}]).startswith("1.title: ")
    assert refusal(taking(dict), [1]).startswith("payload: ")
    assert refusal(taking(Rename), None).startswith("payload: ")


def test_a_message_is_short_and_quotes_nothing_of_the_payload() -> None:
    text = refusal(taking(list[int]), ["secret" * 100] * 100)
    assert len(text) <= 500
    assert "secret" not in text


# -- out


@dataclass
class Point:
    x: int


@pytest.mark.parametrize(
    ("result", "wire"),
    [
        (None, None),
        (Renamed(newTitle="x"), {"newTitle": "x"}),
        ([Renamed(newTitle="x"), Point(1)], [{"newTitle": "x"}, {"x": 1}]),
        (
            {"id": UUID(int=1), "when": datetime(2026, 11, 21, tzinfo=UTC)},
            {"id": str(UUID(int=1)), "when": "2026-11-21T00:00:00Z"},
        ),
        ((1, "a", 1.5, True), [1, "a", 1.5, True]),
        ({1: {2}}, {"1": [2]}),
    ],
)
def test_what_comes_out(result: Any, wire: Any) -> None:
    assert json.loads(taking(dict).write(result)) == {"result": wire}


@pytest.mark.parametrize("result", [float("nan"), {"x": float("inf")}, object(), 2**70, {"x": {"y": object()}}])
def test_what_is_no_json(result: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        taking(dict).write(result)


def test_a_result_is_what_it_is_declared_to_be() -> None:
    method = taking(dict, Renamed)
    assert json.loads(method.write({"newTitle": "x", "secret": 1})) == {"result": {"newTitle": "x"}}
    with pytest.raises(ValueError, match="newTitle"):
        method.write({})
