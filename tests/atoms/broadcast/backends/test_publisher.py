"""Publishing from processes that serve nobody, and what it does where the store is away."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from pattern_stack import (
    AsyncPublisher,
    BroadcastClosed,
    BroadcastError,
    BroadcastUnavailable,
    InvalidChannel,
    InvalidEvent,
    InvalidURL,
    Publisher,
)
from pattern_stack.atoms.broadcast.backends.redis import RedisBroadcastBackend
from tests.contract.drill import Instance
from tests.support.client import client
from tests.support.eventually import eventually
from tests.support.patience import PATIENCE
from tests.support.ports import free_port
from tests.support.postgres import PostgresServer
from tests.support.process import ROOT
from tests.support.proxy import proxy
from tests.support.redis.server import RedisServer

pytestmark = pytest.mark.redis

CHANNEL = "orders"


@pytest.fixture
async def served(redis_server: RedisServer) -> AsyncIterator[RedisBroadcastBackend]:
    """What the application publishes and listens with."""
    async with RedisBroadcastBackend(redis_server.url) as backend:
        yield backend


async def run(what: str, url: str) -> None:
    program = [sys.executable, "-m", "tests.support.worker_program", what, url]
    done = await asyncio.to_thread(
        subprocess.run, program, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


async def kept(backend: Any, count: int) -> list[Any]:
    """The events of the channel from its first on."""
    position = await backend.position(CHANNEL)
    assert position.offset == count
    return [event async for event in first(backend, position._replace(offset=0), count)]


async def first(backend: Any, since: Any, count: int) -> AsyncIterator[Any]:
    stream = backend.listen(CHANNEL, since)
    for _ in range(count):
        yield await anext(stream)
    await stream.aclose()


async def test_a_plain_process_that_ends_without_close(
    redis_server: RedisServer, served: RedisBroadcastBackend
) -> None:
    await run("plain", redis_server.url)
    assert [event.event_type for event in await kept(served, 1)] == ["plain"]


async def test_threads_share_it_and_each_keeps_its_order(
    redis_server: RedisServer, served: RedisBroadcastBackend
) -> None:
    await run("threads", redis_server.url)
    payloads = [event.payload for event in await kept(served, 100)]
    for thread in range(4):
        assert [one["n"] for one in payloads if one["thread"] == thread] == list(range(25))


async def test_a_child_of_a_fork_has_connections_of_its_own(
    redis_server: RedisServer, served: RedisBroadcastBackend
) -> None:
    await run("fork", redis_server.url)
    kinds = [event.event_type for event in await kept(served, 31)]
    assert (kinds.count("parent"), kinds.count("child")) == (11, 20)


async def test_a_late_subscriber_of_the_application_sees_the_progress(redis_server: RedisServer) -> None:
    program = [sys.executable, "-m", "tests.support.worker_program", "progress", redis_server.url]
    async with Instance(redis_server.url) as one:
        worker = await asyncio.create_subprocess_exec(*program, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert worker.stdin
        assert worker.stdout
        try:
            assert await asyncio.wait_for(worker.stdout.readline(), PATIENCE) == b"half\n"
            async with client(one.server.url) as late:
                await late.subscribe("notifications:import")
                snapshot = (await late.until(lambda message: message.get("event") == "snapshot"))["payload"]
                assert snapshot["run"]["state"] == "running"
                assert snapshot["progress"]["total_steps"] == 4
                worker.stdin.write(b"\n")
                ended = await late.until(lambda message: message.get("event") == "session-completed")
                assert ended["payload"]["results"] == {"rows": 4}
            assert await asyncio.wait_for(worker.wait(), PATIENCE) == 0
        finally:
            if worker.returncode is None:
                worker.kill()
                await worker.wait()


def test_what_is_wrong_is_told_by_the_call(redis_server: RedisServer) -> None:
    with Publisher(redis_server.url) as publisher:
        with pytest.raises(InvalidChannel):
            publisher.broadcast("no channel", "e", {})
        with pytest.raises(InvalidEvent):
            publisher.broadcast(CHANNEL, "e", {}, key="")
        first = publisher.broadcast(CHANNEL, "e", {}, key="once")
        assert publisher.broadcast(CHANNEL, "e", {}, key="once") == first
    with pytest.raises(BroadcastClosed):
        publisher.broadcast(CHANNEL, "e", {})
    publisher.close()


def test_prefixes_are_apart(redis_server: RedisServer) -> None:
    with Publisher(redis_server.url, channel_prefix="one") as one, Publisher(redis_server.url) as other:
        one.broadcast(CHANNEL, "e", {})
        assert other.broadcast(CHANNEL, "e", {}).offset == 1


@pytest.mark.parametrize(
    "url", ["memory://", "ipc://", "ipc://?name=x", "nats://:hunter2@host", "redis://:hunter2@host:port"]
)
def test_urls_that_nobody_can_publish_to(url: str) -> None:
    with pytest.raises(InvalidURL) as raised:
        Publisher(url)
    assert "hunter2" not in str(raised.value)


def test_a_wrong_password_is_one_line() -> None:
    with RedisServer(password="right") as server, Publisher(server.url_as("", "hunter2")) as publisher:
        with pytest.raises(BroadcastError, match="cannot be used") as raised:
            publisher.broadcast(CHANNEL, "e", {})
        assert not isinstance(raised.value, BroadcastUnavailable)
        assert "hunter2" not in str(raised.value)


def unavailable(url: str) -> None:
    """It says so; it does not hang."""
    with Publisher(url) as publisher, pytest.raises(BroadcastUnavailable):
        publisher.broadcast(CHANNEL, "e", {})


async def test_refused_stalled_and_away(redis_server: RedisServer) -> None:
    """All at once."""
    async with proxy(redis_server.port) as silent:
        silent.swallow()
        urls = [f"redis://127.0.0.1:{port}/0" for port in (free_port(), silent.port)]
        await asyncio.gather(*(asyncio.to_thread(unavailable, url) for url in urls))


def test_stalled_in_the_midst_of_it(redis_server: RedisServer) -> None:
    with Publisher(redis_server.url) as publisher:
        publisher.broadcast(CHANNEL, "e", {})
        redis_server.pause()
        with pytest.raises(BroadcastUnavailable):
            publisher.broadcast(CHANNEL, "e", {})
        redis_server.resume()
        eventually(lambda: is_published(publisher), "it did not come back")


def is_published(publisher: Publisher) -> bool:
    try:
        publisher.broadcast(CHANNEL, "e", {})
    except BroadcastUnavailable:
        return False
    return True


async def test_coroutines(redis_server: RedisServer) -> None:
    async with AsyncPublisher(redis_server.url) as publisher:
        places = [await publisher.broadcast(CHANNEL, "e", {"n": n}) for n in range(3)]
        assert [place.offset for place in places] == [1, 2, 3]
    with pytest.raises(BroadcastClosed):
        await publisher.broadcast(CHANNEL, "e", {})


def test_one_after_the_other_on_several_loops(redis_server: RedisServer) -> None:
    publisher = AsyncPublisher(redis_server.url)

    async def publish() -> int:
        return (await publisher.broadcast(CHANNEL, "e", {})).offset

    assert [asyncio.run(publish()) for _ in range(3)] == [1, 2, 3]


def test_postgresql(postgres_server: PostgresServer) -> None:
    with Publisher(postgres_server.url) as publisher:
        assert publisher.broadcast(CHANNEL, "e", {}).offset == 1


def test_a_rotating_password() -> None:
    """`credential_provider` is asked for each connection, and wins over the URL."""
    from redis.credentials import UsernamePasswordCredentialProvider

    with RedisServer(password="right") as server:
        provider = UsernamePasswordCredentialProvider(password="right")
        with Publisher(server.url_as("", "wrong"), credential_provider=provider) as publisher:
            assert publisher.broadcast(CHANNEL, "e", json.loads("{}")).offset == 1
