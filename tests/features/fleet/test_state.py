"""The core without Redis: two computers, a stream between them that loses entries, and a client that applies every event."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pattern_stack.atoms.clock import iso
from pattern_stack.features.fleet.bodies import FleetSessionBody
from pattern_stack.features.fleet.core.change import StateChange
from pattern_stack.features.fleet.core.entry import Entry
from pattern_stack.features.fleet.core.heartbeat import Heartbeat
from pattern_stack.features.fleet.core.limits import FleetLimits
from pattern_stack.features.fleet.core.resources import RESOURCES, SHARED
from pattern_stack.features.fleet.core.state import FleetState
from pattern_stack.features.fleet.errors import ServiceError
from pattern_stack.features.fleet.models import FleetProject, Todo
from tests.support.examples import examples

some = st.sets(st.integers(0, 3), max_size=3)


def identity(resource: str, record: dict[str, Any]) -> Any:
    return {
        "computers": record.get("name"),
        "sessions": record.get("session_id"),
        "projects": (record.get("computer"), record.get("path")),
        "todos": (record.get("computer"), record.get("project"), record.get("slug")),
    }[resource]


class Replica:
    """What a client has after one snapshot and every event since."""

    def __init__(self) -> None:
        self.records: dict[str, dict[Any, Any]] = {resource: {} for resource in RESOURCES}

    def take(self, changes: Sequence[StateChange]) -> None:
        for change in changes:
            before = {**self.records[change.resource]}
            self._apply(change.resource, change.event, change.payload)
            assert self.records[change.resource] != before, f"{change} changed nothing"

    def _apply(self, resource: str, event: str, payload: dict[str, Any]) -> None:
        here = self.records[resource]
        if event == "session-removed":
            del here[payload["session_id"]]
        elif resource in payload:
            kept = {id: record for id, record in here.items() if record["computer"] != payload["computer"]}
            self.records[resource] = kept | {identity(resource, record): record for record in payload[resource]}
        elif payload.get("status") == "offline":
            del here[identity(resource, payload)]
        else:
            here[identity(resource, payload)] = payload


class TwoComputers(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2026, 11, 21, tzinfo=UTC)
        self.a, self.b = self.service("a"), self.service("b")
        self.stream = list[dict[bytes, bytes]]()
        self.connection = 0
        self.replica = Replica()
        self.silent = 0
        """Seconds since b got anything from a."""
        self.since_heartbeat: int | None = None
        """Seconds since the last heartbeat of a, while a is online for b."""

    def service(self, name: str) -> FleetState:
        return FleetState(
            name,
            alive_seconds=60,
            clock=lambda: self.now,
            ids=lambda: "id",
            host_info=dict,
            refresh=lambda computer: None,
            limits=FleetLimits(),
        )

    def write(self, event: str, payload: dict[str, Any]) -> None:
        fields = {"event": event, "timestamp": iso(self.now), "source": "a"}
        encoded = {name.encode(): text.encode() for name, text in fields.items()}
        self.stream.append({**encoded, b"data": orjson.dumps(payload)})

    def send(self, changes: Sequence[StateChange]) -> None:
        for change in changes:
            if "b" in self.a.watchers(change.resource):
                self.write(change.event, change.payload)

    def a_gets_heartbeat(self, interested_in: Sequence[str]) -> None:
        beat = Heartbeat(
            computer="b",
            last_seen=self.now,
            interested_in=list(interested_in),
            instance="b",
            connection=self.connection,
        )
        for resource in self.a.apply_heartbeat(Heartbeat.decode(beat.encode()), live=True).send_full:
            self.write(RESOURCES[resource].full_entry or "", self.a.full_state(resource))

    # -- what happens on a

    @rule(id=st.sampled_from("xyz"), title=st.sampled_from(["one", "two"]))
    def put(self, id: str, title: str) -> None:
        self.send(self.a.put_session(FleetSessionBody(session_id=id, title=title))[2])

    @rule(id=st.sampled_from("xyz"))
    def delete(self, id: str) -> None:
        try:
            self.send(self.a.delete_session(id))
        except ServiceError:
            assert id not in {session.session_id for session in self.a.records("sessions")}

    @rule(projects=some, todos=some, status=st.sampled_from(["pending", "done"]))
    def directory_changes(self, projects: set[int], todos: set[int], status: str) -> None:
        self.send(
            self.a.replace_directory(
                [FleetProject(path=f"/{number}", computer="a") for number in sorted(projects)],
                [
                    Todo(slug=str(slug), project=f"/{number}", status=status, computer="a")
                    for number in sorted(projects)
                    for slug in sorted(todos)
                ],
            )
        )

    # -- what comes between them

    @rule(resources=st.sets(st.sampled_from(SHARED)))
    def b_watches(self, resources: set[str]) -> None:
        self.a_gets_heartbeat(sorted(resources))

    @rule()
    def a_sends_a_heartbeat(self) -> None:
        beat = Heartbeat(computer="a", last_seen=self.now, instance="a", connection=0)
        self.silent = self.since_heartbeat = 0
        self.replica.take(self.b.apply_heartbeat(beat, live=True).changes)

    @precondition(lambda self: self.stream)
    @rule()
    def b_reads(self) -> None:
        self.silent = 0
        self.replica.take(self.b.apply_entry(Entry.decode(self.stream.pop(0))))

    @rule()
    def the_stream_is_lost(self) -> None:
        """b notices, and sends a new connection number."""
        self.stream.clear()
        self.connection += 1
        self.a_gets_heartbeat(SHARED)

    @rule(seconds=st.sampled_from([1, 30, 61]))
    def time_passes(self, seconds: int) -> None:
        """A computer that was removed is new when it is back."""
        self.now += timedelta(seconds=seconds)
        self.silent += seconds
        self.replica.take(self.b.remove_expired())
        self.a.remove_expired()
        if self.since_heartbeat is not None:
            self.since_heartbeat += seconds
            if self.since_heartbeat >= 60:
                self.since_heartbeat = None
                assert not any(self.b.records(resource, "a") for resource in SHARED)

    @rule(id=st.sampled_from("xyz"))
    def b_cannot_change_sessions_of_a(self, id: str) -> None:
        for session in self.b.records("sessions", "a"):
            try:
                self.b.put_session(FleetSessionBody(session_id=session.session_id, title="mine"))
            except ServiceError as error:
                assert error.code == "SESSION_IS_REMOTE"  # noqa: PT017
            else:
                raise AssertionError("b took over a session of a")

    # -- what holds

    @invariant()
    def events_add_up_to_the_snapshot(self) -> None:
        for resource in RESOURCES:
            shown = [record for record in self.b.snapshot(resource)[resource] if record.get("name") != "b"]
            assert self.replica.records[resource] == {identity(resource, record): record for record in shown}

    @invariant()
    def a_silent_computer_leaves_nothing(self) -> None:
        if self.silent >= 60:
            assert not any(self.b.records(resource, "a") for resource in SHARED)

    def teardown(self) -> None:
        self.the_stream_is_lost()
        while self.stream:
            self.b_reads()
        for resource in SHARED:
            assert self.b.records(resource, "a") == self.a.records(resource, "a")
        self.events_add_up_to_the_snapshot()


TwoComputers.TestCase.settings = settings(max_examples=examples(80), stateful_step_count=40, deadline=None)
test_two_computers = TwoComputers.TestCase
