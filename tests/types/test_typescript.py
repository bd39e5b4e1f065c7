"""The types that are written for TypeScript. `clients/typescript/test/typed` compiles them, with right uses and with mistakes."""

import subprocess
from typing import Any, NotRequired

import pytest
from fastapi import APIRouter, FastAPI
from pydantic import BaseModel, ConfigDict, Field, RootModel
from typing_extensions import TypedDict

from pattern_stack import Channel, WebSocketBroadcastBackend
from pattern_stack.types.application import NoApplication, document_at
from pattern_stack.types.typescript import typescript_of
from tests.support.process import BIN, ROOT

COMPILED = ROOT / "clients" / "typescript" / "test" / "typed" / "channels.ts"


def test_the_command_writes_what_the_compiler_checks() -> None:
    """Where this fails on purpose: run the command, and commit the file."""
    command = [BIN / "pattern-stack", "types", "tests.types.shop:app"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout == COMPILED.read_text()


class Tree(RootModel[dict[str, "Tree"]]): ...


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")

    first: int


class Row(TypedDict):
    """A row."""

    id: int
    note: NotRequired[str]


class Old(BaseModel):
    gone: int | None = Field(None, deprecated=True, description="Of old.")


def written(**events: Any) -> str:
    backend = WebSocketBroadcastBackend(bridge=None)
    backend.channel("a", events=events)(Channel)
    app = FastAPI()
    app.include_router(backend.get_router())
    globals()["made"] = app
    return typescript_of(document_at(f"{__name__}:made"))


@pytest.mark.parametrize(
    ("type", "lines"),
    [
        (Tree, ["x: Tree;", "export type Tree = { [key: string]: Tree };"]),
        (Open, ["export interface Open {", "  first: number;", "  [key: string]: unknown;"]),
        (Row, ["/** A row. */", "  id: number;", "  note?: string;"]),
        (Old, ["   * Of old.", "   * @deprecated", "  gone?: number | null;"]),
        (dict[str, list[int | None]], ["    x: { [key: string]: (number | null)[] };"]),
        (dict, ["    x: { [key: string]: unknown };"]),
        (Open | Row, ["    x: Open | Row;"]),
    ],
)
def test_a_type_is_written_as(type: Any, lines: list[str]) -> None:
    text = written(x=type)
    for line in lines:
        assert f"{line}\n" in text


def test_names_that_are_taken_or_reserved_are_changed() -> None:
    class Channels(BaseModel):
        x: int

    class A(Channel): ...

    class AChannel(BaseModel):
        y: int

    backend = WebSocketBroadcastBackend(bridge=None)
    backend.channel("a:{x}-{y}", events={"x": Channels, "y": AChannel})(A)
    backend.channel("b", events={})(A)
    app = FastAPI()
    app.include_router(backend.get_router())
    globals()["made"] = app
    text = typescript_of(document_at(f"{__name__}:made"))
    assert "  AChannel,\n  AChannel_,\n" in text
    assert "export interface Channels_ {" in text
    assert "export interface AChannel__ {" in text
    assert "    y: AChannel__;" in text


def test_all_backends_of_an_application_are_in_it_wherever_their_routers_are() -> None:
    app, inner = FastAPI(), APIRouter()
    for name, router in (("one", app), ("two", inner), ("three", inner)):
        backend = WebSocketBroadcastBackend(bridge=None)
        backend.channel(name, events={})(Channel)
        router.include_router(backend.get_router(f"/{name}", asyncapi=None), prefix="/x")
    app.include_router(inner, prefix="/y")
    globals()["made"] = app
    channels = document_at(f"{__name__}:made")["channels"].values()
    assert [channel["address"] for channel in channels] == ["one", "two", "three"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("main", "not of the form MODULE:APP"),
        ("no_such_module:app", "there is no module no_such_module"),
        ("tests.types.shop:nothing", "has no nothing"),
        ("tests.types.shop:Line", "no broadcast.get_router()"),
        ("fastapi:FastAPI", "no broadcast.get_router()"),
    ],
)
def test_a_name_without_an_application_is_refused_with_the_reason(name: str, said: str) -> None:
    with pytest.raises(NoApplication, match="^.*" + said.replace("(", r"\(").replace(")", r"\)")):
        document_at(name)


def test_only_some_channels_and_what_they_need() -> None:
    found = document_at("tests.types.shop:app", only=["room:{room_id}"])
    assert (list(found["channels"]), list(found["components"]["schemas"])) == (["room-room_id"], ["Line"])
    with pytest.raises(NoApplication, match="declares no channel rooms"):
        document_at("tests.types.shop:app", only=["rooms"])


def test_a_backend_and_a_factory_are_taken_too() -> None:
    assert document_at("tests.types.shop:backend")["channels"] == document_at("tests.types.shop:made")["channels"]
