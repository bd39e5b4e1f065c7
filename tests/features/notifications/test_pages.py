"""Lists come in pages of a bounded size."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from pattern_stack import WebSocketBroadcastBackend
from pattern_stack.features.notifications import MemoryStore, Notifications, Retention
from pattern_stack.features.notifications.store import Row
from tests.features.notifications.world import World
from tests.support.patience import PATIENCE
from tests.support.server import application, serving

MOST_BYTES = 1024 * 1024 + 1_000
"""Of an answer: the records, and what is around them."""


async def pages(http: httpx2.AsyncClient, path: str) -> AsyncIterator[tuple[httpx2.Response, dict[str, Any]]]:
    """Every page of a list, by its Link."""
    url = http.base_url.join(path)
    while True:
        answer = await http.get(url)
        assert answer.status_code == 200
        yield answer, answer.json()
        if "Link" not in answer.headers:
            return
        url = url.join(answer.links["next"]["url"])


@pytest.mark.parametrize("kind", ["notifications", "alerts"])
async def test_every_record_comes_once_on_pages_of_a_bounded_size(world: World, kind: str) -> None:
    run, other = world.session(), world.session()
    metadata = {"x": "y" * 60_000}
    if kind == "notifications":
        made = [(await world.notifications.send("x", session_id=run, metadata=metadata)).id for _ in range(40)]
        await world.notifications.send("x", session_id=other)
    else:
        made = [
            (await world.notifications.create_alert("low", "x", session_id=run, metadata=metadata)).id
            for _ in range(40)
        ]
        await world.notifications.create_alert("low", "x", session_id=other)
    seen: list[str] = []
    async with httpx2.AsyncClient(base_url=f"{world.server.http}/api/v1/", timeout=PATIENCE) as http:
        async for answer, page in pages(http, f"{kind}?session_id={run}&limit=1000"):
            assert len(answer.content) <= MOST_BYTES
            assert page["total"] == 40
            assert page[kind], "a page has a record"
            seen += [record["id"] for record in page[kind]]
    assert seen == made[::-1]


async def test_the_link_keeps_the_filters_and_the_limit(world: World) -> None:
    run = world.session()
    for number in range(5):
        await world.notifications.send(f"{number}", session_id=run, type="error" if number != 2 else "info")
    async with httpx2.AsyncClient(base_url=f"{world.server.http}/api/v1/", timeout=PATIENCE) as http:
        found = [page async for _, page in pages(http, f"notifications?session_id={run}&type=error&limit=3")]
    assert [[one["title"] for one in page["notifications"]] for page in found] == [["4", "3", "1"], ["0"]]
    assert [page["total"] for page in found] == [4, 4]


async def test_python_calls_continue_with_next(world: World) -> None:
    run = world.session()
    for number in range(3):
        await world.notifications.create_alert("high", f"{number}", session_id=run)
    first = await world.notifications.list_alerts(session_id=run, limit=2)
    rest = await world.notifications.list_alerts(session_id=run, limit=2, before=first.next)
    assert [[alert.title for alert in page.records] for page in (first, rest)] == [["2", "1"], ["0"]]
    assert (first.total, rest.total, rest.next) == (3, 3, None)


@pytest.mark.parametrize("before", ["0", "-1", "x", str(2**53 + 1)])
async def test_an_invalid_before_is_refused(world: World, before: str) -> None:
    status, answer = await world.ask("GET", "/alerts", params={"before": before})
    assert (status, answer["error"]["code"]) == (422, "VALIDATION_ERROR")


async def test_rows_are_joined_as_they_are_stored() -> None:
    """Neither parsed nor written again: a page of the largest records would hold the loop for a second."""
    backend = WebSocketBroadcastBackend()
    store = MemoryStore(Retention())
    stored = [b'{ "id" : "%d", "odd": 1e2 }' % number for number in range(2)]
    for number, data in enumerate(stored):
        for kind in ("notifications", "alerts"):
            await store.swap(kind, f"{number}", None, Row(f"{number}", data, 2**31, frozenset()))
    with serving(application(backend, Notifications(backend, store=store))) as server:
        async with httpx2.AsyncClient(base_url=f"{server.http}/api/v1", timeout=PATIENCE) as http:
            for kind in ("notifications", "alerts"):
                answer = await http.get(f"/{kind}")
                assert answer.headers["Content-Type"] == "application/json"
                assert answer.content == b'{"%b":[%b,%b],"total":2}' % (kind.encode(), stored[1], stored[0])
