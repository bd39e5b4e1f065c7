"""What an operator sees of one instance: its channels and connections now, and what has happened to clients lately."""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from time import monotonic
from typing import TypeVar

from pattern_stack.atoms.broadcast.core.channels import CONTROL, Channel
from pattern_stack.atoms.broadcast.core.connection import ManagedConnection
from pattern_stack.atoms.broadcast.core.counters import Counters
from pattern_stack.atoms.broadcast.core.engine import Engine
from pattern_stack.atoms.broadcast.core.event import Event, Position, Reset, encode
from pattern_stack.atoms.broadcast.core.identity import Operator, key_of
from pattern_stack.atoms.broadcast.core.process import ProcessToken
from pattern_stack.atoms.broadcast.core.trail import Row, Trail
from pattern_stack.atoms.broadcast.instance.instance import Instance
from pattern_stack.atoms.broadcast.instance.listener import name_of
from pattern_stack.atoms.ipc.worker import this_worker

T = TypeVar("T")

_A_TURN = 500
"""What is looked at in one turn of the loop."""
_NAMES = 5
"""Channels that the row of a connection names."""


class Inspection:
    """Of one instance, from its construction on: what was before is not known. Only the hub's loop uses it.

    Connections of operators, and their channels, are left out everywhere.
    """

    def __init__(self, instance: Instance) -> None:
        self.trail = Trail()
        self.since = time.time()
        self._instance = instance
        self._token = ProcessToken(4)
        instance.news.told = self._told
        instance.on_published = self._published
        instance.on_engine = lambda engine: engine.attach(self._delivered)
        if "engine" in vars(instance):
            engine: Engine = instance.engine
            engine.attach(self._delivered)
        self._own: set[str] = set()

    def declare(self, pattern: str, channel: Channel) -> None:
        """A channel that operators are on, and nobody else. Its name is left out of what is shown, with what follows a `:`."""
        self._instance.channels.add_for_operators(pattern, channel)
        self._own.add(pattern.partition(":")[0])

    # -- what is told

    def _told(self, kind: str, connection: ManagedConnection | None, fields: dict[str, object]) -> None:
        if connection is not None and _is_operator(connection):
            return
        match kind.split(" ")[0]:
            case "closed" if connection:
                self.trail.end({**_ended(connection), **fields, "by": "server"})
            case "left" if connection:
                self.trail.end({**_ended(connection), "reason": "", **fields, "by": "client"})
            case "refused" if connection:
                told = {"what": "frame", **fields, "user": key_of(connection.identity)}
                self.trail.note("refused", told, {"connection": connection.id})
            case "unjoined" if connection:
                told = {"what": "everyone", **fields, "user": key_of(connection.identity)}
                self.trail.note("refused", told, {"connection": connection.id})
            case "handshake":
                self.trail.note("refused", {"what": "handshake", "channel": None, **fields})
            case "refetch" if connection:
                told = {"channel": fields["channel"], "reason": "history", "user": key_of(connection.identity)}
                self.trail.note("resets", told, {"clients": 1})
            case "origin":
                self.trail.note("origins", fields)
            case "failed":
                self.trail.note("failures", fields)

    def _published(self, events: Sequence[Event]) -> None:
        for event in events:
            if not self._instance.hub.hears(event.channel):
                self.trail.note("unheard", {"channel": event.channel})

    def _delivered(self, event: Event | Reset) -> None:
        if isinstance(event, Reset) and event.channel != CONTROL:
            clients = self._instance.hub.subscriber_count(event.channel)
            self.trail.note("resets", {"channel": event.channel, "reason": "store", "user": None}, {"clients": clients})

    # -- what is there now

    @property
    def about(self) -> Row:
        """Which instance this is, and whether it is linked with others."""
        worker = this_worker()
        return {
            "id": str(self._token),
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "since": self.since,
            "server": worker.server if worker else None,
            "workers": worker.workers if worker else None,
            "linked": self._instance.link is not None,
        }

    @property
    def counters(self) -> Counters:
        return self._instance.counters

    async def connections(self, text: str) -> list[ManagedConnection]:
        """The open ones in which the text occurs: in the user's key, the id, or the name of a channel. "" is all."""
        opened = [one for one in self._instance.connections.open if not _is_operator(one)]
        return [one async for one in _in_turns(opened) if not text or _mentions(one, text)]

    async def channels(self, text: str) -> list[tuple[str, int, Position]]:
        """Each channel with a connection on it and the text in its name: the connections, and the newest position."""
        hub, engine = self._instance.hub, self._instance.engine
        named = [one for one in hub.channels() if text in one[0] and not self._is_own(one[0])]
        return [
            (channel, count, engine.position(channel))
            async for channel, count in _in_turns(named)
            if hub.hears(channel)  # still: others ran in between
        ]

    def heard(self) -> list[str]:
        """The names of channels that somebody is on."""
        return [channel for channel, _ in self._instance.hub.channels() if not self._is_own(channel)]

    def _is_own(self, channel: str) -> bool:
        return channel.partition(":")[0] in self._own

    def channel(self, channel: str, subscribers: int, position: Position) -> Row:
        found, window = self._instance.channels.match(channel), self._instance.channels.window(channel)
        return {
            "channel": channel,
            "subscribers": subscribers,
            "offset": position.offset,
            "epoch": position.epoch,
            "window": {"events": window.events, "seconds": window.seconds, "bytes": window.bytes},
            "pattern": str(found[0].pattern) if found else None,
            "local": bool(found and found[0].local),
        }

    def is_declared(self, channel: str) -> bool:
        return self._instance.channels.match(channel) is not None

    def connection(self, one: ManagedConnection, now: float) -> Row:
        return {**_shown(one), "seconds": now - one.opened_at, "blocked": one.outbox.blocked}

    def handlers(self) -> list[Row]:
        """In-process subscribers, those that are furthest behind first."""
        rows = [
            {
                "channel": one.channel,
                "handler": name_of(one.handler)[:200] if one.handler else None,
                "waiting": one.waiting[0],
                "bytes": one.waiting[1],
            }
            for one in self._instance.listening.listeners
            if one.channel != CONTROL
        ]
        return sorted(rows, key=lambda row: -row["waiting"])

    def hooks(self) -> list[Row]:
        """Hooks of channels that run now, the longest first."""
        now, running = monotonic(), self._instance.running_hooks.values()
        rows: list[Row] = [
            {"hook": one.name, "channel": one.channel, "user": one.user, "seconds": now - one.begun}
            for one in running
            if not self._is_own(one.channel)
        ]
        return sorted(rows, key=lambda row: -row["seconds"])

    # -- what is done

    async def tell(self, channel: str, event_type: str, payload: Row) -> None:
        """Send it to the operators who are on the channel now. It is not kept, and Limits.event_bytes does not hold for it."""
        limits = self._instance.limits
        draft = encode(channel, event_type, payload, ephemeral=True, limits=limits, bounded=False)
        await self._instance.events.send([draft])

    def disconnect(self, connection_id: str) -> bool:
        """Close the connection with 4403, and drop what waits for it. False where none of this instance has the id."""
        for one in self._instance.connections.open:
            if one.id == connection_id and not _is_operator(one):
                one.close(4403, "disconnected by an operator", drop=True)
                return True
        return False


def _is_operator(connection: ManagedConnection) -> bool:
    return isinstance(connection.user, Operator)


def _shown(one: ManagedConnection) -> Row:
    channels = list(one.channels)
    return {
        "id": one.id,
        "user": key_of(one.identity),
        "anonymous": one.user is None,
        "lane": one.lane,
        "opened_at": one.opened_at,
        "channels": len(channels),
        "names": channels[:_NAMES],
        "waiting": one.outbox.waiting,
    }


def _ended(one: ManagedConnection) -> Row:
    return {**_shown(one), "limit": one.outbox.limit}


def _mentions(one: ManagedConnection, text: str) -> bool:
    return text in str(key_of(one.identity) or "") or text in one.id or any(text in name for name in one.channels)


async def _in_turns(items: Iterable[T]) -> AsyncIterator[T]:
    """The items, with a turn of the loop for others now and then."""
    for index, item in enumerate(items):
        if index % _A_TURN == _A_TURN - 1:
            await asyncio.sleep(0)
        yield item
