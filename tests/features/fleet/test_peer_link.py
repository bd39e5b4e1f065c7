"""Computers over a real Redis: who is sent what and how often, and what a cut link or a killed process changes."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path

import pytest
from fastapi import FastAPI

from pattern_stack import WebSocketBroadcastBackend
from pattern_stack.features.fleet import Fleet, streams
from pattern_stack.features.fleet.bodies import FleetSessionBody
from tests.features.fleet.computers import (
    PREFIX,
    append,
    ask,
    computer,
    heartbeat,
    listed,
    processes,
    put,
    settings_of,
    told,
    watch,
    writes,
)
from tests.features.fleet.conftest import Processes
from tests.support.client import Client, client
from tests.support.clock import Clock
from tests.support.eventually import eventually
from tests.support.instances import Instance
from tests.support.proxy import proxy
from tests.support.redis.cluster import RedisCluster
from tests.support.redis.server import RedisServer
from tests.support.server import serving as served


@asynccontextmanager
async def clients(*computers: Instance) -> AsyncIterator[list[Client]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(client(one.url)) for one in computers]


def until_known(redis: RedisServer, interests: dict[str, list[str]]) -> None:
    """Wait until the heartbeats in Redis name these interests. Each is published right after it is set, and a writer's next
    command comes after it."""
    eventually(
        lambda: all(
            heartbeat(redis, name).get("interested_in", []) == resources for name, resources in interests.items()
        )
    )


async def test_each_change_reaches_exactly_the_computers_that_watch_its_resource(redis_fleet: Processes) -> None:
    redis, (a, b, c) = redis_fleet
    async with clients(a, b, c) as (on_a, on_b, on_c):
        await watch(on_a, "sessions")
        await watch(on_b, "sessions")
        await watch(on_c, "projects")
        until_known(redis, {"a": ["sessions"], "b": ["sessions"], "c": ["projects"]})
        lengths = {name: redis.command("XLEN", f"{PREFIX}:events:{name}") for name in "abc"}
        made = [await put(one) for one in (a, b, c)]
        for one in (on_a, on_b):
            events = [await one.event() for _ in made]
            assert {event["event"] for event in events} == {"session-updated"}
            ids = sorted(event["payload"]["session_id"] for event in events)
            assert ids == sorted(each["session_id"] for each in made)
        assert sorted(each["session_id"] for each in await listed(c, "sessions")) == [made[2]["session_id"]]
        grown = {name: redis.command("XLEN", f"{PREFIX}:events:{name}") - lengths[name] for name in "abc"}
        assert grown["c"] == 0
        for one, session in zip((a, b, c), made, strict=True):
            await ask(one, "DELETE", f"/sessions/{session['session_id']}")
        await told(on_a, *["session-removed"] * 3)
        await told(on_b, *["session-removed"] * 3)
        for one in (on_a, on_b, on_c):
            await one.nothing_more()


async def test_a_new_watcher_gets_everything_and_its_clients_what_changed(redis_server: RedisServer) -> None:
    url = redis_server.url
    with computer("a", redis_url=url) as a, computer("b", redis_url=url) as b:
        for id in ("s1", "s2", "s3"):
            await put(a, session_id=id)
        async with client(b.url) as one:
            assert await watch(one, "sessions") == {"sessions": []}
            events = await told(one, *["session-updated"] * 3)
            assert sorted(event["session_id"] for event in events) == ["s1", "s2", "s3"]
        await a.until_watched("sessions")
        await put(a, session_id="s1", title="changed")
        await ask(a, "DELETE", "/sessions/s2")
        async with client(b.url) as two:
            snapshot = await watch(two, "sessions")
            assert [session["session_id"] for session in snapshot["sessions"]] == ["s1", "s2", "s3"]
            assert (await told(two, "session-removed"))[0] == {"session_id": "s2"}
            assert (await told(two, "session-updated"))[0]["title"] == "changed"
            marker = await put(a)
            assert await told(two, "session-updated") == [marker]
            await two.nothing_more()


async def test_a_computer_that_is_killed_disappears(redis_server: RedisServer) -> None:
    settings = settings_of(redis_server.url, heartbeat_seconds=1.5)
    with processes("ab", **settings) as (a, b):
        await put(a, session_id="s1")
        async with client(b.url) as one:
            await watch(one, "sessions")
            await told(one, "session-updated")
            a.kill()
            gone = await one.event()
            assert (gone["event"], gone["payload"]) == ("session-removed", {"session_id": "s1"})
            assert [each["name"] for each in await listed(b, "computers")] == ["b"]
            a.start()
            await put(a, session_id="s2")
            assert (await told(one, "session-updated"))[0]["session_id"] == "s2"


async def test_a_silent_computer_is_removed_and_resynced_when_it_is_back(redis_server: RedisServer) -> None:
    """Only the clock of b moves, so a looks silent to it. The link never broke, so b has to ask a for its records."""
    clock, url = Clock(), redis_server.url
    with computer("a", redis_url=url) as a, computer("b", redis_url=url, clock=clock) as b:
        await put(a, session_id="s1")
        async with client(b.url) as one:
            await watch(one, "sessions", "computers")
            await one.until(lambda message: message.get("event") == "session-updated")
            clock.move(60)
            offline = await one.until(lambda message: message["payload"].get("status") == "offline")
            assert offline["payload"]["name"] == "a"
            await one.until(lambda message: message["event"] == "session-removed")
            assert await listed(b, "sessions") == []
            await a.server.acall(a.fleet.heartbeat_now)
            await one.until(
                lambda message: message["payload"].get("session_id") == "s1" and "title" in message["payload"]
            )
            assert [each["name"] for each in await listed(b, "computers")] == ["a", "b"]


async def test_a_computer_that_was_cut_off_reads_on_from_its_last_id(redis_server: RedisServer) -> None:
    """For 59 seconds of the clock: neither of them removes the other meanwhile."""
    clock = Clock()
    async with proxy(redis_server.port) as line:
        behind = f"redis://127.0.0.1:{line.port}/0"
        with (
            computer("a", redis_url=redis_server.url, clock=clock) as a,
            computer("b", redis_url=behind, clock=clock) as b,
        ):
            async with client(b.url) as one:
                await watch(one, "sessions")
                await a.until_watched("sessions", "b")
                first = await put(a, session_id="s0")
                assert await told(one, "session-updated") == [first]
                line.refuse()
                await b.until(lambda fleet: fleet.trouble)
                clock.move(59)
                made = [await put(a, session_id=f"s{number}") for number in range(1, 6)]
                again = await put(a, session_id="s1", title="again")
                await line.restore()
                # each change by itself, in order: read from the stream, not from a full state
                assert await told(one, *["session-updated"] * 6) == [*made, again]
                marker = await put(a)
                assert await told(one, "session-updated") == [marker]
                await one.nothing_more()


async def test_an_entry_wakes_its_reader(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It reads its stream at once, and not at its next poll."""
    monkeypatch.setattr(streams, "_POLL_SECONDS", 10_000)
    url = redis_server.url
    with computer("a", redis_url=url) as a, computer("b", redis_url=url) as b:
        async with client(b.url) as one:
            await watch(one, "sessions")
            await a.until_watched("sessions", "b")
            for _ in range(3):
                session = await put(a)
                assert await told(one, "session-updated") == [session]


async def test_rest_and_local_events_work_without_redis(redis_server: RedisServer) -> None:
    with computer("a", redis_url=redis_server.url) as a:
        redis_server.kill()
        await a.until(lambda fleet: fleet.trouble)
        async with client(a.url) as one:
            await watch(one, "sessions")
            session = await put(a)
            assert await told(one, "session-updated") == [session]
            assert await listed(a, "sessions") == [session]
            assert [each["name"] for each in await listed(a, "computers")] == ["a"]


async def test_unwatched_resources_cost_no_writes_and_no_reads(redis_server: RedisServer) -> None:
    url = redis_server.url
    with computer("a", redis_url=url) as a, computer("b", redis_url=url) as b:
        async with client(b.url) as one:
            await watch(one, "computers")
            await a.until(lambda fleet: len(fleet.state.records("computers")) == 2)
            for _ in range(50):
                await put(a)
                await put(b)
            await b.server.acall(b.fleet.heartbeat_now)
            await one.until(lambda message: message["payload"].get("name") == "b")
        counts = writes(redis_server)
        assert (counts["xadd"], counts["xrange"], counts["xread"]) == (0, 0, 0)
        assert redis_server.command("KEYS", "*:events:*") == []


async def test_keys_are_scanned_only_when_the_link_comes_up(redis_server: RedisServer) -> None:
    url = redis_server.url
    with (
        computer("a", redis_url=url, heartbeat_seconds=0.05) as a,
        computer("b", redis_url=url, heartbeat_seconds=0.05),
    ):
        before = writes(redis_server)["set"]
        await a.until(lambda fleet: len(fleet.state.records("computers")) == 2)
        eventually(lambda: writes(redis_server)["set"] > before + 10)
        assert writes(redis_server)["scan"] == 2


async def test_over_a_cluster(redis_cluster: RedisCluster) -> None:
    """The keys are on different nodes."""
    names = ("a", "b", "c")
    with ExitStack() as stack:
        a, b, c = (stack.enter_context(computer(name, redis_url=redis_cluster.url)) for name in names)
        assert len({redis_cluster.node_of(f"{PREFIX}:computer:{name}:heartbeat").port for name in names}) > 1
        async with client(b.url) as one, client(c.url) as two:
            await watch(one, "sessions")
            await watch(two, "sessions")
            await a.until_watched("sessions", "b", "c")
            session = await put(a)
            assert [await told(one, "session-updated"), await told(two, "session-updated")] == [[session], [session]]
        with computer("d", redis_url=redis_cluster.url) as d:
            assert [each["name"] for each in await listed(d, "computers")] == ["a", "b", "c", "d"]


async def test_a_stale_project_is_served_and_its_computer_asked(redis_server: RedisServer, tmp_path: Path) -> None:
    (tmp_path / "garden").mkdir()
    clock, url = Clock(), redis_server.url
    with (
        computer("a", redis_url=url, clock=clock, directory=tmp_path) as a,
        computer("b", redis_url=url, clock=clock) as b,
    ):
        async with client(b.url) as one:
            await watch(one, "projects")
            (projects,) = await told(one, "projects-updated")
            for _ in range(6):
                clock.move(50)
                now = clock()
                for each in (a, b):
                    await each.server.acall(each.fleet.heartbeat_now)
                for each in (a, b):
                    await each.until(
                        lambda fleet, now=now: all(c.last_seen == now for c in fleet.state.records("computers"))
                    )
            length = redis_server.command("XLEN", f"{PREFIX}:events:b")
            assert await listed(b, "projects") == projects["projects"]
            eventually(lambda: redis_server.command("XLEN", f"{PREFIX}:events:b") == length + 1)
            await put(a)
            assert await listed(b, "projects") == projects["projects"]
            await one.nothing_more()


async def test_a_stream_is_bounded_and_read_in_its_order(redis_server: RedisServer) -> None:
    url, count = redis_server.url, 3_000
    with computer("a", redis_url=url) as a, computer("b", redis_url=url) as b:
        async with client(b.url) as one:
            await watch(one, "sessions")
            await a.until_watched("sessions", "b")

            async def work() -> None:
                for number in range(count):
                    await a.fleet.put_session(FleetSessionBody(session_id="s1", title=str(number)))

            await a.server.acall(work)
            last = -1
            while last < count - 1:
                title = int((await one.event())["payload"]["title"])
                assert title > last
                last = title
        assert redis_server.command("XLEN", f"{PREFIX}:events:b") < 1_200
        assert 0 < redis_server.command("TTL", f"{PREFIX}:events:b") <= 3_600


async def test_it_starts_again_on_another_loop(redis_server: RedisServer) -> None:
    broadcast = WebSocketBroadcastBackend()
    fleet = Fleet(broadcast, computer="a", redis_url=redis_server.url)
    app = FastAPI()
    app.include_router(broadcast.get_router())
    app.include_router(fleet.get_router())
    for title in ("first", "second"):
        with served(app) as server:
            assert fleet.trouble is None
            async with client(server.url) as one:
                await watch(one, "sessions")
                append(redis_server, "a", "session-updated", {"session_id": "s1", "title": title}, "far")
                await told(one, "session-updated")
        assert fleet.trouble
