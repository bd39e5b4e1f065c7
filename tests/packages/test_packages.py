"""The packages that `make dist` builds work where nothing else is installed."""

import re
import subprocess
import tarfile
import zipfile
from pathlib import Path

import httpx2
import pytest

from pattern_stack import WebSocketBroadcastBackend
from tests.packages.fresh import Fresh, run
from tests.support.client import client
from tests.support.patience import PATIENCE
from tests.support.postgres import PostgresServer
from tests.support.process import ROOT, running
from tests.support.programs import program
from tests.support.redis.server import RedisServer
from tests.support.server import serving_backend

pytestmark = pytest.mark.soak


class Packages:
    def __init__(self, directory: Path) -> None:
        (self.wheel,) = directory.glob("*.whl")
        (self.sdist,) = directory.glob("*.tar.gz")
        (self.npm,) = directory.glob("*.tgz")


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Packages:
    program("npm")
    directory = tmp_path_factory.mktemp("dist")
    subprocess.run([ROOT / ".ci" / "dist", directory], check=True)
    return Packages(directory)


def first_block(page: Path, language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def test_each_has_the_license(packages: Packages) -> None:
    license = (ROOT / "LICENSE").read_bytes()
    with zipfile.ZipFile(packages.wheel) as wheel:
        (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/licenses/LICENSE"))
        assert wheel.read(name) == license
    for archive, name in (packages.sdist, f"{packages.sdist.name[:-7]}/LICENSE"), (packages.npm, "package/LICENSE"):
        with tarfile.open(archive) as opened:
            member = opened.extractfile(name)
            assert member is not None
            assert member.read() == license


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
async def test_the_first_example_runs(packages: Packages, tmp_path: Path, kind: str) -> None:
    fresh = Fresh(tmp_path, f"pattern-stack[server] @ {getattr(packages, kind).as_uri()}")
    (tmp_path / "shop.py").write_text(first_block(ROOT / "README.md", "python"))
    command = [fresh.bin / "pattern-stack", "serve", "shop:app", "--port", "0"]
    with running(*command, PYTHONPATH=str(tmp_path)) as server:
        async with client(server.url) as one, httpx2.AsyncClient(base_url=server.http, timeout=PATIENCE) as http:
            await one.subscribe("orders")
            answer = (await http.post("/orders/17")).json()
            event = await one.event()
            assert (event["payload"], event["offset"]) == ({"entity_id": "17"}, answer["offset"])


def test_the_client_for_browsers_runs_its_first_example(packages: Packages, tmp_path: Path) -> None:
    """In Node.js, which lacks a page and, before 22, a WebSocket."""
    run("npm", "init", "-y", cwd=tmp_path)
    run("npm", "install", "--no-audit", "--no-fund", str(packages.npm), "ws@8", cwd=tmp_path)
    backend = WebSocketBroadcastBackend()
    with serving_backend(backend) as server:
        browser = f'{{ WebSocket, location: new URL("{server.http}") }}'
        (tmp_path / "page.mjs").write_text(f'import {{ WebSocket }} from "ws"; Object.assign(globalThis, {browser})')
        shown = first_block(ROOT / "clients" / "typescript" / "README.md", "ts")
        (tmp_path / "shown.mjs").write_text(f'import "./page.mjs"\n{shown}\nclient.disconnect()\n')
        said = run("node", "shown.mjs", cwd=tmp_path).splitlines()
        assert said == ["connecting", "connected", "ready", "disconnected"]
    for entry in "", "/shared", "/sse", "/upstream":
        run("node", "-e", f"require('@pattern-stack/broadcast{entry}')", cwd=tmp_path)


IN_MEMORY = """
import asyncio
from pattern_stack import WebSocketBroadcastBackend
from fastapi import FastAPI

async def main():
    async with WebSocketBroadcastBackend() as broadcast:
        FastAPI().include_router(broadcast.get_router())
        print((await broadcast.broadcast("orders", "created", {})).offset)

asyncio.run(main())
"""
OVER_A_STORE = """
import asyncio, sys
from pattern_stack import broadcast_from_url

async def main():
    async with broadcast_from_url(sys.argv[1]) as broadcast:
        print((await broadcast.broadcast("orders", "created", {})).offset)

asyncio.run(main())
"""
OUTBOX = """
import asyncio
from fastapi import FastAPI
from sqlalchemy import create_engine
from sqlalchemy.orm import Session
from pattern_stack import WebSocketBroadcastBackend
from pattern_stack.outbox import Outbox

engine = create_engine("sqlite:///shop.db")
broadcast = WebSocketBroadcastBackend()
outbox = Outbox(broadcast, engine)
app = FastAPI()
app.include_router(broadcast.get_router())
app.include_router(outbox.get_router())

async def main():
    async with app.router.lifespan_context(app):
        position = await broadcast.position("orders")
        with Session(engine) as session, session.begin():
            outbox.broadcast(session, "orders", "created", {})
        async for event in broadcast.listen("orders", since=position):
            print(event.offset)
            return

asyncio.run(main())
"""
METRICS = """
import asyncio
from pattern_stack import metrics

(route,) = metrics.get_router().routes
print(asyncio.run(route.endpoint()).body.decode())
"""
FOLLOWING = """
import asyncio, sys
from pattern_stack.client import BroadcastClient

async def main():
    async with BroadcastClient(sys.argv[1]) as client:
        async for event in client.listen("orders", last=1):
            print(event.event_type)
            return

asyncio.run(main())
"""
TESTING = """
from pattern_stack import WebSocketBroadcastBackend

def test_it(broadcast_log):
    WebSocketBroadcastBackend().broadcast_sync("orders", "created", {"entity_id": "1"})
    broadcast_log.assert_published("orders", "created", entity_id="1")
"""


def test_nothing_else_is_needed(packages: Packages, tmp_path: Path) -> None:
    fresh = Fresh(tmp_path, str(packages.wheel))
    assert fresh.run(IN_MEMORY) == "1\n"
    assert "pip install 'pattern-stack[client]'" in fresh.run("""
try:
    import pattern_stack.client
except Exception as error:
    print(error)
""")


@pytest.mark.parametrize(
    ("extra", "code", "says"),
    [
        ("sql", OUTBOX, "1\n"),
        ("metrics", METRICS, "pattern_stack_connections"),
    ],
)
def test_an_extra_alone(packages: Packages, tmp_path: Path, extra: str, code: str, says: str) -> None:
    assert says in Fresh(tmp_path, f"{packages.wheel}[{extra}]").run(code)


def test_the_extra_redis_alone(packages: Packages, tmp_path: Path, redis_server: RedisServer) -> None:
    assert Fresh(tmp_path, f"{packages.wheel}[redis]").run(OVER_A_STORE, redis_server.url) == "1\n"


def test_the_extra_postgres_alone(packages: Packages, tmp_path: Path, postgres_server: PostgresServer) -> None:
    assert Fresh(tmp_path, f"{packages.wheel}[postgres]").run(OVER_A_STORE, postgres_server.url) == "1\n"


def test_the_extra_client_alone(packages: Packages, tmp_path: Path) -> None:
    fresh, backend = Fresh(tmp_path, f"{packages.wheel}[client]"), WebSocketBroadcastBackend()
    with serving_backend(backend) as server:
        backend.broadcast_sync("orders", "created", {})
        assert fresh.run(FOLLOWING, server.url) == "created\n"


def test_the_extra_testing_alone(packages: Packages, tmp_path: Path) -> None:
    fresh = Fresh(tmp_path, f"{packages.wheel}[testing]")
    (tmp_path / "test_shop.py").write_text(TESTING)
    assert "1 passed" in run(fresh.bin / "pytest", "-q", cwd=tmp_path)
