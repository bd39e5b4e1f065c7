"""What NOTIFY carries: an event, an event whose row has to be read, or a part of what is ephemeral."""

import asyncio
from collections import deque
from typing import Protocol

from pattern_stack.atoms.broadcast.bridge.store import Arrival, Reading, is_event
from pattern_stack.atoms.broadcast.core.event import Position
from pattern_stack.errors import BroadcastError

_DIGITS = 17
"""Of an offset that nobody gave."""
_EPHEMERAL = b"-"
"""Stands where an event has its epoch. Then come the number of the part, how many parts there are, and what is unique."""
NEW_EPOCH = (b"0", b"-")
"""Place and body of the message that tells of a new epoch: there is no event, and no row to be read."""
_PART = 1_800
"""Characters in a part of what is ephemeral: each takes at most 4 bytes, and a message has less than 8,000."""


def parts_of(channel: str, body: bytes, unique: int) -> list[str]:
    """The messages that carry an ephemeral event. No two are alike: of equal ones a transaction sends one."""
    text = body.decode()
    pieces = [text[at : at + _PART] for at in range(0, len(text), _PART)]
    return [f"{channel} - {part}:{len(pieces)}:{unique} {piece}" for part, piece in enumerate(pieces, 1)]


class Owner(Protocol):
    def follows(self, channel: str) -> bool: ...
    def sent(self, channel: str, body: bytes, /) -> None: ...
    def arrived(self, channel: str, arrival: Arrival, /) -> None: ...
    def unrecognised(self, channel: str, /) -> None: ...
    async def read(self, channel: str, since: Position, until: int | None = None) -> Reading: ...


class Messages:
    """Hands the messages of followed channels on, in their order: what comes behind one whose row is read waits for it."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._waiting: dict[str, deque[Arrival]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._parts: dict[str, list[bytes]] = {}
        """Of the ephemeral event of a channel that is not whole yet: its parts come one behind the other."""

    def take(self, data: bytes) -> None:
        """One message, of a channel or of one that shares its topic."""
        channel, _, rest = data.partition(b" ")
        name = channel.decode()
        if not self._owner.follows(name):
            return
        epoch, _, rest = rest.partition(b" ")
        place, _, body = rest.partition(b" ")
        if epoch == _EPHEMERAL:
            self._take_part(name, place, body)
            return
        if (
            not place.isdigit()
            or len(place) >= _DIGITS
            or (body and not is_event(name, body) and (place, body) != NEW_EPOCH)
        ):
            self._owner.unrecognised(name)
            return
        arrival = Arrival(epoch.decode(), int(place), body)
        if name in self._waiting:
            self._waiting[name].append(arrival)
        elif body:
            self._owner.arrived(name, arrival)
        else:
            self._waiting[name] = deque([arrival])
            self._tasks[name] = asyncio.create_task(self._fetch(name))

    def _take_part(self, name: str, about: bytes, piece: bytes) -> None:
        part, count = about.split(b":")[:2]
        parts = self._parts.setdefault(name, [])
        if part == b"1":
            parts.clear()
        parts.append(piece)
        if b"%d" % len(parts) != part:  # what came before it was not listened to
            parts.clear()
        elif part == count:
            body = b"".join(self._parts.pop(name))
            if is_event(name, body):
                self._owner.sent(name, body)
            else:
                self._owner.unrecognised(name)

    async def _fetch(self, name: str) -> None:
        """A row that cannot be read is missed: the next arrival shows the gap."""
        waiting = self._waiting[name]
        try:
            while waiting:
                arrival = waiting.popleft()
                body = arrival.body or await self._body(name, arrival)
                if body and self._owner.follows(name):
                    self._owner.arrived(name, arrival._replace(body=body))
        finally:
            if self._waiting.get(name) is waiting:
                del self._waiting[name]
                self._tasks.pop(name, None)

    async def _body(self, name: str, arrival: Arrival) -> bytes:
        try:
            reading = await self._owner.read(name, Position(arrival.epoch, arrival.offset - 1), arrival.offset)
        except BroadcastError:
            return b""
        return reading.bodies[0] if reading.bodies and reading.first == arrival.offset else b""

    def stop(self) -> None:
        """All that waits is read from the store anew."""
        for task in self._tasks.values():
            task.cancel()
        self.forget()

    def forget(self) -> None:
        """The loop was closed."""
        self._waiting.clear()
        self._tasks.clear()
        self._parts.clear()
