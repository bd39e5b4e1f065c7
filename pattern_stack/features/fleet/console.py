"""The state of a fleet as lines for a terminal."""

from collections.abc import Iterator
from typing import Any

from pattern_stack.features.fleet.core.resources import RESOURCES, channel_name

Event = dict[str, Any]
Lines = dict[str, str]
"""The line of each record, by the record's id."""

CHANNELS = tuple(map(channel_name, RESOURCES))


class FleetConsole:
    """Turns the events of the fleet's channels, snapshots first, into lines: `+` for what is new or changed, `-` for what is
    gone. Nothing is said twice.
    """

    def __init__(self) -> None:
        self._shown: dict[tuple[str, str], Lines] = {}
        """By resource and computer."""

    def lines(self, event: Event) -> Iterator[str]:
        """What an event changes."""
        resource, payload = event["channel"].removeprefix("fleet:"), event["payload"]
        if event["event"] == "snapshot":
            yield from self._snapshot(resource, payload[resource])
        elif event["event"] == "session-removed":
            yield from self._removed(payload["session_id"])
        elif resource in payload:
            lines = dict(_line(resource, record) for record in payload[resource])
            yield from self._replace(resource, payload["computer"], lines)
        elif resource in ("computers", "sessions"):
            id, line = _line(resource, payload)
            computer = _computer(payload)
            yield from self._replace(resource, computer, {**self._lines(resource, computer), id: line})

    def _snapshot(self, resource: str, records: list[dict[str, Any]]) -> Iterator[str]:
        known = {computer for of_resource, computer in self._shown if of_resource == resource}
        for computer in sorted(known | set(map(_computer, records))):
            lines = dict(_line(resource, record) for record in records if _computer(record) == computer)
            yield from self._replace(resource, computer, lines)

    def _removed(self, session_id: str) -> Iterator[str]:
        for (resource, computer), lines in list(self._shown.items()):
            if resource == "sessions" and session_id in lines:
                yield from self._replace(resource, computer, {id: lines[id] for id in lines if id != session_id})

    def _lines(self, resource: str, computer: str) -> Lines:
        return self._shown.get((resource, computer), {})

    def _replace(self, resource: str, computer: str, lines: Lines) -> Iterator[str]:
        before = self._lines(resource, computer)
        self._shown[resource, computer] = lines
        yield from (f"- {line}" for id, line in before.items() if id not in lines)
        yield from (f"+ {line}" for id, line in lines.items() if before.get(id) != line)


def _computer(record: dict[str, Any]) -> str:
    name: str = record.get("computer") or record["name"]
    return name


def _line(resource: str, record: dict[str, Any]) -> tuple[str, str]:
    """The record's id, and what is printed of it."""
    if resource == "computers":
        return record["name"], f"{record['name']}: {record['status']}"
    if resource == "projects":
        return record["path"], f"{record['computer']} has the project {record['name']}: {record['description']}"
    if resource == "todos":
        project = record["project"].rstrip("/").rpartition("/")[2]
        id = f"{record['project']}/{record['slug']}"
        return id, f"{record['computer']} {project}/{record['slug']} [{record['status']}] {record['description']}"
    return record["session_id"], f"{record['computer']} has the session {record['title']} [{record['status']}]"
