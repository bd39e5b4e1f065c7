"""Keeps a journal short: now and then a snapshot takes the place of the entries so far."""

import asyncio
import logging

from pattern_stack.atoms.log_every import LogEvery
from pattern_stack.atoms.turns import in_turns
from pattern_stack.errors import BroadcastError
from pattern_stack.features.sessions.core import snapshot
from pattern_stack.features.sessions.errors import SessionUnavailable
from pattern_stack.features.sessions.session import Session
from pattern_stack.features.sessions.store_calls import StoreCalls

_log = LogEvery(logging.getLogger(__name__))

ENTRIES = 1_000
BYTES = 256 * 1024
"""Of entries, where the snapshot has fewer: an instance that takes a session over reads at most about two snapshots."""


class Compaction:
    """Of all sessions, one at a time for each. What fails is tried again when as much has come again."""

    def __init__(self, calls: StoreCalls) -> None:
        self._calls = calls
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start_if_due(self, session: Session) -> None:
        is_long = session.number - session.base >= ENTRIES
        is_big = session.journal_bytes >= max(BYTES, session.snapshot_bytes)
        if (is_long or is_big) and session.id not in self._tasks:
            task = self._tasks[session.id] = asyncio.get_running_loop().create_task(self._compact(session))
            task.add_done_callback(lambda _: self._tasks.pop(session.id, None))

    async def _compact(self, session: Session) -> None:
        self._calls.begin()
        async with session.graph_lock:
            if session.closed or session.number <= 0:
                return
            whole = await in_turns(snapshot.dump(session))
            number, entry = session.number, session.entry
            session.base, session.journal_bytes, session.snapshot_bytes = number, 0, len(whole)
        try:
            await self._calls.compact(session.channel, number, entry, whole)
        except (BroadcastError, SessionUnavailable) as error:
            _log.warning("the journal of %s was not compacted: %s", session.channel, error)
