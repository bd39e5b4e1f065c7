"""broadcast_soon in memory: at once, from any thread and any loop."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from pattern_stack import Broadcast, BroadcastClosed, InvalidChannel, InvalidEvent, WebSocketBroadcastBackend
from tests.support.client import client
from tests.support.server import serving_backend


async def test_on_the_hubs_loop_it_is_published_when_the_call_returns() -> None:
    async with WebSocketBroadcastBackend() as broadcast:
        stream = broadcast.listen("orders")
        waiting = asyncio.create_task(anext(stream))
        await asyncio.sleep(0)
        before = await broadcast.position("orders")
        broadcast.broadcast_soon("orders", "created", {"n": 1}, origin="me")
        assert (await broadcast.position("orders")).offset == before.offset + 1
        event = await waiting
        assert (event.payload, event.origin) == ({"n": 1}, "me")
        await stream.aclose()


def test_without_a_loop_it_is_published_where_it_is_called() -> None:
    broadcast = WebSocketBroadcastBackend()
    broadcast.broadcast_soon("orders", "created", {})
    assert asyncio.run(broadcast.position("orders")).offset == 1


async def test_each_thread_keeps_its_order() -> None:
    broadcast = WebSocketBroadcastBackend()
    with serving_backend(broadcast) as server:
        async with client(server.url) as one:
            await one.subscribe("orders")

            def publish(thread: int) -> None:
                for n in range(100):
                    broadcast.broadcast_soon("orders", "e", {"thread": thread, "n": n})

            with ThreadPoolExecutor(4) as pool:
                list(pool.map(publish, range(4)))
            events = await one.take(400)
            for thread in range(4):
                assert [e["payload"]["n"] for e in events if e["payload"]["thread"] == thread] == list(range(100))


async def test_an_ephemeral_one() -> None:
    broadcast = WebSocketBroadcastBackend()
    with serving_backend(broadcast) as server:
        async with client(server.url) as one:
            await one.subscribe("orders")
            broadcast.broadcast_soon("orders", "cursor", {"x": 1}, ephemeral=True)
            event = await one.event()
            assert (event["event"], event["payload"], "offset" in event) == ("cursor", {"x": 1}, False)


async def test_from_another_loop() -> None:
    broadcast = WebSocketBroadcastBackend()

    async def publish() -> None:
        broadcast.broadcast_soon("orders", "e", {})

    with serving_backend(broadcast) as server:
        async with client(server.url) as one:
            await one.subscribe("orders")
            elsewhere = threading.Thread(target=asyncio.run, args=(publish(),))
            elsewhere.start()
            assert (await one.event())["event"] == "e"
            elsewhere.join()


def test_a_sync_endpoint() -> None:
    broadcast = WebSocketBroadcastBackend()
    app = FastAPI()
    app.include_router(broadcast.get_router())

    @app.post("/orders")
    def create(broadcast: Broadcast) -> None:
        broadcast.broadcast_soon("orders", "created", {"id": 7})

    with TestClient(app) as http, http.websocket_connect("/ws/broadcast") as socket:
        socket.send_json({"subscribe": ["orders"], "id": 1})
        socket.receive_json()
        assert http.post("/orders").status_code == 200
        assert socket.receive_json()["payload"] == {"id": 7}


async def test_what_is_wrong_is_told_by_the_call() -> None:
    broadcast = WebSocketBroadcastBackend()
    with pytest.raises(InvalidChannel):
        broadcast.broadcast_soon("no channel", "e", {})
    with pytest.raises(InvalidEvent):
        broadcast.broadcast_soon("orders", "e", {"x": object()})
    await broadcast.close()
    with pytest.raises(BroadcastClosed):
        broadcast.broadcast_soon("orders", "e", {})


async def test_more_than_a_turn_holds_and_all_of_it_is_counted() -> None:
    """Whoever awaits would yield to the loop in between."""
    broadcast = WebSocketBroadcastBackend()
    with serving_backend(broadcast) as server:
        async with client(server.url) as one:
            await one.subscribe("orders")

            def publish() -> int:
                for n in range(500):
                    broadcast.broadcast_soon("orders", "e", {"n": n})
                return broadcast._instance.counters.published

            assert await server.acall(publish) == 500
            assert [(await one.event())["payload"]["n"] for _ in range(500)] == list(range(500))
