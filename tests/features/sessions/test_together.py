"""F: several people at work."""

import asyncio
import random
from contextlib import suppress
from typing import Any

from pattern_stack.errors import ServiceError
from pattern_stack.features.sessions.core.commands import Command, DeleteNode
from pattern_stack.features.sessions.errors import NothingToRedo, NothingToUndo
from tests.features.sessions.random_commands import random_command
from tests.features.sessions.world import World


async def test_f1_three_clients_build_one_project(world: World) -> None:
    session = await world.session()
    clients = await world.joined(session, 3)
    body = {"name": "Mustang", "template_id": "restomod"}
    project = await world.call("POST", f"/{session}/projects", body, status=201, origin="one")
    (top,) = project["graph"]["roots"]
    phase = await world.node(session, "Body", "phase", origin="two")
    job = {"blueprint_type_id": "job", "name": "Doors"}
    child = await world.call("POST", f"/{session}/nodes/{phase['id']}/children", job, status=201, origin="three")
    await world.call("POST", f"/{session}/nodes/{top['id']}/links", {"child_id": phase["id"]}, origin="one")
    value = {"property_id": "estimated_hours", "value": 12.5}
    await world.call("POST", f"/{session}/nodes/{child['id']}/properties", value, origin="two")
    logs = [
        await one.told("project-created") + [event for _ in range(4) for event in await one.told()] for one in clients
    ]
    assert logs[0] == logs[1] == logs[2]
    told = [(event["event"], event["origin"]) for event in logs[0] if "command" not in event["event"]]
    assert told == [
        ("project-created", "one"),
        ("node-created", "two"),
        ("node-created", "three"),
        ("node-linked", "one"),
        ("property-changed", "two"),
    ]
    final = await world.tree(session)
    assert [one.replica.tree() for one in clients] == [final] * 3
    assert final["roots"][0]["children"][0]["children"][0]["properties"]["estimated_hours"] == 12.5


async def test_f2_undo_and_redo_reach_both_and_the_node_keeps_its_id(world: World) -> None:
    session = await world.session()
    one, two = await world.joined(session, 2)
    node = await world.node(session)
    await one.told()
    await two.told()
    undone = await world.call("POST", f"/sessions/{session}/undo")
    assert (undone["success"], undone["undo_available"], undone["redo_available"]) == (True, False, True)
    assert (undone["graph"], undone["node_id"]) == ({"roots": []}, node["id"])
    redone = await world.call("POST", f"/{session}/redo?graph=false")
    assert "graph" not in redone
    assert redone["command_id"] == undone["command_id"]
    assert (await world.tree(session))["roots"] == [node]
    for client in (one, two):
        deleted, undo = await client.told("undo")
        assert deleted["payload"] == {
            "session_id": session,
            "command_id": undone["command_id"],
            "node_id": node["id"],
        }
        assert undo["payload"] == {"session_id": session, "command_id": undone["command_id"]}
        created, redo = await client.told("redo")
        assert created["payload"]["node"] == node
        assert redo["payload"] == undo["payload"]


async def test_f2_a_subtree_goes_children_first_and_comes_back_parents_first(world: World) -> None:
    session = await world.session()
    top = await world.node(session, "top")
    for name in ("a", "b"):
        child = await world.node(session, name, parent=top["id"])
        await world.node(session, f"{name}1", parent=child["id"])
    await world.node(session, "beside")
    before = await world.tree(session)
    (one,) = await world.joined(session, 1)
    await world.call("DELETE", f"/{session}/nodes/{top['id']}", status=204)
    await world.call("POST", f"/{session}/undo")
    gone = [event["payload"]["node_id"] for event in await one.told() if event["event"] == "node-deleted"]
    assert len(gone) == 5
    assert gone[-1] == top["id"]
    *created, _ = await one.told("undo")
    assert [event["payload"]["name"] for event in created] == ["top", "a", "a1", "b", "b1"]
    assert all(event["payload"]["node"]["children"] == [] for event in created)
    assert [event["payload"]["index"] for event in created] == [0, 0, 0, 1, 0]
    assert one.replica.tree() == await world.tree(session) == before


async def test_f3_two_creates_at_once_both_succeed_in_one_order(world: World) -> None:
    session = await world.session()
    parent = await world.node(session, "parent")
    one, two = await world.joined(session, 2)
    made = await asyncio.gather(*(world.node(session, f"N{number}", parent=parent["id"]) for number in range(2)))
    logs = [[event for _ in made for event in await client.told()] for client in (one, two)]
    assert logs[0] == logs[1]
    created = [event["payload"] for event in logs[0] if event["event"] == "node-created"]
    assert {one["node_id"] for one in created} == {one["id"] for one in made}
    assert [one["index"] for one in created] == [0, 1]
    children = [child["id"] for child in (await world.tree(session))["roots"][0]["children"]]
    assert children == [one["node_id"] for one in created]


async def test_f_a_hundred_clients_in_one_session(world: World) -> None:
    session = await world.session()
    clients = [await world.client() for _ in range(100)]
    await asyncio.gather(*(client.join(session) for client in clients))
    assert (await world.info(session))["active_clients"] == 100
    parent = (await world.node(session, "parent"))["id"]
    for number in range(10):
        await world.node(session, f"N{number}", parent=parent)
    final = await world.tree(session)
    for client in clients:
        while len(client.replica.nodes) < 11:
            await client.told()
        assert client.replica.tree() == final


async def test_f_a_thousand_commands_undone_to_empty_and_redone_to_full(world: World) -> None:
    """The client carries out what it is told, and has the server's graph wherever one looks."""
    session = await world.session()
    (one,) = await world.joined(session, 1)
    sessions, document = world.sessions, world.sessions.get(session).document
    rng = random.Random(1)

    async def some() -> int:
        """A hundred random commands, some of which fail. Returns how many can be undone."""
        for _ in range(100):
            with suppress(ServiceError):
                await sessions.execute(session, Command.of(*random_command(rng, document.graph)))
            if len(document.graph) > 150:
                await sessions.execute(session, DeleteNode(node_id=document.graph.roots[0]))
        return len(document._undo)

    async def follow(work: Any) -> int:
        """Until the client has what the work came to."""
        result: int = await world.server.acall(work)
        await world.server.acall(lambda: sessions.registry.publish(sessions.get(session), [("marker", {})]))
        await one.told("marker")
        assert one.replica.tree() == await world.tree(session)
        return result

    while (steps := await follow(some)) < 1000:
        pass
    full = await world.tree(session)
    for step, end in ((sessions.undo, {"roots": []}), (sessions.redo, full)):

        async def hundred() -> int:
            for _ in range(100):
                with suppress(NothingToUndo, NothingToRedo):
                    await step(session)  # noqa: B023 - it is awaited before the next one
            return 0

        for _ in range(0, steps, 100):
            await follow(hundred)
        assert one.replica.tree() == end
