"""Instances are killed under a stream of commands: sessions go on elsewhere, with all that was acknowledged."""

import asyncio
import itertools
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest

from tests.features.sessions.shared.drill import Drill, Watcher
from tests.support.instances import Instance, instances
from tests.support.patience import PATIENCE
from tests.support.postgres import PostgresServer
from tests.support.redis.server import RedisServer

logger = logging.getLogger(__name__)


class Site(NamedTuple):
    each: list[Instance]
    drill: Drill
    watchers: dict[str, list[Watcher]]


@contextmanager
def _redis() -> Iterator[str]:
    with RedisServer() as server:
        yield server.url


@contextmanager
def _ipc() -> Iterator[str]:
    with TemporaryDirectory(prefix="ipc-") as folder:
        yield f"ipc://{folder}/broker"


@contextmanager
def _postgres() -> Iterator[str]:
    with PostgresServer() as server:
        yield server.url


STORES = {"redis": _redis, "ipc": _ipc, "postgres": _postgres}


@asynccontextmanager
async def watching(each: list[Instance], sessions: list[str]) -> AsyncIterator[dict[str, list[Watcher]]]:
    """A client of each instance on each session."""
    watchers = {
        session: [Watcher([*each[place:], *each[:place]], session) for place in range(len(each))]
        for session in sessions
    }
    tasks = [asyncio.create_task(watcher.run()) for some in watchers.values() for watcher in some]
    try:
        yield watchers
        assert not [task for task in tasks if task.done() and task.exception()]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def site(url: str, directory: Path, sessions: int) -> AsyncIterator[Site]:
    """Three instances, and clients on the sessions."""
    database = f"sqlite+aiosqlite:///{directory}/projects.db"
    with instances(3, BROADCAST_URL=url, PATTERN_STACK_DATABASE_URL=database) as each:
        drill = Drill(each)
        try:
            async with drill.http, watching(each, await drill.begin(sessions)) as watchers:
                yield Site(each, drill, watchers)
        except AssertionError:
            for one in each:
                logger.error("an instance says:\n%s", one.process.log()[-5_000:])
            raise


async def test_sessions_survive_kills_of_their_instances(redis_server: RedisServer, tmp_path: Path) -> None:
    """Of three instances two are killed, one after the other."""
    async with site(redis_server.url, tmp_path, 2) as (each, drill, watchers):
        for place in range(2):
            editing = [asyncio.create_task(drill.edit_times(8)) for _ in range(5)]
            await drill.until(drill.count + 15)
            await asyncio.to_thread(each[place].kill)
            await asyncio.gather(*editing)
        assert drill.repeated, "no call was cut off: nothing was tested"
        for session, some in watchers.items():
            await drill.check(session, each[2:], some)


async def test_an_owner_that_is_paused_acknowledges_nothing_that_is_not_in_the_journal(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    """It has calls in hand when it stands still, and answers them when it goes on: others have gone on meanwhile."""
    async with site(redis_server.url, tmp_path, 1) as (each, drill, watchers):
        ((session, some),) = watchers.items()
        path = f"/api/v1/sessions/{session}/info"

        async def info() -> dict[str, Any]:
            return (await drill.http.get(f"{each[1].http}{path}")).json()

        async def until(is_it: Callable[[dict[str, Any]], bool]) -> None:
            async with asyncio.timeout(PATIENCE):
                while not is_it(await info()):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)

        await drill.edit_times(3)  # one on each instance
        await until(lambda it: it["active_clients"] == 3)
        owner = (await info())["instance"]
        editing = [asyncio.create_task(drill.edit_times(10)) for _ in range(6)]
        await drill.until(12)
        os.kill(each[0].process.popen.pid, signal.SIGSTOP)
        try:
            await until(lambda it: it["instance"] != owner and it["active_clients"] == 2)
        finally:
            os.kill(each[0].process.popen.pid, signal.SIGCONT)
        await asyncio.gather(*editing)
        await until(lambda it: it["active_clients"] == 3)
        await drill.check(session, each, some)


@pytest.mark.soak
@pytest.mark.parametrize("store", ["redis", "ipc", "postgres"])
async def test_ten_minutes_of_kills(store: str, tmp_path: Path) -> None:
    """An instance is killed every 5 s under the commands of 20 clients on 6 sessions."""
    with STORES[store]() as url:
        async with site(url, tmp_path, 6) as (each, drill, watchers):
            done, loop = asyncio.Event(), asyncio.get_running_loop()
            editing = [asyncio.create_task(drill.edit_until(done)) for _ in range(20)]
            end = loop.time() + float(os.environ.get("SOAK_SECONDS", "600"))
            for one in itertools.cycle(each):
                if loop.time() > end:
                    break
                await asyncio.sleep(5)
                await asyncio.to_thread(one.restart)
                await asyncio.to_thread(one.until_ready)
            done.set()
            await asyncio.gather(*editing)
            for session, some in watchers.items():
                await drill.check(session, each, some)
            logger.warning(
                "%d commands, %d repeats, the longest call %.2f s", drill.count, drill.repeated, drill.longest
            )
