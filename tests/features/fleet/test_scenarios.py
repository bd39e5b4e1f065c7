"""The ten scenarios of the fleet, by their numbers; and Redis is killed between two changes."""

from uuid import uuid4

from tests.features.fleet.computers import (
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
)
from tests.features.fleet.conftest import Processes
from tests.support.client import client
from tests.support.clock import Clock
from tests.support.eventually import eventually
from tests.support.redis.server import RedisServer


async def test_1_a_client_subscribes_and_disconnects(redis_server: RedisServer) -> None:
    with computer("a", redis_url=redis_server.url) as a:
        async with client(a.url) as one:
            assert await watch(one, "sessions") == {"sessions": []}
            await a.until_interested("sessions")
            eventually(lambda: heartbeat(redis_server, "a").get("interested_in") == ["sessions"])
        await a.until_interested()
        eventually(lambda: "interested_in" not in heartbeat(redis_server, "a"))


async def test_2_an_upsert_brings_session_updated_with_its_data() -> None:
    with computer("a") as a:
        async with client(a.url) as one:
            await watch(one, "sessions")
            made = await put(a, session_id="s1", title="first", origin="test")
            assert await told(one, "session-updated") == [made]
            changed = await put(a, session_id="s1", title="second")
            assert await told(one, "session-updated") == [changed]
            assert (changed["title"], changed["origin"], changed["computer"]) == ("second", "test", "a")
            assert changed["created_at"] == made["created_at"]
            await one.nothing_more()


async def test_3_a_removal_brings_session_removed() -> None:
    with computer("a") as a:
        await put(a, session_id="s1")
        async with client(a.url) as one:
            snapshot = await watch(one, "sessions")
            assert [session["session_id"] for session in snapshot["sessions"]] == ["s1"]
            assert await ask(a, "DELETE", "/sessions/s1") is None
            assert await told(one, "session-removed") == [{"session_id": "s1"}]
            await one.nothing_more()
        assert await listed(a, "sessions") == []


async def test_4_only_a_fresh_computer_is_read(redis_server: RedisServer) -> None:
    key = "pattern_stack:fleet:computer:{}:heartbeat"
    for name, last_seen in (("old", "2026-11-21T06:58:59Z"), ("new", "2026-11-21T06:59:01Z")):
        redis_server.command("SET", key.format(name), f'{{"computer": "{name}", "last_seen": "{last_seen}"}}')
    clock = Clock()
    with computer("a", redis_url=redis_server.url, clock=clock) as a:
        assert [one["name"] for one in await listed(a, "computers")] == ["a", "new"]
        clock.move(2)
        assert [one["name"] for one in await listed(a, "computers")] == ["a"]


async def test_5_the_heartbeat_names_the_watched_resources(redis_server: RedisServer) -> None:
    with computer("a", redis_url=redis_server.url) as a:
        eventually(lambda: heartbeat(redis_server, "a"))
        assert "interested_in" not in heartbeat(redis_server, "a")
        async with client(a.url) as one, client(a.url) as two:
            await watch(one, "todos", "computers")
            await watch(two, "todos", "sessions")
            watched = ["computers", "sessions", "todos"]
            eventually(lambda: heartbeat(redis_server, "a").get("interested_in") == watched)
            await one.subscribe("elsewhere")
            await one.ask({"unsubscribe": ["fleet:todos", "fleet:computers"]})
            eventually(lambda: heartbeat(redis_server, "a").get("interested_in") == ["sessions", "todos"])
        eventually(lambda: "interested_in" not in heartbeat(redis_server, "a"))
        assert 40_000 < redis_server.command("PTTL", "pattern_stack:fleet:computer:a:heartbeat") <= 60_000


async def test_6_an_entry_of_the_stream_is_served_from_the_cache(redis_fleet: Processes) -> None:
    redis, (a, *_) = redis_fleet
    id = str(uuid4())
    async with client(a.url) as one:
        await watch(one, "sessions")
        append(redis, "a", "session-updated", {"session_id": id, "title": "far away", "computer": "far"}, "far")
        (session,) = await told(one, "session-updated")
        assert (session["session_id"], session["title"], session["computer"]) == (id, "far away", "far")
        assert await listed(a, "sessions", computer="far") == [session]
        assert await listed(a, "sessions", computer="near") == []
        assert (await ask(a, "DELETE", f"/sessions/{id}"))["error"]["code"] == "SESSION_IS_REMOTE"
        append(redis, "a", "session-removed", {"session_id": id}, "far")
        assert await told(one, "session-removed") == [{"session_id": id}]


async def test_7_a_change_on_a_reaches_b_once_and_a_gets_no_echo(redis_fleet: Processes) -> None:
    _, (a, b, _) = redis_fleet
    async with client(a.url) as near, client(b.url) as far:
        await watch(near, "sessions")
        await watch(far, "sessions")
        session = await put(a)
        event = await far.event()
        assert (event["event"], event["payload"]) == ("session-updated", session)
        marker = await put(b)
        assert await told(near, "session-updated", "session-updated") == [session, marker]
        assert await told(far, "session-updated") == [marker]
        for one, made in ((a, session), (b, marker)):
            await ask(one, "DELETE", f"/sessions/{made['session_id']}")
            gone = {"session_id": made["session_id"]}
            assert [await told(near, "session-removed"), await told(far, "session-removed")] == [[gone], [gone]]
        await near.nothing_more()
        await far.nothing_more()


async def test_8_two_clients_both_receive() -> None:
    with computer("a") as a:
        async with client(a.url) as one, client(a.url) as two:
            await watch(one, "sessions")
            await watch(two, "sessions")
            session = await put(a)
            assert [await told(one, "session-updated"), await told(two, "session-updated")] == [[session], [session]]


async def test_9_a_client_of_projects_gets_no_events_of_sessions(redis_server: RedisServer) -> None:
    with computer("a", redis_url=redis_server.url) as a, computer("b", redis_url=redis_server.url) as b:
        async with client(a.url) as one, client(b.url) as two:
            await watch(one, "projects")
            await watch(two, "projects")
            await a.until_watched("projects", "b")
            await put(a)
            append(redis_server, "b", "projects-updated", {"computer": "far", "projects": [{"path": "/marker"}]}, "far")
            (marker,) = await told(two, "projects-updated")
            assert marker["computer"] == "far"
            await one.nothing_more()
            await two.nothing_more()
            assert await listed(b, "sessions") == []


async def test_10_one_socket_fails_and_the_others_are_served() -> None:
    with computer("a") as a:
        async with client(a.url) as one, client(a.url) as two, client(a.url) as three:
            await watch(one, "sessions", "projects")
            await watch(two, "sessions")
            await watch(three, "sessions")
            await a.until_interested("projects", "sessions")
            one.cut()
            await a.until_interested("sessions")
            session = await put(a)
            assert [await told(two, "session-updated"), await told(three, "session-updated")] == [[session], [session]]
            two.cut()
            three.cut()
            await a.until_interested()


async def test_redis_is_killed_between_two_changes() -> None:
    with RedisServer() as redis, processes("ab", **settings_of(redis.url)) as (a, b):
        async with client(a.url) as near, client(b.url) as far:
            await watch(near, "sessions")
            await watch(far, "sessions")
            await put(a, session_id="s1")
            await told(far, "session-updated")
            redis.kill()
            await put(a, session_id="s2")
            await put(a, session_id="s1", title="changed")
            await ask(b, "GET", "/sessions")
            assert [one["session_id"] for one in await told(near, *["session-updated"] * 3)] == ["s1", "s2", "s1"]
            redis.start()
            events = [await far.event(), await far.event()]
            assert sorted(event["payload"]["session_id"] for event in events) == ["s1", "s2"]
            assert await listed(a, "sessions") == await listed(b, "sessions")
            await ask(a, "DELETE", "/sessions/s1")
            assert await told(far, "session-removed") == [{"session_id": "s1"}]
            await near.until(lambda message: message.get("event") == "session-removed")
            await near.nothing_more()
            await far.nothing_more()
            eventually(lambda: a.readiness() == b.readiness() == 200)
