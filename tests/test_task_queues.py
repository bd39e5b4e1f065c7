"""Publishing from real workers: Celery with forked processes, and RQ, which forks one for each job."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis
import rq

from tests.contract.drill import Instance
from tests.support.client import Client, client
from tests.support.process import Process, running
from tests.support.redis.server import RedisServer

pytestmark = [pytest.mark.redis, pytest.mark.soak]

JOBS = 6
MODULE = "tests.support.tasks"


@contextmanager
def celery(url: str) -> Iterator[Process]:
    options = ["--pool", "prefork", "--concurrency", "2", "--without-gossip", "--without-mingle", "--loglevel", "INFO"]
    command = [sys.executable, "-m", "celery", "--app", MODULE, "worker", *options]
    with running(*command, ready="ready", TASKS_REDIS=url) as process:  # type: ignore[arg-type]
        yield process


@pytest.fixture
async def watcher(redis_server: RedisServer) -> AsyncIterator[Client]:
    """A client of the application that the workers publish for."""
    async with Instance(redis_server.url) as one, client(one.server.url) as socket:
        await socket.subscribe("orders", *(f"notifications:import-{number}" for number in range(JOBS)))
        yield socket


async def told(watcher: Client) -> list[dict[str, Any]]:
    """What the jobs published at their ends, and all else in the watcher's inbox."""
    return [(await watcher.until(lambda m: m.get("event") == "imported"))["payload"] for _ in range(JOBS)]


def completed(watcher: Client) -> int:
    steps = [m["payload"]["step_name"] for m in watcher.inbox if m.get("event") == "progress-update"]
    return steps.count("Completed")


async def test_celery(redis_server: RedisServer, watcher: Client) -> None:
    from celery import Celery

    sender = Celery("sender", broker=redis_server.url)
    with celery(redis_server.url):
        for number in [*range(JOBS), 0, 1]:  # two of them twice, as a broker may deliver them
            await asyncio.to_thread(sender.send_task, f"{MODULE}.import_rows", (number,))
        payloads = await told(watcher)
        assert sorted(one["number"] for one in payloads) == list(range(JOBS))
        assert completed(watcher) >= JOBS - 1
    await asyncio.to_thread(sender.close)


async def test_rq(redis_server: RedisServer, watcher: Client) -> None:
    with redis.Redis.from_url(redis_server.url) as connection:
        queue = rq.Queue(connection=connection)
        for number in range(JOBS):
            queue.enqueue(f"{MODULE}.import_rows", number)
        command = [sys.executable, "-m", "rq.cli", "worker", "--url", redis_server.url]
        with running(*command, ready="Listening on", TASKS_REDIS=redis_server.url):
            payloads = await told(watcher)
    assert sorted(one["number"] for one in payloads) == list(range(JOBS))
    assert len({one["pid"] for one in payloads}) == JOBS
