"""Which session a project is for, over all instances: the journal of a channel that nobody is on, `session-project:ID`."""

import secrets
from typing import NamedTuple

import orjson

from pattern_stack.atoms.broadcast.bridge.journal import JournalReading, Step
from pattern_stack.features.sessions.core.fellows import Fellows
from pattern_stack.features.sessions.errors import ProjectInUse, SessionNotFound
from pattern_stack.features.sessions.journal import Journal
from pattern_stack.features.sessions.session import Session
from pattern_stack.features.sessions.store_calls import StoreCalls


class _Claim(NamedTuple):
    """None: the project is for nobody."""

    session_id: str | None
    instance: str


class ProjectClaims:
    """A claim holds while its session is there and has the project, and while the instance that made it may still be about
    to put the project into the session."""

    def __init__(self, calls: StoreCalls, journal: Journal, fellows: Fellows) -> None:
        self._calls = calls
        self._journal = journal
        self._fellows = fellows
        self._pending: set[tuple[str, str]] = set()
        """Projects that this instance is about to put into sessions."""

    async def holder(self, project_id: str) -> Session | None:
        """The session that the project is live in."""
        claim, _ = await self._read(project_id)
        return await self._live(project_id, claim.session_id)

    async def claim(self, project_id: str, session: Session) -> None:
        """Until `release`, or until it is live there. Raises ProjectInUse."""
        while True:
            claim, reading = await self._read(project_id)
            if claim.session_id not in (None, session.id) and await self._holds(project_id, claim):
                raise ProjectInUse("the project is live in another session")
            if await self._write(project_id, session.id, reading):
                self._pending.add((project_id, session.id))
                return

    async def release(self, project_id: str, session: Session) -> None:
        """The session is not about to get it any more. Where the project is live in it, the claim goes on."""
        self._pending.discard((project_id, session.id))
        if session.project and session.project.project_id == project_id:
            return
        claim, reading = await self._read(project_id)
        if claim.session_id == session.id:
            await self._write(project_id, None, reading)

    async def offer(self, project_id: str, session: Session) -> None:
        """It is live there: let a store know that may have lost the claim."""
        claim = orjson.dumps([session.id, self._fellows.me])
        await self._calls.offer(_channel(project_id), 1, secrets.token_hex(8), b"", claim)

    async def keep(self, project_id: str, session: Session) -> None:
        """It is live there: the store keeps the claim, and has it again where it was dropped."""
        claim, reading = await self._read(project_id)
        if claim.session_id is None:
            await self._write(project_id, session.id, reading)

    async def _holds(self, project_id: str, claim: _Claim) -> bool:
        """Whether it is live there is asked last: until then it may come to be."""
        if await self._is_pending(project_id, claim):
            return True
        return await self._live(project_id, claim.session_id) is not None

    async def _is_pending(self, project_id: str, claim: _Claim) -> bool:
        if claim.instance == self._fellows.me:
            return (project_id, claim.session_id) in self._pending
        return self._fellows.may_live(claim.instance) and await self._is_there(claim.session_id)

    async def _live(self, project_id: str, session_id: str | None) -> Session | None:
        session = await self._find(session_id)
        return session if session and session.project and session.project.project_id == project_id else None

    async def _is_there(self, session_id: str | None) -> bool:
        return await self._find(session_id) is not None

    async def _find(self, session_id: str | None) -> Session | None:
        """As it is now."""
        if session_id is None:
            return None
        try:
            session = await self._journal.find(session_id)
            async with session.graph_lock:
                await self._journal.refresh(session)
        except SessionNotFound:
            return None
        return session

    async def _read(self, project_id: str) -> tuple[_Claim, JournalReading]:
        """The claim, and where it was read."""
        reading = await self._calls.read(_channel(project_id), 0, "")
        claim = _Claim(*orjson.loads(reading.snapshot)) if reading.snapshot else _Claim(None, "")
        return claim, reading

    async def _write(self, project_id: str, session_id: str | None, after: JournalReading) -> bool:
        """In the place of the claim that was read there; False where another was faster."""
        claim = orjson.dumps([session_id, self._fellows.me])
        step = Step(after.number, after.id, secrets.token_hex(8), b"", b"", claim)
        return (await self._calls.append(_channel(project_id), step, ())).state == "done"


def _channel(project_id: str) -> str:
    return f"session-project:{project_id}"
