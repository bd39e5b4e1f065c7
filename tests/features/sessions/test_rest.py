"""C: what is changed over REST reaches the sockets."""

from typing import Any

from tests.features.sessions.world import World


async def root_of(world: World, session: str, name: str = "Mustang") -> dict[str, Any]:
    """The root of a new project in this session."""
    body = {"name": name, "template_id": "restomod"}
    root: dict[str, Any] = (await world.call("POST", f"/{session}/projects", body, status=201))["graph"]["roots"][-1]
    return root


async def statuses(world: World, type_id: str) -> list[dict[str, Any]]:
    """The options that the template gives this type's status."""
    schema = await world.call("GET", "/templates/restomod/schema")
    (found,) = (one for one in schema["node_types"] if one["id"] == type_id)
    options: list[dict[str, Any]] = next(one for one in found["properties"] if one["id"] == "status")["options"]
    return options


async def test_c1_a_node_over_rest_reaches_both_and_is_the_answer(world: World) -> None:
    session = await world.session()
    root = await root_of(world, session)
    one, two = await world.joined(session, 2)
    body = {"blueprint_type_id": "phase", "name": "Body work"}
    node = await world.call("POST", f"/sessions/{session}/nodes/{root['id']}/children", body, status=201)
    assert (node["name"], node["parent_id"], node["children"]) == ("Body work", root["id"], [])
    for client in (one, two):
        _, created, _ = await client.told()
        assert created["payload"]["node"] == node
        assert (created["payload"]["type"], created["payload"]["index"]) == ("Phase", 0)
        assert client.replica.tree() == await world.tree(session)


async def test_c2_a_status_that_changes_says_what_it_was(world: World) -> None:
    session = await world.session()
    root = await root_of(world, session)
    one, two = await world.joined(session, 2)
    first, second, *_ = await statuses(world, "project_root")
    assert root["properties"]["status"] == first["id"]
    body = {"property_id": "status", "value": second["id"]}
    node = await world.call("POST", f"/{session}/nodes/{root['id']}/properties", body)
    assert node["properties"]["status"] == second["id"]
    for client in (one, two):
        _, changed, _ = await client.told()
        assert changed["event"] == "property-changed"
        told = {key: changed["payload"][key] for key in ("node_id", "property_id", "old_value", "new_value")}
        assert told == {
            "node_id": root["id"],
            "property_id": "status",
            "old_value": first["id"],
            "new_value": second["id"],
        }


async def test_c3_a_template_in_use_is_told(world: World) -> None:
    session = await world.session()
    node = await world.node(session, "Brakes")
    one, two = await world.joined(session, 2)
    in_use = await world.call("POST", f"/{session}/project/template", {"template_id": "restomod"}, origin="me")
    assert [one["id"] for one in in_use["node_types"]] == ["project_root", "phase", "job", "task", "part"]
    for client in (one, two):
        (loaded,) = await client.told("template-loaded")
        assert loaded["payload"]["metadata"] == {key: in_use[key] for key in ("id", "name", "version", "description")}
        assert loaded["payload"]["graph"] == {"roots": [{**node, "children": []}]}
        assert loaded["payload"]["session_id"] == session
        assert loaded["origin"] == "me"
    assert await world.refused("POST", f"/{session}/undo") == (409, "NOTHING_TO_UNDO")


async def test_c3_a_template_that_lacks_a_type_in_use_is_refused(world: World) -> None:
    session = await world.session()
    await world.node(session, type="spaceship")
    (one,) = await world.joined(session, 1)
    body = {"template_id": "restomod"}
    assert await world.refused("POST", f"/{session}/project/template", body) == (409, "INVALID_PARENT")
    assert await world.refused("POST", f"/{session}/projects", {**body, "name": "P"}) == (409, "INVALID_PARENT")
    assert (await world.info(session))["undo_available"]
    await one.nothing_more()


async def test_c4_a_project_that_is_created_is_told(world: World) -> None:
    session = await world.session()
    await world.node(session, "there before")
    one, two = await world.joined(session, 2)
    answer = await world.call("POST", f"/{session}/projects", {"name": "P", "template_id": "restomod"}, status=201)
    assert [root["name"] for root in answer["graph"]["roots"]] == ["there before", "P"]
    for client in (one, two):
        (created,) = await client.told("project-created")
        assert created["payload"] == {
            "session_id": session,
            "metadata": {"project_id": answer["project_id"], "name": "P", "template_id": "restomod"},
            "graph": answer["graph"],
        }
        assert client.replica.tree() == await world.tree(session)
    info = await world.info(session)
    assert (info["has_project"], info["project_id"]) == (True, answer["project_id"])
    body = {"name": "Q", "template_id": "restomod"}
    assert await world.refused("POST", f"/{session}/projects", body) == (409, "PROJECT_EXISTS")


async def test_c_a_failure_is_told_and_changes_nothing(world: World) -> None:
    session = await world.session()
    root = await root_of(world, session)
    await world.execute(session, "CreateNode", blueprint_type_id="phase", name="P", parent_id=root["id"])
    await world.call("POST", f"/{session}/undo")
    (one,) = await world.joined(session, 1)
    before = await world.info(session)
    body = {"blueprint_type_id": "task", "name": "T", "parent_id": root["id"]}
    world.clock.move(seconds=1)
    assert await world.refused("POST", f"/{session}/nodes", body) == (409, "INVALID_PARENT")
    executing, executed = await one.told()
    assert executing["event"] == "command-executing"
    assert executed["payload"]["success"] is False
    assert executed["payload"]["error"].keys() == {"code", "message"}
    assert executed["payload"]["error"]["code"] == "INVALID_PARENT"
    assert {**await world.info(session), "active_clients": 0} == {**before, "active_clients": 0}


async def test_c_what_does_not_validate_emits_nothing(world: World) -> None:
    session = await world.session()
    (one,) = await world.joined(session, 1)
    execution = {"session_id": session, "command_type": "CreateNode", "data": {"name": "N"}}
    assert await world.refused("POST", "/commands/execute", execution) == (422, "VALIDATION_ERROR")
    unknown = {**execution, "command_type": "Explode"}
    assert await world.refused("POST", "/commands/execute", unknown) == (400, "INVALID_COMMAND")
    assert await world.refused("POST", f"/{session}/nodes", {"name": 5}) == (422, "VALIDATION_ERROR")
    assert await world.refused("POST", f"/{session}/undo") == (409, "NOTHING_TO_UNDO")
    await one.nothing_more()


async def test_c_setting_what_is_set_already_is_no_step(world: World) -> None:
    session = await world.session()
    node = await world.node(session)
    (one,) = await world.joined(session, 1)
    setting = f"/{session}/nodes/{node['id']}/properties"
    assert (await world.call("POST", setting, {"property_id": "on", "value": 1}))["properties"] == {"on": 1}
    await one.told()
    again = await world.call("POST", setting, {"property_id": "on", "value": 1})
    assert again["properties"] == {"on": 1}
    assert [event["event"] for event in await one.told()] == ["command-executing", "command-executed"]
    await world.call("POST", setting, {"property_id": "on", "value": True})
    changed = (await one.told())[1]["payload"]
    assert (changed["old_value"], changed["new_value"]) == (1, True)
    assert changed["old_value"] is not True
    for last in (1, None):
        await world.call("POST", f"/{session}/undo")
        assert (await one.told("undo"))[0]["payload"].get("new_value") == last
    assert (await world.tree(session))["roots"][0]["properties"] == {}
    assert one.replica.tree() == await world.tree(session)
