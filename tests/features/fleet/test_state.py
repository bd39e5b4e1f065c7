"""The core without Redis: two computers and a stream between them that loses entries, beside a client that knows events alone."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pattern_stack.atoms.clock import iso
from pattern_stack.features.fleet.bodies import SessionBody
from pattern_stack.features.fleet.core.change import News
from pattern_stack.features.fleet.core.entry import Entry
from pattern_stack.features.fleet.core.heartbeat import Heartbeat
from pattern_stack.features.fleet.core.resources import KINDS, SHARED
from pattern_stack.features.fleet.core.state import Knowledge
from pattern_stack.features.fleet.errors import ServiceError
from pattern_stack.features.fleet.models import Project, Todo

some = st.sets(st.integers(0, 3), max_size=3)


def identity(kind: str, fact: dict[str, Any]) -> Any:
    return {
        "computers": fact.get("name"),
        "sessions": fact.get("session_id"),
        "projects": (fact.get("computer"), fact.get("path")),
        "todos": (fact.get("computer"), fact.get("project"), fact.get("slug")),
    }[kind]


class Replica:
    """What a client has that took a snapshot once, and every event since."""

    def __init__(self) -> None:
        self.facts: dict[str, dict[Any, Any]] = {kind: {} for kind in KINDS}

    def take(self, news: Sequence[News]) -> None:
        for one in news:
            before = {**self.facts[one.kind]}
            self._apply(one.kind, one.event, one.payload)
            assert self.facts[one.kind] != before, f"{one} changed nothing"

    def _apply(self, kind: str, event: str, payload: dict[str, Any]) -> None:
        here = self.facts[kind]
        if event == "session-removed":
            del here[payload["session_id"]]
        elif kind in payload:
            kept = {key: fact for key, fact in here.items() if fact["computer"] != payload["computer"]}
            self.facts[kind] = kept | {identity(kind, fact): fact for fact in payload[kind]}
        elif payload.get("status") == "offline":
            del here[identity(kind, payload)]
        else:
            here[identity(kind, payload)] = payload


class TwoComputers(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2026, 11, 21, tzinfo=UTC)
        self.a, self.b = self.service("a"), self.service("b")
        self.stream = list[dict[bytes, bytes]]()
        self.connection = 0
        self.replica = Replica()
        self.silent = 0
        """Seconds since b heard anything of a."""
        self.unheard: int | None = None
        """Seconds since the last heartbeat of a, while b takes it for alive."""

    def service(self, name: str) -> Knowledge:
        return Knowledge(
            name, alive=60, clock=lambda: self.now, ids=lambda: "id", about=dict, stale=lambda computer: None
        )

    def write(self, event: str, payload: dict[str, Any]) -> None:
        fields = {"event": event, "timestamp": iso(self.now), "source": "a"}
        encoded = {name.encode(): text.encode() for name, text in fields.items()}
        self.stream.append({**encoded, b"data": orjson.dumps(payload)})

    def happens(self, news: Sequence[News]) -> None:
        for one in news:
            if "b" in self.a.watchers(one.kind):
                self.write(one.event, one.payload)

    def a_hears(self, interested_in: Sequence[str]) -> None:
        beat = Heartbeat(
            computer="b",
            last_seen=self.now,
            interested_in=list(interested_in),
            instance="b",
            connection=self.connection,
        )
        for kind in self.a.heard(Heartbeat.decode(beat.encode()), live=True).behind:
            self.write(KINDS[kind].whole or "", self.a.whole(kind))

    # -- what happens on a

    @rule(id=st.sampled_from("xyz"), title=st.sampled_from(["one", "two"]))
    def put(self, id: str, title: str) -> None:
        self.happens(self.a.put_session(SessionBody(session_id=id, title=title))[2])

    @rule(id=st.sampled_from("xyz"))
    def delete(self, id: str) -> None:
        try:
            self.happens(self.a.delete_session(id))
        except ServiceError:
            assert id not in {session.session_id for session in self.a.facts("sessions")}

    @rule(projects=some, todos=some, status=st.sampled_from(["pending", "done"]))
    def look(self, projects: set[int], todos: set[int], status: str) -> None:
        self.happens(
            self.a.looked(
                [Project(path=f"/{number}", computer="a") for number in sorted(projects)],
                [
                    Todo(slug=str(slug), project=f"/{number}", status=status, computer="a")
                    for number in sorted(projects)
                    for slug in sorted(todos)
                ],
            )
        )

    # -- what comes between them

    @rule(kinds=st.sets(st.sampled_from(SHARED)))
    def b_watches(self, kinds: set[str]) -> None:
        self.a_hears(sorted(kinds))

    @rule()
    def a_beats(self) -> None:
        beat = Heartbeat(computer="a", last_seen=self.now, instance="a", connection=0)
        self.silent = self.unheard = 0
        self.replica.take(self.b.heard(beat, live=True).news)

    @precondition(lambda self: self.stream)
    @rule()
    def b_reads(self) -> None:
        self.silent = 0
        self.replica.take(self.b.arrived(Entry.decode(self.stream.pop(0))))

    @rule()
    def the_stream_is_lost(self) -> None:
        """b finds out by itself, and says that its connection is new."""
        self.stream.clear()
        self.connection += 1
        self.a_hears(SHARED)

    @rule(seconds=st.sampled_from([1, 30, 61]))
    def time_passes(self, seconds: int) -> None:
        """Whoever is gone for b, or for a, is new when it is back."""
        self.now += timedelta(seconds=seconds)
        self.silent += seconds
        self.replica.take(self.b.sweep())
        self.a.sweep()
        if self.unheard is not None:
            self.unheard += seconds
            if self.unheard >= 60:
                self.unheard = None
                assert not any(self.b.facts(kind, "a") for kind in SHARED)

    @rule(id=st.sampled_from("xyz"))
    def b_does_not_let_it_be_taken_over(self, id: str) -> None:
        for session in self.b.facts("sessions", "a"):
            try:
                self.b.put_session(SessionBody(session_id=session.session_id, title="mine"))
            except ServiceError as error:
                assert error.code == "SESSION_IS_REMOTE"  # noqa: PT017
            else:
                raise AssertionError("it was taken over")

    # -- what holds

    @invariant()
    def events_make_what_a_snapshot_shows(self) -> None:
        for kind in KINDS:
            shown = [fact for fact in self.b.snapshot(kind)[kind] if fact.get("name") != "b"]
            assert self.replica.facts[kind] == {identity(kind, fact): fact for fact in shown}

    @invariant()
    def nothing_is_left_of_who_is_silent_for_too_long(self) -> None:
        if self.silent >= 60:
            assert not any(self.b.facts(kind, "a") for kind in SHARED)

    def teardown(self) -> None:
        self.the_stream_is_lost()
        while self.stream:
            self.b_reads()
        for kind in SHARED:
            assert self.b.facts(kind, "a") == self.a.facts(kind, "a")
        self.events_make_what_a_snapshot_shows()


TwoComputers.TestCase.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
test_two_computers = TwoComputers.TestCase
