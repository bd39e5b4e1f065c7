"""What the backends of this process publish."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Self

import orjson

from pattern_stack.atoms.broadcast.backends.publishing import Publishing
from pattern_stack.atoms.broadcast.core.event import Draft, Event
from pattern_stack.atoms.broadcast.instance.events import InstanceEvents
from pattern_stack.errors import BroadcastError

_OWN = frozenset({"presence-joined", "presence-left", "presence-state"})
"""What backends publish by themselves."""
_ABSENT = object()
_SHOWN, _SHOWN_CHARACTERS = 20, 300


class Published(NamedTuple):
    """One publish that succeeded."""

    channel: str
    event_type: str
    payload: dict[str, Any]
    origin: str | None
    ephemeral: bool

    def __str__(self) -> str:
        text = orjson.dumps(self.payload).decode()
        return f"{self.channel} {self.event_type} {text[:_SHOWN_CHARACTERS]}"


class BroadcastLog:
    """Records while it is entered, over all backends, loops and threads. What a `key` kept from being published is not in it."""

    def __init__(self) -> None:
        self._published: list[Published] = []
        self._refused: list[str] = []
        self._seen: set[tuple[int, Event]] = set()

    # -- what a test asks

    def events(self, channel: str | None = None) -> list[Published]:
        """In the order in which the publishes returned."""
        return [one for one in self._published if channel in (None, one.channel)]

    def assert_published(self, channel: str, event_type: str, *, times: int | None = None, **fields: Any) -> None:
        """At least once, or exactly `times`, with these fields in the payload. A failure says what was published instead."""
        __tracebackhide__ = True
        named = [one for one in self.events(channel) if one.event_type == event_type]
        fitting = [one for one in named if not _differences(one, fields)]
        if fitting and times in (None, len(fitting)):
            return
        wanted = f"{event_type!r} on {channel!r}" + (f" with {fields}" if fields else "")
        if fitting or (times == 0 and not fitting):
            if times == len(fitting):
                return
            raise AssertionError(f"{wanted} was published {len(fitting)} times, not {times}:{_list(fitting)}")
        why = "".join(f"\n  {one}: {_differences(one, fields)}" for one in named[:_SHOWN])
        elsewhere = [one for one in self._published if one.event_type == event_type and one.channel != channel]
        if elsewhere and not named:
            why += f"\n  it was published on {', '.join(sorted({repr(one.channel) for one in elsewhere}))}"
        raise AssertionError(f"{wanted} was not published.{why}{self._instead()}")

    def assert_nothing_published(self, channel: str | None = None) -> None:
        """Raises AssertionError, with what was published on the channel, or on any."""
        __tracebackhide__ = True
        if there := self.events(channel):
            where = f" on {channel!r}" if channel else ""
            raise AssertionError(f"{len(there)} events were published{where}:{_list(there)}")

    @contextmanager
    def assert_published_after_commit(self, engine: Any) -> Iterator[None]:
        """In the block, nothing may be published while a transaction that writes is open on this SQLAlchemy Engine or
        AsyncEngine, nor before a session that has begun writes: clients would read what is not there yet, or never will be.
        Tables of an Outbox do not count. A failure names the events, the tables, and whether it was committed at all.
        """
        __tracebackhide__ = True
        from pattern_stack.testing.commits import Commits

        commits = Commits(lambda: len(self._published))
        with commits.watched(engine):
            yield
        told = [f"{how}:{_list(self._published[begun:end])}" for begun, end, how in commits.found]
        if told:
            raise AssertionError("\n".join(f"published {one}" for one in told))

    def _instead(self) -> str:
        text = f"\nPublished were:{_list(self._published)}" if self._published else "\nNothing was published."
        return text + "".join(f"\nRefused was: {one}" for one in self._refused[:_SHOWN])

    # -- how it records

    def __enter__(self) -> Self:
        self._publish, self._send, self._draft = InstanceEvents.publish, InstanceEvents.send, Publishing.draft
        publish, send, draft = self._publish, self._send, self._draft
        log = self

        async def publish_and_note(source: InstanceEvents, drafts: Sequence[Draft]) -> list[Event]:
            events = await publish(source, drafts)
            for one, event in zip(drafts, events, strict=True):
                log._note_event(source, one, event)
            return events

        async def send_and_note(source: InstanceEvents, drafts: Sequence[Draft]) -> None:
            await send(source, drafts)
            for one in drafts:
                log._note(one, ephemeral=True)

        def draft_or_note(backend: Publishing, *event: Any, **options: Any) -> Draft:
            try:
                return draft(backend, *event, **options)
            except BroadcastError as error:
                log._refused.append(f"{' '.join(str(part) for part in event[:2])}: {error}")
                raise

        InstanceEvents.publish, InstanceEvents.send = publish_and_note, send_and_note  # type: ignore[method-assign,assignment]
        Publishing.draft = draft_or_note  # type: ignore[method-assign,assignment]
        return self

    def __exit__(self, *exception: object) -> None:
        InstanceEvents.publish, InstanceEvents.send = self._publish, self._send  # type: ignore[method-assign]
        Publishing.draft = self._draft  # type: ignore[method-assign]

    def _note_event(self, source: InstanceEvents, draft: Draft, event: Event) -> None:
        if (id(source), event) not in self._seen:
            self._seen.add((id(source), event))
            self._note(draft, ephemeral=False)

    def _note(self, draft: Draft, *, ephemeral: bool) -> None:
        message = orjson.loads(draft.body)
        if message["event"] not in _OWN:
            origin = message.get("origin")
            one = Published(draft.channel, message["event"], message["payload"], origin, ephemeral)
            self._published.append(one)


def _differences(one: Published, fields: dict[str, Any]) -> str:
    """What of the payload is not as asked for; nothing where all of it is."""
    found = []
    for name, wanted in fields.items():
        there = one.payload.get(name, _ABSENT)
        if there is _ABSENT:
            found.append(f"has no {name}")
        elif there != wanted:
            found.append(f"{name} is {there!r}, not {wanted!r}")
    return ", ".join(found)


def _list(events: Sequence[Published]) -> str:
    more = f"\n  and {len(events) - _SHOWN} more" if len(events) > _SHOWN else ""
    return "".join(f"\n  {one}" for one in events[:_SHOWN]) + more
