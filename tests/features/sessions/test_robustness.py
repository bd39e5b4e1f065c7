"""Calls that are wrong, too big or too deep: clear answers, and nobody else is disturbed."""

import asyncio
from typing import Any

import orjson
import pytest

from tests.features.sessions.world import World

NOBODY = "2f0b8a52-6c1e-4d0f-9c55-0d6a2f6b9f11"
JSON = {"Content-Type": "application/json"}


async def post(world: World, path: str, content: bytes) -> tuple[int, str]:
    answer = await world.http.post(path, content=content, headers=JSON)
    return answer.status_code, answer.json()["error"]["code"]


SESSION_CALLS = [
    ("GET", "/sessions/{id}/info", None),
    ("DELETE", "/sessions/{id}", None),
    ("GET", "/sessions/{id}/graph", None),
    ("GET", "/graph?session_id={id}", None),
    ("POST", "/sessions/{id}/undo", None),
    ("POST", "/sessions/{id}/redo", None),
    ("POST", "/sessions/{id}/projects", {"name": "P", "template_id": "restomod"}),
    ("POST", "/sessions/{id}/project/template", {"template_id": "restomod"}),
    ("POST", "/sessions/{id}/projects/{id}/load", None),
    ("POST", "/sessions/{id}/nodes", {"blueprint_type_id": "t", "name": "N"}),
    ("POST", "/sessions/{id}/nodes/{id}/children", {"blueprint_type_id": "t", "name": "N"}),
    ("DELETE", "/sessions/{id}/nodes/{id}", None),
    ("POST", "/sessions/{id}/nodes/{id}/links", {"child_id": NOBODY}),
    ("DELETE", "/sessions/{id}/nodes/{id}/links/{id}", None),
    ("POST", "/sessions/{id}/nodes/{id}/properties", {"property_id": "p", "value": 1}),
    ("POST", "/commands/execute", {"session_id": NOBODY, "command_type": "DeleteNode", "data": {"node_id": NOBODY}}),
]


@pytest.mark.parametrize(("method", "path", "body"), SESSION_CALLS, ids=lambda part: part if type(part) is str else "")
async def test_an_unknown_session(world: World, method: str, path: str, body: Any) -> None:
    for id in (NOBODY, "nothing"):
        assert await world.refused(method, path.replace("{id}", id), body) == (404, "SESSION_NOT_FOUND")


async def test_both_forms_of_a_path_are_there(world: World) -> None:
    """All but info, and loading, which has ids enough."""
    for method, path, body in SESSION_CALLS:
        if not path.startswith("/sessions/{id}/"):
            continue
        short = path.removeprefix("/sessions").replace("{id}", NOBODY)
        starred = not path.endswith(("/info", "/load"))
        expected = (404, "SESSION_NOT_FOUND") if starred else (404, "NOT_FOUND")
        assert await world.refused(method, short, body) == expected, short


async def test_the_short_form_matches_uuids_alone(world: World) -> None:
    assert await world.refused("GET", "/nothing/graph") == (404, "NOT_FOUND")
    assert await world.refused("POST", "/templates/undo") == (404, "NOT_FOUND")
    assert (await world.call("GET", "/templates"))["total"] == 1


async def test_unknown_nodes_projects_and_templates(world: World) -> None:
    session = await world.session()
    for id in (NOBODY, "nothing"):
        for method, path, body in SESSION_CALLS:
            if "/nodes/{id}" in path:
                url = path.replace("{id}", session, 1).replace("{id}", id)
                assert await world.refused(method, url, body) == (404, "NODE_NOT_FOUND")
        assert await world.refused("POST", f"/sessions/{session}/projects/{id}/load") == (404, "PROJECT_NOT_FOUND")
        for method, path in [("GET", ""), ("DELETE", ""), ("POST", "/save")]:
            assert await world.refused(method, f"/projects/{id}{path}") == (404, "PROJECT_NOT_FOUND")
        assert await world.refused("GET", f"/templates/{id}/schema") == (404, "TEMPLATE_NOT_FOUND")
    for path, body in [
        ("/projects", {"project_name": "P"}),
        (f"/{session}/projects", {"name": "P"}),
        (f"/{session}/project/template", {}),
    ]:
        assert await world.refused("POST", path, {**body, "template_id": "x"}) == (404, "TEMPLATE_NOT_FOUND")
    assert len(world.sessions.all()) == 1


async def test_what_the_framework_refuses_has_the_same_form(world: World) -> None:
    assert await world.refused("GET", "/nowhere") == (404, "NOT_FOUND")
    assert await world.refused("PUT", "/sessions") == (405, "METHOD_NOT_ALLOWED")


WRONG: list[bytes] = [
    b"",
    b"{",
    b"null",
    b"[]",
    b'"x"',
    b"{}",
    b'{"blueprint_type_id": "t"}',
    b'{"blueprint_type_id": "t", "name": null}',
    b'{"blueprint_type_id": "t", "name": 5}',
    b'{"blueprint_type_id": "t", "name": ""}',
    b'{"blueprint_type_id": "", "name": "N"}',
    b'{"blueprint_type_id": "t", "name": "N", "parent_id": 7}',
    b'{"blueprint_type_id": "t", "name": "N", "colour": "red"}',
    b'{"blueprint_type_id": "t", "name": "N", "\\ud800": 1}',
    b'{"blueprint_type_id": "t", "name": "\\ud800"}',
    b'{"blueprint_type_id": "\\udfff", "name": "N"}',
    b'{"blueprint_type_id": "t", "name": "' + b"N" * 1001 + b'"}',
    b'{"blueprint_type_id": "t", "name": "\xff"}',
    b'{"x":' * 5_000 + b"1" + b"}" * 5_000,
    b"{" + b",".join(b'"k%d":1' % number for number in range(10_000)) + b"}",
]


@pytest.mark.parametrize("content", WRONG, ids=range(len(WRONG)))
async def test_bodies_that_do_not_validate(world: World, content: bytes) -> None:
    session = await world.session()
    assert await post(world, f"/{session}/nodes", content) == (422, "VALIDATION_ERROR")
    assert await world.tree(session) == {"roots": []}


@pytest.mark.parametrize(
    "value",
    [
        b"NaN",
        b"-Infinity",
        b"1e999",
        b"1" * 30,
        b"1" * 5000,
        b'"\\ud800"',
        b'{"\\ud800": 1}',
        b"[" * 33 + b"]" * 33,
        b"[" * 400 + b"]" * 400,
        b"[" * 20_000 + b"]" * 20_000,
    ],
    ids=range(10),
)
async def test_values_that_no_client_could_read(world: World, value: bytes) -> None:
    session = await world.session()
    node = (await world.node(session))["id"]
    setting = b'{"property_id": "p", "value": %b}' % value
    assert (await post(world, f"/{session}/nodes/{node}/properties", setting))[0] == 422
    data = b'{"node_id": "%b", "property_id": "p", "value": %b}' % (node.encode(), value)
    execution = b'{"session_id": "%b", "command_type": "UpdateProperty", "data": %b}' % (session.encode(), data)
    assert (await post(world, "/commands/execute", execution))[0] == 422
    assert (await world.tree(session))["roots"][0]["properties"] == {}


@pytest.mark.parametrize("value", [None, 0, -0.5, "", "\x00\u2028", [[]] * 9, {"a": {"b": [1, "x", None]}}, 2**63 - 1])
async def test_without_a_template_a_value_is_any_other_json(world: World, value: Any) -> None:
    session = await world.session()
    (one,) = await world.joined(session, 1)
    node = (await world.node(session))["id"]
    answer = await world.call("POST", f"/{session}/nodes/{node}/properties", {"property_id": "p", "value": value})
    assert answer["properties"] == {"p": value}
    await one.told()
    await one.told()
    assert one.replica.tree() == await world.tree(session)


@pytest.mark.parametrize(
    "path", ["/{id}/nodes", "/projects", "/commands/execute", "/sessions/cleanup", "/{id}/projects"]
)
async def test_a_body_of_ten_megabytes(world: World, path: str) -> None:
    session = await world.session()
    body = orjson.dumps({"blueprint_type_id": "t", "name": "N" * 10_000_000})
    assert await post(world, path.replace("{id}", session), body) == (413, "PAYLOAD_TOO_LARGE")


async def test_a_body_where_none_is_asked_for_is_passed_over(world: World) -> None:
    session = await world.session()
    await world.node(session)
    answer = await world.http.post(f"/{session}/undo", content=b"x" * 10_000_000, headers=JSON)
    assert answer.status_code == 200


@pytest.mark.parametrize("hours", [-1, "x", None, [1], 1e400])
async def test_hours_that_are_none(world: World, hours: Any) -> None:
    await world.session()
    content = orjson.dumps({"max_inactive_hours": hours}) if hours != 1e400 else b'{"max_inactive_hours": 1e400}'
    assert await post(world, "/sessions/cleanup", content) == (422, "VALIDATION_ERROR")
    huge = b'{"max_inactive_hours": %b}' % (b"9" * 400)
    assert await post(world, "/sessions/cleanup", huge) == (422, "VALIDATION_ERROR")
    assert len(world.sessions.all()) == 1


async def test_ten_thousand_nodes(world: World) -> None:
    """Built in doubling kits; the answers stay right, the client is told to refresh, and another session is not held up."""
    session, other = await world.session(), await world.session()
    (one,), (bystander,) = await world.joined(session, 1), await world.joined(other, 1)
    top = (await world.node(session, "top"))["id"]
    await world.node(session, "first", parent=top)
    nodes = 2
    while nodes < 10_000:
        await world.execute(session, "ApplyKit", target_id=top, kit_root_id=top)
        nodes = 2 * nodes - 1
    assert (await world.info(session))["node_count"] == nodes
    await world.node(other, "a marker")
    await bystander.told()
    await world.execute(session, "DeleteNode", node_id=top)
    assert await world.tree(session) == {"roots": []}
    await world.call("POST", f"/{session}/undo?graph=false")
    big = await world.tree(session)
    assert len(big["roots"][0]["children"]) == nodes - 1
    await one.until(lambda event: event.get("event") == "undo")
    assert [event for event in one.inbox if event["event"] == "graph-changed"]
    one.inbox.clear()
    await one.send({"refresh": [f"session:{session}"]})
    assert (await one.event())["payload"]["graph"] == big


async def test_a_graph_is_bounded(world: World) -> None:
    session = await world.session()
    top = (await world.node(session, "top"))["id"]
    await world.node(session, "first", parent=top)
    kit = {"session_id": session, "command_type": "ApplyKit", "data": {"target_id": top, "kit_root_id": top}}
    codes = []
    while not codes or codes[-1] == 200:
        codes.append((await world.http.post("/commands/execute?graph=false", json=kit)).status_code)
    assert len(codes) < 20
    assert await world.refused("POST", "/commands/execute", kit) == (409, "GRAPH_FULL")


async def test_few_small_calls_make_no_graph_that_a_server_cannot_hold(world: World) -> None:
    """One big value and seven kits come to 31 MB, and seven more would come to 4 GB."""
    session = await world.session()
    top = (await world.node(session, "top"))["id"]
    heavy = (await world.node(session, "heavy", parent=top))["id"]
    await world.call("POST", f"/{session}/nodes/{heavy}/properties", {"property_id": "p", "value": "x" * 240_000})
    kit = {"session_id": session, "command_type": "ApplyKit", "data": {"target_id": top, "kit_root_id": top}}
    for _ in range(7):
        assert (await world.http.post("/commands/execute?graph=false", json=kit)).status_code == 200
    before = await world.info(session)
    assert await world.refused("POST", "/commands/execute?graph=false", kit) == (409, "GRAPH_FULL")
    assert (await world.info(session))["node_count"] == before["node_count"] == 129
    await world.node(session, "small ones go on")
    await world.execute(session, "ApplyKit", target_id=top, kit_root_id=heavy)


async def test_events_that_would_not_fit_are_told_as_one(world: World) -> None:
    """Clients refresh, and find everything."""
    session = await world.session()
    (one,) = await world.joined(session, 1)
    node = (await world.node(session))["id"]
    for number in range(8):
        body = {"property_id": f"p{number}", "value": "x" * 200_000}
        await world.call("POST", f"/{session}/nodes/{node}/properties", body)
    await world.call("DELETE", f"/{session}/nodes/{node}", status=204)
    for _ in range(10):
        await one.told()
    await world.call("POST", f"/{session}/undo?graph=false")
    assert [event["event"] for event in await one.told("undo")] == ["graph-changed", "undo"]
    await one.send({"refresh": [f"session:{session}"]})
    assert (await one.event())["payload"]["graph"] == await world.tree(session)


async def test_commands_of_many_sessions_at_once(world: World) -> None:
    sessions = await asyncio.gather(*(world.session() for _ in range(20)))
    await asyncio.gather(*(world.node(session, f"{n}") for session in sessions for n in range(10)))
    for session in sessions:
        assert len((await world.tree(session))["roots"]) == 10
