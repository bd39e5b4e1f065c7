"""Which URLs a publisher takes, and what it says where nobody serves at one."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from pattern_stack import (
    AsyncPublisher,
    BroadcastUnavailable,
    InvalidURL,
    Publisher,
    RedisBroadcastBackend,
    broadcast_from_url,
)
from pattern_stack.atoms.broadcast.backends.ipc import IPCBroadcastBackend
from pattern_stack.atoms.broadcast.backends.postgres import PostgresBroadcastBackend
from tests.support.broker import broker_pid, ended
from tests.support.eventually import eventually


@pytest.fixture
async def path() -> AsyncIterator[Path]:
    with TemporaryDirectory(prefix="ipc-") as folder:
        yield Path(folder) / "broker"


def test_redis_at_a_unix_socket_that_is_not_there(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Publisher(f"unix://{path}", patience=0) as publisher:
        for _ in range(2):
            with pytest.raises(BroadcastUnavailable, match="it cannot be reached"):
                publisher.broadcast("orders", "e", {})
    assert "Traceback" not in caplog.text


async def test_where_no_worker_serves_nothing_is_published(path: Path) -> None:
    def publish() -> None:
        with Publisher(f"ipc://{path}", patience=0) as publisher:
            publisher.broadcast("orders", "e", {})

    with pytest.raises(BroadcastUnavailable, match="no worker serves"):
        await asyncio.to_thread(publish)
    async with AsyncPublisher(f"ipc://{path}", patience=0) as publisher:
        with pytest.raises(BroadcastUnavailable, match="no worker serves"):
            await publisher.broadcast("orders", "e", {})
    assert list(path.parent.iterdir()) == []


async def test_it_publishes_once_a_worker_serves(path: Path) -> None:
    async with AsyncPublisher(f"ipc://{path}", patience=0) as publisher:
        with pytest.raises(BroadcastUnavailable):
            await publisher.broadcast("orders", "e", {})
        async with IPCBroadcastBackend(f"ipc://{path}") as worker:
            place = await worker.position("orders")
            pid = broker_pid(path)
            assert pid
            async with AsyncPublisher(f"ipc://{path}") as second:
                assert await second.broadcast("orders", "e", {}) == place._replace(offset=1)


async def test_it_keeps_no_broker_without_a_worker(path: Path) -> None:
    async with AsyncPublisher(f"ipc://{path}", patience=0) as publisher:
        async with IPCBroadcastBackend(f"ipc://{path}") as worker:
            await worker.position("orders")
            pid = broker_pid(path)
            assert pid
            await publisher.broadcast("orders", "e", {})
        await asyncio.to_thread(eventually, lambda: ended(path, pid), "the broker is still there")
        with pytest.raises(BroadcastUnavailable, match="the link to the other workers is down"):
            await publisher.broadcast("orders", "e", {})


MAKERS: list[Callable[[Any], object]] = [
    Publisher,
    AsyncPublisher,
    broadcast_from_url,
    RedisBroadcastBackend,
    PostgresBroadcastBackend,
    IPCBroadcastBackend,
]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(("url", "said"), [(None, "is the setting missing"), (7, "is text, not int")])
def test_a_url_that_is_no_text(make: Callable[[Any], object], url: Any, said: str) -> None:
    with pytest.raises(InvalidURL, match=said):
        make(url)


@pytest.mark.parametrize("url", ["memory://", "auto://", "nats://host"])
def test_a_publisher_lists_what_it_takes(url: str) -> None:
    with pytest.raises(InvalidURL) as raised:
        Publisher(url)
    _, _, taken = str(raised.value).partition("A publisher takes ")
    assert "redis://" in taken
    assert "ipc:///run/app.sock" in taken
    assert "memory://" not in taken
    assert "auto://" not in taken


def test_a_backend_lists_what_it_takes() -> None:
    with pytest.raises(InvalidURL, match="memory://, auto://, ipc://, redis://"):
        broadcast_from_url("nats://host")
