"""Twelve incidents, staged: the inspector names the cause of each, from what its page reads alone."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from pattern_stack import Channel, Forbidden, Identity, Limits, WebSocketBroadcastBackend
from pattern_stack.app import create_app
from pattern_stack.atoms.broadcast.instance import inspection
from pattern_stack.atoms.ipc.worker import Worker, by_parent
from pattern_stack.outbox import Outbox
from pattern_stack.settings import Settings
from tests.features.inspector.world import BEARER, Operator, inspected
from tests.support.client import client
from tests.support.raw import Raw
from tests.support.redis.server import RedisServer
from tests.support.server import serving, until


def named(user: str = "ann") -> str:
    return user


async def test_a_slow_reader() -> None:
    backend = WebSocketBroadcastBackend(limits=Limits(outbox_bytes=10_000))
    with inspected(backend, authenticate=named) as operator:
        raw = Raw(operator.server.port, receive_buffer=4_096)
        raw.text({"subscribe": ["charts"]})
        await until(operator.server, lambda: backend.get_subscriber_count("charts") == 1)
        while backend.get_total_connections():
            await backend.broadcast("charts", "x", {"x": "x" * 100_000})
        view = await asyncio.to_thread(operator.look)
        raw.socket.close()
    row = view["ended"]["rows"][0]
    assert (row["user"], row["code"], row["by"], row["names"]) == ("ann", 4408, "server", ["charts"])
    assert row["waiting"] > row["limit"] == 10_000
    assert "ann read too slowly" in view["findings"][0]["text"]
    assert "charts" in view["findings"][0]["text"]


async def test_a_forbidden_channel() -> None:
    backend = WebSocketBroadcastBackend()

    @backend.channel("payroll")
    class Payroll(Channel):
        async def authorize(self, connection: Any) -> None:
            raise Forbidden("only for the board")

    with inspected(backend, authenticate=named) as operator:
        async with client(operator.server.url) as ann:
            for _ in range(3):
                assert "error" in await ann.ask({"subscribe": ["payroll"]})
            view = await asyncio.to_thread(operator.look)
    (row,) = view["refused"]["rows"]
    assert (row["user"], row["channel"], row["code"], row["count"]) == ("ann", "payroll", "forbidden", 3)
    assert row["reason"] == "only for the board"
    assert view["findings"][0]["kind"] == "forbidden"


def expire(backend: WebSocketBroadcastBackend) -> None:
    for one in list(backend._instance.connections.open):
        one.identity = Identity("ann", time.time() - 1)
        one.watch_expiry()


async def test_an_expired_token() -> None:
    backend = WebSocketBroadcastBackend()
    lifetimes = iter([3_600, -1])

    async def authenticate() -> Identity:
        return Identity("ann", expires_at=time.time() + next(lifetimes))

    with inspected(backend, authenticate=authenticate) as operator:
        async with client(operator.server.url) as ann:
            await ann.subscribe("orders")
            await operator.server.acall(lambda: expire(backend))
            assert (await ann.closed())[0] == 4401
        async with client(operator.server.url, origin=operator.server.http) as again:
            assert (await again.closed())[0] == 4401
        view = await asyncio.to_thread(operator.until_shown, lambda view: len(view["ended"]["rows"]) == 2)
    assert [row["reason"] for row in view["ended"]["rows"]] == ["expired", "expired"]
    texts = [one["text"] for one in view["findings"] if one["kind"] == "expired"]
    assert texts[0] == "The token of ann expired, and it was closed (4401)."
    assert any("was refused" in text for text in texts)


async def test_a_wrong_origin_behind_a_proxy() -> None:
    with inspected(WebSocketBroadcastBackend(), origins_setting="PATTERN_STACK_ORIGINS") as operator:
        async with client(operator.server.url, origin="https://app.example") as page:
            assert (await page.closed())[0] == 1008
        view = await asyncio.to_thread(operator.look)
        (row,) = view["origins"]["rows"]
        assert (row["origin"], row["host"]) == ("https://app.example", f"127.0.0.1:{operator.server.port}")
        finding = next(one for one in view["findings"] if one["kind"] == "origin")
        assert "Host header" in finding["hint"]
        assert "PATTERN_STACK_ORIGINS" in finding["hint"]


async def test_a_link_that_is_down_and_a_reset_after_the_store_has_lost_its_data(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/projects.db"
    app = create_app(Settings(broadcast_url=redis_server.url, database_url=url, inspector_token="let-me-look"))
    broadcast = app.state.broadcast
    with serving(app) as server:
        operator = Operator(server)
        async with client(server.url) as ann:
            await ann.subscribe("orders")
            await broadcast.broadcast("orders", "created", {})
            await ann.event()
            redis_server.kill()
            await asyncio.to_thread(operator.until, "trouble", "broadcast", "the link to Redis is down")
            redis_server.start()
            await ann.until(lambda message: "orders" in message.get("reset", {}))
            await asyncio.to_thread(operator.until, "reset", "were told to refetch", "broken 1 times")
            view = await asyncio.to_thread(operator.until_shown, lambda view: not view["trouble"])
        operator.http.close()
    assert view["instance"]["linked"] is True
    (row,) = [row for row in view["resets"]["rows"] if row["channel"] == "orders"]
    assert (row["reason"], row["clients"]) == ("store", 1)


async def test_a_worker_without_a_bridge(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Worker("uvicorn", *by_parent(), 2)
    with inspected(WebSocketBroadcastBackend(bridge=None)) as operator:
        monkeypatch.setattr(inspection, "this_worker", lambda: worker)  # only servers of their own start workers
        view = await asyncio.to_thread(operator.look)
    assert (view["instance"]["workers"], view["instance"]["linked"]) == (2, False)
    assert "one of 2 workers of uvicorn" in view["findings"][0]["text"]


async def test_an_authorize_hook_that_hangs() -> None:
    backend = WebSocketBroadcastBackend(limits=Limits(hook_seconds=2))

    @backend.channel("room:{room}")
    class Room(Channel):
        async def authorize(self, connection: Any, room: str) -> None:
            await asyncio.Event().wait()

    with inspected(backend, authenticate=named) as operator:
        async with client(operator.server.url) as ann:
            await ann.send({"subscribe": ["room:7"], "id": 1})
            view = await asyncio.to_thread(operator.until_shown, lambda view: view["hooks"]["rows"])
            (row,) = view["hooks"]["rows"]
            assert (row["hook"], row["channel"], row["user"]) == ("authorize", "room:7", "ann")
            assert (await ann.receive())["error"]["code"] == "unavailable"
        await asyncio.to_thread(operator.until, "hook", "authorize of room:7 took more than 2 s")
        assert await asyncio.to_thread(operator.findings, "unavailable")
        assert not (await asyncio.to_thread(operator.look))["hooks"]["rows"]


async def test_a_handler_that_falls_behind() -> None:
    backend = WebSocketBroadcastBackend(limits=Limits(handler_events=150))
    done = asyncio.Event()

    async def index(event_type: str, payload: dict[str, Any]) -> None:
        await done.wait()

    with inspected(backend) as operator:
        server = operator.server
        await server.acall(lambda: backend.subscribe("orders", index))
        for _ in range(12):
            await server.acall(lambda: backend.broadcast_many([("orders", "x", {"n": n}) for n in range(10)]))
        await asyncio.to_thread(operator.until, "handler", "index on orders is 11", "events behind")
        for _ in range(5):
            await server.acall(lambda: backend.broadcast_many([("orders", "x", {"n": n}) for n in range(10)]))
        server.loop.call_soon_threadsafe(done.set)
        await asyncio.to_thread(operator.until, "handler", "index on orders ended")
        assert not (await asyncio.to_thread(operator.look))["handlers"]["rows"]


async def test_a_client_that_is_rate_limited() -> None:
    backend = WebSocketBroadcastBackend(limits=Limits(frames_burst=5, frames_per_second=0.1, bad_frames=3))
    with inspected(backend, authenticate=named) as operator:
        async with client(operator.server.url) as ann:
            for _ in range(9):
                await ann.send({"ping": 1})
            assert (await ann.closed())[0] == 1008
        view = await asyncio.to_thread(operator.until_shown, lambda view: view["ended"]["rows"])
    assert view["refused"]["rows"][0]["code"] == "rate_limited"
    assert [one["text"].split(" was ")[0] for one in view["findings"] if one["kind"] == "rate_limited"] == [
        "ann",
        "ann",
    ]


async def test_events_of_an_outbox_that_wait_or_were_set_aside(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/app.db")
    backend = WebSocketBroadcastBackend()
    outbox = Outbox(backend, engine)
    await outbox.create()
    with Session(engine) as session:
        session.execute(
            text("INSERT INTO pattern_stack_outbox (key, channel, body) VALUES ('k', 'orders', :body)"), {"body": b"{}"}
        )
        session.commit()
    with inspected(backend, outbox.get_router()) as operator:
        await asyncio.to_thread(operator.until, "outbox", "set aside", "on orders")
    with inspected(backend) as operator:  # the same without its relay
        assert "does not run" in "".join(await asyncio.to_thread(operator.findings, "outbox"))
    engine.dispose()


async def test_events_before_the_first_client_of_a_channel_are_shown_and_no_finding() -> None:
    backend = WebSocketBroadcastBackend()
    with inspected(backend) as operator:
        await backend.broadcast("orders", "created", {"id": 1})
        async with client(operator.server.url) as ann:
            await ann.subscribe("orders")
            view = await asyncio.to_thread(operator.look)
    assert [row["channel"] for row in view["unheard"]["rows"]] == ["orders"]
    assert not [one for one in view["findings"] if one["kind"] == "unheard"]


async def test_events_on_a_channel_that_nobody_is_on() -> None:
    backend = WebSocketBroadcastBackend()
    with inspected(backend) as operator:
        async with client(operator.server.url) as ann:
            await ann.subscribe("orders:7")
            for _ in range(3):
                await backend.broadcast("order:7", "created", {"id": 1})
            await backend.broadcast("orders:7", "created", {"id": 2})
            await ann.event()
            view = await asyncio.to_thread(operator.look)
            (row,) = view["unheard"]["rows"]
            assert (row["channel"], row["count"]) == ("order:7", 3)
            finding = next(one for one in view["findings"] if one["kind"] == "unheard")
            assert "Clients are on orders:7" in finding["hint"]
            # what is wrong with the instance stays, whatever is searched for; what is about that comes first
            assert "error" in await ann.ask({"subscribe": ["no channel"]})
            searched = await asyncio.to_thread(operator.look, q="order:7", ended=5, rows=1)
            assert searched["findings"][0]["kind"] == "unheard"
            assert {"unheard", "invalid_channel"} <= {one["kind"] for one in searched["findings"]}
            answer = operator.http.get("/inspector/events", params={"channel": "order:7"}, headers=BEARER).json()
    assert [one["payload"] for one in answer["events"]] == ['{"id":1}'] * 3
