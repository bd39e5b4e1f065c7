"""What one computer knows of its fleet: its own records, and those of the others."""

from collections.abc import Callable, Iterable
from typing import Any

from pattern_stack.atoms.clock import Clock
from pattern_stack.atoms.ids import Ids
from pattern_stack.features.fleet.bodies import FleetSessionBody
from pattern_stack.features.fleet.core.change import HeartbeatResult, StateChange
from pattern_stack.features.fleet.core.entry import Entry
from pattern_stack.features.fleet.core.heartbeat import Heartbeat
from pattern_stack.features.fleet.core.limits import FleetLimits
from pattern_stack.features.fleet.core.own import OwnRecords
from pattern_stack.features.fleet.core.peers import PeerRecords
from pattern_stack.features.fleet.core.resources import RESOURCES, SESSION_REMOVED
from pattern_stack.features.fleet.errors import SessionIsRemote
from pattern_stack.features.fleet.models import Computer, FleetProject, FleetSession, Todo


class FleetState:
    """Every call that changes something returns StateChanges. The caller publishes them before it reads or changes anything
    else; then a snapshot and the changes after it always add up to the next snapshot.

    `alive_seconds`: a computer that sends nothing for so long is removed with all its records. `host_info` is asked for what
    this computer shows of itself. `refresh(computer)` is called when a record of that computer was read that is past its
    lifetime. Everything concerns this process.
    """

    def __init__(
        self,
        name: str,
        *,
        alive_seconds: float,
        clock: Clock,
        ids: Ids,
        host_info: Callable[[], dict[str, Any]],
        refresh: Callable[[str], None],
        limits: FleetLimits,
    ) -> None:
        self.name = name
        self._clock = clock
        self._ids = ids
        self._host_info = host_info
        self._own = OwnRecords(name, clock, limits)
        self._peers = PeerRecords(alive_seconds, clock, refresh, limits)

    # -- reading

    def records(self, resource: str, computer: str | None = None) -> list[Any]:
        """The records of one computer, or of all of them (None), sorted."""
        everything = (*self._own_records(resource), *self._peers.records(resource))
        kept = [record for record in everything if computer is None or record.computer == computer]
        return sorted(kept, key=RESOURCES[resource].sort_key)

    def snapshot(self, resource: str) -> dict[str, Any]:
        """The payload of a client's snapshot."""
        return {resource: [record.as_json() for record in self.records(resource)]}

    def full_state(self, resource: str) -> dict[str, Any]:
        """All records of this computer, for the stream of another one."""
        return self._own.full_state(resource)

    @property
    def name_conflicts(self) -> list[str]:
        """The hosts of other computers that are online under this computer's name."""
        return self._peers.name_conflicts

    def own_computer(self) -> Computer:
        status = "conflict" if self.name_conflicts else "online"
        return Computer(name=self.name, status=status, last_seen=self._clock(), **self._host_info())

    def _own_records(self, resource: str) -> Iterable[Any]:
        return [self.own_computer()] if resource == "computers" else self._own.records(resource)

    # -- changes on this computer

    def put_session(self, body: FleetSessionBody) -> tuple[FleetSession, bool, list[StateChange]]:
        """The session, whether it is new, and the changes. Raises SessionIsRemote, FleetFull or EntryTooLarge."""
        id = body.session_id or self._ids()
        self._refuse_remote(id)
        session, is_new = self._own.put_session(id, body)
        event = RESOURCES["sessions"].updated_event
        return session, is_new, [StateChange("sessions", event, session.as_json(), is_local=True)]

    def delete_session(self, id: str) -> list[StateChange]:
        """Raises SessionIsRemote or FleetSessionNotFound."""
        self._refuse_remote(id)
        self._own.delete_session(id)
        return [StateChange("sessions", SESSION_REMOVED, {"session_id": id}, is_local=True)]

    def _refuse_remote(self, id: str) -> None:
        if not self._own.has_session(id) and (remote := self._peers.session(id)):
            raise SessionIsRemote(f"the session {id} belongs to {remote.computer}")

    def replace_directory(self, projects: list[FleetProject], todos: list[Todo]) -> list[StateChange]:
        """Take what is in this computer's directory now."""
        return [
            StateChange(resource, RESOURCES[resource].updated_event, self.full_state(resource), is_local=True)
            for resource in self._own.replace_directory(projects, todos)
        ]

    def heartbeat_sent(self) -> list[StateChange]:
        """This computer is online: its clients get it with a new `last_seen`."""
        return [StateChange("computers", RESOURCES["computers"].updated_event, self.own_computer().as_json())]

    # -- messages of other computers

    def apply_heartbeat(self, heartbeat: Heartbeat, *, live: bool, wants_full: bool = False) -> HeartbeatResult:
        """`live`: it was sent just now, however late its clock is. Otherwise it is as old as its `last_seen`.

        `wants_full`: the computer asks for all records. Raises FleetFull where it is one computer too many.
        """
        if heartbeat.computer == self.name:
            return HeartbeatResult(self._note_conflict(heartbeat) if live else [], [], False)
        return self._peers.apply_heartbeat(heartbeat, live=live, wants_full=wants_full)

    def _note_conflict(self, heartbeat: Heartbeat) -> list[StateChange]:
        """Only for a live one: a key may be left of an earlier run of this computer."""
        known = self.name_conflicts
        changes = self._peers.note_conflict(heartbeat)
        return changes if known else [*changes, *self.heartbeat_sent()]

    def apply_entry(self, entry: Entry) -> list[StateChange]:
        """Entries claiming this computer's name or sessions are ignored. Raises FleetFull."""
        return [] if entry.source == self.name else self._peers.apply_entry(entry, self._own.has_session)

    # -- other computers

    def watchers(self, resource: str) -> list[str]:
        """The computers that want to be told of changes of a resource."""
        return self._peers.watchers(resource)

    def forget_peer(self, name: str) -> None:
        """Its next heartbeat counts as its first, so it is sent everything."""
        self._peers.forget(name)

    def forget_peers(self) -> None:
        self._peers.forget_all()

    def remove_expired(self) -> list[StateChange]:
        """Remove the computers that were silent for too long, with all their records."""
        return self._peers.remove_expired()
