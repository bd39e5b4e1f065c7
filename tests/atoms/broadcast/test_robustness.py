"""What applications and clients do to an instance that must not take it along."""

import asyncio
import threading
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from pattern_stack import BroadcastClosed, BroadcastError, Channel, History, Identity, Limits, WebSocketBroadcastBackend
from pattern_stack.atoms.broadcast.connection.connection import ClientConnection
from tests.support.client import client
from tests.support.patience import PATIENCE
from tests.support.server import serving_backend, until

pytestmark = pytest.mark.lanes("slow", "fast")


def cancelled() -> "asyncio.Future[None]":
    """What awaiting it raises is a CancelledError that nobody meant for us."""
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    future.cancel()
    return future


async def test_a_pattern_without_hooks(backend: WebSocketBroadcastBackend) -> None:
    @backend.channel("log:{name}", history=History(events=10))
    class Log(Channel): ...

    with serving_backend(backend) as server:
        async with client(server.url) as one:
            await one.subscribe("log:a")
            assert (await one.ask({"unsubscribe": ["log:a"]}))["unsubscribed"] == ["log:a"]
            await one.nothing_more()


@pytest.mark.parametrize("hook", ["authorize", "joined", "snapshot", "left"])
async def test_a_cancellation_out_of_a_hook_is_a_failure_of_that_hook(
    backend: WebSocketBroadcastBackend, hook: str, caplog: pytest.LogCaptureFixture
) -> None:
    @backend.channel("room:{name}")
    class Room(Channel):
        async def authorize(self, connection: ClientConnection, name: str) -> None:
            await self.step("authorize")

        async def joined(self, connection: ClientConnection, name: str) -> None:
            await self.step("joined")

        async def snapshot(self, connection: ClientConnection, name: str) -> dict[str, Any]:
            await self.step("snapshot")
            return {}

        async def left(self, connection: ClientConnection, name: str) -> None:
            await self.step("left")

        async def step(self, name: str) -> None:
            if name == hook:
                await cancelled()

    with serving_backend(backend) as server:
        async with client(server.url) as one:
            await one.send({"subscribe": ["room:a"]})
            if hook == "left":
                assert (await one.receive())["event"] == "snapshot"
                await one.ask({"unsubscribe": ["room:a"]})
            else:
                assert (await one.receive())["error"]["code"] == "internal"
            await one.nothing_more()
    assert "what it awaited was cancelled" in caplog.text


async def test_a_cancellation_out_of_a_refresh_leaves_events_flowing(backend: WebSocketBroadcastBackend) -> None:
    @backend.channel("room")
    class Room(Channel):
        broken = False

        async def snapshot(self, connection: ClientConnection) -> dict[str, Any]:
            if Room.broken:
                await cancelled()
            return {}

    with serving_backend(backend) as server:
        async with client(server.url) as one:
            await one.subscribe("room")
            assert (await one.event())["event"] == "snapshot"
            Room.broken = True
            await one.send({"refresh": ["room"]})
            assert (await one.receive())["error"]["code"] == "internal"
            await backend.broadcast("room", "x", {})
            assert (await one.event())["event"] == "x"


async def test_a_cancellation_out_of_a_handler_is_logged_and_the_next_event_goes_on(
    backend: WebSocketBroadcastBackend, caplog: pytest.LogCaptureFixture
) -> None:
    done = asyncio.Event()

    async def handler(event_type: str, payload: dict[str, Any]) -> None:
        if event_type == "bad":
            await cancelled()
        done.set()

    async with await backend.subscribe("a", handler):
        await backend.broadcast_many([("a", "bad", {}), ("a", "good", {})])
        await done.wait()
    assert "what it awaited was cancelled" in caplog.text


async def test_nothing_reaches_a_handler_after_unsubscribe(backend: WebSocketBroadcastBackend) -> None:
    seen, begun, gate = list[str](), asyncio.Event(), asyncio.Event()

    async def handler(event_type: str, payload: dict[str, Any]) -> None:
        seen.append(event_type)
        begun.set()
        await gate.wait()

    subscription = await backend.subscribe("a", handler)
    await backend.broadcast("a", "one", {})
    await begun.wait()
    await subscription.unsubscribe()
    await backend.broadcast("a", "two", {})
    gate.set()
    await backend.close()
    assert seen == ["one"]


def test_a_second_loop_is_refused_and_the_first_goes_on(backend: WebSocketBroadcastBackend) -> None:
    app = FastAPI()
    app.include_router(backend.get_router())
    outside = TestClient(app)  # without `with`, each socket has a loop of its own
    with outside.websocket_connect("/ws/broadcast") as first:
        with (
            pytest.raises(BroadcastError, match="with TestClient"),
            outside.websocket_connect("/ws/broadcast") as second,
        ):
            second.receive_json()
        first.send_json({"subscribe": ["a"], "id": 1})
        assert first.receive_json()["id"] == 1
        backend.broadcast_sync("a", "x", {})
        assert first.receive_json()["event"] == "x"
    assert backend.get_total_connections() == 0


async def test_a_handler_that_never_ends_does_not_keep_close_from_ending(
    backend: WebSocketBroadcastBackend, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pattern_stack.atoms.broadcast.instance.instance._DRAIN_SECONDS", 0.1)
    begun = asyncio.Event()

    async def handler(event_type: str, payload: dict[str, Any]) -> None:
        begun.set()
        await asyncio.Event().wait()

    await backend.subscribe("a", handler)
    await backend.broadcast("a", "x", {})
    await begun.wait()
    await backend.close()
    assert "did not end by itself" in caplog.text


def test_a_loop_that_was_closed_under_its_subscribers_is_forgotten(backend: WebSocketBroadcastBackend) -> None:
    async def handler(event_type: str, payload: dict[str, Any]) -> None: ...

    loop = asyncio.new_event_loop()
    loop.run_until_complete(backend.subscribe("a", handler))
    for task in asyncio.all_tasks(loop):
        task._log_destroy_pending = False  # type: ignore[attr-defined] # that is what this test is about
    loop.close()

    async def afresh() -> None:
        got = asyncio.Event()

        async def fresh(event_type: str, payload: dict[str, Any]) -> None:
            got.set()

        assert (await backend.broadcast("a", "x", {})).offset == 1
        await backend.subscribe("a", fresh)
        await backend.broadcast("a", "x", {})
        await got.wait()
        await backend.close()

    asyncio.run(afresh())


def test_threads_that_publish_while_the_loop_ends_do_not_hang(backend: WebSocketBroadcastBackend) -> None:
    ended: list[int] = []

    def publish() -> None:
        count = 0
        try:
            while count < 100_000:
                backend.broadcast_sync("a", "x", {})
                count += 1
                if stop.is_set():
                    break
        except BroadcastClosed:
            pass
        ended.append(count)

    async def handler(event_type: str, payload: dict[str, Any]) -> None: ...

    for _ in range(5):
        stop = threading.Event()
        ended.clear()

        async def own(threads: list[threading.Thread]) -> None:
            await backend.subscribe("a", handler)
            for thread in threads:
                thread.start()
            await asyncio.sleep(0.02)  # so that they are in the midst of it when the loop ends

        threads = [threading.Thread(target=publish) for _ in range(3)]
        asyncio.run(own(threads))
        stop.set()
        for thread in threads:
            thread.join(PATIENCE)
        assert len(ended) == 3


async def test_what_is_held_for_a_slow_hook_is_bounded() -> None:
    backend = WebSocketBroadcastBackend(limits=Limits(outbox_bytes=100_000))
    gate = asyncio.Event()

    @backend.channel("slow")
    class Slow(Channel):
        async def snapshot(self, connection: ClientConnection) -> None:
            await gate.wait()

    with serving_backend(backend) as server:
        async with client(server.url) as one:
            await one.send({"subscribe": ["plain", "slow"]})
            await until(server, lambda: backend.get_subscriber_count("plain") == 1)
            for _ in range(15):
                await backend.broadcast("plain", "x", {"x": "x" * 10_000})
            assert await one.closed() == (4408, "too slow")


async def test_after_close_nothing_answers(backend: WebSocketBroadcastBackend) -> None:
    await backend.close()
    for call in (backend.position("a"), backend.end("a"), backend.disconnect("ann")):
        with pytest.raises(BroadcastClosed):
            await call
    with pytest.raises(BroadcastClosed):
        backend.get_total_connections()


async def test_disconnect_closes_nobody_who_is_nobody(backend: WebSocketBroadcastBackend) -> None:
    with serving_backend(backend, verify_token=lambda token: Identity(token)) as server:
        async with client(server.url) as one:
            assert (await one.ask({"ping": 1}))["error"]["code"] == "unauthenticated"
            await backend.disconnect(None)
            assert (await one.ask({"auth": "ann"}))["authenticated"]


def test_a_naive_expiry_is_refused() -> None:
    from datetime import datetime

    with pytest.raises(ValueError, match="aware"):
        Identity("ann", datetime(2026, 1, 1))
