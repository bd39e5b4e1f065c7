"""Projects: live in one session at a time, saved when it is asked for, and what else may happen meanwhile."""

import asyncio
from typing import Any

import pytest

from pattern_stack.features.sessions.errors import StoreUnavailable
from tests.features.sessions.world import World

NEW = {"name": "Mustang", "template_id": "restomod"}


async def created(world: World) -> dict[str, Any]:
    body = {"project_name": "Mustang", "template_id": "restomod"}
    project: dict[str, Any] = await world.call("POST", "/projects", body, status=201)
    return project


async def test_a_new_project_brings_a_session_of_its_own(world: World) -> None:
    project = await created(world)
    assert project["graph"] == await world.tree(project["session_id"])
    info = await world.info(project["session_id"])
    assert (info["project_id"], info["template_id"]) == (project["project_id"], "restomod")
    saved = await world.call("GET", f"/projects/{project['project_id']}")
    (root,) = project["graph"]["roots"]
    assert saved["nodes"] == {
        root["id"]: {
            "type": "project_root",
            "name": "Mustang",
            "created_at": root["created_at"],
            "properties": root["properties"],
            "children": [],
            "parent_id": None,
        }
    }
    assert (saved["version"], saved["name"], saved["template_id"]) == (1, "Mustang", "restomod")
    assert saved["templates"] == [await world.call("GET", "/templates/restomod/schema")]


async def test_what_is_saved_last_outlives_the_session(world: World) -> None:
    project = await created(world)
    session, id = project["session_id"], project["project_id"]
    root = project["graph"]["roots"][0]["id"]
    for name in ("Body", "Engine"):
        await world.node(session, name, "phase", root)
    await world.node(session, "loose", "part")
    assert len((await world.call("GET", f"/projects/{id}"))["nodes"]) == 1
    answer = await world.call("POST", f"/projects/{id}/save")
    assert answer == {"project_id": id, "name": "Mustang", "template_id": "restomod"}
    saved = await world.tree(session)
    await world.node(session, "too late", "part")
    await world.call("DELETE", f"/sessions/{session}", status=204)
    assert await world.call("POST", f"/projects/{id}/save") == answer
    assert len((await world.call("GET", f"/projects/{id}"))["nodes"]) == 4
    again = await world.session()
    (one,) = await world.joined(again, 1)
    loaded = await world.call("POST", f"/sessions/{again}/projects/{id}/load", origin="me")
    assert loaded == {"project_id": id, "session_id": again, "graph": saved}
    (told,) = await one.told("project-loaded")
    assert told["payload"]["metadata"] == answer
    assert told["origin"] == "me"
    assert one.replica.tree() == saved
    body = {"blueprint_type_id": "part", "name": "P", "parent_id": root}
    assert await world.refused("POST", f"/{again}/nodes", body) == (409, "INVALID_PARENT")


async def test_a_project_is_live_in_one_session(world: World) -> None:
    project, other = await created(world), await created(world)
    id, session = project["project_id"], await world.session()
    load = f"/sessions/{session}/projects/{id}/load"
    assert await world.refused("POST", load) == (409, "PROJECT_IN_USE")
    await world.call("DELETE", f"/sessions/{project['session_id']}", status=204)
    busy = f"/sessions/{other['session_id']}/projects/{id}/load"
    assert await world.refused("POST", busy) == (409, "PROJECT_EXISTS")
    unknown = f"/sessions/{other['session_id']}/projects/nowhere/load"
    assert await world.refused("POST", unknown) == (404, "PROJECT_NOT_FOUND")
    loads = [world.http.post(f"/sessions/{one}/projects/{id}/load") for one in (session, await world.session())]
    assert sorted(answer.status_code for answer in await asyncio.gather(*loads)) == [200, 409]


async def test_loading_it_again_goes_back_to_what_was_saved(world: World) -> None:
    project = await created(world)
    session = project["session_id"]
    await world.node(session, "loose", "part")
    load = f"/sessions/{session}/projects/{project['project_id']}/load"
    assert (await world.call("POST", load))["graph"] == project["graph"]
    assert await world.refused("POST", f"/{session}/undo") == (409, "NOTHING_TO_UNDO")
    assert (await world.info(session))["project_id"] == project["project_id"]


async def test_a_project_that_is_deleted_leaves_the_session_its_graph(world: World) -> None:
    project = await created(world)
    session, id = project["session_id"], project["project_id"]
    await world.call("DELETE", f"/projects/{id}", status=204)
    assert await world.refused("POST", f"/projects/{id}/save") == (404, "PROJECT_NOT_FOUND")
    assert await world.tree(session) == project["graph"]
    await world.call("POST", f"/{session}/projects", NEW, status=201)
    assert (await world.info(session))["node_count"] == 2


async def test_of_two_at_once_one_is_made(world: World) -> None:
    session = await world.session()
    answers = await asyncio.gather(*(world.http.post(f"/{session}/projects", json=NEW) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    assert (await world.info(session))["node_count"] == 1


async def test_a_big_graph_is_left_out_of_the_event(world: World) -> None:
    session = await world.session()
    kit = (await world.node(session))["id"]
    await world.node(session, parent=kit)
    for _ in range(9):
        await world.execute(session, "ApplyKit", target_id=kit, kit_root_id=kit)
    (one,) = await world.joined(session, 1)
    await world.call("POST", f"/{session}/projects", NEW, status=201)
    (told,) = await one.told("project-created")
    assert "graph" not in told["payload"]
    await one.send({"refresh": [f"session:{session}"]})
    assert (await one.event())["payload"]["graph"] == await world.tree(session)


async def test_a_small_graph_that_does_not_fit_is_left_out_too(world: World) -> None:
    session = await world.session()
    node = (await world.node(session))["id"]
    for number in range(8):
        body = {"property_id": f"p{number}", "value": "x" * 200_000}
        await world.call("POST", f"/{session}/nodes/{node}/properties", body)
    (one,) = await world.joined(session, 1)
    await world.call("POST", f"/{session}/project/template", {"template_id": "restomod"})
    (told,) = await one.told("template-loaded")
    assert "graph" not in told["payload"]


async def test_without_its_store_nothing_is_changed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    session = await world.session()
    (one,) = await world.joined(session, 1)

    async def fail(*_: object) -> None:
        raise StoreUnavailable("not now")

    monkeypatch.setattr(world.sessions.projects._store, "save", fail)
    assert await world.refused("POST", f"/{session}/projects", NEW) == (503, "STORE_UNAVAILABLE")
    body = {"project_name": "P", "template_id": "restomod"}
    assert await world.refused("POST", "/projects", body) == (503, "STORE_UNAVAILABLE")
    assert await world.tree(session) == {"roots": []}
    assert [one.id for one in world.sessions.all()] == [session]
    await one.nothing_more()


async def test_a_session_that_is_closed_while_its_project_is_saved(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await world.session()
    store = world.sessions.projects._store
    save, ids = store.save, []

    async def close_meanwhile(project_id: str, form: bytes) -> None:
        await save(project_id, form)
        ids.append(project_id)
        await world.sessions.close(session)

    monkeypatch.setattr(store, "save", close_meanwhile)
    assert await world.refused("POST", f"/{session}/projects", NEW) == (404, "SESSION_NOT_FOUND")
    assert await world.refused("GET", f"/projects/{ids[0]}") == (404, "PROJECT_NOT_FOUND")


async def test_a_session_that_gets_its_project_is_not_cleaned_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the store takes: neither one that was idle before, nor the one that is made for the project."""
    session = await world.session()
    store = world.sessions.projects._store
    save, gone = store.save, []

    async def clean_up_meanwhile(project_id: str, form: bytes) -> None:
        world.clock.move(hours=25)
        gone.append(await world.sessions.clean_up(24))
        await save(project_id, form)

    monkeypatch.setattr(store, "save", clean_up_meanwhile)
    await world.call("POST", f"/{session}/projects", NEW, status=201)
    await world.call("POST", "/projects", {"project_name": "P", "template_id": "restomod"}, status=201)
    assert gone == [0, 1], "the first session, which was idle again"


async def test_commands_wait_while_their_session_gets_its_project(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of another session do not."""
    session, other = await world.session(), await world.session()
    store = world.sessions.projects._store
    save, begun, go_on = store.save, asyncio.Event(), asyncio.Event()

    async def slow(project_id: str, form: bytes) -> None:
        begun.set()
        await go_on.wait()
        await save(project_id, form)

    monkeypatch.setattr(store, "save", slow)
    making = asyncio.create_task(world.call("POST", f"/{session}/projects", NEW, status=201))
    await world.server.acall(begun.wait)
    waiting = asyncio.create_task(world.node(session, "P", "phase"))
    await world.node(other)
    assert await world.tree(session) == {"roots": []}
    await world.server.acall(go_on.set)
    await making
    await waiting
    assert [root["name"] for root in (await world.tree(session))["roots"]] == ["Mustang", "P"]
