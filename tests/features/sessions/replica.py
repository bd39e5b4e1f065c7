"""A client's own graph: a snapshot, and what the events make of it. It knows the wire alone, nothing of the server."""

from typing import Any

Node = dict[str, Any]
Event = dict[str, Any]


class Replica:
    """Nodes by id with their children as ids, and the order of the roots."""

    def __init__(self, tree: dict[str, Any]) -> None:
        self.offset: int | None = None
        self.stale = False
        """A graph-changed has come: it has to ask for a snapshot."""
        self.begin(tree)

    def begin(self, tree: dict[str, Any]) -> None:
        self.nodes: dict[str, Node] = {}
        self.roots = [self._take(root) for root in tree["roots"]]
        self.stale = False

    def _take(self, branch: Node) -> str:
        self.nodes[branch["id"]] = {**branch, "children": [self._take(child) for child in branch["children"]]}
        id: str = branch["id"]
        return id

    def apply(self, event: Event) -> None:
        """In the channel's order, without a gap."""
        if "offset" in event:
            assert self.offset in (None, event["offset"] - 1), "an event is missing, or came twice"
            self.offset = event["offset"]
        change = getattr(self, "_" + event["event"].replace("-", "_"), None)
        if change:
            change(event["payload"])

    def tree(self) -> dict[str, Any]:
        return {"roots": [self._branch(root) for root in self.roots]}

    def _branch(self, id: str) -> Node:
        node = self.nodes[id]
        return {**node, "children": [self._branch(child) for child in node["children"]]}

    def _siblings(self, parent_id: str | None) -> list[str]:
        return self.roots if parent_id is None else self.nodes[parent_id]["children"]

    def _node_created(self, told: Event) -> None:
        node = told["node"]
        assert (node["id"], node["parent_id"], node["name"]) == (told["node_id"], told["parent_id"], told["name"])
        assert node["children"] == []
        assert node["id"] not in self.nodes
        self.nodes[node["id"]] = {**node, "properties": dict(node["properties"]), "children": []}
        assert told["index"] <= len(self._siblings(told["parent_id"]))
        self._siblings(told["parent_id"]).insert(told["index"], node["id"])

    def _node_deleted(self, told: Event) -> None:
        node = self.nodes.pop(told["node_id"])
        assert not node["children"], "children go first"
        self._siblings(node["parent_id"]).remove(node["id"])

    def _node_linked(self, told: Event) -> None:
        self.roots.remove(told["child_id"])
        self._place(told["child_id"], told["parent_id"], told["index"])

    def _node_unlinked(self, told: Event) -> None:
        self._siblings(told["parent_id"]).remove(told["child_id"])
        self._place(told["child_id"], None, told["index"])

    def _place(self, id: str, parent_id: str | None, index: int) -> None:
        self._siblings(parent_id).insert(index, id)
        self.nodes[id]["parent_id"] = parent_id

    def _property_changed(self, told: Event) -> None:
        properties = self.nodes[told["node_id"]]["properties"]
        assert properties.get(told["property_id"]) == told["old_value"]
        properties[told["property_id"]] = told["new_value"]

    def _property_deleted(self, told: Event) -> None:
        assert self.nodes[told["node_id"]]["properties"].pop(told["property_id"]) == told["old_value"]

    def _graph_changed(self, told: Event) -> None:
        self.stale = True

    def _project_created(self, told: Event) -> None:
        if "graph" in told:
            self.begin(told["graph"])
        else:
            self.stale = True

    _project_loaded = _template_loaded = _project_created
