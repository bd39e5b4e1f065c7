"""/asyncapi.json describes what flows, in a form that the specification and its tools take."""

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import httpx2
import jsonschema_rs
import pytest
from fastapi import FastAPI

from pattern_stack import Channel, WebSocketBroadcastBackend
from pattern_stack.atoms.broadcast.asyncapi.document import document_of
from tests.support.process import ROOT
from tests.support.programs import program
from tests.types import shop

Document = dict[str, Any]

PARSER = "@asyncapi/parser@3.6.6"
PARSE = """
const { Parser } = require("@asyncapi/parser")
new Parser().parse(require("fs").readFileSync(0, "utf8")).then(({ diagnostics }) => console.log(JSON.stringify(diagnostics)))
"""


async def fetched(app: FastAPI, path: str) -> httpx2.Response:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="https://shop.example") as client:
        return await client.get(path)


async def described(app: FastAPI) -> Document:
    found: Document = (await fetched(app, "/api/asyncapi.json")).json()
    return found


def at(document: Document, reference: dict[str, str]) -> Any:
    """What a `$ref` stands for."""
    found: Any = document
    for part in httpx2.URL(f"http://x/{reference['$ref']}").fragment.removeprefix("/").split("/"):
        found = found[part.replace("~1", "/").replace("~0", "~")]
    return found


def validator(document: Document, schema: Document) -> jsonschema_rs.Draft7Validator:
    return jsonschema_rs.Draft7Validator({**schema, "components": document["components"]}, validate_formats=True)


async def test_it_is_valid_by_the_schema_of_the_specification() -> None:
    package = ROOT / "clients" / "typescript" / "node_modules" / "@asyncapi" / "specs"
    if not package.exists():
        pytest.fail("the packages of the TypeScript client are not installed: run `make client`", pytrace=False)
    of_specification = json.loads((package / "schemas" / "3.0.0.json").read_text())
    assert [
        str(one) for one in jsonschema_rs.Draft7Validator(of_specification).iter_errors(await described(shop.app))
    ] == []


@pytest.mark.soak
def test_the_parser_of_asyncapi_has_nothing_to_say(tmp_path: Path) -> None:
    install = [program("npm"), "install", "--prefix", tmp_path, "--ignore-scripts", "--silent", PARSER]
    subprocess.run(install, check=True)
    text = json.dumps(asyncio.run(described(shop.app)))
    found = subprocess.run(["node", "-e", PARSE], cwd=tmp_path, input=text, capture_output=True, text=True, check=True)
    # it advises 3.1
    said = [one["message"] for one in json.loads(found.stdout) if one["code"] != "asyncapi-latest-version"]
    assert said == []


async def test_it_names_the_application_and_where_its_lanes_are() -> None:
    document = await described(shop.app)
    assert (document["asyncapi"], document["info"]) == ("3.0.0", {"title": "Shop", "version": "2.1"})
    assert document["servers"] == {
        "websocket": {"host": "shop.example", "pathname": "/api/live/ws/broadcast", "protocol": "wss"},
        "sse": {"host": "shop.example", "pathname": "/api/sse/broadcast", "protocol": "https"},
    }


async def test_messages_are_whole_frames_named_like_their_events() -> None:
    document = await described(shop.app)
    orders = document["channels"]["orders-tenant"]
    assert (orders["address"], orders["description"]) == ("orders:{tenant}", "The orders of one tenant.")
    assert list(orders["parameters"]) == ["tenant"]
    operation = document["operations"]["orders-tenant.events"]
    assert (operation["action"], at(document, operation["channel"])) == ("send", orders)
    assert [at(document, one)["name"] for one in operation["messages"]] == ["created", "removed", "paid"]
    removed = orders["messages"]["removed"]
    frame = {"channel": "orders:a", "event": "removed", "payload": {"id": str(shop.UUID(int=1)), "reason": None}}
    whole = {**frame, "offset": 1, "timestamp": "2026-01-02T00:00:00.123456Z", "origin": "x"}
    check = validator(document, removed["payload"])
    assert check.is_valid(whole)
    assert not check.is_valid({**whole, "event": "created"})
    assert not check.is_valid({**whole, "payload": {"id": "x"}})
    assert orders["messages"]["created"]["description"].startswith("A customer has placed an order.")


async def test_commands_have_their_results_as_replies() -> None:
    document = await described(shop.app)
    cancel = document["operations"]["orders-tenant.command.cancel"]
    assert (cancel["action"], cancel["description"]) == ("receive", "Cancel an order that has not been shipped.")
    (sent,) = [at(document, one) for one in cancel["messages"]]
    payload = {"id": str(shop.UUID(int=1)), "payment": {"kind": "card", "last_four": "1234"}}
    check = validator(document, sent["payload"])
    assert check.is_valid({"send": "orders:a", "event": "cancel", "payload": payload, "id": 1})
    assert not check.is_valid({"send": "orders:a", "event": "cancel"})
    assert not check.is_valid(
        {"send": "orders:a", "event": "cancel", "payload": {**payload, "payment": {"kind": "cash"}}}
    )
    result, error = [at(document, one) for one in cancel["reply"]["messages"]]
    check = validator(document, result["payload"])
    assert check.is_valid({"id": 1, "result": {"refund": "1.5", "status": "new"}})
    assert not check.is_valid({"id": 1, "result": {"refund": "1.5"}})
    assert validator(document, error["payload"]).is_valid({"id": 1, "error": {"code": "taken", "message": "taken"}})
    listed = document["channels"]["orders-tenant"]["messages"]["command.list"]
    assert validator(document, listed["payload"]).is_valid({"send": "orders:a", "event": "list"})


async def test_snapshots_presence_and_undeclared_events_are_there_too() -> None:
    channels = (await described(shop.app))["channels"]
    assert list(channels["room-room_id"]["messages"]) == [
        "said", "snapshot", "presence-joined", "presence-left", "presence-state",
    ]  # fmt: skip
    assert channels["files-name-path"]["parameters"]["name"]["x-path"]
    assert channels["files-name-path"]["address"] == "files:{name}"
    assert channels["news"]["x-undeclared-events"]


def test_channels_with_one_spelling_get_names_of_their_own() -> None:
    backend = WebSocketBroadcastBackend(bridge=None)
    for pattern in ("a:{b}", "a-{b}"):
        backend.channel(pattern, events={"x": dict})(Channel)
    assert list(document_of(backend._channels, title="", version="")["channels"]) == ["a-b", "a-b_"]


async def test_what_is_declared_later_is_in_it() -> None:
    app, backend = FastAPI(), WebSocketBroadcastBackend(bridge=None)
    app.include_router(backend.get_router(), prefix="/api")
    assert (await described(app))["channels"] == {}
    backend.channel("news")(Channel)
    assert list((await described(app))["channels"]) == ["news"]


async def test_none_switches_it_off_and_another_path_moves_it() -> None:
    app = FastAPI()
    app.include_router(WebSocketBroadcastBackend(bridge=None).get_router(asyncapi=None))
    app.include_router(WebSocketBroadcastBackend(bridge=None).get_router("/b", sse=None, asyncapi="/events/about"))
    app.include_router(WebSocketBroadcastBackend(bridge=None).get_router("/c", asyncapi="/others"))
    for path in ("/asyncapi", "/asyncapi.json", "/asyncapi/pages/style.css"):
        assert (await fetched(app, path)).status_code == 404
    assert list((await fetched(app, "/events/about.json")).json()["servers"]) == ["websocket"]
    assert 'href="about/pages/style.css"' in (await fetched(app, "/events/about")).text
    assert 'href="others/pages/style.css"' in (await fetched(app, "/others")).text
    assert (await fetched(app, "/events/about/pages/style.css")).status_code == 200
    assert "/events/about" not in (await fetched(app, "/openapi.json")).text


def test_an_event_that_is_declared_takes_the_place_of_the_one_that_every_such_channel_has() -> None:
    backend = WebSocketBroadcastBackend(bridge=None)
    backend.channel("a", presence=True, events={"presence-joined": shop.Line})(Channel)
    messages = document_of(backend._channels, title="", version="")["channels"]["a"]["messages"]
    assert list(messages) == ["presence-joined", "presence-left", "presence-state"]
