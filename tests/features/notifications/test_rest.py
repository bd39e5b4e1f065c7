"""The REST calls: their answers, their errors, and their description in OpenAPI."""

import json
from typing import Any

import pytest

from pattern_stack import WebSocketBroadcastBackend
from pattern_stack.features.notifications import Notifications
from tests.features.notifications.world import World
from tests.support.server import application


async def test_notifications_newest_first_and_counted(world: World) -> None:
    run, other = world.session(), world.session()
    made = []
    for number in range(5):
        kind = "error" if number % 2 else "info"
        status, one = await world.ask("POST", "/notifications", {"title": f"{number}", "type": kind, "session_id": run})
        assert status == 201
        made.append(one)
    await world.notifications.send("elsewhere", session_id=other)
    status, page = await world.ask("GET", "/notifications", params={"session_id": run, "limit": 2})
    assert (status, page) == (200, {"notifications": made[:2:-1], "total": 5})
    _, errors = await world.ask("GET", "/notifications", params={"session_id": run, "type": "error"})
    assert errors == {"notifications": [made[3], made[1]], "total": 2}
    assert (await world.ask("DELETE", "/notifications", params={"session_id": run})) == (200, {"removed": 5})
    assert (await world.ask("GET", "/notifications", params={"session_id": run}))[1]["total"] == 0
    assert (await world.ask("GET", "/notifications", params={"session_id": other}))[1]["total"] == 1
    assert (await world.ask("DELETE", "/notifications"))[0] == 200
    assert (await world.ask("GET", "/notifications"))[1] == {"notifications": [], "total": 0}


async def test_a_notification_is_acknowledged_once(world: World) -> None:
    run = world.session()
    async with world.client(run) as one:
        sent = await world.notifications.send("look", session_id=run)
        await one.event()
        for _ in range(2):
            status, answer = await world.ask("POST", f"/notifications/{sent.id}/acknowledge")
            assert (status, answer) == (200, {**sent.payload, "acknowledged": True})
        event = await one.event()
        assert (event["event"], event["payload"]) == ("notification-acknowledged", {"id": sent.id})
        await one.nothing_more()
    assert (await world.ask("GET", "/notifications", params={"session_id": run}))[1]["notifications"] == [answer]


async def test_alerts_are_filtered_and_resolved_once(world: World) -> None:
    run = world.session()
    low, _ = [
        (await world.ask("POST", "/alerts", {"severity": severity, "title": severity, "session_id": run}))[1]
        for severity in ("low", "high")
    ]
    async with world.client(run) as one:
        for _ in range(2):
            assert await world.ask("POST", f"/alerts/{low['id']}/resolve") == (200, {**low, "resolved": True})
        event = await one.event()
        assert (event["event"], event["payload"]) == ("alert-resolved", {**low, "resolved": True})
        await one.nothing_more()

    async def listed(**params: Any) -> list[str]:
        _, page = await world.ask("GET", "/alerts", params={"session_id": run, **params})
        assert page["total"] == len(page["alerts"])
        return [alert["title"] for alert in page["alerts"]]

    assert await listed() == ["high", "low"]
    assert await listed(resolved=False) == ["high"]
    assert await listed(resolved=True, severity="low") == ["low"]
    assert await listed(resolved=True, severity="high") == []


async def test_progress_from_start_to_end(world: World) -> None:
    run = world.session()
    path = f"/progress/{run}"
    status, begun = await world.ask("POST", f"{path}/start", {"total_steps": 4, "step_name": "a", "metadata": {"x": 1}})
    assert (status, begun["current_step"]) == (201, 0)
    world.clock.move(10)
    _, moved = await world.ask("POST", path, {"current_step": 1, "metadata": {"y": 2}})
    assert (moved["step_name"], moved["metadata"]) == ("a", {"x": 1, "y": 2})
    assert (moved["elapsed_time"], moved["remaining_time"]) == (10.0, 30.0)
    world.clock.move(100)
    assert await world.ask("GET", path) == (200, moved)
    status, ended = await world.ask("POST", f"{path}/complete")
    assert (status, ended["progress_percentage"], ended["step_name"]) == (200, 100.0, "Completed")
    assert (ended["remaining_time"], ended["estimated_completion"]) == (0.0, ended["timestamp"])
    status, gone = await world.ask("GET", path)
    assert (status, gone["error"]["code"]) == (404, "PROGRESS_NOT_FOUND")


@pytest.mark.parametrize(
    ("end", "body", "published"),
    [
        ("completed", {"results": {"orders": 3}}, {"results": {"orders": 3}}),
        ("completed", None, {"results": None}),
        ("failed", {"error_message": "no", "error_type": "E"}, {"error_message": "no", "error_type": "E"}),
        ("cancelled", {}, {}),
    ],
)
async def test_a_run_ends_once(world: World, end: str, body: Any, published: dict[str, Any]) -> None:
    run = world.session()
    path = f"/runs/{run}"
    async with world.client(run) as one:
        status, started = await world.ask("POST", f"{path}/started", {"metadata": {"by": "ann"}})
        assert (status, started["state"], started["metadata"]) == (201, "running", {"by": "ann"})
        world.clock.move(5)
        status, ended = await world.ask("POST", f"{path}/{end}", body)
        assert (status, ended) == (200, ended | published | {"state": end, "started_at": started["started_at"]})
        assert await world.ask("GET", path) == (200, ended)
        for again in ("started", "completed", "cancelled"):
            status, refused = await world.ask("POST", f"{path}/{again}")
            assert (status, refused["error"]["code"]) == (409, "RUN_FINISHED")
        assert [(await one.event())["payload"] for _ in range(2)] == [started, ended]
        await one.nothing_more()


async def test_a_pending_run_is_in_the_snapshot_and_publishes_nothing(world: World) -> None:
    run = world.session()
    assert (await world.notifications.run_pending(run)).state == "pending"
    async with world.client() as one:
        await one.subscribe(f"notifications:{run}")
        assert (await one.event())["payload"]["run"]["state"] == "pending"
        assert (await world.notifications.run_started(run)).state == "running"
        assert (await world.notifications.run_pending(run)).state == "running"
        assert (await one.event())["event"] == "session-started"
        await one.nothing_more()


async def test_status_counts_and_is_published_to_everyone(world: World) -> None:
    _, before = await world.ask("GET", "/status")
    running, waiting, moving, ended = (world.session() for _ in range(4))
    await world.notifications.run_started(running)
    await world.notifications.start_progress(running, 3)
    await world.notifications.run_pending(waiting)
    await world.notifications.start_progress(moving, 3)
    await world.notifications.run_started(ended)
    await world.notifications.run_failed(ended, "no", "E")
    await world.notifications.send("one")
    alert = await world.notifications.create_alert("critical", "one")
    await world.notifications.create_alert("critical", "two")
    await world.notifications.resolve_alert(alert.id)
    async with world.client() as one:
        status, after = await world.ask("POST", "/status")
        event = await one.event()
        assert (status, event["event"], event["payload"]) == (200, "system-status", after)
        assert event["channel"] == "notifications"
    changed = {name: after[name] - before[name] for name in after if isinstance(after[name], int)}
    assert changed == {"active_sessions": 3, "total_notifications": 1, "total_alerts": 2, "unresolved_alerts": 1}
    counts, earlier = after["alert_counts_by_severity"], before["alert_counts_by_severity"]
    assert {name: counts[name] - earlier[name] for name in counts} == {"low": 0, "medium": 0, "high": 0, "critical": 2}


DEEP: Any = json.loads("[" * 500 + "]" * 500)


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/notifications", {}, 422, "VALIDATION_ERROR"),
        ("/notifications", {"title": ""}, 422, "VALIDATION_ERROR"),
        ("/notifications", {"title": "x", "type": "odd"}, 422, "VALIDATION_ERROR"),
        ("/notifications", {"title": "x", "session_id": "a/b"}, 422, "VALIDATION_ERROR"),
        ("/notifications", {"title": "x", "session_id": ""}, 422, "VALIDATION_ERROR"),
        ("/notifications", {"title": "x", "metadata": []}, 422, "VALIDATION_ERROR"),
        ("/notifications", {"title": "x", "metadata": {"x": float("nan")}}, 422, "VALIDATION_ERROR"),
        ("/notifications", {"title": "x", "metadata": {"x": float("inf")}}, 422, "VALIDATION_ERROR"),
        ("/notifications", {"title": "x", "metadata": {"x": 2**80}}, 422, "VALIDATION_ERROR"),
        ("/notifications", {"title": "x", "metadata": {"x": "\ud800"}}, 422, "VALIDATION_ERROR"),
        ("/notifications", {"title": "\ud800"}, 422, "VALIDATION_ERROR"),
        ("/notifications", {"title": "x", "metadata": {"x": DEEP}}, 422, "VALIDATION_ERROR"),
        ("/notifications", {"title": "x", "metadata": {"x": "y" * 70_000}}, 422, "VALIDATION_ERROR"),
        ("/notifications", {"title": "x", "metadata": {"x": "y" * 10_000_000}}, 413, "PAYLOAD_TOO_LARGE"),
        ("/notifications/none/acknowledge", None, 404, "NOTIFICATION_NOT_FOUND"),
        ("/alerts", {"severity": "odd", "title": "x"}, 422, "VALIDATION_ERROR"),
        ("/alerts", {"title": "x"}, 422, "VALIDATION_ERROR"),
        ("/alerts/none/resolve", None, 404, "ALERT_NOT_FOUND"),
        ("/progress/RUN/start", {"total_steps": 0}, 422, "VALIDATION_ERROR"),
        ("/progress/RUN/start", {"total_steps": -1}, 422, "VALIDATION_ERROR"),
        ("/progress/RUN/start", {"total_steps": True}, 422, "VALIDATION_ERROR"),
        ("/progress/RUN/start", {"total_steps": 1.5}, 422, "VALIDATION_ERROR"),
        ("/progress/RUN/start", {"total_steps": 2**70}, 422, "VALIDATION_ERROR"),
        ("/progress/RUN", {"current_step": -1}, 422, "VALIDATION_ERROR"),
        ("/progress/RUN", {"current_step": 11}, 422, "VALIDATION_ERROR"),
        ("/progress/RUN", {"current_step": 3, "metadata": {"x": float("nan")}}, 422, "VALIDATION_ERROR"),
        ("/progress/RUN", {"current_step": 3, "metadata": {"z": "y" * 50_000}}, 422, "VALIDATION_ERROR"),  # merged
        ("/progress/none", {"current_step": 1}, 404, "PROGRESS_NOT_FOUND"),
        ("/progress/none/complete", None, 404, "PROGRESS_NOT_FOUND"),
        ("/progress/a%20b/start", {"total_steps": 1}, 422, "VALIDATION_ERROR"),
        ("/runs/none/completed", {}, 404, "RUN_NOT_FOUND"),
        ("/runs/none/cancelled", {}, 404, "RUN_NOT_FOUND"),
        ("/runs/RUN/failed", {}, 422, "VALIDATION_ERROR"),
        ("/runs/RUN/completed", {"results": {"x": float("nan")}}, 422, "VALIDATION_ERROR"),
    ],
)
async def test_a_refused_call_changes_nothing(world: World, path: str, body: Any, status: int, code: str) -> None:
    run = world.session()
    await world.notifications.start_progress(run, 10, metadata={"x": "y" * 20_000})
    await world.notifications.run_started(run)
    alert = await world.notifications.create_alert("low", "there", session_id=run)
    _, before = await world.ask("GET", "/status")
    async with world.client(run) as one:
        content = None if body is None else json.dumps(body).encode()  # which writes NaN too
        refused = await world.ask(
            "POST", path.replace("RUN", run), content=content, headers={"content-type": "application/json"}
        )
        assert (refused[0], refused[1]["error"]["code"]) == (status, code)
        assert refused[1]["error"]["message"]
        await one.send({"refresh": [f"notifications:{run}"]})
        snapshot = (await one.event())["payload"]
        assert (snapshot["progress"]["current_step"], snapshot["run"]["state"]) == (0, "running")
        await one.nothing_more()
    _, after = await world.ask("GET", "/status")
    assert after == before
    assert (await world.ask("GET", "/alerts", params={"session_id": run}))[1]["alerts"] == [alert.payload]


def nested(levels: int) -> dict[str, Any]:
    return {"x": json.loads("[" * (levels - 1) + "]" * (levels - 1))}


def deep_calls(run: str, levels: int) -> list[tuple[str, Any]]:
    deep = nested(levels)
    return [
        ("/notifications", {"title": "x", "session_id": run, "metadata": deep}),
        ("/alerts", {"severity": "low", "title": "x", "session_id": run, "metadata": deep}),
        (f"/progress/{run}/start", {"total_steps": 3, "metadata": deep}),
        (f"/progress/{run}", {"current_step": 1, "metadata": deep}),
        (f"/runs/{run}/started", {"metadata": deep}),
        (f"/runs/{run}/completed", {"results": deep}),
    ]


async def test_json_of_32_levels_is_kept_and_read_again(world: World) -> None:
    run = world.session()
    for path, body in deep_calls(run, 32):
        assert (await world.ask("POST", path, body))[0] in (200, 201), path
    for kind in ("notifications", "alerts"):
        _, page = await world.ask("GET", f"/{kind}", params={"session_id": run})
        assert [one["metadata"] for one in page[kind]] == [nested(32)]
    async with world.client(run) as one:
        await one.send({"refresh": [f"notifications:{run}"]})
        snapshot = (await one.event())["payload"]
    assert snapshot["progress"]["metadata"] == snapshot["run"]["metadata"] == snapshot["run"]["results"] == nested(32)


@pytest.mark.parametrize("levels", [33, 200, 250])
async def test_json_of_more_than_32_levels_is_refused(world: World, levels: int) -> None:
    run = world.session()
    await world.notifications.start_progress(run, 3)
    await world.notifications.run_started(run)
    for path, body in deep_calls(run, levels):
        assert (await world.ask("POST", path, body))[1]["error"]["code"] == "VALIDATION_ERROR", path
    for path in (f"/notifications?session_id={run}", f"/alerts?session_id={run}", f"/progress/{run}", f"/runs/{run}"):
        assert (await world.ask("GET", path))[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "notifications?limit=0",
        "notifications?limit=1001",
        "notifications?type=odd",
        "notifications?session_id=a%2Fb",
        "alerts?limit=-1",
        "alerts?severity=odd",
        "alerts?resolved=perhaps",
    ],
)
async def test_lists_refuse_invalid_filters(world: World, path: str) -> None:
    status, answer = await world.ask("GET", f"/{path}")
    assert (status, answer["error"]["code"]) == (422, "VALIDATION_ERROR")


@pytest.mark.parametrize("session", ["", "a/b", "x" * 181])
async def test_a_channel_without_a_valid_session_id_is_refused(world: World, session: str) -> None:
    async with world.client() as one:
        channel = f"notifications:{session}"
        refused = await one.ask({"subscribe": [channel]})
        assert (refused["error"]["code"], refused["error"]["channel"]) == ("not_found", channel)
        assert channel not in world.backend.get_all_channels()


@pytest.mark.parametrize("path", ["/runs/RUN/cancelled", "/alerts/ALERT/resolve", "/status"])
async def test_a_page_of_another_origin_changes_nothing(world: World, path: str) -> None:
    run = world.session()
    await world.notifications.run_started(run)
    alert = await world.notifications.create_alert("low", "open", session_id=run)
    async with world.client(run) as one:
        path = path.replace("RUN", run).replace("ALERT", alert.id)
        status, answer = await world.ask("POST", path, headers={"Origin": "https://evil.example"})
        assert (status, answer["error"]["code"]) == (403, "FORBIDDEN")
        await one.nothing_more()
    assert (await world.notifications.get_run(run)).state == "running"
    assert not (await world.notifications.list_alerts(session_id=run)).records[0].resolved


def test_openapi_describes_every_call_with_examples_and_errors() -> None:
    backend = WebSocketBroadcastBackend(everyone=["notifications"])
    spec = application(backend, Notifications(backend)).openapi()
    calls = {f"{method.upper()} {path}" for path, methods in spec["paths"].items() for method in methods}
    assert calls == {
        "GET /api/v1/notifications",
        "POST /api/v1/notifications",
        "DELETE /api/v1/notifications",
        "POST /api/v1/notifications/{id}/acknowledge",
        "GET /api/v1/alerts",
        "POST /api/v1/alerts",
        "POST /api/v1/alerts/{id}/resolve",
        "GET /api/v1/progress/{session_id}",
        "POST /api/v1/progress/{session_id}/start",
        "POST /api/v1/progress/{session_id}",
        "POST /api/v1/progress/{session_id}/complete",
        "GET /api/v1/runs/{session_id}",
        "POST /api/v1/runs/{session_id}/started",
        "POST /api/v1/runs/{session_id}/completed",
        "POST /api/v1/runs/{session_id}/failed",
        "POST /api/v1/runs/{session_id}/cancelled",
        "GET /api/v1/status",
        "POST /api/v1/status",
    }
    for path, methods in spec["paths"].items():
        for method, call in methods.items():
            assert call["description"], path
            assert "503" in call["responses"], path
            for status, answer in call["responses"].items():
                assert int(status) < 400 or answer["content"]["application/json"]["examples"], path
            assert ("413" in call["responses"]) == ("requestBody" in call), (method, path)
    responses = spec["paths"]["/api/v1/runs/{session_id}/completed"]["post"]["responses"]
    codes = [list(responses[status]["content"]["application/json"]["examples"]) for status in ("404", "409", "422")]
    assert codes == [["RUN_NOT_FOUND"], ["RUN_FINISHED"], ["VALIDATION_ERROR"]]
    schemas = spec["components"]["schemas"]
    assert schemas["NewAlert"]["properties"]["title"]["examples"] == ["Disk full"]
    assert "HTTPValidationError" not in json.dumps(spec["paths"])
