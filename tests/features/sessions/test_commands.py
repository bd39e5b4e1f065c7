"""The graph and its commands by themselves: no server, no loop. Random commands, undone to empty and redone to full."""

import random
from copy import deepcopy
from dataclasses import replace
from itertools import count
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pattern_stack.atoms.steps import at_once
from pattern_stack.errors import ServiceError
from pattern_stack.features.sessions.core.commands import Command
from pattern_stack.features.sessions.core.document import Document, Executed
from pattern_stack.features.sessions.core.limits import MAX_LEVELS, SessionLimits
from pattern_stack.features.sessions.core.schema import Property, Template
from pattern_stack.features.sessions.core.templates import Catalogue
from pattern_stack.features.sessions.errors import InvalidProperty
from tests.features.sessions.random_commands import random_command
from tests.features.sessions.replica import Replica

RESTOMOD = Catalogue().get("restomod")


LIMITS = SessionLimits(
    sessions=10, total_bytes=10_000_000, graph_bytes=10_000_000, node_bytes=100_000, undo_bytes=10_000_000
)


def document(template: Template | None = None, limits: SessionLimits = LIMITS) -> Document:
    numbers = count(1)

    def new_id() -> str:
        return str(UUID(int=next(numbers)))

    def now() -> str:
        return f"2026-11-21T07:00:00.{next(numbers):06}Z"

    return Document(new_id, now, limits, template)


class Bench:
    """A document, and a client that knows of it what it is told."""

    def __init__(self, template: Template | None = None, **limits: int) -> None:
        self.document = document(template, replace(LIMITS, **limits))
        self.replica = Replica({"roots": []})
        self.states = [self.state]
        self.logs: list[bytes] = []

    @property
    def state(self) -> bytes:
        return at_once(self.document.encode())

    def run(self, command_type: str, **data: Any) -> Executed:
        changes = list(Command.of(command_type, data).plan(self.document))
        executed = at_once(self.document.apply(changes, "c"))
        self.send(executed)
        if executed.changes:
            self.states.append(self.state)
            self.logs.append(orjson.dumps(executed.events))
        return executed

    def send(self, executed: Executed) -> None:
        """As the wire does it; the client must come to the same graph, the order and the properties included."""
        for name, payload in orjson.loads(orjson.dumps(executed.events)):
            self.replica.apply({"event": name, "payload": payload})
        if self.replica.stale:
            self.replica.begin(orjson.loads(self.state))
        assert self.replica.tree() == orjson.loads(self.state)

    def back_and_forth(self) -> None:
        """Undo to empty, redo to full: at each step the graph as it was there, and on the way up the same events."""
        for state in reversed(self.states[:-1]):
            self.send(at_once(self.document.undo()))
            assert self.state == state
        assert not self.document.can_undo
        for state, log in zip(self.states[1:], self.logs, strict=True):
            executed = at_once(self.document.redo())
            self.send(executed)
            assert self.state == state
            assert orjson.dumps(executed.events) == log
        assert not self.document.can_redo


@pytest.mark.parametrize("template", [None, RESTOMOD], ids=["free", "restomod"])
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), length=st.integers(1, 120))
def test_random_commands_undone_to_empty_and_redone_to_full(template: Template | None, seed: int, length: int) -> None:
    work(Bench(template), random.Random(seed), length)


def test_a_thousand_random_commands_undone_to_empty_and_redone_to_full() -> None:
    bench = Bench()
    work(bench, random.Random(1), 1000)
    assert len(bench.logs) == 1000


def work(bench: Bench, rng: random.Random, length: int) -> None:
    graph = bench.document.graph
    while len(bench.logs) < length:
        command_type, data = random_command(rng, graph)
        if command_type == "ApplyKit" and len(graph) > 150:
            command_type, data = "DeleteNode", {"node_id": data["target_id"]}
        before, flags = bench.state, (bench.document.can_undo, bench.document.can_redo)
        try:
            bench.run(command_type, **data)
        except ServiceError:
            assert (bench.document.can_undo, bench.document.can_redo) == flags
            assert bench.state == before
    bench.back_and_forth()


def test_undo_and_redo_amid_commands() -> None:
    rng = random.Random(2)
    bench = Bench()
    for _ in range(400):
        if bench.document.can_undo and rng.random() < 0.3:
            bench.send(at_once(bench.document.undo()))
            bench.states.pop()
            bench.logs.pop()
            assert bench.state == bench.states[-1]
        else:
            command_type, data = random_command(rng, bench.document.graph)
            try:
                if bench.run(command_type, **data).changes:
                    assert not bench.document.can_redo
            except ServiceError:
                pass
    bench.back_and_forth()


# -- what single commands do


def made(bench: Bench, name: str, parent: str | None = None, type: str = "task") -> str:
    id = bench.run("CreateNode", blueprint_type_id=type, name=name, parent_id=parent).node_id
    assert id
    return id


def refusal(bench: Bench, command_type: str, **data: Any) -> str:
    before = bench.state
    with pytest.raises(ServiceError) as refused:
        bench.run(command_type, **data)
    assert bench.state == before
    return refused.value.code


def test_a_new_node_has_its_types_defaults() -> None:
    bench = Bench(RESTOMOD)
    (created,) = bench.run("CreateNode", blueprint_type_id="part", name="Disc").events
    status, condition = (RESTOMOD.type("part").properties[index].options[0].id for index in (0, 3))
    defaults = {"status": status, "condition": condition, "quantity": 1, "warranty": False}
    assert created[1]["node"]["properties"] == defaults
    assert Bench().run("CreateNode", blueprint_type_id="part", name="Disc").events[0][1]["node"]["properties"] == {}


def test_what_may_stand_under_what() -> None:
    bench = Bench(RESTOMOD)
    job, part = made(bench, "J", type="job"), made(bench, "P", type="part")
    assert refusal(bench, "CreateNode", blueprint_type_id="part", name="P", parent_id=job) == "INVALID_PARENT"
    assert refusal(bench, "LinkNode", parent_id=job, child_id=part) == "INVALID_PARENT"
    assert refusal(bench, "ApplyKit", target_id=part, kit_root_id=made_kit(bench)) == "INVALID_PARENT"
    assert refusal(bench, "CreateNode", blueprint_type_id="wing", name="W") == "INVALID_COMMAND"
    assert refusal(bench, "CreateNode", blueprint_type_id="task", name="T", parent_id="x") == "NODE_NOT_FOUND"


def made_kit(bench: Bench) -> str:
    kit = made(bench, "kit", type="job")
    made(bench, "in it", kit)
    return kit


def test_links_without_cycles_second_parents_or_strangers() -> None:
    bench = Bench()
    top = made(bench, "top")
    child = made(bench, "child", top)
    grandchild = made(bench, "grandchild", child)
    other = made(bench, "other")
    for parent_id, child_id in [(grandchild, top), (top, top), (other, child)]:
        assert refusal(bench, "LinkNode", parent_id=parent_id, child_id=child_id) == "INVALID_PARENT"
    for parent_id, child_id in [(other, child), (top, grandchild), (top, top), (child, top)]:
        assert refusal(bench, "UnlinkNode", parent_id=parent_id, child_id=child_id) == "INVALID_PARENT"


def test_a_graph_has_a_hundred_levels() -> None:
    bench = Bench()
    deepest = None
    for level in range(MAX_LEVELS):
        deepest = made(bench, f"{level}", deepest)
    assert refusal(bench, "CreateNode", blueprint_type_id="t", name="N", parent_id=deepest) == "INVALID_PARENT"
    one = made(bench, "one")
    assert refusal(bench, "LinkNode", parent_id=deepest, child_id=one) == "INVALID_PARENT"
    top = bench.document.graph.roots[0]
    assert refusal(bench, "LinkNode", parent_id=one, child_id=top) == "INVALID_PARENT"
    deeper = made(bench, "two", one)
    assert refusal(bench, "ApplyKit", target_id=deeper, kit_root_id=top) == "INVALID_PARENT"
    assert bench.run("ApplyKit", target_id=one, kit_root_id=top).changes


def test_a_kit_is_cloned_with_new_ids_and_all_its_properties() -> None:
    bench = Bench()
    kit, target = made(bench, "kit"), made(bench, "target")
    made(bench, "was there", target)
    for name in ("a", "b"):
        child = made(bench, name, kit)
        made(bench, f"{name}1", child)
        bench.run("UpdateProperty", node_id=child, property_id="note", value=[name])
    before = set(bench.document.graph.nodes)
    bench.run("ApplyKit", target_id=target, kit_root_id=kit)
    _, clone = orjson.loads(bench.state)["roots"]
    assert [child["name"] for child in clone["children"]] == ["was there", "a", "b"]
    assert [child["properties"] for child in clone["children"][1:]] == [{"note": ["a"]}, {"note": ["b"]}]
    assert [child["children"][0]["name"] for child in clone["children"][1:]] == ["a1", "b1"]
    assert len(set(bench.document.graph.nodes) - before) == 4
    assert bench.run("ApplyKit", target_id=kit, kit_root_id=kit).events
    bench.back_and_forth()


def test_a_kit_without_children_changes_nothing_and_is_no_step() -> None:
    bench = Bench()
    one = made(bench, "one")
    assert not bench.run("ApplyKit", target_id=one, kit_root_id=one).changes
    at_once(bench.document.undo())
    assert not bench.document.can_undo


@pytest.mark.parametrize(("nodes", "events"), [(255, 256), (256, 1)])
def test_past_256_nodes_a_command_is_told_as_one_event(nodes: int, events: int) -> None:
    bench = Bench()
    top = made(bench, "top")
    for number in range(nodes):
        made(bench, f"{number}", top)
    before = deepcopy(bench.document.graph)
    gone = bench.run("DeleteNode", node_id=top)
    assert len(gone.events) == events
    assert (gone.events[0][0] == "graph-changed") == (events == 1)
    back = at_once(bench.document.undo())
    assert len(back.events) == events
    assert bench.document.graph == before


@pytest.mark.parametrize(
    ("property_id", "right", "wrong"),
    [
        ("description", ["x", ""], [1, None, True, ["x"]]),
        ("estimated_hours", [0, 1.5, -1], ["1", True, None]),
        ("estimated_cost", [10, 0.01], ["10", False, {}]),
        ("outsourced", [True, False], [0, "true", None]),
        ("due_date", ["2026-11-21", "2024-02-29"], ["2026-02-29", "20261121", "2026-11-21T00:00:00", "", 1]),
        ("status", [option.id for option in RESTOMOD.type("job").properties[0].options], ["Done", "", 0, None]),
        ("wings", [], [1]),
    ],
)
def test_a_value_has_its_propertys_type(property_id: str, right: list[Any], wrong: list[Any]) -> None:
    bench = Bench(RESTOMOD)
    job = made(bench, "J", type="job")
    for value in right:
        bench.run("UpdateProperty", node_id=job, property_id=property_id, value=value)
        assert bench.document.graph.node(job).properties[property_id] == value
    for value in wrong:
        got = refusal(bench, "UpdateProperty", node_id=job, property_id=property_id, value=value)
        assert got == "INVALID_PROPERTY"


def test_undo_reaches_back_as_far_as_it_is_bounded() -> None:
    bench = Bench(undo_bytes=5 * 700)
    top = made(bench, "top")
    for name in "abc":
        made(bench, name, top)
    bench.run("DeleteNode", node_id=top)
    bench.send(at_once(bench.document.undo()))
    assert orjson.loads(bench.state)["roots"][0]["name"] == "top"
    bench.send(at_once(bench.document.undo()))
    assert not bench.document.can_undo


def test_a_text_that_is_required_cannot_be_emptied() -> None:
    one = Property(id="vin", name="VIN", type="text", required=True)
    one.check("x")
    with pytest.raises(InvalidProperty):
        one.check("")
