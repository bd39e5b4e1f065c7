"""Calls from other loops, sync endpoints and threads; blocks and iterables that report progress."""

import asyncio
import inspect
import math
import re
import threading
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from pattern_stack import BroadcastError, WebSocketBroadcastBackend
from pattern_stack.atoms.broadcast.backends.redis import RedisBroadcastBackend
from pattern_stack.features.notifications import InvalidReport, Notifications, ProgressNotFound
from pattern_stack.features.notifications.calls.sync import SyncCalls
from tests.features.notifications.world import World
from tests.support.client import Client
from tests.support.patience import PATIENCE
from tests.support.server import application, serving


async def steps(one: Client) -> list[tuple[int, str]]:
    """Step and name of each progress event so far."""
    answer = await one.ask({"ping": "marker"})
    assert answer["pong"] == "marker"
    published = [message["payload"] for message in one.inbox]
    one.inbox.clear()
    return [(payload["current_step"], payload["step_name"]) for payload in published]


async def test_a_thread_that_reports_loses_nothing(world: World) -> None:
    run = world.session()

    def work() -> None:
        world.notifications.sync.start_progress(run, 100)
        for step in range(1, 101):
            world.notifications.sync.update_progress(run, step)

    async with world.client(run) as one:
        await asyncio.to_thread(work)
        assert [(await one.event())["payload"]["current_step"] for _ in range(101)] == list(range(101))
        await one.nothing_more()


async def test_threads_and_loops_may_call_at_the_same_time(world: World) -> None:
    run = world.session()
    sync = world.notifications.sync

    def in_thread() -> None:
        for _ in range(25):
            sync.send("x", session_id=run)

    async def on_a_loop() -> None:
        for _ in range(25):
            await world.notifications.send("x", session_id=run)

    async with world.client(run) as one:
        calls: list[Callable[[], Any]] = [in_thread, in_thread, lambda: asyncio.run(on_a_loop())]
        await asyncio.gather(*(asyncio.to_thread(call) for call in calls), on_a_loop(), world.server.acall(on_a_loop))
        events = [await one.event() for _ in range(125)]
        assert [event["offset"] for event in events] == list(range(1, 126))
        listed = await world.notifications.list_notifications(session_id=run, limit=1000)
        assert [record.payload for record in reversed(listed.records)] == [event["payload"] for event in events]
        await one.nothing_more()


async def test_a_sync_endpoint_and_an_async_one() -> None:
    backend = WebSocketBroadcastBackend(everyone=["notifications"])
    notifications = Notifications(backend)
    app: FastAPI = application(backend, notifications)

    @app.post("/sync")
    def sync() -> None:
        notifications.sync.send("sync")

    @app.post("/async")
    async def on_the_loop() -> None:
        await notifications.send("async")
        with pytest.raises(BroadcastError, match="loop"):
            notifications.sync.send("would block for ever")

    with serving(app) as server:
        async with httpx2.AsyncClient(base_url=server.http, timeout=PATIENCE) as http:
            for path in ("/sync", "/async"):
                assert (await http.post(path)).status_code == 200
    assert [one.title for one in notifications.sync.list_notifications().records] == ["async", "sync"]


def test_a_script_without_a_loop_or_a_server() -> None:
    notifications = Notifications(WebSocketBroadcastBackend())
    threads = [
        threading.Thread(target=lambda: [notifications.sync.send("x") for _ in range(100)], daemon=True)
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert notifications.sync.list_notifications().total == 400
    with notifications.progress("run", 3) as p:
        p.advance(2)
        assert notifications.sync.get_progress("run").current_step == 2
    with pytest.raises(ProgressNotFound):
        notifications.sync.get_progress("run")


@pytest.mark.parametrize("bridge", [False, pytest.param(True, marks=pytest.mark.redis)])
async def test_python_calls_refuse_invalid_values_without_a_change(
    bridge: bool, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("redis_server").url if bridge else ""
    backend = WebSocketBroadcastBackend(bridge=RedisBroadcastBackend(url) if bridge else None)
    calls: Any = Notifications(backend)
    await calls.start_progress("run", 10)
    for call in (
        lambda: calls.send(""),
        lambda: calls.send("x", type="odd"),
        lambda: calls.send("x", metadata={"x": float("nan")}),
        lambda: calls.create_alert("odd", "x"),
        lambda: calls.create_alert("low", "x", metadata={"x": object()}),
        lambda: calls.list_alerts(severity="odd"),
        lambda: calls.list_notifications(type="odd"),
        lambda: calls.list_notifications(session_id="a\nb"),
        lambda: calls.list_notifications(limit=0),
        lambda: calls.list_notifications(limit=1_001),
        lambda: calls.clear_notifications(session_id=""),
        lambda: calls.acknowledge(None),
        lambda: calls.acknowledge("\ud800"),
        lambda: calls.start_progress("a/b", 1),
        lambda: calls.start_progress("run", 0),
        lambda: calls.update_progress("run", 11),
        lambda: calls.update_progress("run", 5, metadata={"x": "y" * 10_000_000}),
        lambda: calls.update_progress(["run"], 5),
        lambda: calls.run_started(""),
        lambda: calls.run_started("run", metadata=[1]),
    ):
        with pytest.raises(InvalidReport):
            await call()
    with pytest.raises(ProgressNotFound):
        await calls.update_progress("unknown", 1)
    assert (await calls.get_progress("run")).current_step == 0
    status = await calls.status()
    assert (status.total_notifications, status.total_alerts, status.active_sessions) == (0, 0, 1)
    await backend.close()
    if backend.bridge:
        await backend.bridge.close()


def test_the_class_docstring_and_sync_have_every_call() -> None:
    calls = {name for name, value in inspect.getmembers(Notifications, inspect.isfunction) if not name.startswith("_")}
    assert Notifications.__doc__
    assert calls == set(re.findall(r"`(\w+)`", Notifications.__doc__)) & calls
    of_threads = {name for name in vars(SyncCalls) if not name.startswith("_")}
    internal = {"snapshot", "notification_rows", "alert_rows"}
    assert of_threads == calls - internal - {"progress", "track", "get_router"}


# -- blocks


async def test_a_block_that_ends_publishes_completed(world: World) -> None:
    run = world.session()

    def work() -> None:
        with world.notifications.progress(run, total=3, step_name="begin", rate=math.inf) as p:
            for name in "abc":
                p.advance(step_name=name)

    async with world.client(run) as one:
        await asyncio.to_thread(work)
        assert await steps(one) == [(0, "begin"), (1, "a"), (2, "b"), (3, "c"), (3, "Completed")]


async def test_a_burst_is_limited_and_its_last_state_published(world: World) -> None:
    """At this rate only the first and the last state are due before the block ends."""
    run = world.session()

    def work() -> None:
        with world.notifications.progress(run, total=1_000, rate=0.001) as p:
            for number in range(1_000):
                p.advance(metadata={"number": number})

    async with world.client(run) as one:
        await asyncio.to_thread(work)
        await one.ask({"ping": 1})
        assert one.inbox[2]["payload"]["metadata"] == {"number": 999}
        assert await steps(one) == [(0, ""), (1, ""), (1_000, ""), (1_000, "Completed")]


async def test_the_last_state_of_a_burst_is_published_before_the_block_ends(world: World) -> None:
    run = world.session()
    published = threading.Event()

    def work() -> None:
        with world.notifications.progress(run, total=10, rate=50) as p:
            for _ in range(7):
                p.advance()
            assert published.wait(PATIENCE)

    async with world.client(run) as one:
        working = asyncio.create_task(asyncio.to_thread(work))
        last = await one.until(lambda message: message.get("payload", {}).get("current_step") == 7)
        assert last["event"] == "progress-update"
        published.set()
        await working


async def test_a_block_that_raises_publishes_failed(world: World) -> None:
    run = world.session()
    await world.notifications.run_started(run)

    def work() -> None:
        with world.notifications.progress(run, total=10, rate=0.001) as p:
            for _ in range(4):
                p.advance()
            raise LookupError("no such product \ud800")

    async with world.client(run) as one:
        with pytest.raises(LookupError):
            await asyncio.to_thread(work)
        await one.ask({"ping": 1})
        last = one.inbox[-1]["payload"]
        assert (last["progress_percentage"], last["step_name"]) == (40.0, "Failed")
        assert last["metadata"] == {"error": "no such product ?", "error_type": "LookupError"}
        assert await steps(one) == [(0, ""), (1, ""), (4, ""), (4, "Failed")]
    with pytest.raises(ProgressNotFound):
        await world.notifications.get_progress(run)
    assert (await world.notifications.get_run(run)).state == "running"


def test_a_failure_is_published_without_its_reason_if_the_metadata_is_full() -> None:
    notifications = Notifications(WebSocketBroadcastBackend())
    with (
        pytest.raises(ZeroDivisionError),
        notifications.progress("run", 3, metadata={"x": "y" * 65_500}),
    ):
        raise ZeroDivisionError("so sorry")
    with pytest.raises(ProgressNotFound):
        notifications.sync.get_progress("run")


def test_a_failure_that_cannot_be_published_is_a_note_of_the_exception() -> None:
    notifications = Notifications(WebSocketBroadcastBackend())

    def work() -> None:
        with notifications.progress("run", 3):
            notifications.sync.complete_progress("run")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        work()
    assert "could not be reported" in caught.value.__notes__[0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"metadata": {"x": float("nan")}},
        {"metadata": {"x": object()}},
        {"metadata": {"x": "y" * 70_000}},
        {"metadata": ["x"]},
        {"step_name": "x" * 201},
        {"step_name": 5},
        {"steps": 0.5},
    ],
    ids=range(7),
)
async def test_an_advance_with_an_invalid_value_changes_nothing(world: World, wrong: dict[str, Any]) -> None:
    """The error is raised at once, and later states are published."""
    run = world.session()

    def work() -> None:
        with world.notifications.progress(run, 3, metadata={"x": 1}) as block:
            block.advance(step_name="one")
            with pytest.raises(InvalidReport):
                block.advance(**wrong)
            assert block.current_step == 1
            block.advance(metadata={"y": 2})

    async with world.client(run) as one:
        await asyncio.to_thread(work)
        while (published := (await one.event())["payload"])["step_name"] != "Completed":
            last = published
    assert (last["current_step"], last["step_name"], last["metadata"]) == (2, "one", {"x": 1, "y": 2})


def test_a_block_refuses_invalid_totals_rates_and_steps() -> None:
    notifications = Notifications(WebSocketBroadcastBackend())
    with pytest.raises(InvalidReport), notifications.progress("run", 0):
        pass
    with pytest.raises(InvalidReport, match="rate"):
        notifications.progress("run", 1, rate=0)
    with notifications.progress("run", 2) as p:
        with pytest.raises(InvalidReport):
            p.advance(3)
        with pytest.raises(InvalidReport):
            p.advance(-1)
        assert p.current_step == 0
    with pytest.raises(ProgressNotFound), notifications.progress("run", 2):
        notifications.sync.complete_progress("run")


async def test_threads_share_a_block(world: World) -> None:
    run = world.session()

    def work() -> None:
        with world.notifications.progress(run, total=400, rate=200) as p:
            threads = [threading.Thread(target=lambda: [p.advance() for _ in range(100)]) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

    async with world.client(run) as one:
        await asyncio.to_thread(work)
        published = await steps(one)
        assert published == sorted(published)
        assert published[-2:] == [(400, ""), (400, "Completed")]


# -- iterables


async def test_each_item_of_an_iterable_is_a_step(world: World) -> None:
    run = world.session()
    async with world.client(run) as one:
        seen = await asyncio.to_thread(lambda: list(world.notifications.track("abc", run, rate=math.inf)))
        assert seen == ["a", "b", "c"]
        assert await steps(one) == [(0, ""), (1, ""), (2, ""), (3, ""), (3, "Completed")]
        await asyncio.to_thread(lambda: list(world.notifications.track(iter("abc"), run, total=3, rate=0.001)))
        assert await steps(one) == [(0, ""), (1, ""), (3, ""), (3, "Completed")]
        assert list(world.notifications.track([], run)) == []
        assert await steps(one) == []


async def test_a_loop_that_is_left_early_publishes_failed(world: World) -> None:
    run = world.session()

    def leave() -> None:
        for letter in world.notifications.track("abcd", run, rate=math.inf):
            if letter == "c":
                break

    def broken() -> Any:
        yield 1
        raise LookupError("no more")

    async with world.client(run) as one:
        await asyncio.to_thread(leave)
        assert await steps(one) == [(0, ""), (1, ""), (2, ""), (2, "Failed")]
        with pytest.raises(LookupError):
            await asyncio.to_thread(lambda: list(world.notifications.track(broken(), run, total=5, rate=math.inf)))
        assert await steps(one) == [(0, ""), (1, ""), (1, "Failed")]


def test_an_iterable_without_a_length_needs_a_total() -> None:
    with pytest.raises(InvalidReport, match="total"):
        Notifications(WebSocketBroadcastBackend()).track(iter("abc"), "run")
