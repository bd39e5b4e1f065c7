"""REST: lists, refusals, and how a fleet is set up."""

import asyncio
import json
import threading
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from pattern_stack import InvalidURL, WebSocketBroadcastBackend
from pattern_stack.app import create_app
from pattern_stack.atoms.clock import utc_now
from pattern_stack.features.fleet import Fleet, FleetSessionBody, FleetSessionNotFound
from pattern_stack.features.fleet.errors import InvalidComputer
from pattern_stack.settings import Settings
from tests.features.fleet.computers import append, ask, computer, heartbeat, listed, put, told, watch
from tests.support.client import client
from tests.support.clock import Clock
from tests.support.eventually import eventually
from tests.support.patience import PATIENCE
from tests.support.process import BIN, running
from tests.support.redis.server import RedisServer
from tests.support.server import serving as served
from tests.support.server import serving_backend


async def test_a_session_is_made_changed_and_deleted() -> None:
    clock = Clock()
    with computer("a", clock=clock, ids=lambda: "id-1") as a:
        made = await put(a, title="one", computer="evil", created_at="1970-01-01T00:00:00Z")
        assert made == {
            "session_id": "id-1",
            "title": "one",
            "origin": "api",
            "working_directory": None,
            "status": "active",
            "created_at": "2026-11-21T07:00:00.000000Z",
            "last_activity": "2026-11-21T07:00:00.000000Z",
            "computer": "a",
        }
        clock.move(1)
        changed = await put(a, session_id="id-1", title="two", working_directory="/x")
        assert changed == {
            **made,
            "title": "two",
            "working_directory": "/x",
            "last_activity": "2026-11-21T07:00:01.000000Z",
        }
        assert await listed(a, "sessions") == [changed]
        assert await listed(a, "sessions", computer="b") == []
        assert await ask(a, "DELETE", "/sessions/id-1") is None
        assert (await ask(a, "DELETE", "/sessions/id-1"))["error"]["code"] == "FLEET_SESSION_NOT_FOUND"


async def test_x_origin_comes_back_on_the_events_of_this_computer() -> None:
    with computer("a") as a:
        async with client(a.url) as one:
            await watch(one, "sessions")
            await ask(a, "POST", "/sessions", json={"session_id": "s1", "title": "x"}, headers={"X-Origin": "page-7"})
            await ask(a, "DELETE", "/sessions/s1", headers={"X-Origin": "page-7"})
            await put(a, session_id="s2")
            events = [await one.event() for _ in range(3)]
            assert [event.get("origin") for event in events] == ["page-7", "page-7", None]
            refused = await ask(a, "POST", "/sessions", json={"title": "x"}, headers={"X-Origin": "x" * 201})
            assert refused["error"]["code"] == "VALIDATION_ERROR"
            await one.nothing_more()


async def test_calls_may_be_awaited_on_any_loop_and_thread() -> None:
    """Here on the test's loop and on loops of other threads. All of them read and change the state on the server's loop."""
    threads = set[int]()

    def clock() -> datetime:
        threads.add(threading.get_ident())
        return utc_now()

    with computer("a", clock=clock) as a:
        async with client(a.url) as one:
            await watch(one, "sessions")
            threads.clear()  # the fleet was made in the test's thread
            session, is_new = await a.fleet.put_session(FleetSessionBody(session_id="s1", title="x"), origin="test")
            assert (is_new, await a.fleet.records("sessions")) == (True, [session])
            assert await a.fleet.snapshot("sessions") == {"sessions": [session.as_json()]}

            def work(number: int) -> None:
                asyncio.run(a.fleet.put_session(FleetSessionBody(session_id=f"t{number}", title="x")))

            await asyncio.gather(*(asyncio.to_thread(work, number) for number in range(8)))
            await a.fleet.delete_session("s1")
            events = [await one.event() for _ in range(10)]
            assert [events[0]["event"], events[0]["origin"], events[-1]["event"]] == [
                "session-updated",
                "test",
                "session-removed",
            ]
            assert {event["payload"]["session_id"] for event in events[1:-1]} == {f"t{number}" for number in range(8)}
            with pytest.raises(FleetSessionNotFound):
                await a.fleet.delete_session("s1")
            assert threads == {a.server.call(threading.get_ident)}


async def test_it_can_be_started_from_another_loop_than_the_hubs(redis_server: RedisServer) -> None:
    """Its tasks run on the hub's loop all the same, so no change comes in between two steps of another one."""
    broadcast = WebSocketBroadcastBackend()
    fleet = Fleet(broadcast, computer="a", redis_url=redis_server.url)
    with serving_backend(broadcast) as server:
        await fleet.start()
        assert {task.get_loop() for task in fleet._tasks._tasks} == {server.loop}
        assert fleet.trouble is None
        async with client(server.url) as one:
            await watch(one, "sessions")
            append(redis_server, "a", "session-updated", {"session_id": "s1"}, "far")
            assert (await told(one, "session-updated"))[0]["session_id"] == "s1"
        await fleet.stop()
        assert fleet._tasks._tasks == []


async def test_openapi_names_say_whose_they_are() -> None:
    schemas = create_app(Settings()).openapi()["components"]["schemas"]
    assert {
        "FleetSession",
        "FleetProject",
        "FleetSessionList",
        "FleetProjectList",
        "Todo",
        "Computer",
    } <= schemas.keys()
    assert not {"Session", "SessionBody"} & schemas.keys()
    assert not [name for name in schemas if "__" in name], "two models of one name"


async def test_a_new_session_answers_201_and_a_change_200() -> None:
    with computer("a") as a:
        async with httpx2.AsyncClient(base_url=a.http, timeout=PATIENCE, verify=False, trust_env=False) as http:
            for status in (201, 200):
                answer = await http.post("/api/v1/fleet/sessions", json={"session_id": "s1", "title": "x"})
                assert answer.status_code == status
            assert (await http.delete("/api/v1/fleet/sessions/s1")).status_code == 204


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"title": 7},
        {"title": "x" * 1_001},
        {"title": "\ud800"},
        {"title": "x", "session_id": ""},
        {"title": "x", "session_id": "a/b"},
        {"title": "x", "session_id": "x" * 201},
        {"title": "x", "status": None},
        [],
    ],
)
async def test_bodies_that_do_not_validate(body: Any) -> None:
    with computer("a") as a:
        assert (await ask(a, "POST", "/sessions", content=json.dumps(body)))["error"]["code"] == "VALIDATION_ERROR"
        assert await listed(a, "sessions") == []


@pytest.mark.parametrize("channel", ["fleet:", "fleet:nothing", "fleet:sessions:x"])
async def test_unknown_channels_are_not_found(channel: str) -> None:
    with computer("a") as a:
        async with client(a.url) as one:
            answer = await one.ask({"subscribe": [channel]})
            assert answer["error"]["code"] == "not_found"


async def test_refresh_brings_a_snapshot() -> None:
    with computer("a") as a:
        async with client(a.url) as one:
            await watch(one, "sessions")
            session = await put(a)
            await one.event()
            await one.ask({"refresh": ["fleet:sessions"]})
            snapshot = await one.event()
            assert (snapshot["event"], snapshot["payload"]) == ("snapshot", {"sessions": [session]})


async def test_the_own_computer_is_listed() -> None:
    with computer("a", role="worker") as a:
        (itself,) = await listed(a, "computers")
        assert (itself["name"], itself["status"], itself["role"]) == ("a", "online", "worker")
        assert itself["host"]
        assert itself["system_stats"]["cpus"] >= 1


@pytest.mark.parametrize("name", ["a b", "a/b", "x" * 101, "ä", "a\n"])
def test_invalid_computer_names(name: str) -> None:
    with pytest.raises(InvalidComputer):
        Fleet(WebSocketBroadcastBackend(), computer=name)


def test_invalid_settings() -> None:
    with pytest.raises(InvalidURL):
        Fleet(WebSocketBroadcastBackend(), redis_url="http://127.0.0.1")
    with pytest.raises(ValueError, match="heartbeat_seconds"):
        Fleet(WebSocketBroadcastBackend(), heartbeat_seconds=0)
    with pytest.raises(ValueError, match="role"):
        Fleet(WebSocketBroadcastBackend(), role="x" * 1_001)


async def test_settings_from_the_environment(
    tmp_path: Path, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "garden").mkdir()
    environment = {"COMPUTER": "env", "REDIS_URL": redis_server.url, "PREFIX": "other[1]", "HEARTBEAT_SECONDS": "7"}
    for name, value in {**environment, "DIRECTORY": str(tmp_path)}.items():
        monkeypatch.setenv(f"PATTERN_STACK_FLEET_{name}", value)
    settings = Settings()
    assert settings.broadcast_url == "auto://"
    with served(create_app(settings)) as server:
        eventually(lambda: redis_server.command("PTTL", "other[1]:computer:env:heartbeat") > 0)
        assert 7_000 < redis_server.command("PTTL", "other[1]:computer:env:heartbeat") <= 14_000
        async with client(server.url) as one:
            assert [project["name"] for project in (await watch(one, "projects"))["projects"]] == ["garden"]
        with served(create_app(settings.model_copy(update={"fleet_computer": "second"}))) as second:
            async with client(second.url) as one:
                snapshot = await watch(one, "computers")
                assert [each["name"] for each in snapshot["computers"]] == ["env", "second"]
    assert heartbeat(redis_server, "env") == {}


async def test_ready_names_the_trouble_of_the_fleet(redis_server: RedisServer) -> None:
    app = create_app(Settings(fleet_computer="a", fleet_redis_url=redis_server.url))
    with served(app) as server:
        async with httpx2.AsyncClient(base_url=server.http, timeout=PATIENCE, verify=False, trust_env=False) as http:
            assert (await http.get("/ready")).status_code == 200
            redis_server.kill()
            await server.acall(app.state.fleet.heartbeat_now)
            eventually(lambda: app.state.fleet.trouble)
            answer = await http.get("/ready")
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "FLEET_UNAVAILABLE")


async def test_a_task_that_dies_makes_the_fleet_not_ready(caplog: pytest.LogCaptureFixture) -> None:
    with computer("a") as a:
        a.fleet.state.remove_expired = lambda: 1 / 0  # type: ignore[assignment,method-assign,return-value]
        await a.until(lambda fleet: fleet.trouble)
        assert a.fleet.trouble == "the fleet's sweep has ended"
        assert "ZeroDivisionError" in caplog.text


def test_a_redis_that_refuses_ends_the_start_in_one_line() -> None:
    with RedisServer(password="right") as redis:
        environment = {"PATTERN_STACK_FLEET_REDIS_URL": redis.url_as("", "wrong")}
        with (
            pytest.raises(AssertionError) as failed,
            running(BIN / "pattern-stack", "serve", "--port", "0", **environment),
        ):
            pass
    assert "the fleet's Redis at 127.0.0.1" in str(failed.value)
    assert "Traceback" not in str(failed.value)
