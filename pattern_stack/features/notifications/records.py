"""Records and their events: a change is stored first, then its event is published."""

import asyncio
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

from pattern_stack.atoms.broadcast import WebSocketBroadcastBackend
from pattern_stack.atoms.broadcast.core.event import Payload
from pattern_stack.errors import ServiceError
from pattern_stack.features.notifications.errors import InvalidReport
from pattern_stack.features.notifications.models import Alert, Notification, Page, R, Record
from pattern_stack.features.notifications.store import Row, Rows, Store

EVERYONE = "notifications"
"""The channel of records that belong to no session."""

EventOf = Callable[[R], tuple[str, Payload] | None]
"""The type and the payload of the event that tells of a record; None for no event."""


def channel_name(session_id: str | None) -> str:
    return EVERYONE if session_id is None else f"{EVERYONE}:{session_id}"


class Records:
    """Reads and changes records. All methods are called on the hub's loop.

    A change is in the store before its event is published. With a store that does not wait, nothing else on the loop
    happens in between. Changes of one record by this instance are published in the order in which they were made.
    Whatever waits for the store raises BroadcastUnavailable.
    """

    def __init__(self, broadcast: WebSocketBroadcastBackend, store: Store) -> None:
        self._broadcast = broadcast
        self._store = store
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def get(self, model: type[R], key: str) -> R | None:
        return _parsed(model, await self._store.get(model.kind, _checked(key)))

    async def page(self, model: type[Record], limit: int, before: int | None, **filters: Any) -> Rows:
        return await self._store.page(model.kind, _tags(filters), limit, before)

    async def count(self, model: type[Record], **filters: Any) -> int:
        return await self._store.count(model.kind, _tags(filters))

    async def keys(self, model: type[Record], **filters: Any) -> set[str]:
        return set(await self._store.keys(model.kind, _tags(filters)))

    async def clear(self, model: type[Record], **filters: Any) -> int:
        return await self._store.clear(model.kind, _tags(filters))

    async def add(self, record: Notification | Alert, event_type: str, origin: str | None) -> None:
        draft = self._broadcast.draft(channel_name(record.session_id), event_type, record, origin=origin)
        await self._store.swap(record.kind, record.key, None, _row(record))
        await self._broadcast.publish_encoded([draft])

    async def change(
        self,
        model: type[R],
        key: str,
        change: Callable[[R | None], R],
        event_of: EventOf[R],
        origin: str | None = None,
        *,
        remove: bool = False,
    ) -> R:
        """Compare-and-set: store what `change` makes of the record, which is None if there is none, and publish it.

        `change` may be called again if another instance was faster; it returns the same object for no change. `remove`:
        the record is published and removed. Raises what `change` raises; nothing was stored or published then.
        """
        lock = self._locks.setdefault((model.kind, _checked(key)), asyncio.Lock())
        async with lock:
            while True:
                stored = await self._store.get(model.kind, key)
                before = _parsed(model, stored)
                after = change(before)
                if after is before:
                    return after
                event = event_of(after)
                channel = channel_name(getattr(after, "session_id", None))
                drafts = [self._broadcast.draft(channel, *event, origin=origin)] if event else []
                if await self._store.swap(model.kind, key, stored, None if remove else _row(after)):
                    await self._broadcast.publish_encoded(drafts)
                    return after


def parsed_page(model: type[R], rows: Rows) -> Page[R]:
    return Page(records=[model.model_validate_json(row) for row in rows.data], total=rows.total, next=rows.next)


def whole_record(event_type: str) -> EventOf[Record]:
    """An event of this type, whose payload is the record."""
    return lambda record: (event_type, record)


def found(record: R | None, error: ServiceError) -> R:
    """The record. Raises the error if there is none."""
    if record is None:
        raise error
    return record


def _checked(key: str) -> str:
    """The key, if every store can take it. Raises InvalidReport otherwise."""
    if not isinstance(key, str) or not key.isprintable() or len(key) > 200:
        raise InvalidReport(f"id must be at most 200 printable characters, not {key!r:.80}")
    return key


def _parsed(model: type[R], stored: bytes | None) -> R | None:
    return None if stored is None else model.model_validate_json(stored)


def _row(record: Record) -> Row:
    tags = _tags({name: getattr(record, name) for name in record.filters})
    return Row(record.key, record.model_dump_json().encode(), record.timestamp.timestamp(), tags)


def _tags(values: dict[str, Any]) -> frozenset[str]:
    return frozenset(f"{name}={value}" for name, value in values.items() if value is not None)
