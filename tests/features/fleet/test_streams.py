"""Streams in bytes: what a stream keeps, how it is read, and entries that are too long."""

import json
import logging

import pytest

from pattern_stack.features.fleet import FleetLimits, FleetSessionBody
from tests.features.fleet.computers import PREFIX, append, computer, heartbeat, put, told, watch, writes
from tests.support.client import client
from tests.support.eventually import eventually
from tests.support.redis.server import RedisServer

KEY = f"{PREFIX}:events:a"
TIMESTAMP = "2026-11-21T07:00:00.000000Z"


def session(id: str, **more: str) -> dict[str, str]:
    return {"session_id": id, **more}


async def test_an_entry_that_is_too_long_is_skipped_and_not_transferred(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "pattern_stack.features.fleet")
    with computer("a", redis_url=redis_server.url, limits=FleetLimits(entry_bytes=10_000)) as a:
        async with client(a.url) as one:
            await watch(one, "sessions")
            append(redis_server, "a", "session-updated", session("s1"), "far")
            await told(one, "session-updated")
            sent = redis_server.command("INFO", "stats")["total_net_output_bytes"]
            append(redis_server, "a", "session-updated", json.dumps(session("s2")) + " " * 1_000_000, "far")
            append(redis_server, "a", "session-updated", session("s3"), "far")
            assert (await told(one, "session-updated"))[0]["session_id"] == "s3"
            assert redis_server.command("INFO", "stats")["total_net_output_bytes"] - sent < 500_000
            assert a.fleet._peers.skipped == 1
    assert "an entry of 1000" in caplog.text


async def test_more_than_a_page_is_read_in_its_order(redis_server: RedisServer) -> None:
    """One entry fills a page by itself. It is read once, though every page begins with the last entry of the one before."""
    with computer("a", redis_url=redis_server.url) as a:
        async with client(a.url) as one:
            await watch(one, "sessions")
            append(redis_server, "a", "session-updated", session("s0"), "far")
            await told(one, "session-updated")
            before = writes(redis_server)["xrange"]
            with redis_server.client() as admin, admin.pipeline(transaction=True) as at_once:
                for number in range(1, 4):
                    data = json.dumps(session(f"s{number}")) + " " * 2_000_000
                    fields = {"event": "session-updated", "data": data, "timestamp": TIMESTAMP, "source": "far"}
                    at_once.xadd(KEY, fields)
                at_once.execute()
            ids = [event["session_id"] for event in await told(one, *["session-updated"] * 3)]
            assert ids == ["s1", "s2", "s3"]
            append(redis_server, "a", "session-updated", session("s4"), "far")
            await told(one, "session-updated")
            await one.nothing_more()
            assert a.fleet._peers._connection == 1
            # a page is two calls of XRANGE; the reader also looks every half a second
            assert writes(redis_server)["xrange"] - before < 100


async def test_a_stream_is_bounded_in_bytes(redis_server: RedisServer) -> None:
    """Nobody reads it, so it is only trimmed by what is written."""
    with computer("b", redis_url=redis_server.url) as b:
        value = json.dumps({"computer": "a", "last_seen": TIMESTAMP, "interested_in": ["projects"]})
        redis_server.command("PUBLISH", f"{PREFIX}:heartbeats", value)
        await b.until_watched("projects", "a")
        payload = {"computer": "b", "projects": [{"path": "x" * 1_000_000}]}

        async def work() -> None:
            for _ in range(64):
                b.fleet._peers._append(["a"], "projects-updated", payload)
                while b.fleet._peers._writer._queue:
                    await b.fleet._peers._link.call(KEY, "TIME")

        await b.server.acall(work)
        eventually(lambda: writes(redis_server)["xadd"] == 1 + 64, "64 entries after the full state")
        assert redis_server.command("XLEN", KEY) == 16


async def test_a_stream_that_trims_by_bytes_before_its_first_entry_is_read_is_resynced(
    redis_server: RedisServer,
) -> None:
    """The reader starts where there is no entry yet. An old entry that is still there shows that nothing was trimmed."""
    with computer("a", redis_url=redis_server.url) as a:
        long = json.dumps(session("s1")) + " " * 20_000
        append(redis_server, "a", "session-updated", long, "far")
        async with client(a.url) as one:
            await watch(one, "sessions")
            await told(one, "session-updated")
        eventually(lambda: heartbeat(redis_server, "a").get("connection") == 2)


@pytest.mark.parametrize("spaces", [20_000, 0], ids=["after an older entry", "of short entries"])
async def test_a_first_entry_that_nothing_was_trimmed_before_needs_no_resync(
    redis_server: RedisServer, spaces: int
) -> None:
    if spaces:
        append(redis_server, "a", "session-updated", session("old"), "far")
    with computer("a", redis_url=redis_server.url) as a:
        append(redis_server, "a", "session-updated", json.dumps(session("s1")) + " " * spaces, "far")
        async with client(a.url) as one:
            await watch(one, "sessions")
            assert (await told(one, "session-updated"))[0]["session_id"] == "s1"
            await put(a)
            await told(one, "session-updated")
        assert a.fleet._peers._connection == 1


async def test_a_queue_in_bytes(redis_server: RedisServer) -> None:
    """Redis takes nothing: what waits for another computer is dropped, and it is sent everything once it is heard again."""
    with computer("a", redis_url=redis_server.url, limits=FleetLimits(entry_bytes=2**30)) as a:
        value = json.dumps({"computer": "b", "last_seen": TIMESTAMP, "interested_in": ["sessions"]})
        redis_server.command("PUBLISH", f"{PREFIX}:heartbeats", value)
        await a.until_watched("sessions", "b")

        async def work() -> None:
            writer = a.fleet._peers._writer
            most = 0
            for number in range(100):
                for change in a.fleet.state.put_session(FleetSessionBody(session_id=f"s{number}", title="x"))[2]:
                    a.fleet._peers.send(change._replace(payload={**change.payload, "more": "x" * 1_000_000}))
                most = max(most, writer._queued_bytes)
            assert most <= 16 * 1024 * 1024
            assert a.fleet.state.watchers("sessions") == []

        await a.server.acall(work)
