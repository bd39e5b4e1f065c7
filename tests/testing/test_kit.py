"""The kit on an application with typical faults: each is caught, and the message says what happened instead."""

from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from pattern_stack import Channel, Event, Forbidden, NotFound, Unauthenticated
from pattern_stack.testing import BroadcastLog, Faults, assert_snapshot_agrees, subscribe
from tests.testing.orders import Orders, http


async def test_what_was_published_is_found(broadcast_log: BroadcastLog) -> None:
    async with http(Orders().app) as client:
        broadcast_log.assert_nothing_published()
        await client.post("/orders/1")
    broadcast_log.assert_published("orders:a", "created", id="1")
    broadcast_log.assert_published("orders:a", "created", times=1)
    broadcast_log.assert_published("orders:a", "removed", times=0)
    broadcast_log.assert_nothing_published("orders:b")
    assert [one.payload for one in broadcast_log.events("orders:a")] == [{"id": "1", "total": 5}]


FAULTS = {
    "channel": "it was published on 'order:a'",
    "tenant": "it was published on 'orders:b'",
    "field": "has no total",
    "twice": "was published 2 times, not 1",
    "branch": "Nothing was published",
    "json": "Refused was: orders:a created",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told(fault: str, broadcast_log: BroadcastLog) -> None:
    with TestClient(Orders(fault).app, raise_server_exceptions=False) as client:
        client.post("/orders/1")
    with pytest.raises(AssertionError, match=FAULTS[fault]):
        broadcast_log.assert_published("orders:a", "created", times=1, total=5)


def test_something_published_where_nothing_may_be(broadcast_log: BroadcastLog) -> None:
    with TestClient(Orders().app) as client:
        client.post("/orders/1")
    with pytest.raises(AssertionError, match=r"1 events were published:\n  orders:a created"):
        broadcast_log.assert_nothing_published()


async def test_a_client_gets_what_an_endpoint_publishes() -> None:
    app = Orders().app
    async with subscribe(app, "orders:a") as events, http(app) as client:
        assert (await events.next("snapshot")).payload == {}
        await client.post("/orders/1")
        event = await events.next("created")
        assert isinstance(event, Event)
        assert event.payload == {"id": "1", "total": 5}


@pytest.mark.parametrize("lifespan", [True, False])
def test_so_it_does_in_plain_functions(lifespan: bool) -> None:
    app = Orders().app
    client = TestClient(app)
    if lifespan:
        with client, subscribe(client, "orders:a") as events:
            client.post("/orders/1")
            assert events.next("created").offset == 1
    else:
        with subscribe(app, "orders:a") as events:
            client.post("/orders/1")
            assert events.next("created").offset == 1


async def test_an_event_that_does_not_come_is_told() -> None:
    app = Orders("tenant").app
    async with subscribe(app, "orders:a") as events, http(app) as client:
        await client.post("/orders/1")
        with pytest.raises(
            AssertionError, match=r"no 'created' came on 'orders:a' within 0.05 s. Instead came:\n  snap"
        ):
            await events.next("created", timeout=0.05)


async def test_refusals_are_raised() -> None:
    app = Orders().app
    with pytest.raises(Forbidden, match="not yours"):
        async with subscribe(app, "orders:secret"):
            pass
    with pytest.raises(Unauthenticated, match="who is this"):
        async with subscribe(app, "orders:a", headers={"X-User": "nobody"}):
            pass
    with pytest.raises(LookupError, match=r"includes no broadcast.get_router"):
        subscribe(FastAPI(), "orders:a")
    with pytest.raises(NotFound), subscribe(missing().app, "orders:a"):
        pass


def missing() -> Orders:
    orders = Orders()
    orders.broadcast._channels._specs.clear()

    @orders.broadcast.channel("orders:{tenant}")
    class Tenant(Channel):
        async def authorize(self, connection: Any, tenant: str) -> None:
            raise NotFound("no such tenant")

    return orders


async def test_faults(faults: Faults) -> None:
    orders = Orders()
    async with subscribe(orders.app, "orders:a") as events, http(orders.app) as client:
        await client.post("/orders/1")
        faults.cut()
        await client.post("/orders/2")
        assert [(await events.next("created", timeout=5)).offset for _ in range(2)] == [1, 2]
        faults.reset("orders:a")
        assert (await events.next("reset")).channel == "orders:a"
        faults.stall(0.05)
        await client.post("/orders/3")
        assert (await events.next("created", timeout=5)).offset == 1  # of the new epoch


def test_faults_reach_another_loop(faults: Faults) -> None:
    with TestClient(Orders().app) as client, subscribe(client, "orders:a") as events:
        faults.reset("orders:a")
        assert events.next("reset").channel == "orders:a"


def fold(state: dict[str, Any], event: Event) -> dict[str, Any]:
    if event.event_type == "snapshot":
        return event.payload
    return {**state, event.payload["id"]: {"total": event.payload["total"]}}


@pytest.mark.parametrize("fault", ["", "snapshot", "branch"])
async def test_snapshots_agree_with_events_or_it_is_told(fault: str) -> None:
    app = Orders(fault).app

    async def act() -> None:
        async with http(app) as client, assert_snapshot_agrees(app, "orders:a", fold):
            for n in range(5):
                await client.post(f"/orders/{n}")

    if not fault:
        await act()
        return
    side = "the folded state alone" if fault == "snapshot" else "the snapshot alone"
    with pytest.raises(AssertionError, match=f"/0 is in {side}"):
        await act()


def fold_of_a_page_that_ignores_resets(state: dict[str, Any], event: Event) -> dict[str, Any]:
    return fold(state, event) if event.event_type == "created" else state


async def test_a_page_that_ignores_a_reset_is_told() -> None:
    async def act(page: Any) -> None:
        app = Orders().app
        async with http(app) as client, assert_snapshot_agrees(app, "orders:a", page, resets=True):
            await client.post("/orders/1")

    await act(fold)
    with pytest.raises(
        AssertionError, match=r"a reset, the snapshot at offset 0 make another state(.|\n)*/1 is in the snap"
    ):
        await act(fold_of_a_page_that_ignores_resets)
