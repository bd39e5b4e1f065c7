"""The saved form of a project: JSON that gives back an equal graph, with the rules that held for it."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from pattern_stack.atoms.steps import Steps
from pattern_stack.features.sessions.core.graph import Graph, Node
from pattern_stack.features.sessions.core.pieces import Pace, Pieces
from pattern_stack.features.sessions.core.schema import Template

VERSION = 1
_NODES = b'"nodes":{\n'


@dataclass(frozen=True, slots=True)
class Project:
    """What a project is, besides its graph."""

    project_id: str
    name: str
    template_id: str

    def fields(self) -> dict[str, str]:
        return asdict(self)


def dump(project: Project, template: Template, graph: Graph) -> Steps[bytes]:
    """Nodes stand parents first, siblings and roots in their order, and the template as it was in use.

    Each node has a line of its own, so that `parse` can read one after the other.
    """
    head = {**asdict(project), "version": VERSION, "templates": [template.model_dump()], "nodes": {}}
    pieces = Pieces()
    pieces.add(orjson.dumps(head)[:-2])  # up to the brackets of the nodes
    separator = b"\n"
    for node in graph.parents_first(graph.roots):
        if pieces.add(b"%b%b:%b" % (separator, orjson.dumps(node.id), orjson.dumps(_fields(node)))):
            yield
        separator = b",\n"
    pieces.add(b"\n}}")
    return pieces.joined()


def _fields(node: Node) -> dict[str, Any]:
    return {
        "type": node.blueprint_type_id,
        "name": node.name,
        "created_at": node.created_at,
        "properties": node.properties,
        "children": node.children,
        "parent_id": node.parent_id,
    }


def parse(form: bytes) -> Steps[tuple[Project, Template, Graph]]:
    """What `dump` was given. A form without a line for each node, as a store may keep it, is read in one step."""
    head, found, _ = form.partition(_NODES)
    saved: dict[str, Any] = orjson.loads(head + _NODES + b"}}" if found else form)
    graph = Graph()
    pace = Pace()
    for id, fields in _lines(form, len(head) + len(_NODES)) if found else saved["nodes"].items():
        graph.add(Node(id, fields.pop("type"), **fields))
        if fields["parent_id"] is None:
            graph.roots.append(id)
        if pace.is_time_to_pause(graph.nodes[id].size):
            yield
    project = Project(saved["project_id"], saved["name"], saved["template_id"])
    return project, Template.model_validate(saved["templates"][0]), graph


def _lines(form: bytes, start: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """The nodes by id. A line break is the end of a line: within JSON's strings it is escaped."""
    while (end := form.find(b"\n", start)) != -1:
        yield from orjson.loads(b"{%b}" % form[start:end].removesuffix(b",")).items()
        start = end + 1
