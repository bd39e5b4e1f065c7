"""What one computer knows of the fleet: its own, and what it was told by others. Synchronous, no IO."""

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any

from pattern_stack.atoms.cache import Cache, Change, Lifetime
from pattern_stack.atoms.clock import Clock
from pattern_stack.atoms.ids import Ids
from pattern_stack.features.fleet.bodies import SessionBody
from pattern_stack.features.fleet.core.change import Heard, News, Peer
from pattern_stack.features.fleet.core.entry import Entry, Whole
from pattern_stack.features.fleet.core.heartbeat import Heartbeat
from pattern_stack.features.fleet.core.resources import KINDS, REMOVED, SHARED
from pattern_stack.features.fleet.errors import SessionIsRemote, SessionNotFound
from pattern_stack.features.fleet.models import Computer, Project, Session, Todo

_PEERS, _SIGNS, _LIVES, _RIVALS = "peers", "signs", "lives", "rivals"
_REMEMBERED = Lifetime(86_400)


class Knowledge:
    """Whatever changes it returns news, which have to be told before anything else is read or changed.

    Of other computers it knows what its cache holds, and that no longer than they live: until `alive` seconds after their last
    heartbeat, or their last entry where there was none. `stale(computer)` is called when something of that computer was read that
    has not been confirmed for longer than its kind's lifetime.
    """

    def __init__(
        self,
        name: str,
        *,
        alive: float,
        clock: Clock,
        ids: Ids,
        about: Callable[[], dict[str, Any]],
        stale: Callable[[str], None],
    ) -> None:
        self.name = name
        self._clock = clock
        self._ids = ids
        self._alive = timedelta(seconds=alive)
        self._about = about
        self._sessions: dict[str, Session] = {}
        self._projects: list[Project] = []
        self._todos: list[Todo] = []
        lifetimes = {kind: row.lifetime or Lifetime(alive) for kind, row in KINDS.items()}
        for kind in (_PEERS, _SIGNS, _RIVALS):
            lifetimes[kind] = Lifetime(alive)
        lifetimes[_LIVES] = _REMEMBERED
        self._cache = Cache(lifetimes, clock, lambda kind, key: stale(key[0]))  # type: ignore[index]
        self._changes: list[Change] = []
        self._cache.subscribe(self._changes.append)

    # -- what it knows

    def facts(self, kind: str, computer: str | None = None) -> list[Any]:
        """Its own and what it was told, of one computer or of all."""
        facts = (*self._own(kind), *self._told(kind))
        kept = [fact for fact in facts if computer is None or fact.computer == computer]
        return sorted(kept, key=KINDS[kind].order)

    def snapshot(self, kind: str) -> dict[str, Any]:
        return {kind: [fact.shown() for fact in self.facts(kind)]}

    def whole(self, kind: str) -> dict[str, Any]:
        """All that this computer has of a kind, for the others."""
        return {"computer": self.name, kind: [fact.shown() for fact in self._own(kind)]}

    @property
    def rivals(self) -> list[str]:
        """Where others, that live now, go by this computer's name."""
        return [str(where) for _, where in self._cache.items(_RIVALS)]

    def itself(self) -> Computer:
        status = "conflict" if self.rivals else "online"
        return Computer(name=self.name, status=status, last_seen=self._clock(), **self._about())

    def _own(self, kind: str) -> Iterable[Any]:
        if kind == "computers":
            return [self.itself()]
        return {"sessions": self._sessions.values(), "projects": self._projects, "todos": self._todos}[kind]

    def _told(self, kind: str) -> Iterator[Any]:
        for _, value in self._cache.items(kind):
            yield from value if isinstance(value, tuple) else (value,)

    # -- what happens here

    def put_session(self, body: SessionBody) -> tuple[Session, bool, list[News]]:
        """The session, whether it is new, and the news. Raises SessionIsRemote."""
        id, now = body.session_id or self._ids(), self._clock()
        before = self._sessions.get(id)
        if before is None:
            self._refuse_remote(id)
            told = {**body.model_dump(), "created_at": now, "last_activity": now}
        else:
            activity = max(now, before.last_activity)
            told = {**before.model_dump(), **body.model_dump(exclude_unset=True), "last_activity": activity}
        session = self._sessions[id] = Session(**{**told, "session_id": id, "computer": self.name})
        news = News("sessions", KINDS["sessions"].updated, session.shown(), shared=True)
        return session, before is None, [news]

    def delete_session(self, id: str) -> list[News]:
        """Raises SessionIsRemote or SessionNotFound."""
        if id not in self._sessions:
            self._refuse_remote(id)
            raise SessionNotFound(f"there is no session {id}")
        del self._sessions[id]
        return [News("sessions", REMOVED, {"session_id": id}, shared=True)]

    def _refuse_remote(self, id: str) -> None:
        if remote := self._cache.get("sessions", id):
            raise SessionIsRemote(f"the session {id} belongs to {remote.computer}")

    def looked(self, projects: list[Project], todos: list[Todo]) -> list[News]:
        """What is in its directory now."""
        changed = [
            kind
            for kind, was, now in (("projects", self._projects, projects), ("todos", self._todos, todos))
            if was != now
        ]
        self._projects, self._todos = projects, todos
        return [News(kind, KINDS[kind].updated, self.whole(kind), shared=True) for kind in changed]

    def beat(self) -> list[News]:
        """It still lives."""
        return [News("computers", KINDS["computers"].updated, self.itself().shown())]

    # -- what others say

    def heard(self, beat: Heartbeat, *, live: bool, anew: bool = False) -> Heard:
        """`live`: it was said just now; otherwise it is as old as it says. `anew`: it asks to be written all."""
        now = self._clock()
        time = now if live else min(beat.last_seen, now)
        if beat.computer == self.name:
            return self._heard_rival(beat, live)
        if now - time >= self._alive:
            return Heard(self._changed(), [], False)
        before, known = self._cache.get(_PEERS, beat.computer), self._cache.get("computers", beat.computer)
        told = beat.model_dump(include={"user", "host", "role", "system_stats"})
        computer = Computer(name=beat.computer, status="online", last_seen=min(beat.last_seen, now), **told)
        returned = live and known is None and self._cache.get(_LIVES, beat.computer) == beat.life
        peer = Peer(beat.life, frozenset(beat.interested_in).intersection(SHARED))
        for kind, value in (("computers", computer), (_PEERS, peer), (_SIGNS, True), (_LIVES, beat.life)):
            self._cache.upsert(kind, beat.computer, value, time)
        same = before is not None and before.life == beat.life and not anew
        return Heard(
            self._changed(), sorted(peer.interested_in - (before.interested_in if same else frozenset())), returned
        )

    def _heard_rival(self, beat: Heartbeat, live: bool) -> Heard:
        """A key may be left of an earlier run of this computer; who speaks now lives."""
        if not live:
            return Heard([], [], False)
        known = self.rivals
        self._cache.upsert(_RIVALS, beat.instance, beat.host or "an unknown host")
        return Heard(self._changed() if known else [*self._changed(), *self.beat()], [], False)

    def arrived(self, entry: Entry) -> list[News]:
        """What another computer wrote. Of its own name, and of its own sessions, it believes nobody."""
        if entry.source == self.name:
            return []
        self._cache.upsert(_SIGNS, entry.source, True)
        if isinstance(entry.fact, Whole):
            self._replace(entry.source, entry.fact)
        elif isinstance(entry.fact, Session):
            self._take(entry.fact)
        elif (session := self._cache.get("sessions", entry.fact)) and session.computer == entry.source:
            self._cache.remove("sessions", entry.fact)
        return self._changed()

    def _take(self, session: Session) -> None:
        if session.session_id not in self._sessions:
            self._cache.upsert("sessions", session.session_id, session)

    def _replace(self, computer: str, whole: Whole) -> None:
        key = KINDS[whole.kind].key
        now: dict[Any, Any] = {}
        for fact in sorted(whole.facts, key=KINDS[whole.kind].order):
            now[key(fact)] = (*now.get(key(fact), ()), fact) if whole.kind == "todos" else fact
        self._forget(computer, whole.kind, except_for=now)
        for id, value in now.items():
            if whole.kind == "sessions":
                self._take(value)
            else:
                self._cache.upsert(whole.kind, id, value)

    # -- who they are

    def watchers(self, kind: str) -> list[str]:
        """The computers that want to be written what happens here to this kind."""
        return [str(name) for name, peer in self._cache.items(_PEERS) if kind in peer.interested_in]

    def forget_peer(self, name: str) -> None:
        """Its next heartbeat counts as its first."""
        self._cache.remove(_PEERS, name)

    def forget_peers(self) -> None:
        for name, _ in self._cache.held(_PEERS):
            self._cache.remove(_PEERS, name)

    def sweep(self) -> list[News]:
        """Who is silent for too long is gone, and all that is known of it."""
        self._cache.sweep()
        return self._changed()

    def _changed(self) -> list[News]:
        """Since the last news."""
        for kind, name, _, new in list(self._changes):
            if new is None and (kind == "computers" or (kind == _SIGNS and not self._cache.get("computers", name))):
                for one in SHARED:
                    self._forget(str(name), one)
        changes, self._changes[:] = list(self._changes), ()
        return list(self._news(change for change in changes if change.kind in KINDS and change.old != change.new))

    def _forget(self, computer: str, kind: str, except_for: Iterable[Any] = ()) -> None:
        for key, value in self._cache.held(kind):
            owner = value.computer if isinstance(value, Session) else key[0]  # type: ignore[index]
            if owner == computer and key not in except_for:
                self._cache.remove(kind, key)

    def _news(self, changes: Iterable[Change]) -> Iterator[News]:
        """One event for each computer and session, one with all of them for projects and todos."""
        lists: dict[tuple[str, str], None] = {}
        for kind, key, old, new in changes:
            if kind == "computers":
                shown = new or old.model_copy(update={"status": "offline"})
                yield News(kind, KINDS[kind].updated, shown.shown())
            elif kind == "sessions":
                yield News(kind, KINDS[kind].updated, new.shown()) if new else News(kind, REMOVED, {"session_id": key})
            else:
                lists[kind, key[0]] = None  # type: ignore[index]
        for kind, computer in lists:
            listed = [fact.shown() for fact in self.facts(kind, computer)]
            yield News(kind, KINDS[kind].updated, {"computer": computer, kind: listed})
