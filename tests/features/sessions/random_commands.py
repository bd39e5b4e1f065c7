"""Random commands, for a graph as it is."""

import random
from typing import Any

from pattern_stack.features.sessions.core.graph import Graph

TYPES = ["project_root", "phase", "job", "task", "part"]
VALUES = [None, True, 1, 1.0, "x", "", "2026-11-21", [1, {"a": None}], {}]


def random_command(rng: random.Random, graph: Graph) -> tuple[str, dict[str, Any]]:
    """Mostly one that succeeds; often enough one that does not."""
    ids = [*graph.nodes] or ["nobody"]
    one, other = rng.choice(ids), rng.choice(ids)
    return rng.choice(
        [
            ("CreateNode", {"blueprint_type_id": rng.choice(TYPES), "name": "N", "parent_id": rng.choice([None, one])}),
            ("CreateNode", {"blueprint_type_id": rng.choice(TYPES), "name": "N", "parent_id": one}),
            ("CreateNode", {"blueprint_type_id": rng.choice(TYPES), "name": "N"}),
            ("DeleteNode", {"node_id": one}),
            ("LinkNode", {"parent_id": one, "child_id": rng.choice(graph.roots or ids)}),
            ("UnlinkNode", {"parent_id": graph.nodes[one].parent_id or one if graph.nodes else one, "child_id": one}),
            ("UpdateProperty", {"node_id": one, "property_id": rng.choice("ab"), "value": rng.choice(VALUES)}),
            ("UpdateProperty", {"node_id": one, "property_id": "description", "value": rng.choice(["x", "y"])}),
            ("ApplyKit", {"target_id": one, "kit_root_id": other}),
        ]
    )
