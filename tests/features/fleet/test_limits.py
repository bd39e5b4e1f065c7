"""The bounds of a fleet: what one more of each brings, and that it disturbs nothing."""

from datetime import UTC, datetime
from itertools import count
from typing import Any

import orjson
import pytest

from pattern_stack.features.fleet import EntryTooLarge, FleetFull, FleetLimits, FleetSessionBody
from pattern_stack.features.fleet.core.entry import Entry
from pattern_stack.features.fleet.core.heartbeat import Heartbeat
from pattern_stack.features.fleet.core.state import FleetState
from tests.features.fleet.computers import ask, computer, listed, put
from tests.support.clock import Clock


def state(clock: Clock | None = None, **limits: int) -> FleetState:
    return FleetState(
        "a",
        alive_seconds=60,
        clock=clock or Clock(),
        ids=lambda: "id",
        host_info=dict,
        refresh=lambda computer: None,
        limits=FleetLimits(**limits),
    )


def entry(source: str, event: str, data: Any) -> Entry:
    fields = {b"source": source.encode(), b"event": event.encode(), b"timestamp": b"2026-11-21T07:00:00Z"}
    return Entry.decode({**fields, b"data": orjson.dumps(data)})


def heartbeat(name: str, **fields: Any) -> Heartbeat:
    return Heartbeat(computer=name, last_seen=datetime(2026, 11, 21, 7, tzinfo=UTC), **fields)


def ids(fleet: FleetState) -> list[str]:
    return [session.session_id for session in fleet.records("sessions")]


def fill(fleet: FleetState) -> int:
    """How many sessions fit."""
    for number in count():
        try:
            fleet.put_session(FleetSessionBody(session_id=f"s{number}", title="ü" * 100))
        except EntryTooLarge:
            return number
    raise AssertionError


def test_one_session_too_many_is_refused_and_those_there_can_be_changed() -> None:
    fleet = state(sessions=2)
    for id in ("s1", "s2"):
        fleet.put_session(FleetSessionBody(session_id=id, title="x"))
    with pytest.raises(FleetFull, match="a has 2 sessions"):
        fleet.put_session(FleetSessionBody(session_id="s3", title="x"))
    fleet.put_session(FleetSessionBody(session_id="s2", title="changed"))
    fleet.delete_session("s1")
    fleet.put_session(FleetSessionBody(session_id="s3", title="x"))
    assert ids(fleet) == ["s2", "s3"]


def test_all_sessions_fit_into_one_entry() -> None:
    """They are counted as they are encoded, through changes and removals."""
    fleet = state(entry_bytes=20_000)
    fitting = fill(fleet)
    assert 20_000 - 512 - 1_000 < len(orjson.dumps(fleet.full_state("sessions"))) <= 20_000
    with pytest.raises(EntryTooLarge):
        fleet.put_session(FleetSessionBody(session_id="s0", title="ü" * 1_000))
    assert fleet.records("sessions")[0].title == "ü" * 100
    for _ in range(100):  # what is gone is counted no longer
        fleet.delete_session("s1")
        fleet.put_session(FleetSessionBody(session_id="s1", title="ü" * 100))
    fleet.put_session(FleetSessionBody(session_id="s0", title="short"))
    assert len(ids(fleet)) == fitting


@pytest.mark.parametrize(
    ("limits", "code"),
    [(FleetLimits(sessions=2), "FLEET_FULL"), (FleetLimits(entry_bytes=1_000), "FLEET_ENTRY_TOO_LARGE")],
)
async def test_over_rest_it_has_a_code_and_changes_nothing(limits: FleetLimits, code: str) -> None:
    with computer("a", limits=limits) as a:
        made = [await put(a), await put(a)]
        answer = await ask(a, "POST", "/sessions", json={"title": "x"})
        assert answer["error"]["code"] == code
        assert await listed(a, "sessions") == made


def test_sessions_of_another_computer_are_bounded_one_by_one_and_as_a_whole() -> None:
    fleet = state(sessions=2)
    for id in ("s1", "s2"):
        fleet.apply_entry(entry("far", "session-updated", {"session_id": id}))
    with pytest.raises(FleetFull, match="far has more than 2 sessions"):
        fleet.apply_entry(entry("far", "session-updated", {"session_id": "s3"}))
    three = [{"session_id": f"t{number}"} for number in range(3)]
    with pytest.raises(FleetFull):
        fleet.apply_entry(entry("far", "sessions-updated", {"sessions": three}))
    fleet.apply_entry(entry("far", "session-updated", {"session_id": "s2", "title": "changed"}))
    fleet.apply_entry(entry("other", "session-updated", {"session_id": "o1"}))
    assert sorted(ids(fleet)) == ["o1", "s1", "s2"]
    fleet.apply_entry(entry("far", "session-removed", {"session_id": "s1"}))
    fleet.apply_entry(entry("far", "session-updated", {"session_id": "s3"}))
    fleet.apply_entry(entry("far", "sessions-updated", {"sessions": three[:2]}))
    assert sorted(ids(fleet)) == ["o1", "t0", "t1"]


def test_one_computer_too_many_is_skipped_until_another_one_is_gone() -> None:
    clock = Clock()
    fleet = state(clock, computers=2)
    for name in ("b", "c"):
        fleet.apply_heartbeat(heartbeat(name), live=True)
    with pytest.raises(FleetFull, match="d is one more"):
        fleet.apply_heartbeat(heartbeat("d"), live=True)
    with pytest.raises(FleetFull, match="e is one more"):
        fleet.apply_entry(entry("e", "session-updated", {"session_id": "s1"}))
    clock.move(30)
    fleet.apply_heartbeat(heartbeat("c"), live=True)
    clock.move(30)
    fleet.remove_expired()
    fleet.apply_heartbeat(heartbeat("d"), live=True)
    assert [one.name for one in fleet.records("computers")] == ["a", "c", "d"]


def test_names_that_come_and_go_leave_nothing_behind() -> None:
    """A computer is remembered for a day, so that it is known again: the latest are."""
    clock = Clock()
    fleet = state(clock, computers=2)
    for number in range(50):
        fleet.apply_heartbeat(heartbeat(f"c{number}", instance="i", interested_in=["sessions"]), live=True)
        clock.move(60)
        fleet.remove_expired()
    cache = fleet._peers._cache
    assert {kind: cache.count(kind) for kind in cache._entries if cache.count(kind)} == {"incarnations": 2}
    assert fleet.apply_heartbeat(heartbeat("c49", instance="i"), live=True).request_full


def test_computers_of_the_same_name_are_bounded() -> None:
    fleet = state(computers=2)
    for number in range(50):
        fleet.apply_heartbeat(heartbeat("a", instance=f"i{number}", host=f"h{number}"), live=True)
    assert fleet.name_conflicts == ["h0", "h1"]
