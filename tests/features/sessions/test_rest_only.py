"""E: scripts need no socket."""

import asyncio
from typing import Any

import pytest

from pattern_stack.features.sessions import Sessions
from pattern_stack.features.sessions.core.commands import CreateNode, DeleteNode
from tests.features.sessions.world import World, build
from tests.support.patience import PATIENCE


async def test_e1_without_sockets_everything_succeeds_and_is_tracked(world: World) -> None:
    session = await world.session()
    world.clock.move(minutes=1)
    body = {"name": "Mustang", "template_id": "restomod"}
    project = await world.call("POST", f"/sessions/{session}/projects", body, status=201)
    (root,) = project["graph"]["roots"]
    assert (root["name"], root["blueprint_type_id"]) == ("Mustang", "project_root")
    node = await world.node(session, "Body", "phase", root["id"])
    tree = await world.call("GET", f"/graph?session_id={session}")
    assert tree == await world.tree(session) == await world.call("GET", f"/{session}/graph")
    assert tree["roots"][0]["children"] == [{**node, "children": []}]
    now = world.clock.move(minutes=1)
    await world.call("DELETE", f"/{session}/nodes/{node['id']}", status=204)
    info = await world.info(session)
    assert (info["node_count"], info["active_clients"]) == (1, 0)
    assert info["last_activity"] == f"{now:%Y-%m-%dT%H:%M:%S.%f}Z"
    await world.call("DELETE", f"/projects/{project['project_id']}", status=204)
    assert await world.refused("GET", f"/projects/{project['project_id']}") == (404, "PROJECT_NOT_FOUND")
    assert (await world.info(session))["has_project"] is False
    await world.call("DELETE", f"/sessions/{session}", status=204)


async def test_e2_a_script_and_a_client_share_a_session(world: World) -> None:
    session = await world.session()
    (client,) = await world.joined(session, 1)
    await world.node(session, "the script's", origin="script")
    await world.node(session, "the client's", origin="client")
    first, second = (await client.told())[1], (await client.told())[1]
    assert [(one["payload"]["name"], one["origin"]) for one in (first, second)] == [
        ("the script's", "script"),
        ("the client's", "client"),
    ]
    assert client.replica.tree() == await world.tree(session)


@pytest.fixture
def sessions(tmp_path: Any) -> Sessions:
    return build(tmp_path)[1]


async def test_e1_without_a_server_at_all(sessions: Sessions) -> None:
    session = await sessions.projects.create("restomod", "Mustang", sessions.create().id)
    (root,) = session.document.graph.roots
    made = await sessions.execute(session.id, CreateNode(blueprint_type_id="phase", name="Body", parent_id=root))
    assert made.node_id
    assert len(session.document.graph) == 2
    await sessions.execute(session.id, DeleteNode(node_id=made.node_id))
    assert session.document.graph.nodes.keys() == {root}
    await sessions.close(session.id)
    assert sessions.all() == []
    await sessions.projects.close()


async def test_e2_without_a_server_at_all(sessions: Sessions) -> None:
    session = sessions.create()
    heard: list[str | None] = []
    closed = asyncio.Event()

    async def hear(event: str, payload: dict[str, Any]) -> None:
        heard.extend([payload["name"]] if event == "node-created" else [])
        if event == "session-closed":
            closed.set()

    async with await sessions.broadcast.subscribe(session.channel, hear):
        await sessions.execute(session.id, CreateNode(blueprint_type_id="task", name="one"), origin="a")
        await sessions.execute(session.id, CreateNode(blueprint_type_id="task", name="two"), origin="b")
        await sessions.close(session.id)
        await asyncio.wait_for(closed.wait(), PATIENCE)
    assert heard == ["one", "two"]
