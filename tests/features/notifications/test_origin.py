"""X-Origin, and `origin=` in Python: the events of a call carry it."""

from collections.abc import Callable
from typing import Any

import pytest

from pattern_stack import InvalidEvent
from tests.features.notifications.world import World

CALLS: list[tuple[str, Any]] = [
    ("/notifications", {"title": "x"}),
    ("/notifications/NOTIFICATION/acknowledge", None),
    ("/alerts", {"severity": "low", "title": "x"}),
    ("/alerts/ALERT/resolve", None),
    ("/progress/RUN/start", {"total_steps": 3}),
    ("/progress/RUN", {"current_step": 1}),
    ("/progress/RUN/complete", None),
    ("/runs/RUN/started", None),
    ("/runs/RUN/completed", None),
    ("/runs/RUN/failed", {"error_message": "no", "error_type": "E"}),
    ("/runs/RUN/cancelled", None),
    ("/status", None),
]


@pytest.mark.parametrize("origin", ["page-7", None])
@pytest.mark.parametrize(("path", "body"), CALLS, ids=[path for path, _ in CALLS])
async def test_an_event_carries_the_origin_of_its_call(world: World, path: str, body: Any, origin: str | None) -> None:
    run = world.session()
    await world.notifications.start_progress(run, 3)
    await world.notifications.run_started(run)
    names = {
        "RUN": run,
        "NOTIFICATION": (await world.notifications.send("x")).id,
        "ALERT": (await world.notifications.create_alert("low", "x")).id,
    }
    for name, value in names.items():
        path = path.replace(name, value)
    async with world.client(run) as one:
        headers = {} if origin is None else {"X-Origin": origin}
        status, _ = await world.ask("POST", path, body, headers=headers)
        assert status in (200, 201)
        assert (await one.event()).get("origin") == origin
        await one.nothing_more()


async def test_an_origin_that_is_too_long_is_refused_by_its_name(world: World) -> None:
    status, answer = await world.ask("POST", "/status", headers={"X-Origin": "x" * 201})
    assert (status, answer["error"]["code"]) == (422, "VALIDATION_ERROR")
    assert "X-Origin" in answer["error"]["message"]


async def test_python_calls_take_an_origin(world: World) -> None:
    run = world.session()
    sync, calls = world.notifications.sync, world.notifications
    async with world.client(run) as one:
        await calls.start_progress(run, 3, origin="a")
        await calls.fail_progress(run, origin="b")
        await calls.run_started(run, origin="c")
        assert [(await one.event())["origin"] for _ in range(3)] == ["a", "b", "c"]
        await world.server.acall(lambda: calls.send("x", session_id=run, origin="d"))
        assert (await one.event())["origin"] == "d"
        await one.nothing_more()
    assert sync.list_notifications(session_id=run).total == 1


async def test_an_origin_that_is_not_a_string_changes_nothing(world: World) -> None:
    run = world.session()
    calls: Any = world.notifications
    await calls.start_progress(run, 3)
    refused: list[Callable[[], Any]] = [
        lambda: calls.send("x", session_id=run, origin=7),
        lambda: calls.update_progress(run, 1, origin=7),
    ]
    for call in refused:
        with pytest.raises(InvalidEvent, match="origin"):
            await call()
    assert (await calls.get_progress(run)).current_step == 0
    assert (await calls.list_notifications(session_id=run)).total == 0
