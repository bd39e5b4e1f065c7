"""The scenarios of sessions, where each call and each socket goes to another instance."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.features.sessions import test_events, test_faults, test_projects, test_rest, test_rest_only, test_together
from tests.features.sessions.world import World
from tests.support.address import Address
from tests.support.balancer import Balancer
from tests.support.eventually import eventually
from tests.support.instances import instances
from tests.support.patience import PATIENCE
from tests.support.ports import free_port
from tests.support.process import BIN, running
from tests.support.redis.server import RedisServer

Scenario = Callable[[World], Awaitable[None]]


class Remote(World):
    """Nothing but an address is known. No connection carries two calls."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.server = address  # type: ignore[assignment]

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        limits = httpx2.Limits(max_keepalive_connections=0)
        async with AsyncExitStack() as self._stack:
            http = httpx2.AsyncClient(
                base_url=f"{self.address.http}/api/v1", timeout=PATIENCE, limits=limits, trust_env=False
            )
            self.http = await self._stack.enter_async_context(http)
            yield


@contextmanager
def balanced(directory: Path) -> Iterator[Address]:
    """haproxy before three instances over one Redis."""
    database = f"sqlite+aiosqlite:///{directory}/projects.db"
    with (
        RedisServer() as redis,
        instances(3, BROADCAST_URL=redis.url, PATTERN_STACK_DATABASE_URL=database) as each,
        Balancer([one.port for one in each]) as balancer,
    ):
        balancer.until_serving(*(one.port for one in each))
        yield balancer


class _Workers(Address):
    def __init__(self, port: int) -> None:
        self.port = port


@contextmanager
def workers(directory: Path) -> Iterator[Address]:
    """Three workers of uvicorn, and nothing else."""
    database = f"sqlite+aiosqlite:///{directory}/projects.db"
    here = _Workers(free_port())
    command = [BIN / "uvicorn", "test_server:app", "--port", f"{here.port}", "--workers", "3"]
    with running(*command, ready=r"linked over the Unix socket", PATTERN_STACK_DATABASE_URL=database) as process:
        eventually(lambda: process.log().count("Application startup complete") == 3, "not all workers have started")
        yield here


async def b1_b3_the_count_is_right_at_every_step(world: World) -> None:
    session = await world.session()
    assert (await world.info(session))["active_clients"] == 0
    clients = []
    for count in (1, 2, 3):
        client = await world.client()
        snapshot = await client.join(session)
        assert snapshot["session"] == await world.info(session)
        assert snapshot["session"]["active_clients"] == count
        for other in clients:
            (event,) = await other.told("session-connected")
            assert event["payload"]["active_clients"] == count
        clients.append(client)
    watcher = clients[2]
    for client, count in ((clients[1], 2), (clients[0], 1)):
        await client.socket.close()
        (event,) = await watcher.told("session-disconnected")
        assert event["payload"]["active_clients"] == count
        assert (await world.info(session))["active_clients"] == count
    last = (await world.info(session))["last_activity"]
    await world.node(session)  # B2
    assert (await world.info(session))["last_activity"] > last
    await world.call("POST", "/sessions/cleanup", {"max_inactive_hours": 0})  # B4
    listed = (await world.call("GET", "/sessions"))["sessions"]
    assert [one["session_id"] for one in listed if one["active_clients"]] == [session]
    assert (await watcher.told())[-1]["event"] == "command-executed"
    await world.call("DELETE", f"/sessions/{session}", status=204)
    assert (await watcher.told("session-closed"))[-1]["payload"] == {"session_id": session}
    assert await world.refused("GET", f"/sessions/{session}/info") == (404, "SESSION_NOT_FOUND")


async def e1_without_sockets_everything_succeeds(world: World) -> None:
    made = await world.call("POST", "/projects", {"template_id": "restomod", "project_name": "P"}, status=201)
    session, (root,) = made["session_id"], made["graph"]["roots"]
    node = await world.node(session, type="phase", parent=root["id"])
    assert (await world.tree(session))["roots"][0]["children"][0]["id"] == node["id"]
    await world.call("POST", f"/projects/{made['project_id']}/save")
    await world.call("DELETE", f"/{session}/nodes/{node['id']}", status=204)
    assert (await world.info(session))["node_count"] == 1


SCENARIOS: list[Scenario] = [
    test_events.test_a1_two_clients_get_one_identical_event,
    test_events.test_a2_no_event_crosses_sessions,
    test_events.test_a3_one_order_and_offsets_that_rise_by_one,
    test_events.test_a4_the_event_of_ones_own_command_carries_its_origin,
    test_events.test_a5_who_joins_amid_commands_misses_and_repeats_nothing,
    b1_b3_the_count_is_right_at_every_step,
    test_rest.test_c1_a_node_over_rest_reaches_both_and_is_the_answer,
    test_rest.test_c2_a_status_that_changes_says_what_it_was,
    test_rest.test_c3_a_template_in_use_is_told,
    test_rest.test_c4_a_project_that_is_created_is_told,
    test_faults.test_d1_another_spelling_of_a_session_is_no_channel_of_its_own,
    test_faults.test_d4_a_client_comes_back_as_another_one,
    e1_without_sockets_everything_succeeds,
    test_rest_only.test_e2_a_script_and_a_client_share_a_session,
    test_together.test_f1_three_clients_build_one_project,
    test_together.test_f2_undo_and_redo_reach_both_and_the_node_keeps_its_id,
    test_together.test_f3_two_creates_at_once_both_succeed_in_one_order,
    test_projects.test_a_project_is_live_in_one_session,
]


@pytest.mark.parametrize(
    "site", [pytest.param(balanced, marks=pytest.mark.redis), pytest.param(workers, marks=pytest.mark.soak)]
)
async def test_every_scenario_where_nothing_is_sticky(site: Callable[[Path], object], tmp_path: Path) -> None:
    with site(tmp_path) as address:  # type: ignore[attr-defined]
        for scenario in SCENARIOS:
            world = Remote(address)
            async with world.open():
                await scenario(world)
