"""What an instance does by itself where sessions are shared: it is heard, hears the others, and sees to what they left."""

import asyncio
import logging
from contextlib import suppress
from typing import Any

from pattern_stack.atoms.broadcast import Channel, Connection, Subscription, WebSocketBroadcastBackend
from pattern_stack.atoms.log_every import LogEvery
from pattern_stack.atoms.tasks import Tasks, wait_at_most
from pattern_stack.errors import BroadcastClosed, BroadcastError, Forbidden
from pattern_stack.features.sessions.core.about import About
from pattern_stack.features.sessions.core.changes import EventData
from pattern_stack.features.sessions.core.entry import Entry
from pattern_stack.features.sessions.errors import SessionNotFound, SessionUnavailable
from pattern_stack.features.sessions.journal import again
from pattern_stack.features.sessions.registry import Registry
from pattern_stack.features.sessions.session import Session
from pattern_stack.features.sessions.shared_journal import SharedJournal

CHANNEL = "session-instances"

HEARTBEAT_SECONDS = 0.4
_GAP_SECONDS = 3 * HEARTBEAT_SECONDS
"""After so long without its own voice, others may have taken this instance for dead."""
_ROUND_SECONDS = 15.0
_IDLE_SECONDS = 60.0
"""A session that others own, and that nobody here has asked for, is kept in memory for so long."""
_KEEP_SECONDS = 3_600.0
_NAMED = 32
"""Connections of a dead instance whose going has an event of its own."""

_log = LogEvery(logging.getLogger(__name__))


def register_instances_channel(broadcast: WebSocketBroadcastBackend) -> None:
    @broadcast.channel(CHANNEL)
    class InstancesChannel(Channel):
        """No client is on it."""

        async def authorize(self, connection: Connection) -> None:
            raise Forbidden("this channel is for instances alone")


class Housekeeping:
    """Of one journal. The living instance whose name comes first sees to the sessions of dead ones."""

    def __init__(self, registry: Registry, journal: SharedJournal) -> None:
        self._registry = registry
        self._broadcast = registry.broadcast
        self._journal = journal
        self._fellows = journal.fellows
        self._tasks = Tasks()
        self._runs = self._ended = False
        self._wake = asyncio.Event()
        self._heard_at = float("-inf")

    @property
    def trouble(self) -> str | None:
        """A task of it that has died."""
        return self._tasks.trouble

    def begin(self) -> None:
        """With the first call of a session, unless it was stopped."""
        if not self._ended:
            self.start()

    def start(self) -> None:
        if not self._runs:
            self._runs, self._ended = True, False
            self._wake = asyncio.Event()
            self._tasks.start("the heartbeat of sessions", self._beat())
            self._tasks.start("the care of sessions", self._care())

    async def stop(self) -> None:
        """Others need not wait until they miss this instance."""
        if self._runs:
            self._runs, self._ended = False, True
            await self._tasks.stop()
            with suppress(BroadcastError):
                await self._say("instance-leaves")

    def wake(self) -> None:
        self._wake.set()

    # -- being heard

    async def _beat(self) -> None:
        subscription: Subscription | None = None
        while True:
            try:
                subscription = subscription or await self._broadcast.subscribe(CHANNEL, self._hear)
                await self._say("instance-lives")
                await self._journal.calls.look()
            except BroadcastClosed:
                await asyncio.Event().wait()  # the instance ends
            except (BroadcastError, SessionUnavailable) as error:
                _log.warning("other instances do not hear of this one: %s", error)
            await asyncio.sleep(HEARTBEAT_SECONDS)

    async def _say(self, event: str) -> None:
        await self._broadcast.broadcast(CHANNEL, event, {"instance": self._fellows.me}, ephemeral=True)

    async def _hear(self, event: str, payload: dict[str, Any]) -> None:
        instance, before = str(payload.get("instance")), self._fellows.living
        now = asyncio.get_running_loop().time()
        if event == "instance-leaves":
            self._fellows.leave(instance)
        elif instance == self._fellows.me and now - self._heard_at > _GAP_SECONDS:
            self._fellows.interrupt()
        was_sure = self._fellows.is_sure
        if event == "instance-lives":
            self._fellows.hear(instance)
        if instance == self._fellows.me:
            self._heard_at = now
        if set(before) - set(self._fellows.living) or was_sure != self._fellows.is_sure:
            self._wake.set()

    # -- the sessions

    async def _care(self) -> None:
        while True:
            await wait_at_most(_ROUND_SECONDS, self._wake)
            self._wake.clear()
            try:
                await self._round()
            except BroadcastClosed:
                await asyncio.Event().wait()
            except (BroadcastError, SessionUnavailable) as error:
                _log.warning("sessions are not seen to: %s", error)

    async def _round(self) -> None:
        self._journal.calls.begin()
        for session_id, about in await self._journal.abouts():
            with suppress(SessionNotFound):  # it was closed meanwhile
                await self._see_to(session_id, about)
        self._forget_idle()

    async def _see_to(self, session_id: str, about: About) -> None:
        here = self._registry.get(session_id) if self._registry.has(session_id) else None
        if self._is_in_charge and not all(map(self._fellows.lives, (about.owner, *about.members))):
            await self._take_over(await self._journal.find(session_id))
        if about.owner == self._fellows.me and (here is None or here.number < about.number or self._is_due(here)):
            await self._journal.keep(await self._journal.find(session_id))
        if here and len(here.attendance.present) != about.members.get(self._fellows.me, 0):
            await self._refresh(here)
            await self._journal.attend(here)

    def _is_due(self, session: Session) -> bool:
        """The store would drop in the end what is never read."""
        return asyncio.get_running_loop().time() - session.confirmed > _KEEP_SECONDS

    @property
    def _is_in_charge(self) -> bool:
        """Of what dead instances left."""
        return self._fellows.is_sure and self._fellows.living[0] == self._fellows.me

    async def _refresh(self, session: Session) -> None:
        async with session.graph_lock:
            await self._journal.refresh(session)

    async def _take_over(self, session: Session) -> None:
        async def attempt() -> None:
            async with session.graph_lock:
                await self._journal.refresh(session)
                await self._without_the_dead(session)

        await again(self._journal, session, attempt)

    async def _without_the_dead(self, session: Session) -> None:
        gone = [instance for instance in session.members if not self._fellows.lives(instance)]
        owner = None if self._fellows.lives(session.owner) else self._fellows.me
        events = _departures(session, gone)
        if owner:
            events.append(("session-moved", {"instance": owner}))
        if events or gone:
            await self._journal.commit(session, Entry(gone=gone, owner=owner), events)

    def _forget_idle(self) -> None:
        now = asyncio.get_running_loop().time()
        for session in self._registry.all():
            is_used = session.attendance.present or session.turn.locked() or session.graph_lock.locked()
            is_used = is_used or session.attendance.next_due(now) is not None
            is_ours = session.owner == self._fellows.me or not session.number
            if not is_used and not is_ours and now - session.used > _IDLE_SECONDS:
                self._registry.drop(session)


def _departures(session: Session, gone: list[str]) -> list[EventData]:
    """Each says how many are left."""
    count = session.active_clients
    events = list[EventData]()
    ids = [id for instance in gone for id in sorted(session.members[instance])]
    for place, id in enumerate(ids[-_NAMED:], max(len(ids) - _NAMED, 0) + 1):
        events.append(("session-disconnected", {"connection_id": id, "active_clients": count - place}))
    return events
