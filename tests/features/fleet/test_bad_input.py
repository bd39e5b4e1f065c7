"""Malformed messages of other programs, clocks that are set back, two computers of one name, and trimmed streams."""

import json
import logging
from typing import Any

import pytest

from pattern_stack.features.fleet.bodies import FleetSessionBody
from pattern_stack.features.fleet.core.entry import Entry
from pattern_stack.features.fleet.core.heartbeat import Heartbeat
from pattern_stack.features.fleet.errors import Malformed
from tests.features.fleet.computers import (
    PREFIX,
    append,
    computer,
    heartbeat,
    listed,
    put,
    told,
    watch,
)
from tests.support.client import client
from tests.support.clock import Clock
from tests.support.eventually import eventually
from tests.support.redis.server import RedisServer

SESSION = {"session_id": "s1", "title": "x"}


@pytest.mark.parametrize(
    ("event", "data", "source"),
    [
        ("session-updated", "{", "far"),
        ("session-updated", "[]", "far"),
        ("session-updated", "null", "far"),
        ("session-updated", "[" * 5_000, "far"),
        ("session-updated", {}, "far"),
        ("session-updated", {"session_id": "a/b"}, "far"),
        ("session-updated", {**SESSION, "created_at": "yesterday"}, "far"),
        ("session-updated", {**SESSION, "created_at": "0001-01-01T00:00:00+14:00"}, "far"),
        ("session-updated", {**SESSION, "title": "x" * 1_001}, "far"),
        ("session-updated", {**SESSION, "title": ["x"]}, "far"),
        ("session-updated", {**SESSION, "computer": "near"}, "far"),
        ("session-updated", SESSION, ""),
        ("session-updated", SESSION, "a b"),
        ("session-removed", {"session_id": 7}, "far"),
        ("session-removed", {"session_id": "s1"}, "a b"),
        ("sessions-updated", {"computer": "near", "sessions": []}, "far"),
        ("sessions-updated", {"computer": 7, "sessions": []}, "far"),
        ("sessions-updated", {"computer": "far", "sessions": [{**SESSION, "computer": "near"}]}, "far"),
        ("sessions-updated", {"computer": "far", "sessions": {"s1": SESSION}}, "far"),
        ("projects-updated", {"computer": "far"}, "far"),
        ("todos-updated", {"computer": "far", "todos": [{"slug": "x"}]}, "far"),
        ("computers-updated", {"computer": "far", "computers": []}, "far"),
        ("rm -rf", {}, "far"),
    ],
)
def test_malformed_entries(event: str, data: Any, source: str) -> None:
    text = data if isinstance(data, str) else json.dumps(data)
    fields = {"event": event, "data": text, "timestamp": "2026-11-21T07:00:00Z", "source": source}
    with pytest.raises(Malformed):
        Entry.decode({name.encode(): value.encode() for name, value in fields.items()})
    with pytest.raises(Malformed):
        Entry.decode({b"event": event.encode(), b"data": b"\xff"})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"{}",
        b"[]",
        b'{"computer": "a b", "last_seen": "2026-11-21T07:00:00Z"}',
        b'{"computer": "a", "last_seen": "soon"}',
        b'{"computer": "a", "last_seen": "0001-01-01T00:00:00+14:00"}',
        b'{"computer": "a", "last_seen": "2026-11-21T07:00:00Z", "system_stats": {"x": 18446744073709551616}}',
        b'{"computer": "a", "last_seen": "2026-11-21T07:00:00Z", "system_stats": {"x": "' + b"x" * 65_536 + b'"}}',
        b'{"computer": "a", "last_seen": "2026-11-21T07:00:00Z", "system_stats": {"x": '
        + b"[" * 33
        + b"]" * 33
        + b"}}",
        b'{"computer": "a", "last_seen": "2026-11-21T07:00:00Z", "interested_in": "todos"}',
        b'{"computer": "a", "last_seen": "2026-11-21T07:00:00Z", "interested_in": [7]}',
    ],
)
def test_malformed_heartbeats(data: bytes) -> None:
    with pytest.raises(Malformed):
        Heartbeat.decode(data)


def test_a_heartbeat_without_interest_leaves_the_field_out() -> None:
    beat = Heartbeat.decode(b'{"computer": "a", "last_seen": "2026-11-21T07:00:00", "more": 1}')
    assert beat.encode() == b'{"computer":"a","last_seen":"2026-11-21T07:00:00.000000Z","system_stats":{}}'


async def test_malformed_messages_are_skipped_and_logged_once(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "pattern_stack.features.fleet")
    key = f"{PREFIX}:computer:strange:heartbeat"
    redis_server.command("SET", key, "?")
    redis_server.command("HSET", key.replace("strange", "stranger"), "a", 1)
    with computer("a", redis_url=redis_server.url) as a:
        async with client(a.url) as one:
            await watch(one, "sessions")
            redis_server.command("PUBLISH", f"{PREFIX}:heartbeats", "?")
            redis_server.command("PUBLISH", f"{PREFIX}:wake:a", "?")
            append(redis_server, "a", "session-updated", "{", "far")
            redis_server.command("XADD", f"{PREFIX}:events:a", "*", "a", "b")
            append(redis_server, "a", "session-updated", SESSION, "a")
            append(redis_server, "a", "session-updated", SESSION, "far")
            (session,) = await told(one, "session-updated")
            assert session["computer"] == "far"
            mine = await put(a, session_id="mine")
            append(redis_server, "a", "session-updated", {"session_id": "mine", "title": "theirs"}, "far")
            append(redis_server, "a", "session-removed", {"session_id": "mine"}, "far")
            append(redis_server, "a", "session-removed", {"session_id": "s1"}, "farther")
            append(redis_server, "a", "session-removed", {"session_id": "s1"}, "far")
            assert await told(one, "session-updated", "session-removed") == [mine, {"session_id": "s1"}]
            assert await listed(a, "sessions") == [mine]
            assert a.fleet.trouble is None
    assert caplog.text.count("skipped a message of another computer") == 1


async def test_a_key_that_is_no_stream_disturbs_nothing_else(redis_server: RedisServer) -> None:
    redis_server.command("SET", f"{PREFIX}:events:a", "not a stream")
    with computer("a", redis_url=redis_server.url) as a, computer("b", redis_url=redis_server.url) as b:
        async with client(a.url) as one, client(b.url) as two:
            await watch(one, "sessions")
            await watch(two, "sessions")
            session = await put(a)
            assert await told(two, "session-updated") == [session]
            await put(b)
            redis_server.command("DEL", f"{PREFIX}:events:a")
            await one.event()
            await b.server.acall(b.fleet.heartbeat_now)
            await a.server.acall(a.fleet.heartbeat_now)
            await one.event()
            assert len(await listed(a, "sessions")) == 2


async def test_a_clock_that_runs_backwards(redis_server: RedisServer) -> None:
    """First the clock of the computer that sends, then the clock of the one that receives."""
    mine, theirs = Clock(), Clock()
    with (
        computer("a", redis_url=redis_server.url, clock=theirs) as a,
        computer("b", redis_url=redis_server.url, clock=mine) as b,
    ):
        made = await put(a)
        theirs.move(-3_600)
        await a.server.acall(a.fleet.heartbeat_now)
        await b.until(lambda fleet: [each.last_seen for each in fleet.state.records("computers")] == [theirs(), mine()])
        mine.move(-3_600)
        assert [each["name"] for each in await listed(b, "computers")] == ["a", "b"]
        changed = await put(a, session_id=made["session_id"])
        assert changed["last_activity"] == made["last_activity"]
        mine.move(60)
        assert [each["name"] for each in await listed(b, "computers")] == ["b"]


async def test_a_last_seen_in_the_future_counts_as_now(redis_server: RedisServer) -> None:
    value = '{"computer": "fast", "last_seen": "2036-11-21T07:00:00Z"}'
    redis_server.command("SET", f"{PREFIX}:computer:fast:heartbeat", value)
    clock = Clock()
    with computer("a", redis_url=redis_server.url, clock=clock) as a:
        fast = (await listed(a, "computers"))[1]
        assert (fast["name"], fast["last_seen"]) == ("fast", "2026-11-21T07:00:00.000000Z")
        clock.move(60)
        assert [each["name"] for each in await listed(a, "computers")] == ["a"]


async def test_two_computers_of_one_name(redis_server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    clock, url = Clock(), redis_server.url
    with computer("a", redis_url=url, clock=clock) as a, computer("a", redis_url=url, clock=clock) as other:
        for one in (a, other):
            await one.until(lambda fleet: fleet.trouble)
            assert "another computer is online under the name a" in (one.fleet.trouble or "")
            assert [each["status"] for each in await listed(one, "computers")] == ["conflict"]
        assert caplog.text.count("another computer is online under the name a") == 2
    with computer("a", redis_url=url, clock=clock) as a:  # a key is left of the others, but they do not live
        assert heartbeat(redis_server, "a")
        assert a.fleet.trouble is None


async def test_a_conflict_of_names_ends_with_the_other_one(redis_server: RedisServer) -> None:
    clock, url = Clock(), redis_server.url
    with computer("a", redis_url=url, clock=clock) as a:
        with computer("a", redis_url=url, clock=clock):
            await a.until(lambda fleet: fleet.trouble)
        clock.move(60)
        assert a.fleet.trouble is None
        assert [each["status"] for each in await listed(a, "computers")] == ["online"]


async def test_a_stream_that_was_trimmed_past_the_last_id(redis_server: RedisServer) -> None:
    """b knows only that something may have been trimmed. It requests a resync."""
    url = redis_server.url
    with computer("a", redis_url=url) as a, computer("b", redis_url=url) as b:
        async with client(b.url) as one:
            await watch(one, "sessions")
            await a.until_watched("sessions", "b")
            first = await put(a, session_id="s1")
            assert await told(one, "session-updated") == [first]
            connection = heartbeat(redis_server, "b")["connection"]
            with redis_server.client() as admin, admin.pipeline(transaction=True) as at_once:
                key = f"{PREFIX}:events:b"
                at_once.execute_command("XADD", key, "*", "event", "lost", "data", "", "source", "far")
                at_once.execute_command("XTRIM", key, "MAXLEN", 0)
                at_once.execute_command("XADD", key, "*", "event", "kept", "data", "", "source", "far")
                at_once.execute()
            eventually(lambda: heartbeat(redis_server, "b")["connection"] == connection + 1)
            marker = await put(a)
            assert await told(one, "session-updated") == [marker]
            await one.nothing_more()


async def test_entries_lost_to_trimming_arrive_with_the_resync(redis_server: RedisServer) -> None:
    url = redis_server.url
    with computer("a", redis_url=url) as a, computer("b", redis_url=url) as b:
        async with client(b.url) as one:
            await watch(one, "sessions")
            await a.until_watched("sessions", "b")
            await put(a, session_id="s1")
            await told(one, "session-updated")
            # as if what a wrote of it had been trimmed before b could read it
            lost = FleetSessionBody(session_id="s2", title="lost")
            await a.server.acall(lambda: a.fleet.state.put_session(lost))
            redis_server.command("XTRIM", f"{PREFIX}:events:b", "MAXLEN", 0)
            assert (await told(one, "session-updated"))[0]["session_id"] == "s2"
            marker = await put(a)
            assert await told(one, "session-updated") == [marker]
            await one.nothing_more()
