"""Rows become events: what can be published is, in order, and what never can be is told from what cannot be now."""

import logging
from collections.abc import Sequence

from pattern_stack.atoms.broadcast.backends.instance import InstanceBackend
from pattern_stack.atoms.broadcast.bridge.store import is_event
from pattern_stack.atoms.broadcast.core.event import Draft, check_channel
from pattern_stack.atoms.log_every import LogEvery
from pattern_stack.errors import InvalidChannel, InvalidEvent
from pattern_stack.outbox.queue import Done, Waiting

logger = logging.getLogger(__name__)


class RowPublisher:
    """Publishes with a key for each row: a repeat within 300 s publishes nothing."""

    def __init__(self, broadcast: InstanceBackend) -> None:
        self._broadcast = broadcast
        self._limits = broadcast.limits
        self._log = LogEvery(logger, seconds=1)

    @property
    def trouble(self) -> str | None:
        return self._broadcast.trouble

    async def publish(self, rows: Sequence[Waiting], done: Done) -> None:
        """In their order. `done` has each row that was published or refused, also where this raises.

        Raises BroadcastUnavailable or BroadcastClosed: some that are not in `done` may have been published.
        """
        drafts = {row.id: draft for row in rows if (draft := self._draft(row, done))}
        try:
            await self._broadcast.publish_encoded(list(drafts.values()))
            done.published.update(drafts)
        except (InvalidChannel, InvalidEvent):
            await self._one_by_one(drafts, done)

    async def _one_by_one(self, drafts: dict[int, Draft], done: Done) -> None:
        for id, draft in drafts.items():
            try:
                await self._broadcast.publish_encoded([draft])
                done.published.add(id)
            except (InvalidChannel, InvalidEvent) as error:
                self._refuse(id, error, done)

    def _draft(self, row: Waiting, done: Done) -> Draft | None:
        try:
            check_channel(row.channel, self._limits)
            self._check(row)
        except (InvalidChannel, InvalidEvent) as error:
            self._refuse(row.id, error, done)
            return None
        return Draft(row.channel, row.body, row.key)

    def _refuse(self, id: int, error: Exception, done: Done) -> None:
        done.refused[id] = str(error)
        self._log.warning("event %d of the outbox can never be published and is set aside: %s", id, error)

    def _check(self, row: Waiting) -> None:
        if not is_event(row.channel, row.body):
            raise InvalidEvent(f"{row.channel}: the row does not hold an event")
        if len(row.body) > self._limits.event_bytes:
            raise InvalidEvent(f"{row.channel}: {len(row.body)} bytes, more than {self._limits.event_bytes}")
