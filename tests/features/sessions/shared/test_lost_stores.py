"""A store that loses its data is written anew by the instances that have the sessions; an instance that it leaves changes
nothing."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from pattern_stack.features.sessions import CreateNode, ProjectInUse, SessionNotFound, Sessions, SessionUnavailable
from pattern_stack.features.sessions.core.entry import Entry
from pattern_stack.features.sessions.housekeeping import Housekeeping
from pattern_stack.features.sessions.journal import again
from pattern_stack.features.sessions.shared_journal import SharedJournal
from tests.features.sessions.shared.conftest import Instances, journal_of, over
from tests.support.broker import kill_broker
from tests.support.process import ROOT
from tests.support.proxy import proxy
from tests.support.redis.replicated import Replicated
from tests.support.redis.server import RedisServer

TASK = CreateNode(blueprint_type_id="task", name="N")

Lose = Callable[[], Awaitable[None]]


@asynccontextmanager
async def restarted_redis() -> AsyncIterator[tuple[Instances, Lose]]:
    with RedisServer() as server:

        async def lose() -> None:
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)

        async with over(server.url) as instances:
            yield instances, lose


@asynccontextmanager
async def emptied_redis() -> AsyncIterator[tuple[Instances, Lose]]:
    with RedisServer() as server:

        async def lose() -> None:
            await asyncio.to_thread(server.command, "FLUSHALL")

        async with over(server.url) as instances:
            yield instances, lose


@asynccontextmanager
async def killed_broker() -> AsyncIterator[tuple[Instances, Lose]]:
    with TemporaryDirectory(prefix="ipc-") as folder:

        async def lose() -> None:
            await asyncio.to_thread(kill_broker, Path(folder) / "broker")

        async with over(f"ipc://{folder}/broker") as instances:
            yield instances, lose


STORES = [pytest.param(kind, marks=pytest.mark.redis) for kind in (restarted_redis, emptied_redis)] + [killed_broker]


async def nothing(*_: object) -> None: ...


async def known(*all: Sessions) -> None:
    """They have heard each other."""
    for sessions in all:
        sessions.journal.start()
    for sessions in all:
        fellows = journal_of(sessions).fellows
        while not fellows.is_sure or len(fellows.living) < len(all):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def give(sessions: Sessions, id: str, owner: str) -> None:
    """The session is this instance's."""
    session = sessions.get(id)

    async def attempt() -> None:
        async with session.graph_lock:
            await sessions.journal.commit(session, Entry(owner=owner), ())

    await again(sessions.journal, session, attempt)


@pytest.mark.parametrize("store", STORES)
async def test_a_store_that_lost_all_is_written_anew(
    store: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All but the session whose owner died, and that nobody has taken over yet."""
    monkeypatch.setattr(Housekeeping, "_take_over", nothing)
    async with store() as (instances, lose):  # type: ignore[attr-defined]
        one, two = instances.one(), instances.one()
        session = await one.projects.create("restomod", "P")
        assert session.project
        orphan = (await one.begin()).id
        await known(one, two)
        made = await two.execute(session.id, TASK, key="k")
        await one.execute(session.id, TASK)
        graph = await two.graph(session.id)
        await two.execute(orphan, TASK)
        await give(two, orphan, "somebody who died")
        await one.info(orphan)
        await lose()
        assert await two.graph(session.id) == await one.graph(session.id) == graph
        assert (await two.execute(session.id, TASK, key="k")).command_id == made.command_id
        await two.undo(session.id)
        assert (await one.info(session.id)).node_count == 2
        with pytest.raises(SessionNotFound):
            await two.graph(orphan)
        with pytest.raises(ProjectInUse):
            await two.projects.load((await two.begin()).id, session.project.project_id)


@pytest.mark.parametrize("offers", [True, False])
async def test_a_failover_that_loses_writes_loses_no_command(
    redis_replicated: Replicated, offers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: where instances offer nothing, the last command is lost."""
    if not offers:
        monkeypatch.setattr(SharedJournal, "offer", nothing)
    async with proxy(redis_replicated.primary.port) as line, over(f"redis://127.0.0.1:{line.port}") as instances:
        one, two = instances.one(), instances.one()
        id = (await one.begin()).id
        await two.execute(id, TASK)
        await asyncio.to_thread(redis_replicated.catch_up)
        redis_replicated.detach()
        last = await one.execute(id, TASK)
        redis_replicated.fail_over()
        line.target = redis_replicated.replica.port
        line.cut()
        count = (await two.info(id)).node_count
        assert count == (2 if offers else 1)
        undone = await two.undo(id)
        assert (undone.command_id == last.command_id) is offers


async def test_an_instance_that_is_cut_off_changes_nothing_and_is_replaced(redis_server: RedisServer) -> None:
    """The others take its session over; when it is back, it knows what they did."""
    async with proxy(redis_server.port) as line, over(redis_server.url) as instances:
        two, three = instances.one(), instances.one()
        async with over(f"redis://127.0.0.1:{line.port}") as cut:
            cut.adopt(instances)
            one = cut.one()
            id = (await one.begin()).id
            await known(one, two, three)
            await one.execute(id, TASK)
            line.refuse()
            with pytest.raises(SessionUnavailable):
                await one.execute(id, TASK)
            while (await two.info(id)).instance == journal_of(one).instance:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            assert (await three.info(id)).instance in {journal_of(two).instance, journal_of(three).instance}
            await three.execute(id, TASK)
            await line.restore()
            while True:
                try:
                    info = await one.info(id)
                    break
                except SessionUnavailable:
                    await asyncio.sleep(0.02)
            assert info == await two.info(id)
            assert info.node_count == 2
            assert await one.graph(id) == await three.graph(id)


async def test_the_redis_rights_in_the_documentation_are_enough(redis_server: RedisServer) -> None:
    (rights,) = re.findall(r"`(\+eval [^`]+)`", (ROOT / "docs" / "instances.md").read_text())
    redis_server.command(
        *("ACL", "SETUSER", "app", "on", ">secret", "resetkeys", "resetchannels", "-@all"),
        *("~shared*:*", "&shared*:*", *rights.split()),
    )
    async with over(redis_server.url_as("app", "secret")) as instances:
        one, two = instances.one(), instances.one()
        session = await one.projects.create("restomod", "P")
        await two.execute(session.id, TASK, key="k")
        await two.undo(session.id)
        assert [summary.session_id for summary in await two.summaries()] == [session.id]
        await two.close(session.id)
        assert await one.summaries() == []
