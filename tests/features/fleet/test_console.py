"""The lines that a terminal gets: each difference once."""

from typing import Any

from pattern_stack.features.fleet.console import FleetConsole

Lines = list[str]


def lines(console: FleetConsole, kind: str, event: str, payload: dict[str, Any]) -> Lines:
    return list(console.lines({"channel": f"fleet:{kind}", "event": event, "payload": payload}))


def project(computer: str, name: str) -> dict[str, Any]:
    return {"computer": computer, "name": name, "path": f"/{name}", "description": "some"}


def test_lists_are_shown_by_their_differences() -> None:
    console = FleetConsole()
    all = [project("ann", "garden"), project("ben", "shed")]
    garden, shed = "ann has the project garden: some", "ben has the project shed: some"
    assert lines(console, "projects", "snapshot", {"projects": all}) == [f"+ {garden}", f"+ {shed}"]
    assert lines(console, "projects", "snapshot", {"projects": all}) == []
    update = {"computer": "ann", "projects": [project("ann", "barn")]}
    assert lines(console, "projects", "projects-updated", update) == [f"- {garden}", "+ ann has the project barn: some"]
    assert lines(console, "projects", "projects-updated", {"computer": "ann"}) == []
    assert lines(console, "projects", "snapshot", {"projects": all[:1]}) == [
        "- ann has the project barn: some",
        f"+ {garden}",
        f"- {shed}",
    ]


def test_a_heartbeat_prints_nothing_and_a_lost_computer_a_line() -> None:
    console = FleetConsole()
    ben = {"name": "ben", "status": "online", "last_seen": "1"}
    assert lines(console, "computers", "snapshot", {"computers": [ben]}) == ["+ ben: online"]
    assert lines(console, "computers", "computer-updated", {**ben, "last_seen": "2"}) == []
    assert lines(console, "computers", "computer-updated", {**ben, "status": "offline"}) == ["+ ben: offline"]


def test_sessions_and_todos() -> None:
    console = FleetConsole()
    session = {"session_id": "s1", "computer": "ann", "title": "one", "status": "active"}
    assert lines(console, "sessions", "session-updated", session) == ["+ ann has the session one [active]"]
    assert lines(console, "sessions", "session-updated", {**session, "session_id": "s2"}) == [
        "+ ann has the session one [active]"
    ]
    assert lines(console, "sessions", "session-removed", {"session_id": "s1"}) == ["- ann has the session one [active]"]
    assert lines(console, "sessions", "session-removed", {"session_id": "s1"}) == []
    todo = {"computer": "ann", "project": "/x/garden", "slug": "water", "status": "pending", "description": "Water"}
    update = {"computer": "ann", "todos": [todo]}
    assert lines(console, "todos", "todos-updated", update) == ["+ ann garden/water [pending] Water"]
