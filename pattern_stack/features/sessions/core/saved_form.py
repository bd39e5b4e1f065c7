"""The saved form of a project: JSON that gives back an equal graph, with the rules that held for it."""

from dataclasses import asdict, dataclass
from typing import Any

import orjson

from pattern_stack.features.sessions.core.graph import Graph, Node
from pattern_stack.features.sessions.core.schema import Template

VERSION = 1


@dataclass(frozen=True, slots=True)
class Project:
    """What a project is, besides its graph."""

    project_id: str
    name: str
    template_id: str

    def fields(self) -> dict[str, str]:
        return asdict(self)


def dump(project: Project, template: Template, graph: Graph) -> bytes:
    """Nodes stand parents first, siblings and roots in their order, and the template as it was in use."""
    nodes = {
        node.id: {
            "type": node.blueprint_type_id,
            "name": node.name,
            "created_at": node.created_at,
            "properties": node.properties,
            "children": node.children,
            "parent_id": node.parent_id,
        }
        for node in graph.in_order()
    }
    return orjson.dumps({**asdict(project), "version": VERSION, "templates": [template.model_dump()], "nodes": nodes})


def parse(form: bytes) -> tuple[Project, Template, Graph]:
    """What `dump` was given."""
    saved: dict[str, Any] = orjson.loads(form)
    graph = Graph()
    for id, node in saved["nodes"].items():
        graph.nodes[id] = Node(id, node.pop("type"), **node)
        if node["parent_id"] is None:
            graph.roots.append(id)
    project = Project(saved["project_id"], saved["name"], saved["template_id"])
    return project, Template.model_validate(saved["templates"][0]), graph
