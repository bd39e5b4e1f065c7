"""Records and their events: what is kept, and what is told of it."""

import asyncio
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

from pattern_stack.atoms.broadcast import WebSocketBroadcastBackend
from pattern_stack.errors import ServiceError
from pattern_stack.features.notifications.errors import InvalidReport
from pattern_stack.features.notifications.models import Alert, Notification, Page, R, Record
from pattern_stack.features.notifications.store import Row, Store

EVERYONE = "notifications"
"""The channel of what belongs to no session."""


def channel_of(session_id: str | None) -> str:
    return EVERYONE if session_id is None else f"{EVERYONE}:{session_id}"


class Records:
    """Changes are in the store before their events are published; with a store that does not wait both are one step.

    The changes of one record that this instance makes have the order of their events. All is called on the hub's loop.
    """

    def __init__(self, broadcast: WebSocketBroadcastBackend, store: Store) -> None:
        self._broadcast = broadcast
        self._store = store
        self._turns: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def get(self, model: type[R], key: str) -> R | None:
        return _read(model, await self._store.get(model.kind, _checked(key)))

    async def list(self, model: type[R], limit: int, **wanted: Any) -> Page[R]:
        rows, total = await self._store.newest(model.kind, _tags(wanted), limit)
        return Page(records=[model.model_validate_json(row) for row in rows], total=total)

    async def keys(self, model: type[Record], **wanted: Any) -> set[str]:
        return set(await self._store.keys(model.kind, _tags(wanted)))

    async def clear(self, model: type[Record], **wanted: Any) -> int:
        return await self._store.clear(model.kind, _tags(wanted))

    async def add(self, record: Notification | Alert, event_type: str) -> None:
        draft = self._broadcast.draft(channel_of(record.session_id), event_type, record.payload)
        await self._store.swap(record.kind, record.key, None, _row(record))
        await self._broadcast.publish_encoded([draft])

    async def change(
        self,
        model: type[R],
        key: str,
        change: Callable[[R | None], R],
        tell: Callable[[R], tuple[str, dict[str, Any]] | None],
        *,
        last: bool = False,
    ) -> R:
        """What `change` makes of the record, or of None; the same object back is no change. `tell` says its event.
        `last`: with it the record is gone."""
        turn = self._turns.setdefault((model.kind, _checked(key)), asyncio.Lock())
        async with turn:
            while True:
                stored = await self._store.get(model.kind, key)
                before = _read(model, stored)
                after = change(before)
                if after is before:
                    return after
                told = tell(after)
                drafts = [self._broadcast.draft(channel_of(getattr(after, "session_id", None)), *told)] if told else []
                if await self._store.swap(model.kind, key, stored, None if last else _row(after)):
                    await self._broadcast.publish_encoded(drafts)
                    return after


def whole(event_type: str) -> Callable[[Record], tuple[str, dict[str, Any]]]:
    """An event of this type, which carries all of the record."""
    return lambda record: (event_type, record.payload)


def found(record: R | None, otherwise: ServiceError) -> R:
    if record is None:
        raise otherwise
    return record


def _checked(key: str) -> str:
    """Whatever else it is, a store can take it."""
    if not isinstance(key, str) or not key.isprintable() or len(key) > 200:
        raise InvalidReport(f"id: it is at most 200 printable characters, not {key!r:.80}")
    return key


def _read(model: type[R], stored: bytes | None) -> R | None:
    return None if stored is None else model.model_validate_json(stored)


def _row(record: Record) -> Row:
    tags = _tags({name: getattr(record, name) for name in record.listed_by})
    return Row(record.key, record.model_dump_json().encode(), record.timestamp.timestamp(), tags)


def _tags(values: dict[str, Any]) -> frozenset[str]:
    """What is None is not asked for."""
    return frozenset(f"{name}={value}" for name, value in values.items() if value is not None)
