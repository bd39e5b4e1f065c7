"""A: what clients on a session are told."""

import asyncio

from tests.features.sessions.world import World


async def test_a1_two_clients_get_one_identical_event(world: World) -> None:
    session = await world.session()
    one, two = await world.joined(session, 2)
    node = await world.node(session, "Brakes")
    first, second = await one.told(), await two.told()
    assert first == second
    assert [event["event"] for event in first] == ["command-executing", "node-created", "command-executed"]
    executing, created, executed = (event["payload"] for event in first)
    assert created == {
        "session_id": session,
        "command_id": executing["command_id"],
        "node_id": node["id"],
        "parent_id": None,
        "name": "Brakes",
        "blueprint_type_id": "task",
        "type": "task",
        "node": node,
        "index": 0,
    }
    assert executing == {"session_id": session, "command_id": created["command_id"], "command_type": "CreateNode"}
    assert executed == {"session_id": session, "command_id": created["command_id"], "success": True, "error": None}
    await one.nothing_more()
    await two.nothing_more()


async def test_a2_no_event_crosses_sessions(world: World) -> None:
    here, there = await world.session(), await world.session()
    (one,), (other,) = await world.joined(here, 1), await world.joined(there, 1)
    await world.node(here)
    await one.told()
    await world.node(there, "a marker")
    assert (await other.told())[1]["payload"]["name"] == "a marker"
    await one.nothing_more()


async def test_a3_one_order_and_offsets_that_rise_by_one(world: World) -> None:
    session = await world.session()
    one, two = await world.joined(session, 2)
    parent = (await world.execute(session, "CreateNode", blueprint_type_id="job", name="J"))["node_id"]
    await world.execute(session, "UpdateProperty", node_id=parent, property_id="note", value="n")
    child = (await world.execute(session, "CreateNode", blueprint_type_id="task", name="T"))["node_id"]
    await world.execute(session, "LinkNode", parent_id=parent, child_id=child)
    await world.execute(session, "CreateNode", blueprint_type_id="task", name="U", parent_id=parent)
    await world.execute(session, "DeleteNode", node_id=child)
    first = [event for _ in range(6) for event in await one.told()]
    second = [event for _ in range(6) for event in await two.told()]
    assert first == second
    names = [event["event"] for event in first if not event["event"].startswith("command-")]
    changes = ["node-created", "property-changed", "node-created", "node-linked", "node-created", "node-deleted"]
    assert names == changes
    offsets = [event["offset"] for event in first]
    assert offsets == list(range(offsets[0], offsets[0] + 18))
    assert one.replica.tree() == two.replica.tree() == await world.tree(session)


async def test_a4_the_event_of_ones_own_command_carries_its_origin(world: World) -> None:
    session = await world.session()
    (one,) = await world.joined(session, 1)
    await world.node(session, origin="page-7")
    assert [event["origin"] for event in await one.told()] == ["page-7"] * 3
    await world.node(session)
    assert not any("origin" in event for event in await one.told())


async def test_a5_who_joins_amid_commands_misses_and_repeats_nothing(world: World) -> None:
    session = await world.session()
    (one,) = await world.joined(session, 1)
    commands = 60

    async def work() -> None:
        for number in range(commands):
            await world.node(session, f"N{number}")

    working = asyncio.create_task(work())
    late = []
    for _ in range(5):
        await one.told()
        late.append(await world.client())
        await late[-1].join(session)
    await working
    await world.execute(session, "CreateNode", blueprint_type_id="end", name="the last")
    final = await world.tree(session)
    assert len(final["roots"]) == commands + 1
    for client in late:  # the replica itself sees to gaps, repeats and nodes that are there already
        while not any(node["name"] == "the last" for node in client.replica.nodes.values()):
            await client.told()
        assert client.replica.tree() == final
