"""Work on big graphs takes many turns of the loop: others go on meanwhile, and nobody sees half of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from benchmarks.session_turns import measure_turns
from pattern_stack.atoms.steps import Steps
from pattern_stack.atoms.turns import in_turns, to_the_end
from pattern_stack.errors import BroadcastClosed, ServiceError
from pattern_stack.features.sessions import (
    ApplyKit,
    CreateNode,
    DeleteNode,
    ProjectStore,
    Session,
    SessionNotFound,
    Sessions,
    UpdateProperty,
    service,
)
from pattern_stack.features.sessions.core.document import Executed
from pattern_stack.features.sessions.core.graph import Graph
from pattern_stack.features.sessions.core.pieces import PIECE
from tests.features.sessions.world import World, build
from tests.support.server import until

NODES = 20 * PIECE


@pytest.fixture
async def sessions(tmp_path: Path) -> AsyncIterator[Sessions]:
    sessions = build(tmp_path)[1]
    yield sessions
    await sessions.projects.close()


async def grown(sessions: Sessions, nodes: int = NODES) -> tuple[Session, str]:
    """A session whose graph has so many nodes, and the root that all of them are under."""
    session = sessions.create()
    top = (await sessions.execute(session.id, CreateNode(blueprint_type_id="task", name="top"))).node_id
    assert top
    child = CreateNode(blueprint_type_id="task", name="N", parent_id=top)
    for _ in range(PIECE // 2):
        await sessions.execute(session.id, child)
    other = (await sessions.execute(session.id, CreateNode(blueprint_type_id="task", name="kit"))).node_id
    assert other
    while len(session.document.graph) < nodes:
        await sessions.execute(session.id, ApplyKit(target_id=other, kit_root_id=top))
    return session, other


class MemoryStore(ProjectStore):
    """It never waits, so that every turn is the feature's own."""

    def __init__(self) -> None:
        self._forms: dict[str, bytes] = {}

    async def save(self, project_id: str, form: bytes) -> None:
        self._forms[project_id] = form

    async def load(self, project_id: str) -> bytes:
        return self._forms[project_id]

    async def delete(self, project_id: str) -> None:
        del self._forms[project_id]

    async def close(self) -> None:
        pass


async def begins_to_change(session: Session) -> None:
    """Return amid the changes of a command that is under way."""
    before = len(session.document.graph)
    while len(session.document.graph) == before:  # noqa: ASYNC110 - the turns themselves are what is watched
        await asyncio.sleep(0)


class Watch:
    """Runs beside something, once in every turn of the loop, and notes how many nodes there are."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.counts: list[int] = []

    async def beside(self, work: Awaitable[Any]) -> Any:
        task = asyncio.ensure_future(work)
        while not task.done():
            self.counts.append(len(self._session.document.graph))
            await asyncio.sleep(0)
        self.counts.append(len(self._session.document.graph))
        return task.result()

    @property
    def turns(self) -> int:
        return len(self.counts)

    @property
    def longest(self) -> int:
        """How many nodes came or went in one turn, at most."""
        return max(abs(after - before) for before, after in zip(self.counts, self.counts[1:], strict=False))


async def test_a_command_its_undo_and_its_redo_change_few_nodes_in_a_turn(sessions: Sessions) -> None:
    session, kit = await grown(sessions)
    clone = ApplyKit(target_id=session.document.graph.roots[0], kit_root_id=kit)
    for work in (
        lambda: sessions.execute(session.id, clone),
        lambda: sessions.undo(session.id),
        lambda: sessions.redo(session.id),
        lambda: sessions.execute(session.id, DeleteNode(node_id=kit)),
        lambda: sessions.undo(session.id),
    ):
        watch = Watch(session)
        await watch.beside(work())
        assert watch.longest <= PIECE
        assert watch.turns >= NODES // PIECE - 2


async def test_what_reads_or_replaces_a_graph_takes_a_turn_for_a_few_nodes(sessions: Sessions) -> None:
    session, _ = await grown(sessions)
    session.document.template = sessions.catalogue.get("restomod")
    sessions.projects._store = MemoryStore()
    turns = []

    async def count(work: Awaitable[Any]) -> Any:
        watch = Watch(session)
        result = await watch.beside(work)
        turns.append(watch.turns)
        return result

    graph = await count(sessions.graph(session.id))
    await count(sessions.projects.create("restomod", "P", session.id))
    assert session.project
    await count(sessions.projects.save(session.project.project_id))
    await count(sessions.projects.load(session.id, session.project.project_id))
    await count(sessions.graph(session.id))
    assert min(turns) >= NODES // PIECE - 2
    loaded = orjson.loads(await sessions.graph(session.id))
    assert loaded["roots"][:2] == orjson.loads(graph)["roots"]


async def test_big_nodes_make_short_pieces(sessions: Sessions) -> None:
    """A turn writes 256 KiB, or one node."""
    session = sessions.create()
    nodes = [(await sessions.execute(session.id, CreateNode(blueprint_type_id="t", name="N"))).node_id for _ in "1234"]
    for node in nodes:
        assert node
        await sessions.execute(session.id, UpdateProperty(node_id=node, property_id="p", value="x" * 300_000))
    watch = Watch(session)
    await watch.beside(sessions.graph(session.id))
    assert watch.turns >= 4


async def test_many_sessions_are_cleaned_up_in_many_turns(sessions: Sessions) -> None:
    first = sessions.create()
    for _ in range(400):
        sessions.create()
    counts = []
    cleaning = asyncio.create_task(sessions.clean_up(-1))
    while not cleaning.done():
        counts.append(len(sessions.all()))
        await asyncio.sleep(0)
    assert (cleaning.result(), first.closed) == (401, True)
    assert max(before - after for before, after in zip(counts, [*counts[1:], 0], strict=True)) <= 16


async def test_a_thousand_sessions_are_listed_in_many_turns(world: World) -> None:
    made = await world.server.acall(lambda: [world.sessions.create().id for _ in range(1000)])
    turns = 0
    done = asyncio.Event()

    async def watch() -> None:
        nonlocal turns
        while not done.is_set():
            turns += 1
            await asyncio.sleep(0)

    watching = asyncio.create_task(world.server.acall(watch))
    listed = await world.call("GET", "/sessions")
    await world.server.acall(done.set)
    await watching
    assert [one["session_id"] for one in listed["sessions"]] == made
    assert listed["total"] == 1000
    assert turns >= 1000 // 64


def test_the_longest_turn_of_each_call_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """What it is, is not judged: `make bench` prints it."""
    measure_turns(100, 20)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "the longest turn, on 100 nodes and 20 sessions"
    assert len(lines) == 12
    assert all(" ms, of " in line for line in lines[1:])


# -- nobody sees half of it


async def test_clients_that_join_amid_a_command_get_it_in_the_snapshot_or_as_an_event(world: World) -> None:
    session, kit = await world.server.acall(lambda: grown(world.sessions))
    top = session.document.graph.roots[0]
    nodes = len(session.document.graph)
    clients = [await world.client() for _ in range(12)]

    async def clone() -> None:
        await world.sessions.execute(session.id, ApplyKit(target_id=top, kit_root_id=kit))

    working = asyncio.create_task(world.server.acall(clone))
    snapshots = [await client.join(session.id) for client in clients]
    await working
    await world.server.acall(lambda: world.sessions.registry.publish(session, [("marker", {})]))
    after = len(session.document.graph)
    for client, snapshot in zip(clients, snapshots, strict=True):
        told = [event["event"] for event in await client.told("marker")]
        assert snapshot["session"]["node_count"] == len(client.replica.nodes) in (nodes, after)
        assert told.count("graph-changed") == (len(client.replica.nodes) == nodes), told


async def test_a_client_that_joins_amid_the_changes_of_a_command_waits_for_their_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, kit = await world.server.acall(lambda: grown(world.sessions))
    before = len(session.document.graph)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def stop_amid(steps: Steps[Executed]) -> Executed:
        next(steps)
        begun.set()
        await go_on.wait()
        return await to_the_end(steps)

    monkeypatch.setattr(service, "to_the_end", stop_amid)
    delete = DeleteNode(node_id=kit)
    working = asyncio.create_task(world.server.acall(lambda: world.sessions.execute(session.id, delete)))
    await world.server.acall(begun.wait)
    one = await world.client()
    joining = asyncio.create_task(one.join(session.id))
    lock, document = session.graph_lock, session.document
    await until(world.server, lambda: bool(lock._waiters) or document._encoded is not None)
    assert before - PIECE == len(session.document.graph), "amid the changes"
    await world.server.acall(go_on.set)
    await working
    assert (await joining)["session"]["node_count"] == len(one.replica.nodes) == len(session.document.graph)
    await one.nothing_more()


async def test_a_snapshot_is_encoded_once_for_all_who_get_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    session = await world.session()
    for number in range(3):
        await world.node(session, f"{number}")
    encode, encoded = Graph.encode, []

    def count(graph: Graph) -> Any:
        encoded.append(graph)
        return encode(graph)

    monkeypatch.setattr(Graph, "encode", count)
    clients = [await world.client() for _ in range(20)]
    await asyncio.gather(*(client.join(session) for client in clients))
    await world.tree(session)
    assert len(encoded) == 1
    await world.node(session, "one more")
    await asyncio.gather(*(client.ask({"refresh": [f"session:{session}"]}) for client in clients))
    await clients[0].until(lambda message: message.get("event") == "snapshot")
    await world.tree(session)
    assert len(encoded) == 2


async def test_a_command_that_is_cancelled_amid_its_changes_is_carried_out(sessions: Sessions) -> None:
    session, kit = await grown(sessions)
    top, before = session.document.graph.roots[0], len(session.document.graph)
    heard: list[str] = []
    closed = asyncio.Event()

    async def hear(event: str, _: object) -> None:
        heard.append(event)
        if event == "session-closed":
            closed.set()

    async with await sessions.broadcast.subscribe(session.channel, hear):
        work = asyncio.create_task(sessions.execute(session.id, ApplyKit(target_id=top, kit_root_id=kit)))
        await begins_to_change(session)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        after = len(session.document.graph)
        assert after > before + PIECE
        await sessions.undo(session.id)
        assert len(session.document.graph) == before
        await sessions.close(session.id)
        await closed.wait()
    command = ["command-executing", "graph-changed", "command-executed"]
    assert heard == [*command, "graph-changed", "undo", "session-closed"]


async def test_a_command_that_is_cancelled_while_it_is_planned_changes_nothing(sessions: Sessions) -> None:
    session, kit = await grown(sessions)
    before = await sessions.graph(session.id)
    work = asyncio.create_task(sessions.execute(session.id, ApplyKit(target_id=kit, kit_root_id=kit)))
    await asyncio.sleep(0)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert await sessions.graph(session.id) == before


async def test_a_session_that_is_closed_amid_a_command_has_no_event_after_its_last(sessions: Sessions) -> None:
    session, kit = await grown(sessions)
    heard: list[str] = []

    async def listen() -> None:
        heard.extend([event.event_type async for event in sessions.broadcast.listen(session.channel)])

    listening = asyncio.create_task(listen())
    await asyncio.sleep(0)
    work = asyncio.create_task(sessions.execute(session.id, DeleteNode(node_id=kit)))
    await begins_to_change(session)
    await sessions.close(session.id)
    with pytest.raises(SessionNotFound):
        await work
    await listening
    assert heard == ["session-closed"]
    assert sessions.registry.size == 0


# -- on any loop


CALLS: list[Callable[[Sessions, Session], Awaitable[Any]]] = [
    lambda sessions, session: sessions.execute(session.id, CreateNode(blueprint_type_id="task", name="N")),
    lambda sessions, session: sessions.undo(session.id),
    lambda sessions, session: sessions.redo(session.id),
    lambda sessions, session: sessions.graph(session.id),
    lambda sessions, session: sessions.projects.create("restomod", "P", session.id),
    lambda sessions, session: sessions.projects.save(session.project.project_id),  # type: ignore[union-attr]
    lambda sessions, session: sessions.projects.form(session.project.project_id),  # type: ignore[union-attr]
    lambda sessions, session: sessions.projects.load(session.id, session.project.project_id),  # type: ignore[union-attr]
    lambda sessions, session: sessions.projects.use_template(session.id, "restomod"),
    lambda sessions, session: sessions.projects.delete(session.project.project_id),  # type: ignore[union-attr]
    lambda sessions, session: sessions.clean_up(24),
    lambda sessions, session: sessions.close(session.id),
    lambda sessions, session: sessions.projects.close(),
]


async def test_every_call_may_be_awaited_on_another_loop_while_a_server_runs(world: World) -> None:
    session = world.sessions.create()

    async def all_of_them() -> None:
        for call in CALLS:
            await call(world.sessions, session)

    await asyncio.to_thread(lambda: asyncio.run(all_of_them()))
    assert session.closed


def test_every_call_may_be_awaited_on_a_loop_of_its_own_while_none_runs(tmp_path: Path) -> None:
    sessions = build(tmp_path)[1]
    session = sessions.create()
    for call in CALLS:

        async def one() -> None:
            await call(sessions, session)  # noqa: B023 - it is awaited at once
            await sessions.projects.close()

        asyncio.run(one())
    assert session.closed


async def test_calls_of_many_loops_at_once_are_carried_out_one_at_a_time(world: World) -> None:
    session = world.sessions.create()

    async def some() -> None:
        for _ in range(20):
            await world.sessions.execute(session.id, CreateNode(blueprint_type_id="task", name="N"))

    work = [asyncio.to_thread(lambda: asyncio.run(some())) for _ in range(4)]
    await asyncio.gather(*work, world.server.acall(some))
    assert len(session.document.graph) == 100
    (one,) = await world.joined(session.id, 1)
    assert one.replica.tree() == await world.tree(session.id)


async def test_a_call_on_another_loop_raises_what_it_would_raise_here(world: World) -> None:
    session = world.sessions.create()

    async def wrong() -> None:
        await world.sessions.execute(session.id, DeleteNode(node_id="nothing"))

    with pytest.raises(ServiceError, match="there is no node 'nothing' here"):
        await asyncio.to_thread(lambda: asyncio.run(wrong()))


async def test_a_joiner_that_could_not_be_announced_is_not_counted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await world.session()
    publish = world.sessions.registry.publish

    async def fail(*args: Any, **named: Any) -> None:
        monkeypatch.setattr(world.sessions.registry, "publish", publish)
        raise BroadcastClosed("not now")

    monkeypatch.setattr(world.sessions.registry, "publish", fail)
    one = await world.client()
    await one.send({"subscribe": [f"session:{session}"], "id": 1})
    await one.until(lambda message: "error" in message)
    assert (await world.info(session))["active_clients"] == 0


async def test_snapshots_share_the_graph_until_it_changes(sessions: Sessions) -> None:
    session = sessions.create()
    first = session.shared(await in_turns(session.document.encode()))
    assert session.shared(await in_turns(session.document.encode())) is first
    await sessions.execute(session.id, CreateNode(blueprint_type_id="task", name="one"))
    assert session.shared(await in_turns(session.document.encode())) is not first
