"""Other ASGI servers: the endpoint asks for nothing but ASGI, whose optional keys they leave out."""

import os
from collections.abc import Iterator

import httpx2
import pytest
from websockets.exceptions import InvalidStatus

from tests.support.client import Client, client, page_of
from tests.support.eventually import eventually
from tests.support.ports import free_port
from tests.support.process import BIN, ROOT, Process
from tests.support.stream import refused, stream

APP = "tests.support.any_server:app"
SERVERS: dict[str, tuple[list[str], str]] = {
    "uvicorn": (["uvicorn", APP, "--port", "PORT"], r"running on http://127\.0\.0\.1:(?P<port>\d+)"),
    "fast lane": (
        ["uvicorn", APP, "--port", "PORT", "--ws", "pattern_stack.fastlane:FastLane"],
        r"running on http://127\.0\.0\.1:(?P<port>\d+)",
    ),
    "gunicorn": (
        ["gunicorn", APP, "-b", "127.0.0.1:PORT", "-k", "uvicorn.workers.UvicornWorker"],
        r"Listening at: http://127\.0\.0\.1:(?P<port>\d+)(.|\n)*Application startup complete",
    ),
    "hypercorn": (["hypercorn", APP, "-b", "127.0.0.1:PORT"], r"Running on http://127\.0\.0\.1:(?P<port>\d+)"),
    "daphne": (
        ["daphne", "-b", "127.0.0.1", "-p", "PORT", APP],
        r"Listening on TCP address 127\.0\.0\.1:(?P<port>\d+)",
    ),
    "granian": (
        ["granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", "PORT", APP],
        r"Listening at: http://127\.0\.0\.1:(?P<port>\d+)(.|\n)*Started worker",
    ),
}


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> Iterator[Process]:
    command, ready = SERVERS[request.param]
    port = str(free_port())
    arguments = [one.replace("PORT", port) for one in command[1:]]
    path = os.pathsep.join([*os.environ.get("PYTHONPATH", "").split(os.pathsep), str(ROOT)])
    process = Process([BIN / command[0], *arguments], ready=ready, PYTHONPATH=path.strip(os.pathsep))
    eventually(lambda: answers(process))
    yield process
    process.end()


def answers(server: Process) -> bool:
    try:
        return httpx2.get(f"{server.http}/connections", trust_env=False).status_code == 200
    except httpx2.TransportError:
        return False


def post(server: Process, call: str) -> None:
    assert httpx2.post(f"{server.http}/{call}", trust_env=False).status_code == 200


async def take(one: Client, first: int, last: int) -> None:
    assert [event["offset"] for event in await one.take(last - first + 1)] == list(range(first, last + 1))


async def test_events_recovery_and_closes(server: Process) -> None:
    page = page_of(server.url)
    async with client(f"{server.url}?user=ann", origin=page) as one:
        left_at = (await one.subscribe("orders"))["orders"]
        post(server, "publish/100")
        await take(one, 1, 100)
        one.cut()
    async with client(f"{server.url}?user=ann", origin=page) as one:
        assert (await one.subscribe("orders", since={"orders": {**left_at, "offset": 90}}))["orders"]["recovered"]
        await take(one, 91, 100)
        await one.send(b"binary")
        assert (await one.receive())["error"]["code"] == "invalid_message"
        post(server, "disconnect/ann")
        assert (await one.closed())[0] == 4403
    eventually(lambda: httpx2.get(f"{server.http}/connections", trust_env=False).json() == 0)


async def test_a_page_that_is_refused_gets_the_code(server: Process) -> None:
    async with client(server.url, origin=page_of(server.url)) as one:
        code, reason = await one.closed()
        assert (code, reason or "nobody is named") == (4401, "nobody is named")  # Daphne leaves reasons out
    async with client(server.url, origin="http://foreign.example") as one:
        assert (await one.closed())[0] in (1008, 4008)  # Daphne sends only codes from 3000 on


async def test_what_is_no_page_gets_a_status(server: Process, request: pytest.FixtureRequest) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with client(server.url):
            pass
    without_answers = (
        request.node.callspec.params["server"] == "daphne"
    )  # it knows a close before the accept, which is 403
    assert refused.value.response.status_code == (403 if without_answers else 401)
    assert "Traceback" not in server.log()
    assert "ERROR" not in server.log()


@pytest.mark.parametrize("prefix", ["", "/wrapped"])
async def test_streams(server: Process, prefix: str) -> None:
    """Wrapped: nothing is held back by BaseHTTPMiddleware and GZipMiddleware either."""
    user = [("user", "bob")]
    where = f"{server.http}{prefix}"
    async with stream(where, "orders", query=user, headers={"Accept-Encoding": "gzip"}) as one:
        assert ("x-wrapped" in one.response.headers) == bool(prefix)
        reached = (await one.receive())["subscribed"]["orders"]["offset"]
        post(server, "publish/3")
        assert [event["offset"] - reached for event in await one.take(3)] == [1, 2, 3]
        id = one.id
    eventually(lambda: httpx2.get(f"{server.http}/connections", trust_env=False).json() == 0)
    post(server, "publish/2")
    async with stream(where, "orders", id=id, query=user) as one:
        assert (await one.receive())["subscribed"]["orders"]["recovered"]
        assert [event["offset"] - reached for event in await one.take(2)] == [4, 5]
        post(server, "disconnect/bob")
        assert (await one.receive())["close"]["code"] == 4403
        with pytest.raises(EOFError):
            await one.receive()
    assert (await refused(where, ["orders"]))[0] == 401
    eventually(lambda: httpx2.get(f"{server.http}/connections", trust_env=False).json() == 0)
    assert "Traceback" not in server.log()
