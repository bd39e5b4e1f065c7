"""Whatever happens to PostgreSQL or to the line to it, clients are caught up or told to refetch: the checker judges.

Each fault is a block: it begins with the fault, and ends when the fault has ended.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from pattern_stack.atoms.broadcast.bridge.tracker import ChannelTracker
from tests.contract.drill import CHANNEL, Drill, drill, half_open, paused, unreachable
from tests.support.ports import free_port
from tests.support.postgres import PostgresServer

Fault = Callable[[Drill], AbstractAsyncContextManager[None]]

OURS = "application_name = 'pattern_stack'"


@asynccontextmanager
async def restarted(drill: Drill) -> AsyncIterator[None]:
    """With kill -9."""
    await asyncio.to_thread(drill.server.kill)
    yield
    await asyncio.to_thread(drill.server.start)


def terminated(sessions: str) -> Fault:
    @asynccontextmanager
    async def terminated(drill: Drill) -> AsyncIterator[None]:
        """Nobody is back before something was missed."""
        drill.line.target = free_port()
        ended = drill.server.execute(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {OURS} AND query LIKE '{sessions}'"
        )
        assert ended
        await drill.publish(drill.outside, 10)
        yield
        drill.line.target = drill.server.port

    terminated.__name__ = f"terminated_{sessions.strip('%')}"
    return terminated


def emptied(statement: str) -> Fault:
    @asynccontextmanager
    async def emptied(drill: Drill) -> AsyncIterator[None]:
        await asyncio.to_thread(drill.server.execute, statement)
        yield

    emptied.__name__ = statement.partition(" ")[0].lower()
    return emptied


DROP = """
DO $$ DECLARE name regclass; BEGIN
  FOR name IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relname LIKE 'pattern_stack%' LOOP
    EXECUTE 'DROP TABLE ' || name || ' CASCADE'; END LOOP;
  FOR name IN SELECT oid FROM pg_proc WHERE proname LIKE 'pattern_stack%' LOOP
    EXECUTE 'DROP FUNCTION ' || name::oid::regprocedure; END LOOP;
END $$
"""
LOST = [emptied("TRUNCATE pattern_stack_events"), emptied(DROP.strip())]
KEPT = [restarted, terminated("LISTEN%"), terminated("%")]
AWAY = [unreachable, half_open, paused]


def each(faults: list[Fault]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("fault", faults, ids=lambda fault: fault.__name__)


@each(LOST + KEPT)
async def test_clients_are_caught_up_or_told(postgres_server: PostgresServer, fault: Fault) -> None:
    async with drill(postgres_server) as one:
        publishing = asyncio.create_task(one.publish_everywhere(30))
        async with fault(one):
            pass
        await publishing
        await one.conclude()
        assert bool(one.resets) == (fault in LOST)


@each(AWAY)
async def test_while_it_is_away_nothing_is_promised(
    postgres_server: PostgresServer, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with drill(postgres_server, patience=0.5) as one:
        async with fault(one):
            await one.until_away()
            await asyncio.gather(*(each.tells_the_truth() for each in one.instances))
        await one.publish_everywhere(5)
        await one.conclude()
        assert not one.resets
    assert "hunter2" not in caplog.text


async def test_a_tracker_that_ignores_gaps_is_found_out(
    postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A drill that cannot fail would prove nothing."""

    def blind(self: ChannelTracker, here: Any, reading: Any) -> None:
        self.position = type(here)(reading.epoch, reading.offset)

    async with drill(postgres_server) as one:
        monkeypatch.setattr(ChannelTracker, "apply", blind)
        async with terminated("LISTEN%")(one):
            pass
        with pytest.raises(AssertionError):
            await one.finish(one.outside, 1)


async def test_events_of_any_size_keep_their_order(postgres_server: PostgresServer) -> None:
    """What a message cannot carry is read; what comes behind it waits."""
    async with drill(postgres_server) as one:
        for size in (10, 900_000, 7_000, 8_000, 10, 300_000, 0):
            await asyncio.gather(
                one.publish(one.outside, filling="ä" * (size // 2)), one.publish(one.instances[0].backend)
            )
        await one.conclude()
        assert not one.resets
        longest = "SELECT max(octet_length(body)) FROM pattern_stack_events WHERE channel = %s"
        assert postgres_server.execute(longest, CHANNEL)[0][0] > 900_000
