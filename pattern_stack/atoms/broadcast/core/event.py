"""The one message type and its only codec: where names meet the wire."""

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import orjson

from pattern_stack.atoms.broadcast.core.limits import Limits
from pattern_stack.atoms.broadcast.websocket.frames import Frame, Part, Shared, fragments_of, size_of, slices_of
from pattern_stack.atoms.clock import iso_now
from pattern_stack.atoms.json import is_finite, unwritable
from pattern_stack.errors import InvalidChannel, InvalidEvent

_CHANNEL = re.compile(r"[A-Za-z0-9_\-.:/@]+")
_KEY_LENGTH = 64
_PRESENCE = re.compile(rb'\{"channel":"[^"]*","event":"presence-(?:joined|left)",')


class Position(NamedTuple):
    """A place in a channel's order: the event with this offset has been seen, the next one has offset + 1.

    Offsets mean something within their epoch only: another epoch is another order.
    """

    epoch: str
    """The life of the channel's history that the offset belongs to."""
    offset: int
    """The number of the event in its channel and epoch, from 1 on; 0: before the first one."""


class Last(NamedTuple):
    """The newest events of a channel's window: so many, or as many as there are."""

    events: int


Since = Position | Last
"""Where a subscriber begins: behind a position, or with the newest events."""


class Model(Protocol):
    """A pydantic model, or whatever else becomes a mapping as one does."""

    def model_dump(self, *, mode: str) -> Any: ...


Payload = Mapping[str, Any] | Model
"""What an event carries: a JSON object."""


class Declared(Protocol):
    """What an application declared about the events of its channels."""

    @property
    def undeclared(self) -> Container[str]:
        """Channels that are known to have no declared events."""

    def serialised(self, channel: str, event_type: str, payload: Payload) -> Payload:
        """The payload that is sent. Raises InvalidEvent."""


class Publish(NamedTuple):
    """One item of `broadcast_many`: what `broadcast` takes."""

    channel: str
    event_type: str
    payload: Payload
    origin: str | None = None
    key: str | None = None
    ephemeral: bool = False


class Draft(NamedTuple):
    """An event that is encoded, but has no place in its channel yet. An ephemeral one never gets one."""

    channel: str
    body: bytes
    key: str | None = None
    ephemeral: bool = False
    patient: bool = False
    """Nobody waits for it: it waits itself for a store that cannot be reached, however long that takes."""

    def at(self, epoch: str, offset: int) -> "Event":
        return Event(self.channel, self.body, epoch, offset)


class Event(Frame):
    """A published event. Immutable: the payload was frozen into bytes when it was published, and is read from them."""

    __slots__ = ("channel", "epoch", "offset")

    events = 1

    def __init__(self, channel: str, body: bytes, epoch: str, offset: int) -> None:
        self.data = b'%b,"offset":%d}' % (body[:-1], offset)
        self._text = self._deflated = None
        self.channel = channel
        self.epoch = epoch
        self.offset = offset

    @classmethod
    def without_payload(cls, channel: str, epoch: str, offset: int) -> "Event":
        """An event that is no longer kept: its place is all that is known of it."""
        event = cls(channel, b"{}", epoch, offset)
        event.data = b""
        return event

    @property
    def position(self) -> Position:
        """Its place in the order of its channel."""
        return Position(self.epoch, self.offset)

    @property
    def event_type(self) -> str:
        """Its name, like `created`."""
        event_type: str = self._message["event"]
        return event_type

    @property
    def payload(self) -> dict[str, Any]:
        """A fresh copy each time: who changes it changes nothing for anybody else."""
        payload: dict[str, Any] = self._message["payload"]
        return payload

    @property
    def timestamp(self) -> str:
        """When it was published: UTC, ISO 8601 with microseconds, by the clock of the process that published it."""
        timestamp: str = self._message["timestamp"]
        return timestamp

    @property
    def origin(self) -> str | None:
        """Who caused it, where the publisher said so with `origin=`."""
        return self._message.get("origin")

    @property
    def handler_args(self) -> tuple[str, dict[str, Any]]:
        """Its type and a fresh payload: what a handler is called with, for one look at the bytes."""
        message = self._message
        return message["event"], message["payload"]

    @property
    def _message(self) -> dict[str, Any]:
        """Raises LookupError where its place is all that is known."""
        if not self.data:
            raise LookupError(
                f"{self.channel} {self.epoch}:{self.offset} is no longer kept: its position is all there is"
            )
        message: dict[str, Any] = orjson.loads(self.data)
        return message

    def __eq__(self, other: object) -> bool:
        """The same place is the same event: an offset never means two."""
        if not isinstance(other, Event):
            return NotImplemented
        return (self.channel, self.epoch, self.offset) == (other.channel, other.epoch, other.offset)

    def __hash__(self) -> int:
        return hash((self.channel, self.epoch, self.offset))

    def __repr__(self) -> str:
        event_type = self.event_type if self.data else None
        return f"Event({self.channel!r}, {event_type!r}, {self.epoch}:{self.offset})"


class Snapshot(Event):
    """A channel's state, made for one client."""

    __slots__ = ()

    events = 0


class SharedSnapshot(Snapshot):
    """One in parts, one of which other clients' snapshots have too: it is held once for all of them."""

    __slots__ = ("parts",)

    def __init__(self, channel: str, parts: Sequence[Part], position: Position) -> None:
        self.parts = parts
        self._text = self._deflated = None
        self.channel = channel
        self.epoch, self.offset = position

    @property
    def data(self) -> bytes:  # type: ignore[override]
        """A copy of all of it."""
        return b"".join([part.data if isinstance(part, Shared) else part for part in self.parts])

    @property
    def text(self) -> str:
        return self.data.decode()

    @property
    def size(self) -> int:
        return size_of(self.parts)

    def fragments(self, deflating: bool) -> Iterator[bytes]:
        return fragments_of(self.parts, deflating)

    def slices(self) -> Iterator[bytes]:
        return slices_of(self.parts)


class Ephemeral(Frame):
    """An event without a place: it is not kept, and counts for nothing in order and recovery."""

    __slots__ = ("channel",)

    events = 1

    def __init__(self, channel: str, body: bytes) -> None:
        super().__init__(body)
        self.channel = channel

    @property
    def handler_args(self) -> tuple[str, dict[str, Any]]:
        """As an Event's."""
        message = orjson.loads(self.data)
        return message["event"], message["payload"]


class PresenceEvent(Ephemeral):
    """Who has come or gone. It is not kept either; but it waits for those who are behind, like an Event."""

    __slots__ = ()


def ephemeral_event(channel: str, body: bytes) -> Ephemeral:
    """The event that these bytes are."""
    return PresenceEvent(channel, body) if _PRESENCE.match(body) else Ephemeral(channel, body)


class Reset(Frame):
    """Continuity of a channel was lost: who is on it is told to refetch, and gets what follows this place."""

    __slots__ = ("channel", "position")

    tells = (("resets", "store"),)

    def __init__(self, channel: str, position: Position) -> None:
        super().__init__(orjson.dumps({"reset": {channel: position._asdict()}}))
        self.channel = channel
        self.position = position


def is_channel(channel: object, limits: Limits) -> bool:
    """Whether it has the type, length and characters of a channel's name."""
    return isinstance(channel, str) and len(channel) <= limits.name_length and _CHANNEL.fullmatch(channel) is not None


def check_channel(channel: str, limits: Limits) -> str:
    """The channel itself. Raises InvalidChannel where it has a wrong type, length or character."""
    if not is_channel(channel, limits):
        shown = repr(channel)[:80]
        raise InvalidChannel(
            f"a channel is 1 to {limits.name_length} characters of A-Z a-z 0-9 _ - . : / @, not {shown}"
        )
    return channel


def encode(
    channel: str,
    event_type: str,
    payload: Payload,
    *,
    origin: str | None = None,
    key: str | None = None,
    ephemeral: bool = False,
    limits: Limits,
    bounded: bool = True,
    declared: Declared | None = None,
) -> Draft:
    """The event as bytes, ready for any number of subscribers. `declared` validates it first.

    Raises InvalidChannel or InvalidEvent. `bounded=False` lets a snapshot be bigger than `Limits.event_bytes`.
    """
    check_channel(channel, limits)
    if (
        not isinstance(event_type, str)
        or not event_type.isprintable()
        or not 1 <= len(event_type) <= limits.name_length
    ):
        raise InvalidEvent(f"an event's name is 1 to {limits.name_length} printable characters, not {event_type!r:.80}")
    if origin is not None and not isinstance(origin, str):
        raise InvalidEvent(f"an origin is a string, not {type(origin).__name__}")
    if key is not None:
        _check_key(key, ephemeral)
    if declared is not None and channel not in declared.undeclared:
        payload = declared.serialised(channel, event_type, payload)
    message: dict[str, Any] = {
        "channel": channel,
        "event": event_type,
        "payload": _plain(payload),
        "timestamp": iso_now(),
    }
    if origin is not None:
        message["origin"] = origin
    body = _dump(message, channel, event_type)
    if bounded and len(body) > limits.event_bytes:
        raise InvalidEvent(f"{channel} {event_type}: {len(body)} bytes, more than {limits.event_bytes}")
    return Draft(channel, body, key, ephemeral)


def encode_snapshot(channel: str, state: Mapping[str, Any], position: Position, limits: Limits) -> Snapshot:
    """The event `snapshot` at a position. Values of the state that are Shared are held once for all who get them.

    Raises InvalidEvent, also where it has more than `Limits.snapshot_bytes`.
    """
    shared = {name: value for name, value in state.items() if isinstance(value, Shared)}
    plain = {name: value for name, value in state.items() if name not in shared} if shared else state
    draft = encode(channel, "snapshot", plain, limits=limits, bounded=False)
    size = len(draft.body) + size_of([*shared.values()])
    if size > limits.snapshot_bytes:
        raise InvalidEvent(f"a snapshot of {size} bytes; Limits.snapshot_bytes is {limits.snapshot_bytes}")
    if not shared:
        return Snapshot(channel, draft.body, *position)
    return SharedSnapshot(channel, _spliced(draft.at(*position).data, shared, bool(plain)), position)


def _spliced(data: bytes, shared: Mapping[str, Shared], behind: bool) -> list[Part]:
    """The values become the last ones of the payload, whose end is what the last of these marks stands for."""
    end = data.rindex(b'},"timestamp":"')
    parts: list[Part] = []
    before = data[:end]
    for name, value in shared.items():
        parts += [before + (b"," if behind else b"") + orjson.dumps(name) + b":", value]
        before, behind = b"", True
    return [*parts, data[end:]]


def _check_key(key: object, ephemeral: bool) -> None:
    if not isinstance(key, str) or not key.isprintable() or not 1 <= len(key) <= _KEY_LENGTH:
        raise InvalidEvent(f"a key is 1 to {_KEY_LENGTH} printable characters, not {key!r:.80}")
    if ephemeral:
        raise InvalidEvent("an ephemeral event has no place that its key could stand for: leave out one of the two")


def _plain(payload: object) -> dict[str, Any]:
    """The payload as a dict; a pydantic model as the JSON that it serialises to."""
    if type(payload) is dict:
        return payload
    dump = None if isinstance(payload, Mapping | type) else getattr(payload, "model_dump", None)
    try:
        plain = dump(mode="json") if dump else payload
    except (TypeError, ValueError) as error:
        raise InvalidEvent(f"{type(payload).__name__} cannot be serialised: {error}") from error
    if not isinstance(plain, Mapping):
        raise InvalidEvent(f"a payload is a JSON object or a pydantic model, not {type(payload).__name__}")
    return dict(plain)


def _dump(message: dict[str, Any], channel: str, event_type: str) -> bytes:
    try:
        body = orjson.dumps(message)
    except (TypeError, ValueError) as error:
        where = unwritable(message["payload"], "payload")
        raise InvalidEvent(f"{channel} {event_type}: {error}{f' ({where})' if where else ''}") from error
    # orjson writes NaN and Infinity as null; a value that changes silently is worse than an error
    if b"null" in body and not is_finite(message["payload"]):
        raise InvalidEvent(f"{channel} {event_type}: NaN and Infinity are not JSON")
    return body
