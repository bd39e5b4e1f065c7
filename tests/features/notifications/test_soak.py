"""Memory does not grow with the number of reports."""

import asyncio
import gc
import json
import sys

import psutil
import pytest
from pydantic import TypeAdapter

from pattern_stack import History, Limits, WebSocketBroadcastBackend
from pattern_stack.features.notifications import Notifications, Retention

KEPT = 20
"""Records of each kind that are kept."""
STEPS = 100
"""Steps of each session."""
WARM = 5_000
"""Updates after which every bound is reached."""


async def test_ten_thousand_updates_hold_their_memory() -> None:
    await report(10_000)


@pytest.mark.soak
async def test_a_million_updates_hold_their_memory() -> None:
    await report(1_000_000)


async def report(updates: int) -> None:
    """Sessions with reports of each kind; some end, some are left as they are; a handler is subscribed."""
    backend = WebSocketBroadcastBackend(limits=Limits(idle_channels=KEPT), history=History(events=KEPT))
    retention = Retention(notifications=KEPT, alerts=KEPT, progress=KEPT, runs=KEPT)
    notifications = Notifications(backend, retention=retention)
    heard: set[str] = set()

    async def hear(event_type: str, payload: dict[str, object]) -> None:
        heard.add(event_type)

    async with backend:
        await backend.subscribe("notifications", hear)
        await work(notifications, range(WARM))
        fill_the_cache_of_strings()
        blocks, resident = held()
        await work(notifications, range(WARM, WARM + updates))
        later, resident_later = held()
        assert later - blocks < 2_000
        assert resident_later - resident < 8 * 1024 * 1024
        status = await notifications.status()
    assert (status.total_notifications, status.total_alerts, status.active_sessions) == (KEPT, KEPT, KEPT)
    assert heard == {"notification", "notification-acknowledged", "alert", "alert-resolved"}


async def work(notifications: Notifications, numbers: range) -> None:
    for number in numbers:
        session, step = f"run-{number // STEPS}", number % STEPS
        if not step:
            await visit(notifications, session)
            await asyncio.sleep(0)
        await notifications.update_progress(session, step, f"step {step}", {"step": step})


async def visit(notifications: Notifications, session: str) -> None:
    await notifications.run_started(session)
    await notifications.start_progress(session, STEPS)
    await notifications.send("new", session_id=session)
    await notifications.acknowledge((await notifications.send("to all")).id)
    await notifications.resolve_alert((await notifications.create_alert("low", "new")).id)


def fill_the_cache_of_strings() -> None:
    """pydantic keeps up to 16,384 short strings of the JSON that it reads."""
    TypeAdapter(list[str]).validate_json(json.dumps([f"string {number}" for number in range(200_000)]))


def held() -> tuple[int, int]:
    """Blocks that Python has allocated, and bytes that the process has."""
    gc.collect()
    return sys.getallocatedblocks(), psutil.Process().memory_info().rss
