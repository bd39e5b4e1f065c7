"""Several instances on one real Redis."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from pattern_stack.atoms.broadcast.backends.redis import RedisBroadcastBackend
from pattern_stack.features.notifications import RunFinished
from tests.features.notifications.world import World, serving_world
from tests.support.client import client
from tests.support.instances import instances
from tests.support.patience import PATIENCE
from tests.support.redis.cluster import RedisCluster
from tests.support.redis.server import RedisServer

ROOT = Path(__file__).parents[3]


@contextmanager
def serving_pair(url: str) -> Iterator[list[World]]:
    with ExitStack() as stack:
        yield [stack.enter_context(serving_world(bridge=RedisBroadcastBackend(url))) for _ in range(2)]


@pytest.fixture
def pair(redis_server: RedisServer) -> Iterator[list[World]]:
    """Two instances on one Redis."""
    with serving_pair(redis_server.url) as worlds:
        yield worlds


async def watch_a_run(here: World, there: World) -> None:
    """Report a whole run on one instance, and watch it on the other."""
    run = here.session()
    await here.notifications.run_started(run)
    await here.notifications.start_progress(run, 10)
    half = await here.notifications.update_progress(run, 5)
    async with there.client() as one:
        await one.subscribe(f"notifications:{run}")
        snapshot = (await one.event())["payload"]
        assert (snapshot["progress"], snapshot["run"]["state"]) == (half.payload, "running")
        await here.notifications.update_progress(run, 6)
        await there.notifications.update_progress(run, 7)
        assert [(await one.event())["payload"]["current_step"] for _ in range(2)] == [6, 7]
        await there.notifications.complete_progress(run)
        await here.notifications.run_completed(run, {"orders": 5})
        assert [(await one.event())["event"] for _ in range(2)] == ["progress-update", "session-completed"]
        await one.nothing_more()
    assert (await there.ask("GET", f"/runs/{run}"))[1]["results"] == {"orders": 5}
    assert (await here.ask("GET", f"/progress/{run}"))[0] == 404


async def test_a_run_of_one_instance_is_watched_on_another(pair: list[World]) -> None:
    await watch_a_run(*pair)


async def test_instances_list_each_others_records(pair: list[World]) -> None:
    here, there = pair
    async with there.client() as one:
        sent = [await here.notifications.send(f"{number}", type="error") for number in range(3)]
        alert = await here.notifications.create_alert("critical", "look")
        assert [(await one.event())["payload"] for _ in range(4)] == [record.payload for record in [*sent, alert]]
        _, page = await there.ask("GET", "/notifications", params={"limit": 2, "type": "error"})
        assert page == {"notifications": [record.payload for record in (sent[2], sent[1])], "total": 3}
        await there.ask("POST", f"/alerts/{alert.id}/resolve")
        await there.ask("POST", f"/notifications/{sent[0].id}/acknowledge")
        assert [(await one.event())["event"] for _ in range(2)] == ["alert-resolved", "notification-acknowledged"]
    _, alerts = await here.ask("GET", "/alerts", params={"resolved": True, "severity": "critical"})
    assert [record["id"] for record in alerts["alerts"]] == [alert.id]
    _, status = await here.ask("GET", "/status")
    assert (status["total_notifications"], status["total_alerts"], status["unresolved_alerts"]) == (3, 1, 0)
    assert (await there.ask("DELETE", "/notifications"))[1] == {"removed": 3}
    assert (await here.ask("GET", "/notifications"))[1]["total"] == 0


async def test_two_instances_that_change_one_record_lose_no_change(pair: list[World]) -> None:
    run = pair[0].session()
    async with pair[0].client(run) as one:
        await pair[0].notifications.start_progress(run, 100)

        async def report(world: World, first: int) -> None:
            for step in range(first, first + 40):
                await world.notifications.update_progress(run, step, metadata={f"{step}": True})

        await asyncio.gather(report(pair[0], 0), report(pair[1], 50))
        events = [(await one.event())["payload"] for _ in range(81)]
        await one.nothing_more()
    assert len({str(event["metadata"]) for event in events}) == 81
    kept = await pair[1].notifications.get_progress(run)
    assert len(kept.metadata) == 80


async def test_a_run_that_two_instances_end_has_one_end(pair: list[World]) -> None:
    for _ in range(10):
        run = pair[0].session()
        await pair[0].notifications.run_started(run)
        async with pair[1].client(run) as one:
            ends = await asyncio.gather(
                pair[0].notifications.run_completed(run),
                pair[1].notifications.run_cancelled(run),
                return_exceptions=True,
            )
            assert [type(end) for end in ends].count(RunFinished) == 1
            kept = await pair[0].notifications.get_run(run)
            assert (await one.event())["payload"] == kept.payload
            await one.nothing_more()


async def test_the_steps_of_a_thread_arrive_in_order_on_another_instance(pair: list[World]) -> None:
    run = pair[0].session()

    def work() -> None:
        for _ in pair[0].notifications.track(range(50), run, rate=float("inf")):
            pass

    async with pair[1].client(run) as one:
        await asyncio.to_thread(work)
        steps = [(await one.event())["payload"]["current_step"] for _ in range(52)]
        assert steps == [*range(51), 50]


async def test_concurrent_updates_of_one_instance_keep_the_order_of_their_changes(pair: list[World]) -> None:
    run = pair[0].session()
    async with pair[1].client(run) as one:
        await pair[0].notifications.start_progress(run, 100)
        updates = [pair[0].notifications.update_progress(run, step, metadata={f"{step}": 1}) for step in range(50)]
        await asyncio.gather(*updates)
        events = [(await one.event())["payload"] for _ in range(51)]
        assert [len(event["metadata"]) for event in events] == list(range(51))


async def test_a_run_is_watched_across_instances_on_a_cluster(redis_cluster: RedisCluster) -> None:
    with serving_pair(redis_cluster.nodes[0].url) as pair:
        for _ in range(5):
            await watch_a_run(*pair)


async def test_the_redis_rights_in_the_documentation_are_enough(redis_server: RedisServer) -> None:
    page = (ROOT / "docs" / "instances.md").read_text()
    (rights,) = re.findall(r"`(\+eval [^`]+)`", page)
    redis_server.command(
        *("ACL", "SETUSER", "app", "on", ">secret", "resetkeys", "resetchannels", "-@all"),
        *("~pattern_stack:*", "&pattern_stack:*", *rights.split()),
    )
    with serving_pair(redis_server.url_as("app", "secret")) as pair:
        await watch_a_run(*pair)
        await test_instances_list_each_others_records(pair)


async def test_a_closed_bridge_is_answered_with_503() -> None:
    with serving_world(bridge=RedisBroadcastBackend("redis://127.0.0.1:1/0")) as world:
        await world.backend.bridge.close()
        status, answer = await world.ask("POST", "/notifications", {"title": "x"})
        assert (status, answer["error"]["code"]) == (503, "BROADCAST_UNAVAILABLE")


@asynccontextmanager
async def rest(http: str) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=f"{http}/api/v1", verify=False, timeout=PATIENCE) as client:
        yield client


async def test_two_processes(redis_server: RedisServer) -> None:
    def started() -> Any:
        return instances(2, REDIS_URL=redis_server.url)

    with ExitStack() as stack:
        one, two = await asyncio.to_thread(stack.enter_context, started())
        async with rest(one.http) as here, rest(two.http) as there, client(two.url) as watcher:
            assert (await here.post("/progress/run/start", json={"total_steps": 10})).status_code == 201
            half = (await here.post("/progress/run", json={"current_step": 5})).json()
            await watcher.subscribe("notifications:run")
            assert (await watcher.event())["payload"] == {"session_id": "run", "progress": half, "run": None}
            assert (await there.get("/progress/run")).json() == half
            sent = (await here.post("/notifications", json={"title": "hello"})).json()
            assert (await watcher.event())["payload"] == sent
            assert (await there.get("/notifications")).json() == {"notifications": [sent], "total": 1}
            done = (await there.post("/progress/run/complete")).json()
            assert (await watcher.event())["payload"] == done
            assert (await here.get("/progress/run")).status_code == 404
            await watcher.nothing_more()
        await asyncio.to_thread(stack.close)
