"""An application whose Redis is away: its endpoints answer, and what they could not publish is made good or told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import create_engine, text

from pattern_stack import BroadcastUnavailable, WebSocketBroadcastBackend
from pattern_stack.atoms.broadcast.backends.redis import RedisBroadcastBackend
from tests.contract.drill import CHANNEL, Drill, drill
from tests.support.client import Client, client
from tests.support.patience import PATIENCE
from tests.support.proxy import proxy
from tests.support.redis.server import RedisServer
from tests.support.server import Server, serving

pytestmark = pytest.mark.redis

WAITS = 1_000
"""Events that are kept while the link is down."""


async def until_down(*backends: WebSocketBroadcastBackend | RedisBroadcastBackend, down: bool = True) -> None:
    async with asyncio.timeout(PATIENCE):
        while any(backend.is_ready is down for backend in backends):  # noqa: ASYNC110 - the link has no event for a test
            await asyncio.sleep(0.01)


# -- patience


async def test_a_publish_waits_for_a_link_that_comes_back_in_time(redis_server: RedisServer) -> None:
    async with drill(redis_server, patience=1_000) as one:
        one.line.refuse()
        await one.until_away()
        publishing = [asyncio.create_task(one.publish(each.backend)) for each in one.instances]
        await one.line.restore()
        await asyncio.gather(*publishing)
        await one.conclude()
        assert not one.log.raised


async def test_from_its_patience_on_a_publish_raises_at_once(redis_server: RedisServer) -> None:
    """It is counted from the break, not from the call: the second call finds it spent, and the loop takes few turns."""
    async with (
        proxy(redis_server.port) as line,
        RedisBroadcastBackend(f"redis://127.0.0.1:{line.port}/0", patience=0.2) as backend,
    ):
        await backend.broadcast(CHANNEL, "e", {})
        line.refuse()
        await until_down(backend)
        with pytest.raises(BroadcastUnavailable):
            await backend.broadcast(CHANNEL, "e", {})
        publishing = asyncio.create_task(backend.broadcast(CHANNEL, "e", {}))
        for _ in range(10):
            await asyncio.sleep(0)
        assert isinstance(publishing.exception(), BroadcastUnavailable)


@pytest.mark.parametrize("patience", [-1, float("inf"), float("nan"), "3"])
def test_a_patience_that_cannot_be(patience: Any) -> None:
    with pytest.raises(ValueError, match="patience"):
        RedisBroadcastBackend("redis://127.0.0.1/0", patience=patience)


# -- an application with sync endpoints and a small pool


@asynccontextmanager
async def shop(url: str, database: Path) -> AsyncIterator[tuple[Server, WebSocketBroadcastBackend]]:
    """As a template has it: each call holds a session of a pool of 5 until it has answered."""
    engine = create_engine(f"sqlite:///{database}", pool_size=5, max_overflow=0, pool_timeout=PATIENCE)
    with engine.begin() as made:
        made.execute(text("CREATE TABLE orders (id INTEGER PRIMARY KEY)"))
    bridge = RedisBroadcastBackend(url)
    broadcast = WebSocketBroadcastBackend(bridge=bridge)
    app = FastAPI()
    app.include_router(broadcast.get_router())

    @app.post("/orders")
    def create() -> dict[str, int]:
        with engine.connect() as session:
            number = session.execute(text("INSERT INTO orders DEFAULT VALUES RETURNING id")).scalar_one()
            session.commit()
            broadcast.broadcast_soon(CHANNEL, "created", {"key": str(number)})
        return {"id": number}

    @app.get("/orders")
    def count() -> int:
        with engine.connect() as session:
            return int(session.execute(text("SELECT count(*) FROM orders")).scalar_one())

    serving_it = serving(app)
    server = await asyncio.to_thread(serving_it.__enter__)
    try:
        yield server, broadcast
    finally:
        await asyncio.to_thread(serving_it.__exit__, None, None, None)
        engine.dispose()


async def test_a_hundred_calls_are_answered_while_redis_is_killed(redis_server: RedisServer, tmp_path: Path) -> None:
    async with (
        shop(redis_server.url, tmp_path / "shop.db") as (server, broadcast),
        client(server.url) as one,
        httpx2.AsyncClient(base_url=server.http, timeout=PATIENCE) as http,
    ):
        await one.subscribe(CHANNEL)
        redis_server.kill()
        posts = [http.post("/orders") for _ in range(100)]
        gets = [http.get("/orders") for _ in range(10)]
        answers = await asyncio.gather(*posts, *gets)
        assert {answer.status_code for answer in answers} == {200}
        await until_down(broadcast)
        assert "100 events wait to be published" in (broadcast.trouble or "")
        redis_server.start()
        await until_down(broadcast, down=False)
        assert (await http.post("/orders")).json() == {"id": 101}
        keys: list[str] = []
        covered = 0
        while "101" not in keys:
            message = await one.receive()
            if (
                "reset" in message
            ):  # Redis has lost its memory: the state is fetched anew, with what came before this place
                covered = message["reset"][CHANNEL]["offset"]
            else:
                keys.append(message["payload"]["key"])
        assert len(keys) == 101 - covered
        assert sorted(map(int, set(keys))) == sorted(map(int, keys))


# -- over the bound


@asynccontextmanager
async def followers(one: Drill, *channels: str) -> AsyncIterator[list[Client]]:
    """A client on each instance."""
    async with AsyncExitStack() as ends:
        sockets = [await ends.enter_async_context(client(each.server.url)) for each in one.instances]
        for socket in sockets:
            await socket.subscribe(*channels)
        yield sockets


async def test_a_channel_that_lost_events_is_told_on_every_instance(redis_server: RedisServer) -> None:
    """`full` loses its last one; `fits` is in step. Who was away meanwhile is not told that it missed nothing."""
    async with drill(redis_server) as one, followers(one, "full", "fits") as sockets:
        here = one.instances[0].backend
        before = (await sockets[1].subscribe("full"))["full"]
        away = {"epoch": before["epoch"], "offset": before["offset"]}
        one.line.refuse()
        await one.until_away()
        here.broadcast_soon("fits", "e", {"n": 0})
        for n in range(WAITS):
            here.broadcast_soon("full", "e", {"n": n})
        assert "1000 events wait to be published; 1 were dropped" in (here.trouble or "")
        await one.line.restore()
        for socket in sockets:
            got = [message async for message in until_reset(socket, "full")]
            came = [m["payload"]["n"] for m in got if m["channel"] == "full"]
            if not came and socket is sockets[1]:
                continue  # its instance came back when more had been published than the window holds
            assert came == list(range(WAITS - 1))
            assert len([m for m in got if m["channel"] == "fits"]) == 1
        await one.conclude()
        assert one.resets == 0
        async with client(one.instances[1].server.url) as late:
            answer = await late.subscribe("full", since={"full": away})
            assert not answer["full"]["recovered"]


async def until_reset(socket: Client, channel: str) -> AsyncIterator[dict[str, Any]]:
    while True:
        message = await socket.receive()
        if channel in message.get("reset", ()):
            return
        if "channel" in message:
            yield message


async def test_four_mebibytes_wait_and_no_more(redis_server: RedisServer) -> None:
    async with drill(redis_server) as one:
        here = one.instances[0].backend
        one.line.refuse()
        await one.until_away()
        for _ in range(5):
            here.broadcast_soon("big", "e", {"filling": "x" * 1_000_000})
        assert "4 events wait to be published; 1 were dropped" in (here.trouble or "")
        await one.line.restore()
        await one.conclude()


# -- once each


async def test_what_a_stalled_redis_had_taken_is_not_published_twice(redis_server: RedisServer) -> None:
    async with drill(redis_server) as one, followers(one, "once") as (_, there):
        here = one.instances[0].backend
        redis_server.pause()
        for n in range(20):
            here.broadcast_soon("once", "e", {"n": n})
        await one.until_away()
        redis_server.resume()
        assert [(await there.event())["payload"]["n"] for _ in range(20)] == list(range(20))
        await one.conclude()
        assert (await here.position("once")).offset == 20


async def test_a_store_that_refuses_is_named_and_asked_again(redis_server: RedisServer) -> None:
    """Redis answers, and takes no event: what is wrong is in `trouble`, and nothing is lost."""
    async with RedisBroadcastBackend(redis_server.url) as backend:
        await backend.broadcast(CHANNEL, "e", {})
        key = f"pattern_stack:{{{CHANNEL}}}:events"
        redis_server.command("RENAME", key, "elsewhere")
        redis_server.command("SET", key, "no stream")
        backend.broadcast_soon(CHANNEL, "e", {})
        await until_down(backend)
        assert "1 events wait to be published" in (backend.trouble or "")
        redis_server.command("RENAME", "elsewhere", key)
        await until_down(backend, down=False)
        assert (await backend.position(CHANNEL)).offset >= 2


# -- where there is no loop yet, and where there is none any more


async def test_before_the_start_of_the_application(redis_server: RedisServer) -> None:
    bridge = RedisBroadcastBackend(redis_server.url)
    broadcast = WebSocketBroadcastBackend(bridge=bridge)
    await asyncio.to_thread(broadcast.broadcast_soon, CHANNEL, "early", {})
    app = FastAPI()
    app.include_router(broadcast.get_router())
    async with RedisBroadcastBackend(redis_server.url) as other:
        before = await other.position(CHANNEL)
        with serving(app):
            assert (await anext(other.listen(CHANNEL, since=before))).event_type == "early"


async def test_an_instance_that_stops_publishes_what_it_can_and_logs_the_rest(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    backend = RedisBroadcastBackend(redis_server.url)
    for n in range(10):
        backend.broadcast_soon(CHANNEL, "e", {"n": n})
    await backend.close()  # it has not connected yet
    async with RedisBroadcastBackend(redis_server.url) as other:
        assert (await other.position(CHANNEL)).offset == 10
        other.broadcast_soon(CHANNEL, "e", {})
        while (await other.position(CHANNEL)).offset == 10:  # noqa: ASYNC110 - the store is asked
            await asyncio.sleep(0.01)
        redis_server.kill()
        await until_down(other)
        other.broadcast_soon(CHANNEL, "e", {})
    assert "1 events were not published" in caplog.text


def test_the_bounds_in_the_docs_are_those_of_the_code() -> None:
    from pattern_stack.atoms.broadcast.core.backlog import LINK_DOWN, LINK_UP
    from tests.support.process import ROOT

    page = (ROOT / "docs" / "limits.md").read_text()
    for bounds in (LINK_DOWN, LINK_UP):
        assert f"{bounds.events:,} and {bounds.bytes // 1_048_576} MiB" in page
    assert LINK_DOWN.events == WAITS
