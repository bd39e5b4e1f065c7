"""What the documents show, runs; and their links lead somewhere."""

import asyncio
import os
import re
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jwt
import pytest

from pattern_stack import History, WebSocketBroadcastBackend
from tests.support.client import client, page_of
from tests.support.patience import PATIENCE
from tests.support.server import Server, serving, serving_backend, until

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "clients" / "typescript" / "README.md",
    *sorted((ROOT / "examples").glob("*/README.md")),
]


def blocks(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


SQLMODEL = "sqlalchemy.md-1"
"""Its classes are declared once in a process: by the test of what they do."""
TESTS_OF_THE_TUTORIAL = "tutorial.md-4"
"""Imports its program: tests/e2e/test_tutorial.py runs it."""
NAMED = {f"{page.name}-{n}": code for page in PAGES for n, code in enumerate(blocks(page))}
ELSEWHERE = {SQLMODEL, TESTS_OF_THE_TUTORIAL}
EVERY = [pytest.param(code, id=name) for name, code in NAMED.items() if name not in ELSEWHERE]


def run(code: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {"__name__": "docs"}
    exec(compile(code, "docs", "exec"), namespace)
    return namespace


@pytest.mark.parametrize("code", EVERY)
def test_code_runs(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # some of it makes a database
    run(code)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert target.startswith("http") or (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tables_and_lists_begin_behind_an_empty_line(page: Path) -> None:
    """The site needs it, other than a repository's pages do."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    assert re.findall(r"^(?![|#>\s-]|\d+\.)\S.*\n(?:\||- |1\. ).*", text, re.MULTILINE) == []


def test_every_page_has_a_place_on_the_site() -> None:
    """`make docs` refuses to build otherwise; this one says so without it."""
    places = set(re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE))
    assert {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")} <= places


def test_every_public_package_is_in_the_reference() -> None:
    pages = "".join(page.read_text() for page in (ROOT / "docs" / "api").glob("*.md"))
    features = {f"features.{path.parent.name}" for path in (ROOT / "pattern_stack" / "features").glob("*/__init__.py")}
    packages = {"pattern_stack", *(f"pattern_stack.{name}" for name in ("client", "outbox", "testing", *features))}
    assert set(re.findall(r"^::: (\S+)$", pages, re.MULTILINE)) >= packages


async def test_three_lines_are_enough() -> None:
    import httpx2

    with serving(run(blocks(ROOT / "README.md")[0])["app"]) as server:
        async with client(server.url) as one, httpx2.AsyncClient(base_url=server.http, timeout=PATIENCE) as http:
            await one.subscribe("orders")
            answer = (await http.post("/orders/17")).json()
            event = await one.event()
            assert (event["payload"], event["offset"]) == ({"entity_id": "17"}, answer["offset"])


async def test_the_room_lets_in_whom_it_should() -> None:
    with serving(run(blocks(ROOT / "README.md")[1])["app"]) as server:
        async with client(server.url, additional_headers={"Authorization": "Bearer secret-of-ann"}) as ann:
            await ann.subscribe("room:7")
            assert (await ann.event())["payload"] == {"members": ["ann"], "topic": "lunch"}
            await ann.send({"subscribe": ["room:8"]})
            assert (await ann.receive())["error"]["code"] == "forbidden"
        wrong = {"Authorization": "Bearer wrong"}
        async with client(server.url, origin=page_of(server.url), additional_headers=wrong) as nobody:
            assert await nobody.closed() == (4401, "no such token")


async def test_the_jwt_example() -> None:
    shown = run(blocks(ROOT / "docs" / "authentication.md")[0])

    def token(seconds: float) -> str:
        return jwt.encode({"sub": "ann", "exp": int(time.time() + seconds)}, shown["KEY"], algorithm="HS256")

    with serving(shown["app"]) as server:
        address = f"ws://127.0.0.1:{server.port}/ws"
        async with client(f"{address}/token") as one:
            assert (await one.ask({"auth": token(-60)}))["error"]["message"] == "Signature has expired"
            assert (await one.ask({"auth": token(60)}))["authenticated"] is True
            await one.subscribe("orders")
        async with client(f"{address}/cookie", additional_headers={"Cookie": f"session={token(60)}"}) as two:
            await two.subscribe("orders")
        page, short = page_of(address), {"Cookie": f"session={token(1)}"}
        async with client(f"{address}/cookie", origin=page, additional_headers=short) as two:
            assert (await two.closed())[0] == 4401  # at once, or within the second
        async with client(f"{address}/cookie", origin=page) as three:
            assert (await three.closed())[0] == 4401


async def test_the_outbox_publishes_what_is_committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import httpx2

    monkeypatch.chdir(tmp_path)
    shown = run(blocks(ROOT / "docs" / "sqlalchemy.md")[0])
    with serving(shown["app"]) as server:
        async with client(server.url) as one, httpx2.AsyncClient(base_url=server.http, timeout=PATIENCE) as http:
            await one.subscribe("orders")
            assert (await http.post("/orders", params={"item": "tea"})).json() == 1
            assert (await one.event())["payload"] == {"entity_id": 1}
    shown["engine"].dispose()


async def test_the_outbox_in_an_application_of_sqlmodel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import httpx2

    monkeypatch.chdir(tmp_path)
    first, second = blocks(ROOT / "docs" / "sqlalchemy.md")[:2]
    shown = run(first + second)
    shown["SQLModel"].metadata.create_all(shown["engine"])
    shown["app"].include_router(shown["router"])
    with serving(shown["app"]) as server:
        async with client(server.url) as one, httpx2.AsyncClient(base_url=server.http, timeout=PATIENCE) as http:
            await one.subscribe("user:ann")
            assert (await http.post("/items", params={"title": "tea"})).json()["id"] == 1
            assert (await one.event())["payload"] == {"entity_id": 1}
    shown["engine"].dispose()


@pytest.mark.parametrize("number", [1, 3, 5])
async def test_what_one_migrates_to_is_live(number: int) -> None:
    import httpx2

    app = run(blocks(ROOT / "docs" / "migration.md")[number])["app"]
    path = "/ws" if number == 1 else "/ws/broadcast"
    with serving(app) as server:
        async with client(server.http.replace("http", "ws") + path) as one:
            if number == 3:
                await one.ask({"auth": "secret-of-ann"})
            if number != 1:
                await one.subscribe("orders")
            async with httpx2.AsyncClient(base_url=server.http, timeout=PATIENCE) as http:
                await http.post("/orders", params={"item": "tea"})
            assert (await one.event())["payload"] == {"item": "tea"}
            if number == 3:
                await one.subscribe("room:7")
                answer = await one.ask({"send": "room:7", "event": "say", "payload": {"text": "hello"}})
                assert answer["result"] == "ok"


async def test_the_session_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shown, use = blocks(ROOT / "docs" / "sessions.md")
    namespace = run(shown + use)
    await namespace["build"]()
    (session,) = namespace["sessions"].all()
    assert session.document.can_redo
    await namespace["sessions"].projects.close()


async def test_a_service_writes_each_event_once() -> None:
    """Through the end of its channel, a crash and a history that does not reach back."""
    shown = run(blocks(ROOT / "docs" / "python-client.md")[-1])
    backend = WebSocketBroadcastBackend(history=History(events=3))
    database = sqlite3.connect(":memory:", check_same_thread=False)

    async def publish(*names: str) -> None:
        for name in names:
            await backend.broadcast("orders", "created", {"entity_id": name})

    def written() -> list[str]:
        return [name for (name,) in database.execute("SELECT id FROM orders")]

    async def follow(server: Server) -> "asyncio.Task[None]":
        task = asyncio.create_task(shown["service"](database, server.url))
        await until(server, lambda: backend.get_subscriber_count("orders") == 1)
        return task

    async def has_written(*names: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while written() != list(names):  # noqa: ASYNC110 - a table has no event
                await asyncio.sleep(0.01)

    async def crash(service: "asyncio.Task[None]", server: Server) -> None:
        service.cancel()
        await asyncio.wait((service,))
        await until(server, lambda: backend.get_subscriber_count("orders") == 0)

    with serving_backend(backend) as server:
        service = await follow(server)
        await publish("1")
        await has_written("1")
        await crash(service, server)
        await publish("2", "3")
        service = await follow(server)
        await has_written("1", "2", "3")
        await backend.end("orders")
        await until(server, lambda: backend.get_subscriber_count("orders") == 1)
        await publish("4")
        await has_written("1", "2", "3", "4")
        await crash(service, server)
        await publish("5", "6", "7", "8")
        service = await follow(server)
        await publish("9")
        await has_written("1", "2", "3", "4", "9")
        assert shown["reached"](database) == await backend.position("orders")
        await crash(service, server)
    database.close()


@pytest.mark.parametrize("plugin", ["asyncio", "anyio"])
def test_the_tests_of_the_page_about_tests_pass(plugin: str, tmp_path: Path) -> None:
    """In one file, with the setting that the page names; and with the marker that it names for anyio."""
    page = ROOT / "docs" / "testing.md"
    (settings,) = re.findall(r"^```toml\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    tests, options = "\n".join(blocks(page)), list[str]()
    if plugin == "anyio":
        tests = tests.replace("async def test_", "@pytest.mark.anyio\nasync def test_")
        tests, settings, options = f"import pytest\n{tests}{ANYIO_BACKEND}", "", ["-p", "no:asyncio"]
    (tmp_path / "pyproject.toml").write_text(settings)
    (tmp_path / "test_page.py").write_text(tests)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, "test_page.py"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    assert re.search(r"^7 passed", done.stdout, re.MULTILINE), done.stdout + done.stderr


ANYIO_BACKEND = """
@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
"""
