"""A call with an X-Command-Id can be repeated: the same answer, and nothing is done twice."""

from typing import Any

from tests.features.sessions.world import World

BODY = {"blueprint_type_id": "task", "name": "N"}


async def twice(world: World, method: str, path: str, body: Any = None) -> Any:
    """The answer that both calls had."""
    headers = {"X-Command-Id": f"{method} {path}"}
    answers = [await world.http.request(method, path, json=body, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [answers[0].status_code] * 2
    assert answers[0].content == answers[1].content
    return answers[0].json() if answers[0].content else answers[0].status_code


async def test_every_change_of_a_session_is_made_once(world: World) -> None:
    session = (await twice(world, "POST", "/sessions"))["session_id"]
    assert len(world.sessions.all()) == 1
    top = await twice(world, "POST", f"/{session}/nodes", BODY)
    child = await twice(world, "POST", f"/{session}/nodes/{top['id']}/children", BODY)
    assert (await world.info(session))["node_count"] == 2
    assert await twice(world, "DELETE", f"/{session}/nodes/{top['id']}/links/{child['id']}") == 204
    await twice(world, "POST", f"/{session}/nodes/{top['id']}/links", {"child_id": child["id"]})
    await twice(world, "POST", f"/{session}/nodes/{top['id']}/properties", {"property_id": "a", "value": 1})
    command = {"session_id": session, "command_type": "CreateNode", "data": BODY}
    await twice(world, "POST", "/commands/execute", command)
    undone = await twice(world, "POST", f"/{session}/undo")
    assert len(undone["graph"]["roots"]) == 1
    await twice(world, "POST", f"/{session}/redo?graph=false")
    assert (await world.info(session))["node_count"] == 3
    assert await twice(world, "DELETE", f"/{session}/nodes/{top['id']}") == 204
    assert await twice(world, "DELETE", f"/sessions/{session}") == 204
    assert world.sessions.all() == []


async def test_projects_are_made_loaded_and_deleted_once(world: World) -> None:
    made = await twice(world, "POST", "/projects", {"template_id": "restomod", "project_name": "P"})
    session = made["session_id"]
    await twice(world, "POST", f"/{session}/project/template", {"template_id": "restomod"})
    await world.call("DELETE", f"/sessions/{session}", status=204)
    other = await world.session()
    await twice(world, "POST", f"/sessions/{other}/projects/{made['project_id']}/load")
    assert await twice(world, "DELETE", f"/projects/{made['project_id']}") == 204
    here = await twice(world, "POST", f"/{other}/projects", {"template_id": "restomod", "name": "Q"})
    assert len(here["graph"]["roots"]) == 2
    assert len(world.sessions.all()) == 1


async def test_a_failure_is_told_again_and_another_id_is_another_call(world: World) -> None:
    error = await twice(world, "DELETE", f"/sessions/{'0' * 8}-0000-4000-8000-{'0' * 12}")
    assert error["error"]["code"] == "SESSION_NOT_FOUND"
    session = await world.session()
    for key in ("a", "b"):
        await world.http.post(f"/{session}/nodes", json=BODY, headers={"X-Command-Id": key})
    assert (await world.info(session))["node_count"] == 2
