"""B: sessions come to life, are used, and go."""

import asyncio
from pathlib import Path

from tests.features.sessions.world import World, build
from tests.support.patience import PATIENCE
from tests.support.server import until


async def test_b1_a_session_and_its_first_client(world: World) -> None:
    session = await world.session()
    assert (await world.info(session))["active_clients"] == 0
    (one,) = await world.joined(session, 1)
    info = await world.info(session)
    assert info["active_clients"] == 1
    assert info == {
        "session_id": session,
        "created_at": "2026-11-21T07:00:00.000000Z",
        "last_activity": "2026-11-21T07:00:00.000000Z",
        "active_clients": 1,
        "has_project": False,
        "project_id": None,
        "template_id": None,
        "undo_available": False,
        "redo_available": False,
        "node_count": 0,
        "instance": world.sessions.journal.instance,
    }
    await one.send({"refresh": [f"session:{session}"]})
    assert (await one.event())["payload"]["session"] == info


async def test_b2_every_change_and_every_join_moves_the_last_activity(world: World) -> None:
    session = await world.session()
    seen = {(await world.info(session))["last_activity"]}
    world.clock.move(seconds=1.5)
    await world.joined(session, 2)
    moments = [(await world.info(session))["last_activity"]]
    for origin in ("one", "two"):
        now = world.clock.move(seconds=1)
        await world.node(session, origin=origin)
        moments.append((await world.info(session))["last_activity"])
        assert moments[-1] == now.isoformat(timespec="microseconds").replace("+00:00", "Z")
    for step in ("undo", "redo"):
        world.clock.move(seconds=1)
        await world.call("POST", f"/{session}/{step}")
        moments.append((await world.info(session))["last_activity"])
    assert sorted({*seen, *moments}) == [*seen, *moments]
    world.clock.move(seconds=1)
    await world.tree(session)
    await world.refused("POST", f"/{session}/redo")
    assert (await world.info(session))["last_activity"] == moments[-1]


async def test_b3_the_count_of_clients_is_right_at_every_step(world: World) -> None:
    session = await world.session()
    clients = []
    for count in (1, 2, 3):
        one = await world.client()
        snapshot = await one.join(session)
        assert snapshot["session"]["active_clients"] == count
        for other in clients:
            (event,) = await other.told("session-connected")
            told = {"session_id": session, "connection_id": snapshot["connection_id"], "active_clients": count}
            assert event["payload"] == told
        clients.append(one)
        assert (await world.info(session))["active_clients"] == count
    leaving = [clients[1], clients[0], clients[2]]
    for left, one in zip((2, 1, 0), leaving, strict=True):
        await one.socket.close()
        for other in leaving[3 - left :]:
            (event,) = await other.told("session-disconnected")
            assert event["payload"]["active_clients"] == left
        await until(world.server, lambda: not world.broadcast.get_total_connections() > left)  # noqa: B023
        assert (await world.info(session))["active_clients"] == left


async def test_b4_cleanup_removes_what_is_idle_and_left(world: World) -> None:
    a, c = await world.session(), await world.session()
    await world.joined(c, 1)
    world.clock.move(hours=24)
    b = await world.session()
    world.clock.move(hours=1)
    answer = await world.call("POST", "/sessions/cleanup", {"max_inactive_hours": 24})
    assert answer == {"sessions_removed": 1, "active_sessions": 2}
    left = await world.call("GET", "/sessions")
    assert ({one["session_id"] for one in left["sessions"]}, left["total"]) == ({b, c}, 2)
    assert await world.refused("GET", f"/sessions/{a}/info") == (404, "SESSION_NOT_FOUND")


async def test_b4_hours_have_fractions_and_a_default(world: World) -> None:
    await world.session()
    world.clock.move(hours=0.5)
    cleanup = "/sessions/cleanup"
    assert (await world.call("POST", cleanup))["sessions_removed"] == 0
    assert (await world.call("POST", cleanup, {"max_inactive_hours": 0.5}))["sessions_removed"] == 0
    assert (await world.call("POST", cleanup, {"max_inactive_hours": 0.4999}))["sessions_removed"] == 1


async def test_b_a_session_that_is_deleted_tells_its_clients_and_lets_them_go(world: World) -> None:
    session = await world.session()
    one, two = await world.joined(session, 2)
    await world.call("DELETE", f"/sessions/{session}", status=204, origin="me")
    for client in (one, two):
        (closed,) = await client.told("session-closed")
        assert (closed["payload"], closed["origin"]) == ({"session_id": session}, "me")
        assert await client.receive() == {"unsubscribed": [f"session:{session}"]}
        await client.nothing_more()
    assert await world.refused("POST", f"/{session}/undo") == (404, "SESSION_NOT_FOUND")
    await one.send({"subscribe": [f"session:{session}"]})
    assert (await one.receive())["error"]["code"] == "not_found"


async def test_a_close_that_is_cancelled_takes_everybody_off_all_the_same(tmp_path: Path) -> None:
    """So much is published in its turn that it has to wait for the next one."""
    _, sessions, _ = build(tmp_path)
    session = sessions.create()

    async def listen() -> list[str]:
        return [event.event_type async for event in sessions.broadcast.listen(session.channel)]

    async def publish_and_close() -> None:
        for _ in range(63):
            await sessions.registry.publish(session, [("noise", {})])
        await sessions.close(session.id)

    listening, closing = asyncio.create_task(listen()), asyncio.create_task(publish_and_close())
    await asyncio.sleep(0)
    closing.cancel()
    assert (await asyncio.wait_for(listening, PATIENCE))[-1] == "session-closed"
    assert closing.cancelled()


def test_ids_are_asked_for(tmp_path: Path) -> None:
    names = iter("ab")
    _, sessions, _ = build(tmp_path, ids=lambda: next(names))
    assert [sessions.create().id for _ in range(2)] == ["a", "b"]
