"""The records of other computers: cached, and removed when their computer falls silent."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from pattern_stack.atoms.cache import Cache, Change, Lifetime
from pattern_stack.atoms.clock import Clock
from pattern_stack.features.fleet.core.change import HeartbeatResult, Peer, StateChange
from pattern_stack.features.fleet.core.entry import Entry, FullState
from pattern_stack.features.fleet.core.heartbeat import Heartbeat
from pattern_stack.features.fleet.core.limits import FleetLimits
from pattern_stack.features.fleet.core.resources import RESOURCES, SESSION_REMOVED, SHARED
from pattern_stack.features.fleet.errors import FleetFull
from pattern_stack.features.fleet.models import Computer, FleetSession

_PEERS, _CONTACTS, _INCARNATIONS, _CONFLICTS = "peers", "contacts", "incarnations", "conflicts"
"""Kinds of the cache beside the resources. A contact is a computer that sent a heartbeat or an entry."""
_REMEMBERED = Lifetime(86_400)


class PeerRecords:
    """A record is kept until `alive_seconds` after the last heartbeat of its computer, or after its last entry where it sends
    no heartbeats. See FleetState for the arguments.
    """

    def __init__(self, alive_seconds: float, clock: Clock, refresh: Callable[[str], None], limits: FleetLimits) -> None:
        self._clock = clock
        self._alive = timedelta(seconds=alive_seconds)
        self._limits = limits
        lifetimes = {name: resource.lifetime or Lifetime(alive_seconds) for name, resource in RESOURCES.items()}
        for kind in (_PEERS, _CONTACTS, _CONFLICTS):
            lifetimes[kind] = Lifetime(alive_seconds)
        lifetimes[_INCARNATIONS] = _REMEMBERED
        self._cache = Cache(lifetimes, clock, lambda kind, key: refresh(_owner(key)))
        self._sessions_of: Counter[str] = Counter()
        self._changes: list[Change] = []
        self._cache.subscribe(self._note)

    def _note(self, change: Change) -> None:
        self._changes.append(change)
        if change.kind == "sessions":
            for session, step in ((change.new, 1), (change.old, -1)):
                if session:
                    self._sessions_of[session.computer] += step
                    if not self._sessions_of[session.computer]:
                        del self._sessions_of[session.computer]

    # -- reading

    def records(self, resource: str) -> Iterator[Any]:
        for _, value in self._cache.items(resource):
            yield from value if isinstance(value, tuple) else (value,)

    def session(self, id: str) -> FleetSession | None:
        session: FleetSession | None = self._cache.get("sessions", id)
        return session

    def watchers(self, resource: str) -> list[str]:
        return [str(name) for name, peer in self._cache.items(_PEERS) if resource in peer.interested_in]

    @property
    def name_conflicts(self) -> list[str]:
        return [str(host) for _, host in self._cache.items(_CONFLICTS)]

    # -- messages

    def note_conflict(self, heartbeat: Heartbeat) -> list[StateChange]:
        """Another computer is online under this computer's name."""
        if self._has_room(_CONFLICTS, heartbeat.instance):
            self._cache.upsert(_CONFLICTS, heartbeat.instance, heartbeat.host or "an unknown host")
        return self._take_changes()

    def apply_heartbeat(self, heartbeat: Heartbeat, *, live: bool, wants_full: bool) -> HeartbeatResult:
        now, name = self._clock(), heartbeat.computer
        time = now if live else min(heartbeat.last_seen, now)
        if now - time >= self._alive:
            return HeartbeatResult(self._take_changes(), [], False)
        self._check_room(name)
        before, known = self._cache.get(_PEERS, name), self._cache.get("computers", name)
        returned = live and known is None and self._cache.get(_INCARNATIONS, name) == heartbeat.incarnation
        peer = Peer(heartbeat.incarnation, frozenset(heartbeat.interested_in).intersection(SHARED))
        for kind, value in (("computers", _computer(heartbeat, now)), (_PEERS, peer), (_CONTACTS, True)):
            self._cache.upsert(kind, name, value, time)
        self._remember(heartbeat, time)
        is_continued = before is not None and before.incarnation == heartbeat.incarnation and not wants_full
        has_already = before.interested_in if is_continued else frozenset()
        return HeartbeatResult(self._take_changes(), sorted(peer.interested_in - has_already), returned)

    def _remember(self, heartbeat: Heartbeat, time: datetime) -> None:
        """For a day, in place of the one that is remembered longest where there are too many."""
        if not self._has_room(_INCARNATIONS, heartbeat.computer):
            self._cache.remove(_INCARNATIONS, self._cache.held(_INCARNATIONS)[0][0])
        self._cache.upsert(_INCARNATIONS, heartbeat.computer, heartbeat.incarnation, time)

    def apply_entry(self, entry: Entry, is_own_session: Callable[[str], bool]) -> list[StateChange]:
        content = entry.content
        self._check_room(entry.source)
        self._check_sessions(content)
        self._cache.upsert(_CONTACTS, entry.source, True)
        if isinstance(content, FullState):
            self._replace(entry.source, content, is_own_session)
        elif isinstance(content, FleetSession):
            if not is_own_session(content.session_id):
                self._cache.upsert("sessions", content.session_id, content)
        elif (session := self._cache.get("sessions", content)) and session.computer == entry.source:
            self._cache.remove("sessions", content)
        return self._take_changes()

    def _check_sessions(self, content: FleetSession | str | FullState) -> None:
        if isinstance(content, FleetSession):
            known = self._cache.get("sessions", content.session_id)
            more = 0 if known and known.computer == content.computer else 1
            computer, count = content.computer, self._sessions_of[content.computer] + more
        elif isinstance(content, FullState) and content.resource == "sessions" and content.records:
            computer, count = content.records[0].computer, len(content.records)
        else:
            return
        if count > self._limits.sessions:
            raise FleetFull(f"{computer} has more than {self._limits.sessions} sessions (FleetLimits.sessions)")

    def _replace(self, computer: str, full: FullState, is_own_session: Callable[[str], bool]) -> None:
        resource = RESOURCES[full.resource]
        entries: dict[Any, Any] = {}
        for record in sorted(full.records, key=resource.sort_key):
            key = resource.cache_key(record)
            entries[key] = (*entries.get(key, ()), record) if full.resource == "todos" else record
        self._remove_records(computer, full.resource, except_for=entries)
        for key, value in entries.items():
            if full.resource != "sessions" or not is_own_session(value.session_id):
                self._cache.upsert(full.resource, key, value)

    def _check_room(self, computer: str) -> None:
        if not self._has_room(_CONTACTS, computer):
            raise FleetFull(
                f"{self._limits.computers} computers are known (FleetLimits.computers); {computer} is one more"
            )

    def _has_room(self, kind: str, key: Hashable) -> bool:
        return self._cache.has(kind, key) or self._cache.count(kind) < self._limits.computers

    # -- leaving

    def forget(self, name: str) -> None:
        self._cache.remove(_PEERS, name)

    def forget_all(self) -> None:
        for name, _ in self._cache.held(_PEERS):
            self._cache.remove(_PEERS, name)

    def remove_expired(self) -> list[StateChange]:
        self._cache.sweep()
        return self._take_changes()

    def _take_changes(self) -> list[StateChange]:
        """Those since the last call. The records of a computer that is gone go with it."""
        for kind, name, _, new in list(self._changes):
            is_contact = kind == _CONTACTS and not self._cache.get("computers", name)
            if new is None and (kind == "computers" or is_contact):
                for resource in SHARED:
                    self._remove_records(str(name), resource)
        changes, self._changes = self._changes, []
        return list(
            self._announced(change for change in changes if change.kind in RESOURCES and change.old != change.new)
        )

    def _remove_records(self, computer: str, resource: str, except_for: Iterable[Any] = ()) -> None:
        for key, value in self._cache.held(resource):
            owner = value.computer if isinstance(value, FleetSession) else _owner(key)
            if owner == computer and key not in except_for:
                self._cache.remove(resource, key)

    def _announced(self, changes: Iterable[Change]) -> Iterator[StateChange]:
        """One event for each computer and session; one with the whole list for the projects or todos of a computer."""
        lists: dict[tuple[str, str], None] = {}
        for kind, key, old, new in changes:
            if kind == "computers":
                computer = new or old.model_copy(update={"status": "offline"})
                yield StateChange(kind, RESOURCES[kind].updated_event, computer.as_json())
            elif kind == "sessions" and new:
                yield StateChange(kind, RESOURCES[kind].updated_event, new.as_json())
            elif kind == "sessions":
                yield StateChange(kind, SESSION_REMOVED, {"session_id": key})
            else:
                lists[kind, _owner(key)] = None
        for resource, computer in lists:
            yield StateChange(resource, RESOURCES[resource].updated_event, self._listed(resource, computer))

    def _listed(self, resource: str, computer: str) -> dict[str, Any]:
        mine = [record for record in self.records(resource) if record.computer == computer]
        return {
            "computer": computer,
            resource: [one.as_json() for one in sorted(mine, key=RESOURCES[resource].sort_key)],
        }


def _owner(key: Any) -> str:
    """The computer that a project's or todo's cache key names first."""
    return str(key[0])


def _computer(heartbeat: Heartbeat, now: datetime) -> Computer:
    shown = heartbeat.model_dump(include={"user", "host", "role", "system_stats"})
    return Computer(name=heartbeat.computer, status="online", last_seen=min(heartbeat.last_seen, now), **shown)
