"""What a terminal is shown of a fleet: what is other than before, once."""

from typing import Any

from pattern_stack.features.fleet.console import Lookout

Lines = list[str]


def seen(lookout: Lookout, kind: str, event: str, payload: dict[str, Any]) -> Lines:
    return list(lookout.see({"channel": f"fleet:{kind}", "event": event, "payload": payload}))


def project(computer: str, name: str) -> dict[str, Any]:
    return {"computer": computer, "name": name, "path": f"/{name}", "description": "some"}


def test_lists_are_told_by_their_differences() -> None:
    lookout = Lookout()
    all = [project("ann", "garden"), project("ben", "shed")]
    garden, shed = "ann has the project garden: some", "ben has the project shed: some"
    assert seen(lookout, "projects", "snapshot", {"projects": all}) == [f"+ {garden}", f"+ {shed}"]
    assert seen(lookout, "projects", "snapshot", {"projects": all}) == []
    update = {"computer": "ann", "projects": [project("ann", "barn")]}
    assert seen(lookout, "projects", "projects-updated", update) == [f"- {garden}", "+ ann has the project barn: some"]
    assert seen(lookout, "projects", "projects-updated", {"computer": "ann"}) == []
    assert seen(lookout, "projects", "snapshot", {"projects": all[:1]}) == [
        "- ann has the project barn: some",
        f"+ {garden}",
        f"- {shed}",
    ]


def test_a_heartbeat_is_no_news_and_a_death_is() -> None:
    lookout = Lookout()
    ben = {"name": "ben", "status": "online", "last_seen": "1"}
    assert seen(lookout, "computers", "snapshot", {"computers": [ben]}) == ["+ ben: online"]
    assert seen(lookout, "computers", "computer-updated", {**ben, "last_seen": "2"}) == []
    assert seen(lookout, "computers", "computer-updated", {**ben, "status": "offline"}) == ["+ ben: offline"]


def test_sessions_and_todos() -> None:
    lookout = Lookout()
    session = {"session_id": "s1", "computer": "ann", "title": "one", "status": "active"}
    assert seen(lookout, "sessions", "session-updated", session) == ["+ ann has the session one [active]"]
    assert seen(lookout, "sessions", "session-updated", {**session, "session_id": "s2"}) == [
        "+ ann has the session one [active]"
    ]
    assert seen(lookout, "sessions", "session-removed", {"session_id": "s1"}) == ["- ann has the session one [active]"]
    assert seen(lookout, "sessions", "session-removed", {"session_id": "s1"}) == []
    todo = {"computer": "ann", "project": "/x/garden", "slug": "water", "status": "pending", "description": "Water"}
    update = {"computer": "ann", "todos": [todo]}
    assert seen(lookout, "todos", "todos-updated", update) == ["+ ann garden/water [pending] Water"]
