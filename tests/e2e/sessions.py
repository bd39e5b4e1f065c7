"""The sessions page as its user sees it, and a session's project over REST."""

from collections.abc import Iterator
from typing import Any

from playwright.sync_api import Locator, expect

from tests.e2e.live import LivePage, RestClient

Outline = list[list[Any]]
"""Level, name and status of each node, in the order in which the page shows them."""

_OUTLINE = """[...document.querySelectorAll("#tree li")].map((row) => [
  Number(row.ariaLevel), ...[".name", ".tag"].map((part) => row.firstElementChild.querySelector(part).textContent)])"""


class SessionsPage(LivePage):
    name = "sessions"

    @property
    def session_id(self) -> str:
        return self.page.url.partition("#")[2]

    def create_project(self, name: str = "Porsche 912") -> str:
        """Create a session with a project. Returns the session's id."""
        self.page.get_by_label("Project").fill(name)
        self.page.get_by_role("button", name="Create project").click()
        self.expect_node_count(1)
        return self.session_id

    def node(self, name: str) -> Locator:
        """The node's row in the tree."""
        return self.page.locator("#tree .row").filter(has=self.page.locator(".name").get_by_text(name, exact=True))

    def flashing(self, name: str) -> Locator:
        return self.page.locator("#tree .row.flash").filter(has_text=name)

    def select(self, name: str) -> None:
        self.node(name).click()
        expect(self.page.locator("#detail-title")).to_have_text(name)

    def add(self, parent: str, name: str, type: str | None = None) -> None:
        """Add a child, and wait until it is shown."""
        self.select(parent)
        if type:
            self.page.get_by_label("Type").select_option(type)
        self.page.get_by_label("Name of the new child").fill(name)
        self.page.get_by_role("button", name="Add", exact=True).click()
        expect(self.node(name)).to_be_visible()

    def set(self, name: str, label: str, value: str) -> None:
        self.select(name)
        field = self.page.get_by_label(label)
        if field.evaluate("(field) => field.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
            field.press("Enter")

    def press(self, button: str) -> None:
        self.page.get_by_role("button", name=button, exact=True).click()

    def expect_node_count(self, count: int) -> None:
        """Wait until a session is open and has so many nodes."""
        expect(self.page.locator("#session")).to_be_visible()
        expect(self.page.locator("#node-count")).to_have_text(f"{count} node{'s' * (count != 1)}")

    def expect_client_count(self, count: int) -> None:
        expect(self.page.locator("#here .number")).to_have_text(f"{count} here")

    def outline(self) -> Outline:
        outline: Outline = self.page.evaluate(_OUTLINE)
        return outline

    def expect_outline(self, outline: Outline) -> None:
        self.wait_until(lambda: self.outline() == outline, f"the tree did not become {outline}")

    def cursors(self, node: str) -> Locator:
        """The labels of the others at a node."""
        return self.node(node).locator(".cursors .person")

    def author(self, event: str) -> Locator:
        """The label of the client that caused an event in the list."""
        return self.page.locator("#events tr").filter(has_text=event).locator(".person")

    def offsets(self) -> list[int]:
        """The offsets of the listed events, newest first."""
        texts: list[str] = self.page.locator("#events td:first-child").all_text_contents()
        return [int(text) for text in texts if text]


class Project:
    """A session's project, changed over REST."""

    def __init__(self, rest: RestClient, session_id: str) -> None:
        self._rest = rest
        self._path = f"/sessions/{session_id}"
        types = rest.get("/templates/restomod/schema")["node_types"]
        properties = [(type["id"], one) for type in types for one in type["properties"] if one["id"] == "status"]
        self._statuses = {(type, one["name"]): one["id"] for type, status in properties for one in status["options"]}

    @property
    def root(self) -> str:
        return str(self._rest.get(f"{self._path}/graph")["roots"][0]["id"])

    def add(self, parent: str, type: str, name: str) -> str:
        path = f"{self._path}/nodes/{parent}/children"
        return str(self._rest.post(path, blueprint_type_id=type, name=name)["id"])

    def set(self, node: str, property_id: str, value: Any) -> None:
        self._rest.post(f"{self._path}/nodes/{node}/properties", property_id=property_id, value=value)

    def status(self, node: str, type: str, name: str) -> None:
        self.set(node, "status", self._statuses[type, name])

    def delete(self, node: str) -> None:
        self._rest.delete(f"{self._path}/nodes/{node}")

    def outline(self) -> Outline:
        names = {id: name for (_, name), id in self._statuses.items()}

        def rows(nodes: list[dict[str, Any]], level: int) -> Iterator[list[Any]]:
            for node in nodes:
                yield [level, node["name"], names.get(node["properties"].get("status"), "")]
                yield from rows(node["children"], level + 1)

        return list(rows(self._rest.get(f"{self._path}/graph")["roots"], 1))
