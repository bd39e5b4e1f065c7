"""The view with thousands of connections and channels, and what is kept of what has happened."""

import asyncio
from typing import Any

import orjson
import pytest

from pattern_stack import Identity, WebSocketBroadcastBackend
from pattern_stack.atoms.broadcast.connection.connection import ClientConnection
from pattern_stack.atoms.broadcast.core.trail import ENDED, NOTED, Trail
from pattern_stack.atoms.broadcast.transports.sse.replies import Replies
from pattern_stack.features.inspector.bodies import Query, query_of
from pattern_stack.features.inspector.core.lines import lines
from pattern_stack.features.inspector.core.rates import Place, Rates
from pattern_stack.features.inspector.view import View
from tests.support.examples import examples

MANY = examples(10_000)
SOUGHT = "room:01711"


async def test_the_view_of_many_is_bounded_paged_and_searched() -> None:
    backend = WebSocketBroadcastBackend()
    view = View(backend.inspection(), lambda: {"broadcast": backend})
    instance = backend._instance
    for n in range(MANY):
        one = ClientConnection(instance, Replies(), Identity(f"user-{n:05}"), None)
        one.open(None)
        await instance.engine.subscribe(f"room:{n:05}")
        instance.hub.join(f"room:{n:05}", one.outbox)
    one.receive(orjson.dumps({"subscribe": [SOUGHT, "news"]}))
    while not instance.hub.hears("news"):  # noqa: ASYNC110 - what it watches has no event
        await asyncio.sleep(0)
    await backend.broadcast(SOUGHT, "x", {})

    async def look(**query: Any) -> dict[str, Any]:
        return await view.look(Query(**query))

    first = await look()
    assert len(orjson.dumps(first)) < 100_000
    assert len(list(lines(first))) < 200
    assert first["channels"] | {"rows": []} == {"total": MANY + 1, "matching": MANY + 1, "from": 0, "rows": []}
    assert [row["channel"] for row in first["channels"]["rows"]][:2] == [SOUGHT, "news"]
    assert (first["connections"]["total"], len(first["connections"]["rows"])) == (MANY, 25)
    later = await look(channels=MANY, connections=MANY - 1, rows=100)
    assert [row["channel"] for row in later["channels"]["rows"]] == [f"room:{MANY - 1:05}"]
    assert len(later["connections"]["rows"]) == 1
    found = await look(q=SOUGHT)
    assert [row["user"] for row in found["connections"]["rows"]] == [f"user-{MANY - 1:05}"]
    assert [row["offset"] for row in found["channels"]["rows"]] == [1]
    for one in list(instance.connections.open):
        one.lost(1001)
    ended = await look(q="user-", rows=100, ended=450)
    assert ended["connections"]["total"] == 0
    assert (ended["ended"]["total"], len(ended["ended"]["rows"])) == (ENDED, 50)


def test_what_has_happened_is_kept_within_bounds_and_counted() -> None:
    now = 100.0
    trail = Trail(lambda: now)
    for n in range(1_000):
        trail.end({"id": str(n), "reason": "x" * 1_000})
        trail.note("unheard", {"channel": f"c{n}"})
        trail.note("refused", {"code": "forbidden"}, {"connection": n})
    assert (len(trail.ended()), trail.ended()[0]["id"], len(trail.ended()[0]["reason"])) == (ENDED, "999", 200)
    assert (len(trail.noted("unheard")), trail.noted("unheard")[0]["channel"]) == (NOTED, "c999")
    (row,) = trail.noted("refused")
    assert (row["count"], row["connection"], row["first_at"]) == (1_000, 999, 100.0)


def test_rates_are_those_of_one_epoch_between_two_looks() -> None:
    rates = Rates()
    assert rates.look([Place("a", "e", 10), Place("b", "e", 5)], 0) == {}
    assert rates.look([Place("a", "e", 30), Place("b", "f", 6), Place("c", "e", 1)], 2) == {"a": 10}
    assert rates.look([Place("a", "e", 99)], 2.5) == {"a": 10}  # too soon
    assert rates.look([], 4) == {}


@pytest.mark.parametrize("name", ["!!", "e", "W10", "eyJ4IjoxfQ", "\N{SNOWMAN}"])
def test_a_query_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no query"):
        query_of(name)
    assert query_of("eyJxIjoiYW5uIn0") == Query(q="ann")
