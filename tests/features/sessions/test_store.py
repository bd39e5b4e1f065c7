"""Projects outlive their session, the process, and a save that is cut off."""

import asyncio
import random
import re
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest

from pattern_stack import InvalidURL
from pattern_stack.features.sessions.errors import ProjectNotFound, StoreUnavailable
from pattern_stack.features.sessions.sql import SQLStore, _in_one_line
from tests.features.sessions.save_loop import DIGITS, PROJECT, TIMES, store
from tests.features.sessions.world import build
from tests.support.instances import Instance
from tests.support.patience import PATIENCE
from tests.support.postgres import PostgresServer
from tests.support.process import Process


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[SQLStore]:
    one = SQLStore(f"sqlite+aiosqlite:///{tmp_path}/projects.db")
    yield one
    await one.close()


async def test_the_last_form_is_kept(kept: SQLStore) -> None:
    with pytest.raises(ProjectNotFound):
        await kept.load("a")
    await kept.save("a", b"1")
    await kept.save("a", b"2")
    await kept.save("b", b"3")
    await kept.close()
    assert (await kept.load("a"), await kept.load("b")) == (b"2", b"3")
    await kept.delete("a")
    with pytest.raises(ProjectNotFound):
        await kept.delete("a")
    with pytest.raises(ProjectNotFound):
        await kept.load("a")


def test_it_opens_again_on_another_loop(tmp_path: Path) -> None:
    store = SQLStore(f"sqlite+aiosqlite:///{tmp_path}/projects.db")

    async def use() -> None:
        await asyncio.gather(*(store.save(id, b"1") for id in "abc"))
        await store.close()

    for _ in range(2):
        asyncio.run(use())


async def test_it_is_closed_also_where_the_application_ends_badly(tmp_path: Path) -> None:
    app, sessions, _ = build(tmp_path)

    async def end_badly() -> None:
        async with app.router.lifespan_context(app):
            await sessions.projects.create("restomod", "P")
            raise RuntimeError("ends badly")

    with pytest.raises(RuntimeError, match="ends badly"):
        await end_badly()
    assert sessions.projects._store._store._engine is None


@pytest.fixture
async def stores(postgres_server: PostgresServer) -> AsyncIterator[list[SQLStore]]:
    """Twenty instances of an application that start on an empty database."""
    stores = [SQLStore(postgres_server.sqlalchemy_url) for _ in range(20)]
    yield stores
    await asyncio.gather(*(store.close() for store in stores))


async def test_stores_that_make_their_table_at_once_all_work(stores: list[SQLStore]) -> None:
    ids = [str(UUID(int=number)) for number in range(len(stores))]
    await asyncio.gather(*(store.save(id, id.encode()) for store, id in zip(stores, ids, strict=True)))
    found = await asyncio.gather(*(store.load(id) for store, id in zip(stores, reversed(ids), strict=True)))
    assert found == [id.encode() for id in reversed(ids)]


async def test_a_role_that_may_not_make_the_table_can_use_it(
    postgres_server: PostgresServer, stores: list[SQLStore]
) -> None:
    await stores[0].save(PROJECT, b"1")
    postgres_server.execute("CREATE ROLE reader LOGIN PASSWORD 'sesame'")
    postgres_server.execute("GRANT SELECT ON projects TO reader")
    reader = SQLStore(postgres_server.url_as("reader", "sesame").replace("postgresql:", "postgresql+psycopg:"))
    assert await reader.load(PROJECT) == b"1"
    with pytest.raises(StoreUnavailable):
        await reader.save(PROJECT, b"2")
    await reader.close()


async def test_a_role_that_may_not_make_the_table_is_told_so(
    postgres_server: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    postgres_server.execute("CREATE ROLE nobody LOGIN PASSWORD 'sesame'")
    store = SQLStore(postgres_server.url_as("nobody", "sesame").replace("postgresql:", "postgresql+psycopg:"))
    with pytest.raises(StoreUnavailable):
        await store.load(PROJECT)
    assert "permission denied for schema public" in caplog.text
    await store.close()


async def test_a_database_that_comes_back_is_used_again(postgres_server: PostgresServer) -> None:
    store = SQLStore(postgres_server.sqlalchemy_url)
    await store.save(PROJECT, b"1")
    postgres_server.kill()
    with pytest.raises(StoreUnavailable):
        await store.load(PROJECT)
    postgres_server.start()
    assert await store.load(PROJECT) == b"1"
    await store.close()


async def test_a_restart_of_the_database_between_two_calls_is_not_noticed(postgres_server: PostgresServer) -> None:
    store = SQLStore(postgres_server.sqlalchemy_url)
    await store.save(PROJECT, b"1")
    postgres_server.restart()
    assert await store.load(PROJECT) == b"1"
    await store.close()


def test_nothing_is_opened_before_it_is_used(tmp_path: Path) -> None:
    SQLStore(f"sqlite+aiosqlite:///{tmp_path}/projects.db")
    assert list(tmp_path.iterdir()) == []


async def test_a_store_that_cannot_be_reached_says_so_and_the_log_says_why(caplog: pytest.LogCaptureFixture) -> None:
    kept = SQLStore("sqlite+aiosqlite:////nowhere/secret/projects.db")
    before = set(threading.enumerate())
    for _ in range(2):
        with pytest.raises(StoreUnavailable) as raised:
            await kept.load("a")
        assert "secret" not in str(raised.value)
    assert [line.getMessage() for line in caplog.records] == [
        "the store of projects at sqlite+aiosqlite:////nowhere/secret/projects.db cannot be reached: unable to open "
        "database file"
    ]
    for thread in set(threading.enumerate()) - before:  # SQLite's, which tell this loop that they could open nothing
        await asyncio.to_thread(thread.join)


def test_the_log_quotes_no_password() -> None:
    said = OSError("ann:se@cret@nowhere does not answer\nand more")
    assert _in_one_line(said, "postgresql+asyncpg://ann:se%40cret@nowhere/x") == "ann:***@nowhere does not answer"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense:secret", "cannot be read"),
        ("nobody+nothing://ann:secret@nowhere/x", r"nobody\+nothing. It needs an asynchronous one"),
        ("postgresql+asyncpg://ann@nowhere:secret/x", "cannot be read"),
        ("sqlite:///projects.db", "asynchronous one, like sqlite.aiosqlite:"),
        ("mysql+nosuchdriver://ann:secret@nowhere/x", "nosuchdriver"),
    ],
)
def test_a_url_that_nothing_can_come_of_is_refused_at_once(url: str, said: str) -> None:
    with pytest.raises(InvalidURL, match=said) as raised:
        SQLStore(url)
    assert "secret" not in str(raised.value)


def saved(process: Process) -> int:
    """The last version that it has told of."""
    versions = re.findall(r"saved (\d+)\n", process.log())
    return int(versions[-1]) if versions else 0


async def survivor(directory: Path, torn: bool) -> tuple[int, bytes]:
    """Kill the process while it saves. What it had told of before, and what is found then."""
    options = ["torn"] if torn else []
    command = [sys.executable, "-m", "tests.features.sessions.save_loop", directory, *options]
    process = Process(command, ready=r"saved 2\n")
    await asyncio.sleep(random.uniform(0, 0.03))  # somewhere in a save: it does nothing else
    told = saved(process)
    process.end()
    kept = store(directory, torn)
    try:
        return told, await kept.load(PROJECT)
    finally:
        await kept.close()


def is_whole(form: bytes) -> bool:
    return form == form[:DIGITS] * TIMES


async def test_a_save_that_is_killed_leaves_the_last_good_version(tmp_path: Path) -> None:
    for number in range(3):
        directory = tmp_path / f"{number}"
        directory.mkdir()
        told, found = await survivor(directory, torn=False)
        assert is_whole(found)
        assert int(found[:DIGITS]) >= told >= 2


async def test_a_store_that_writes_in_place_would_be_found_out(tmp_path: Path) -> None:
    """The control: the same kills show that it leaves half of a version."""
    for _ in range(20):
        if not is_whole((await survivor(tmp_path, torn=True))[1]):
            return
    raise AssertionError("no kill hit a save: the test above shows nothing")


async def call(http: httpx2.AsyncClient, method: str, path: str, body: Any = None) -> Any:
    answer = await http.request(method, path, json=body)
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


async def test_a_project_survives_the_server(tmp_path: Path) -> None:
    instance = Instance(PATTERN_STACK_DATABASE_URL=f"sqlite+aiosqlite:///{tmp_path}/projects.db")
    try:
        instance.start()
        async with httpx2.AsyncClient(base_url=f"{instance.http}/api/v1", timeout=PATIENCE, verify=False) as http:
            project = await call(http, "POST", "/projects", {"template_id": "restomod", "project_name": "Mustang"})
            root, session = project["graph"]["roots"][0]["id"], project["session_id"]
            for name in ("Body", "Engine"):
                await call(
                    http, "POST", f"/{session}/nodes/{root}/children", {"blueprint_type_id": "phase", "name": name}
                )
            value = {"property_id": "budget", "value": 12_345.67}
            await call(http, "POST", f"/{session}/nodes/{root}/properties", value)
            await call(http, "POST", f"/projects/{project['project_id']}/save")
            graph = await call(http, "GET", f"/{session}/graph")
            await call(http, "POST", f"/{session}/nodes", {"blueprint_type_id": "task", "name": "not saved"})
        instance.restart()
        async with httpx2.AsyncClient(base_url=f"{instance.http}/api/v1", timeout=PATIENCE, verify=False) as http:
            session = (await call(http, "POST", "/sessions"))["session_id"]
            loaded = await call(http, "POST", f"/sessions/{session}/projects/{project['project_id']}/load")
            assert loaded["graph"] == graph
            await call(http, "DELETE", f"/projects/{project['project_id']}")
    finally:
        instance.end()
