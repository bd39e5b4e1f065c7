"""What may be held: bytes of a node, a graph, an undo stack and all sessions together, and sessions in number."""

import inspect
import random
import re
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pattern_stack.atoms.steps import at_once
from pattern_stack.errors import ServiceError
from pattern_stack.features.sessions import Sessions, SessionsFull, TooManySessions
from pattern_stack.features.sessions.core.commands import Command
from pattern_stack.features.sessions.core.document import Document
from pattern_stack.features.sessions.core.graph import Node, weight
from pattern_stack.features.sessions.core.limits import SessionLimits
from tests.features.sessions.random_commands import random_command
from tests.features.sessions.world import World, build
from tests.support.process import ROOT

WIDE = SessionLimits(sessions=9, total_bytes=10**9, graph_bytes=10**9, node_bytes=10**9, undo_bytes=10**9)


def document(**limits: int) -> Document:
    numbers = iter(range(1_000_000))
    return Document(lambda: f"{next(numbers)}", lambda: "now", replace(WIDE, **limits))


def run(document: Document, command_type: str, **data: Any) -> str:
    changes = list(Command.of(command_type, data).plan(document))
    return at_once(document.apply(changes, "c")).node_id or ""


def refused(document: Document, command_type: str, **data: Any) -> str:
    before = at_once(document.encode()), document.size
    with pytest.raises(ServiceError) as refusal:
        run(document, command_type, **data)
    assert (at_once(document.encode()), document.size) == before
    return refusal.value.code


def node(document: Document, name: str = "N", parent: str | None = None) -> str:
    return run(document, "CreateNode", blueprint_type_id="t", name=name, parent_id=parent)


def value(document: Document, node_id: str, value: object, property_id: str = "p") -> str:
    return run(document, "UpdateProperty", node_id=node_id, property_id=property_id, value=value)


# -- what is counted


@pytest.mark.parametrize(
    ("value", "bytes"),
    [
        (None, 4),
        (7, 1),
        ("abc", 5),
        ("\u00e9", 4),
        ([], 2),
        ([1, 2], 5 + 2 * 48),
        ([[], [[]]], 9 + 3 * 48),
        ({"a": {"b": "c"}}, 15 + 2 * 48),
    ],
)
def test_a_value_counts_its_json_and_what_lies_in_it(value: object, bytes: int) -> None:
    assert weight(value) == bytes


def test_a_node_counts_at_least_its_json() -> None:
    properties = {f"p{number}": ["x" * number] * number for number in range(20)}
    one = Node("i" * 36, "t" * 200, "\u00e9" * 1000, "2026-11-21T07:00:00.000000Z", properties, parent_id="i" * 36)
    graph = document().graph
    graph.insert(one, None, 0)
    assert one.size >= len(at_once(graph.encode())) - 200  # a type's name has at most 200 characters


def test_a_graph_counts_its_nodes_whatever_is_done_and_undone() -> None:
    rng, one = random.Random(1), document(undo_bytes=30_000)
    for number in range(3_000):
        with suppress(ServiceError):
            if number % 3:
                command_type, data = random_command(rng, one.graph)
                if command_type != "ApplyKit" or len(one.graph) < 150:
                    run(one, command_type, **data)
            else:
                at_once(rng.choice([one.undo, one.redo])())
        nodes = one.graph.nodes.values()
        fresh = [replace(node, size=0) for node in nodes]
        assert [node.size for node in nodes] == [node.size for node in fresh]
        assert one.graph.size == sum(node.size for node in fresh)
        assert one.graph.types == Counter(node.blueprint_type_id for node in nodes)
        assert one.size >= one.graph.size
        if one.can_undo and number % 500 == 0:
            while one.can_undo:
                at_once(one.undo())


# -- what is bounded


def test_a_node_is_bounded() -> None:
    one = document(node_bytes=1_000)
    top = node(one)
    value(one, top, "x" * 300)
    assert refused(one, "UpdateProperty", node_id=top, property_id="q", value="x" * 300) == "NODE_FULL"
    value(one, top, "x")
    value(one, top, "x" * 300, "q")


def test_a_node_that_is_too_big_may_shrink() -> None:
    one = document()
    top = node(one)
    value(one, top, "x" * 3_000)
    one.limits = replace(WIDE, node_bytes=1_000, graph_bytes=1_000)
    assert refused(one, "UpdateProperty", node_id=top, property_id="p", value="x" * 3_001) == "NODE_FULL"
    value(one, top, "x" * 2_999)


def test_a_graph_is_bounded_in_bytes_whatever_makes_it_grow() -> None:
    one = document(graph_bytes=2_000)
    top = node(one)
    child = node(one, parent=top)
    value(one, child, "x" * 300)
    assert refused(one, "UpdateProperty", node_id=top, property_id="p", value="x" * 1_000) == "GRAPH_FULL"
    assert refused(one, "ApplyKit", target_id=top, kit_root_id=top) == "GRAPH_FULL"
    node(one)
    assert refused(one, "CreateNode", blueprint_type_id="t", name="N") == "GRAPH_FULL"
    run(one, "DeleteNode", node_id=child)
    node(one)
    assert one.graph.size <= 2_000


def test_undo_and_redo_are_bounded_in_bytes() -> None:
    """A value of 1,000 bytes that is set ten thousand times, all of it undone and redone now and then."""
    one = document(undo_bytes=50_000)
    top = node(one)
    held = 0
    for number in range(10_000):
        value(one, top, f"{number:1000}")
        held = max(held, one.size - one.graph.size)
        if number % 100 == 50:
            while one.can_undo:
                at_once(one.undo())
                held = max(held, one.size - one.graph.size)
            while one.can_redo:
                at_once(one.redo())
                held = max(held, one.size - one.graph.size)
    assert 40_000 < held <= 50_000


def test_the_last_command_can_always_be_undone() -> None:
    one = document(undo_bytes=1)
    top = node(one)
    for _ in range(3):
        node(one, parent=top)
    run(one, "DeleteNode", node_id=top)
    at_once(one.undo())
    assert (len(one.graph), one.can_undo) == (4, False)
    at_once(one.redo())
    assert (len(one.graph), one.can_undo) == (0, True)


def test_the_documents_say_the_defaults() -> None:
    page = (ROOT / "docs" / "limits.md").read_text()
    said = dict(re.findall(r"\| [^|`]*: `(\w+)` \| ([\d,]+(?: MiB)?) \|", page))
    numbers = {name: value for name, value in inspect.signature(Sessions).parameters.items() if name in said}
    assert {name: _number(said[name]) for name in said} == {name: one.default for name, one in numbers.items()}
    assert len(said) == 5


def _number(text: str) -> int:
    number = int(text.removesuffix(" MiB").replace(",", ""))
    return number * 1_048_576 if text.endswith(" MiB") else number


# -- over REST


@pytest.fixture
def sessions(tmp_path: Path) -> Sessions:
    return build(tmp_path, max_sessions=3, total_bytes=50_000)[1]


async def test_sessions_are_bounded_in_number(sessions: Sessions) -> None:
    made = [sessions.create() for _ in range(3)]
    with pytest.raises(TooManySessions, match="there are 3 sessions already"):
        sessions.create()
    with pytest.raises(TooManySessions):
        await sessions.projects.create("restomod", "P")
    await sessions.close(made[0].id)
    await sessions.projects.create("restomod", "P")
    await sessions.projects.close()


async def test_sessions_are_bounded_in_bytes_together(sessions: Sessions) -> None:
    """What is there can be undone and closed; nothing else is carried out."""
    one, two = sessions.create(), sessions.create()
    create = Command.of("CreateNode", {"blueprint_type_id": "t", "name": "N" * 1000})
    for session in (one, two):
        top = (await sessions.execute(session.id, create)).node_id
    fill = Command.of("UpdateProperty", {"node_id": top, "property_id": "p", "value": "x" * 50_000})
    await sessions.execute(two.id, fill)
    assert sessions.registry.size == one.document.size + two.document.size > 50_000
    for refused in (
        lambda: sessions.execute(one.id, create),
        lambda: sessions.projects.create("restomod", "P", one.id),
        lambda: sessions.projects.create("restomod", "P"),
    ):
        with pytest.raises(SessionsFull, match="the sessions hold 50000 bytes already"):
            await refused()
    assert len(sessions.all()) == 2
    await sessions.undo(one.id)
    await sessions.close(two.id)
    assert sessions.registry.size == one.document.size
    await sessions.execute(one.id, create)
    await sessions.close(one.id)
    assert sessions.registry.size == 0


async def test_a_project_that_was_saved_with_more_bytes_is_refused(tmp_path: Path) -> None:
    sessions = build(tmp_path)[1]
    session = await sessions.projects.create("restomod", "P")
    assert session.project
    sessions.registry.limits = replace(sessions.registry.limits, graph_bytes=500)
    await sessions.close(session.id)
    other = sessions.create()
    with pytest.raises(ServiceError, match="a graph has at most 500 bytes"):
        await sessions.projects.load(other.id, session.project.project_id)
    assert (other.project, len(other.document.graph)) == (None, 0)
    await sessions.projects.close()


async def test_each_bound_has_its_status_and_code(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal of a command is sent to the clients too."""
    session = await world.session()
    (one,) = await world.joined(session, 1)
    top = (await world.node(session))["id"]
    await one.told()
    document = world.sessions.get(session).document
    monkeypatch.setattr(document, "limits", replace(WIDE, node_bytes=1_000))
    path, body = f"/{session}/nodes/{top}/properties", {"property_id": "p", "value": "x" * 1_000}
    assert await world.refused("POST", path, body) == (409, "NODE_FULL")
    assert (await one.told())[-1]["payload"]["error"]["code"] == "NODE_FULL"
    monkeypatch.setattr(world.sessions.registry, "limits", replace(WIDE, sessions=1))
    assert await world.refused("POST", "/sessions") == (503, "TOO_MANY_SESSIONS")
    monkeypatch.setattr(world.sessions.registry, "limits", replace(WIDE, total_bytes=1))
    assert await world.refused("POST", "/sessions") == (503, "SESSIONS_FULL")
    assert await world.refused("POST", path, body) == (503, "SESSIONS_FULL")
    assert (await one.told())[-1]["payload"]["error"]["code"] == "SESSIONS_FULL"
