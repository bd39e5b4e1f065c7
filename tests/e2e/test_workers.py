"""Worker processes of real servers, linked without a setting: one order, whoever dies, and nothing that is left behind."""

import asyncio
import json
import os
import re
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.support.broker import broker_pid, ended, kill_broker
from tests.support.client import Client, client
from tests.support.eventually import eventually
from tests.support.patience import PATIENCE
from tests.support.ports import free_port
from tests.support.process import BIN, Process

APP = "tests.support.worker_app:app"
UVICORN = ["uvicorn", APP, "--port", "PORT", "--workers", "2"]
SERVE = ["pattern-stack", "serve", APP, "--port", "PORT", "--workers", "2"]
GUNICORN = ["gunicorn", APP, "-k", "uvicorn.workers.UvicornWorker", "-b", "127.0.0.1:PORT"]
SERVERS = {
    "uvicorn": UVICORN,
    "serve": SERVE,
    "gunicorn": [*GUNICORN, "-w", "2", "--preload"],
    "gunicorn-1": [*GUNICORN, "-w", "1"],
    "hypercorn": ["hypercorn", APP, "-w", "2", "-b", "127.0.0.1:PORT"],
}


class Server(Process):
    """Once it listens. `place` is where its workers meet."""

    def __init__(self, command: list[str]) -> None:
        self._port = free_port()
        program, *options = [part.replace("PORT", str(self._port)) for part in command]
        super().__init__([BIN / program, *options], ready=r"(?i)linked over the unix socket (?P<place>\S+)")
        self.place = Path(self._said["place"])
        eventually(self._answers, "it does not answer")

    def _answers(self) -> bool:
        try:
            return bool(self.call("GET", "/place"))
        except OSError:  # it is linked before it listens
            return False

    @property
    def port(self) -> int:  # type: ignore[override]
        return self._port

    def call(self, method: str, path: str) -> dict[str, Any]:
        with urlopen(Request(f"{self.http}{path}", method=method), timeout=PATIENCE) as answer:
            found: dict[str, Any] = json.loads(answer.read())
            return found

    async def publish(self, count: int, first: int = 1) -> list[dict[str, Any]]:
        """On any of the workers, all at once."""
        calls = (asyncio.to_thread(self.call, "POST", f"/publish/{n}") for n in range(first, first + count))
        return await asyncio.gather(*calls)


@contextmanager
def serving(command: list[str]) -> Iterator[Server]:
    server = Server(command)
    try:
        yield server
    finally:
        server.end()


@asynccontextmanager
async def clients(server: Server, workers: int) -> AsyncIterator[dict[int, Client]]:
    """One on each worker, by its process."""
    async with AsyncExitStack() as stack:
        found: dict[int, Client] = {}
        while len(found) < workers:
            one = await stack.enter_async_context(client(server.url))
            await one.subscribe("worker")
            found.setdefault((await one.event())["payload"]["pid"], one)
        yield found


def is_event(message: dict[str, Any]) -> bool:
    """One of those that are published."""
    return message.get("channel") == "orders"


def offsets(events: list[Any]) -> list[int]:
    return [event["offset"] for event in events]


@pytest.mark.parametrize("command", SERVERS.values(), ids=SERVERS)
async def test_one_order_over_all_workers_and_nothing_is_left(command: list[str]) -> None:
    with serving(command) as server:
        workers = 1 if command[-1] == "1" else 2
        async with clients(server, workers) as found:
            for one in found.values():
                await one.subscribe("orders")
            published = await server.publish(40)
            assert sorted(offsets(published)) == list(range(1, 41))
            got = [await one.take(40) for one in found.values()]
            assert got == [got[0]] * workers
            assert offsets(got[0]) == list(range(1, 41))
        assert len(re.findall("linked over", server.log())) == 1
        pid = broker_pid(server.place)
        assert pid
        server.terminate()
        await asyncio.to_thread(server.popen.wait, PATIENCE)
        await asyncio.to_thread(eventually, lambda: ended(server.place, pid), "the broker is still there")


async def test_a_killed_worker_is_replaced_and_nobody_is_reset() -> None:
    with serving(SERVE) as server:
        async with clients(server, 2) as found:
            (dying, lost), (staying, stays) = found.items()
            for one in (lost, stays):
                await one.subscribe("orders", "room")
            await server.publish(3)
            os.kill(dying, signal.SIGKILL)
            left = await stays.until(lambda message: message.get("event") == "presence-left")
            assert left["payload"]["count"] == 1
            await server.publish(3, first=4)
            events = [await stays.until(is_event) for _ in range(6)]
            assert offsets(events) == [1, 2, 3, 4, 5, 6]
            epoch = (await stays.ask({"subscribe": ["orders"]}))["subscribed"]["orders"]["epoch"]
            assert not [message for message in stays.inbox if "reset" in message]
        async with clients(server, 2) as again:
            assert staying in again
            assert dying not in again
            for one in again.values():
                since = {"orders": {"epoch": epoch, "offset": 2}}
                assert (await one.subscribe("orders", since=since))["orders"]["recovered"] is True
                assert offsets(await one.take(4)) == [3, 4, 5, 6]
        assert f"Worker process [{dying}] has ended by signal 9" in server.log()


async def test_a_killed_broker_is_replaced_and_clients_stay() -> None:
    with serving(UVICORN) as server:
        async with clients(server, 2) as found:
            for one in found.values():
                await one.subscribe("orders")
            before = await server.publish(1)
            for one in found.values():  # else the broker may be killed before it has sent the event
                assert (await one.event())["payload"] == {"n": 1}
            await asyncio.to_thread(kill_broker, server.place)
            after = await server.publish(2, first=2)
            assert {event["epoch"] for event in after}.isdisjoint({before[0]["epoch"]})
            for one in found.values():
                reset = await one.until(lambda message: "orders" in message.get("reset", ()))
                place = reset["reset"]["orders"]
                rest = [await one.until(is_event) for _ in range(2 - place["offset"])]
                assert offsets(rest) == list(range(place["offset"] + 1, 3))


async def test_two_servers_never_meet_and_after_sigkill_nothing_is_left() -> None:
    with serving(UVICORN) as here, serving(UVICORN) as there:
        assert here.place != there.place
        for server in (here, there):
            assert sorted(offsets(await server.publish(3))) == [1, 2, 3]
        pids = [broker_pid(server.place) or 0 for server in (here, there)]
        assert len({*pids}) == 2
        for server, pid in zip((here, there), pids, strict=True):
            os.killpg(server.popen.pid, signal.SIGKILL)
            server.popen.wait()
            await asyncio.to_thread(
                eventually, lambda pid=pid, place=server.place: ended(place, pid), "it is still there"
            )


async def test_a_backend_that_is_told_to_be_alone_says_so() -> None:
    environment = {"BROADCAST_URL": "memory://", "PATTERN_STACK_DATABASE_URL": "sqlite+aiosqlite:///:memory:"}
    command = [
        BIN / "uvicorn",
        "pattern_stack.app:create_app",
        "--factory",
        "--workers",
        "2",
        "--port",
        str(free_port()),
    ]
    process = Process(command, ready="This is one of 2 workers of uvicorn, and this backend", **environment)
    process.end()
