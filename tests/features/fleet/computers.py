"""Computers of a fleet: in this process, where a test can look into them and set their clock, and as processes."""

import asyncio
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx2
from fastapi.responses import JSONResponse

from pattern_stack import WebSocketBroadcastBackend
from pattern_stack.features.fleet import Fleet
from tests.support.client import Client
from tests.support.instances import Instance
from tests.support.patience import PATIENCE
from tests.support.redis.server import RedisServer
from tests.support.server import Server, application, serving

PREFIX = "pattern_stack:fleet"


class Computer:
    """A computer that runs in this process: its address, and its Fleet."""

    def __init__(self, server: Server, fleet: Fleet) -> None:
        self.server = server
        self.fleet = fleet
        self.http, self.url = server.http, server.url

    async def until(self, is_it: Callable[[Fleet], object]) -> None:
        """Wait until the condition holds. It is looked at on the server's loop."""

        async def watch() -> None:
            while not is_it(self.fleet):  # noqa: ASYNC110 - what it watches has no event
                await asyncio.sleep(0.005)

        await asyncio.wait_for(self.server.acall(watch), PATIENCE)

    async def until_interested(self, *resources: str) -> None:
        await self.until(lambda fleet: fleet.interest.kinds() == sorted(resources))

    async def until_watched(self, resource: str, *computers: str) -> None:
        """Wait until it knows that these computers, and no others, watch the resource."""
        await self.until(lambda fleet: sorted(fleet.state.watchers(resource)) == sorted(computers))


@contextmanager
def computer(name: str, **settings: Any) -> Iterator[Computer]:
    broadcast = WebSocketBroadcastBackend()
    fleet = Fleet(broadcast, computer=name, **settings)
    app = application(broadcast, fleet)

    @app.get("/ready")
    async def ready() -> JSONResponse:
        return JSONResponse(fleet.trouble, 503 if fleet.trouble else 200)

    with serving(app) as server:
        yield Computer(server, fleet)


@contextmanager
def processes(names: str, **environment: str) -> Iterator[list[Instance]]:
    """One process for each letter of `names`, its computer's name. All of them are ready."""
    started = [Instance(PATTERN_STACK_FLEET_COMPUTER=name, **environment) for name in names]
    with ExitStack() as ends:
        for one in started:
            ends.callback(one.end)
        with ThreadPoolExecutor(len(started)) as pool:
            list(pool.map(Instance.start, started))
            list(pool.map(Instance.until_ready, started))
        yield started


def settings_of(redis_url: str, **more: object) -> dict[str, str]:
    """The settings as environment variables."""
    return {
        f"PATTERN_STACK_FLEET_{name.upper()}": str(value) for name, value in {"redis_url": redis_url, **more}.items()
    }


# -- over REST and WebSocket, which both kinds of computers have


async def ask(one: Computer | Instance, method: str, path: str, **how: Any) -> Any:
    """The answer's JSON, or None where the answer has no content."""
    async with httpx2.AsyncClient(
        base_url=f"{one.http}/api/v1/fleet", timeout=PATIENCE, verify=False, trust_env=False
    ) as http:
        answer = await http.request(method, path, **how)
        return answer.json() if answer.content else None


async def listed(one: Computer | Instance, resource: str, **filters: str) -> list[dict[str, Any]]:
    answer = await ask(one, "GET", f"/{resource}", params=filters)
    assert answer["total"] == len(answer[resource])
    records: list[dict[str, Any]] = answer[resource]
    return records


async def put(one: Computer | Instance, **session: str) -> dict[str, Any]:
    answer: dict[str, Any] = await ask(one, "POST", "/sessions", json={"title": "a session", **session})
    assert "session_id" in answer, answer
    return answer


async def watch(client: Client, *resources: str) -> dict[str, Any]:
    """Subscribe to the resources. Returns their snapshots."""
    await client.subscribe(*(f"fleet:{resource}" for resource in resources))
    snapshots = [await client.until(lambda message: message.get("event") == "snapshot") for _ in resources]
    return {resource: records for snapshot in snapshots for resource, records in snapshot["payload"].items()}


async def told(client: Client, *events: str) -> list[Any]:
    """The payloads of the next events, whose names have to be these."""
    messages = [await client.event() for _ in events]
    assert [message["event"] for message in messages] == list(events), messages
    return [message["payload"] for message in messages]


# -- in Redis


def heartbeat(redis: RedisServer, name: str) -> dict[str, Any]:
    value = redis.command("GET", f"{PREFIX}:computer:{name}:heartbeat")
    return json.loads(value) if value else {}


def append(redis: RedisServer, target: str, event: str, data: Any, source: str) -> None:
    """Append to a stream as another program does it, without a wake-up message."""
    text = data if isinstance(data, str) else json.dumps(data)
    stamp = "2026-11-21T07:00:00.000000Z"
    redis.command(
        "XADD", f"{PREFIX}:events:{target}", "*", "event", event, "data", text, "timestamp", stamp, "source", source
    )


def writes(redis: RedisServer) -> dict[str, int]:
    """How often each command was called so far."""
    stats = redis.command("INFO", "commandstats")
    return {
        name: stats.get(f"cmdstat_{name}", {}).get("calls", 0)
        for name in ("xadd", "xrange", "xread", "set", "publish", "scan")
    }
