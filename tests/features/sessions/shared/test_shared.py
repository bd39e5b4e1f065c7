"""One session on several instances: whichever is asked, it is the same session."""

import asyncio
import random

import orjson
import pytest

from pattern_stack.atoms.steps import at_once
from pattern_stack.errors import ServiceError
from pattern_stack.features.sessions import (
    Command,
    CreateNode,
    DeleteNode,
    NothingToUndo,
    ProjectInUse,
    SessionNotFound,
    Sessions,
    SessionUnavailable,
    UpdateProperty,
)
from pattern_stack.features.sessions.core import snapshot
from pattern_stack.features.sessions.core.entry import Entry
from tests.features.sessions.random_commands import random_command
from tests.features.sessions.shared.conftest import Instances, journal_of

TASK = CreateNode(blueprint_type_id="task", name="N")


async def tree(sessions: Sessions, session_id: str) -> object:
    return orjson.loads(await sessions.graph(session_id))


async def test_any_instance_carries_out_any_call(instances: Instances) -> None:
    one, two = instances.one(), instances.one()
    id = (await one.begin()).id
    made = await two.execute(id, TASK)
    assert made.node_id
    await one.execute(id, UpdateProperty(node_id=made.node_id, property_id="a", value=[1, {"b": None}]))
    await two.execute(id, DeleteNode(node_id=made.node_id))
    assert await tree(one, id) == await tree(two, id) == {"roots": []}
    before = [await tree(two, id)]
    for sessions in (one, two, one):
        assert (await sessions.undo(id)).undo_available is (sessions is not one or len(before) < 3)
        before.append(await tree(two, id))
    with pytest.raises(NothingToUndo):
        await two.undo(id)
    for sessions in (two, one, two):
        before.pop()
        await sessions.redo(id)
        assert await tree(one, id) == before[-1]
    infos = [await sessions.info(id) for sessions in (one, two)]
    assert infos[0] == infos[1]
    assert infos[0].instance == journal_of(one).instance
    assert [one.session_id for one in await two.summaries()] == [id]
    await two.close(id)
    with pytest.raises(SessionNotFound):
        await one.execute(id, TASK)
    assert await one.summaries() == []


async def test_random_commands_on_three_instances_are_one_history(instances: Instances) -> None:
    """Undone to the first and redone to the last, the graph is the same; and so it is on an instance that reads it anew."""
    rng, all = random.Random(7), [instances.one() for _ in range(3)]
    id = (await all[0].begin()).id

    async def edit(sessions: Sessions, count: int) -> None:
        for _ in range(count):
            kind, data = random_command(rng, (await _session(sessions, id)).document.graph)
            try:
                await sessions.execute(id, Command.of(kind, data))
            except ServiceError:
                if rng.random() < 0.3:
                    await sessions.undo(id)

    await asyncio.gather(*(edit(sessions, 40) for sessions in all))
    states = [await _state(sessions, id) for sessions in all]
    assert states[0] == states[1] == states[2] == await _state(instances.one(), id)
    full, steps = await tree(all[0], id), 0
    while (await all[steps % 3].info(id)).undo_available:
        await all[steps % 3].undo(id)
        steps += 1
    assert steps > 10
    assert await tree(all[1], id) == {"roots": []}
    for step in range(steps):
        await all[step % 3].redo(id)
    assert await tree(all[2], id) == full


async def _session(sessions: Sessions, id: str):  # type: ignore[no-untyped-def]
    await sessions.info(id)
    return sessions.get(id)


async def _state(sessions: Sessions, id: str) -> bytes:
    return at_once(snapshot.dump(await _session(sessions, id)))


async def test_a_repeat_with_the_same_key_does_nothing_twice(instances: Instances) -> None:
    one, two = instances.one(), instances.one()
    id = (await one.begin()).id
    first = await one.execute(id, TASK, key="k")
    assert await two.execute(id, TASK, key="k") == first
    undone = await two.undo(id, key="u")
    assert await one.undo(id, key="u") == undone
    assert await instances.one().execute(id, TASK, key="k") == first._replace(node_json=first.node_json)
    assert await tree(one, id) == {"roots": []}
    both = await asyncio.gather(one.execute(id, TASK, key="b"), two.execute(id, TASK, key="b"))
    assert both[0].command_id == both[1].command_id
    assert (await one.info(id)).node_count == 1


async def test_a_project_is_live_in_one_session_at_ten_simultaneous_loads(instances: Instances) -> None:
    all = [instances.one() for _ in range(5)]
    session = await all[0].projects.create("restomod", "P")
    assert session.project
    project = session.project.project_id
    with pytest.raises(ProjectInUse):
        await all[1].projects.load((await all[1].begin()).id, project)
    await all[2].close(session.id)
    ids = [(await all[0].begin()).id for _ in range(10)]
    tries = [all[place % 5].projects.load(id, project) for place, id in enumerate(ids)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["ProjectInUse"] * 9 + ["Session"]
    assert sum([(await all[0].info(id)).project_id == project for id in ids]) == 1
    assert (await all[3].projects.save(project)).project_id == project
    await all[4].projects.delete(project)
    assert sum(summary.has_project for summary in await all[1].summaries()) == 0


async def test_a_long_journal_is_compacted_and_read_again(
    instances: Instances, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pattern_stack.features.sessions.compaction.ENTRIES", 20)
    one = instances.one()
    id = (await one.begin()).id
    for number in range(50):
        await one.execute(id, TASK, key=f"{number}")
    await asyncio.gather(*journal_of(one)._compaction._tasks.values())
    reading = await journal_of(one).calls.read(f"session:{id}", 0, "")
    assert reading.number == 51
    assert len(reading.entries) <= 20
    other = instances.one()
    assert await _state(other, id) == await _state(one, id)
    assert (await other.execute(id, TASK, key="3")).command_id == (await one.execute(id, TASK, key="3")).command_id


async def test_what_another_version_has_written_is_refused_and_nothing_else(
    instances: Instances, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As amid a deploy: a snapshot, and an entry."""
    one, two = instances.one(), instances.one()
    plain, entry = (await one.begin()).id, (await one.begin()).id
    with monkeypatch.context() as newer:
        newer.setattr(snapshot, "VERSION", snapshot.VERSION + 1)
        whole = (await one.begin()).id
    encode = Entry.encode
    with monkeypatch.context() as newer:
        newer.setattr(Entry, "encode", lambda self: encode(self)[:-1] + b',"later": 1}')
        await one.execute(entry, TASK)
    for id in (whole, entry):
        with pytest.raises(SessionUnavailable, match="of another version"):
            await two.execute(id, TASK)
    assert (await two.execute(plain, TASK)).node_id
    assert (await one.info(entry)).node_count == 1
