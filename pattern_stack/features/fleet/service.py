"""A fleet's computer, as an application constructs it: what it knows, its line to the others, and its tasks."""

import asyncio
import logging
import re
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter

from pattern_stack.atoms.broadcast import WebSocketBroadcastBackend
from pattern_stack.atoms.cache import Interest
from pattern_stack.atoms.clock import Clock, utc_now
from pattern_stack.atoms.ids import Ids, new_id
from pattern_stack.atoms.tasks import Tasks, wait_at_most
from pattern_stack.errors import InvalidEvent
from pattern_stack.features.fleet.bodies import SessionBody
from pattern_stack.features.fleet.channel import register_channel
from pattern_stack.features.fleet.core.change import News
from pattern_stack.features.fleet.core.resources import channel
from pattern_stack.features.fleet.core.state import Knowledge
from pattern_stack.features.fleet.directory import read
from pattern_stack.features.fleet.errors import InvalidComputer
from pattern_stack.features.fleet.host_info import about
from pattern_stack.features.fleet.models import NAME, Session
from pattern_stack.features.fleet.router import build_router

if TYPE_CHECKING:
    from pattern_stack.features.fleet.peer_link import Wire

logger = logging.getLogger(__name__)

_PREFIX = "pattern_stack:fleet"
_SWEEP_SECONDS = 0.25
_SHORTEST_BEAT = 0.1
"""Seconds between two heartbeats, however often interest changes."""


class Fleet:
    """A computer that shows its state to the others of its fleet, and theirs to its clients, from a cache.

    `computer` is its name: the host's, where none is given. Without `redis_url` it is alone, and connects to nothing.
    `heartbeat_seconds` must be the same on all of them: one that is silent for twice that is gone. `directory`: see
    directory.py. `role` is whatever it shall be called.
    InvalidComputer for a name of another form, InvalidURL for a URL that cannot be read.
    """

    def __init__(
        self,
        broadcast: WebSocketBroadcastBackend,
        *,
        computer: str | None = None,
        redis_url: str | None = None,
        prefix: str = _PREFIX,
        heartbeat_seconds: float = 30,
        directory: Path | None = None,
        role: str | None = None,
        clock: Clock = utc_now,
        ids: Ids = new_id,
    ) -> None:
        if not 0.05 <= heartbeat_seconds <= 86_400:
            raise ValueError("heartbeat_seconds is 0.05 to 86400")
        self._broadcast = broadcast
        self._seconds = heartbeat_seconds
        self._directory = directory
        self.knowledge = Knowledge(
            _checked(computer) if computer else _host(),
            alive=2 * heartbeat_seconds,
            clock=clock,
            ids=ids,
            about=lambda: about(role),
            stale=self._ask,
        )
        self.interest = Interest(lambda topic, watched: self._interested())
        self._due, self._look_due = asyncio.Event(), asyncio.Event()
        self._tasks = Tasks()
        self._make_wire = _wires(redis_url, prefix, heartbeat_seconds, clock, self) if redis_url else lambda: None
        self._wire = self._make_wire()
        register_channel(broadcast, self)

    def get_router(self, *, origins: Iterable[str] = ()) -> APIRouter:
        """The REST calls, under /api/v1/fleet. Its lifespan starts and stops the fleet.

        The application calls `add_exception_handlers`. Pages of other origins cannot change anything, unless `origins` lists
        theirs, like `https://app.example`.
        """
        return build_router(self, origins)

    @property
    def trouble(self) -> str | None:
        """What keeps it from its work, in words; None while it works."""
        if self._tasks.trouble:
            return self._tasks.trouble
        if self._wire and self._wire.trouble:
            return self._wire.trouble
        if rivals := self.knowledge.rivals:
            return f"another computer goes by the name {self.knowledge.name}: it is on {rivals[0]}"
        return None

    # -- its life

    async def start(self) -> None:
        """On the loop of the broadcast. BroadcastError where Redis refuses."""
        self._due, self._look_due = asyncio.Event(), asyncio.Event()
        await self._look()
        try:
            if self._wire:
                await self._wire.start(self._tasks)
            self._tasks.start("the fleet's heartbeat", self._beat())
            self._tasks.start("the fleet's look into its directory", self._look_at_each_beat())
            self._tasks.start("the fleet's sweep", self._sweep())
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        await self._tasks.stop()
        if self._wire:
            await self._wire.stop()
            self._wire = self._make_wire()  # the next start may be on another loop

    async def _beat(self) -> None:
        while True:
            self._due.clear()
            if self._wire:
                await self._wire.beat()
            await self.tell(self.knowledge.beat())
            self._look_due.set()
            await asyncio.sleep(min(_SHORTEST_BEAT, self._seconds))
            await wait_at_most(self._seconds, self._due)

    async def _look_at_each_beat(self) -> None:
        while True:
            await self._look_due.wait()
            self._look_due.clear()
            await self._look()

    async def _look(self) -> None:
        if self._directory:
            found = await asyncio.to_thread(read, self._directory, self.knowledge.name)
            await self.tell(self.knowledge.looked(*found))

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            await self.tell(self.knowledge.sweep())

    def beat_now(self) -> None:
        self._due.set()

    def _interested(self) -> None:
        if self._wire:
            self._wire.interested()
        self.beat_now()

    def _ask(self, computer: str) -> None:
        if self._wire and computer != self.knowledge.name:
            self._wire.ask(computer)

    # -- in use

    async def facts(self, kind: str, computer: str | None = None) -> list[Any]:
        """What is known now."""
        await self.tell(self.knowledge.sweep())
        return self.knowledge.facts(kind, computer)

    async def snapshot(self, kind: str) -> dict[str, Any]:
        await self.tell(self.knowledge.sweep())
        return self.knowledge.snapshot(kind)

    async def put_session(self, body: SessionBody) -> tuple[Session, bool]:
        """The session, and whether it is new. Raises SessionIsRemote."""
        session, is_new, news = self.knowledge.put_session(body)
        await self.tell(news)
        return session, is_new

    async def delete_session(self, id: str) -> None:
        """Raises SessionIsRemote or SessionNotFound."""
        await self.tell(self.knowledge.delete_session(id))

    async def tell(self, news: list[News]) -> None:
        """To computers and clients, both before anything else happens: nothing here waits before the events have their places."""
        for one in news:
            if one.shared and self._wire:
                self._wire.write(one)
        if news:
            try:
                await self._broadcast.broadcast_many([(channel(one.kind), one.event, one.payload) for one in news])
            except InvalidEvent as error:
                logger.warning("%s: clients are told without it, to ask for a snapshot", error)
                await self._broadcast.broadcast_many([(channel(one.kind), one.event, _short(one)) for one in news])


def _wires(url: str, prefix: str, seconds: float, clock: Clock, fleet: Fleet) -> "Callable[[], Wire]":
    from pattern_stack.features.fleet.peer_link import Wire  # redis-py need not be there where nobody asks for it

    return lambda: Wire(url, prefix, seconds, fleet.knowledge, fleet.interest, clock, fleet.tell, fleet.beat_now)


def _short(news: News) -> dict[str, Any]:
    """Without its list, which may be too long for an event."""
    return {name: value for name, value in news.payload.items() if not isinstance(value, list)}


def _checked(name: str) -> str:
    if not re.fullmatch(NAME, name):
        raise InvalidComputer(f"a computer's name is 1 to 100 characters of A-Z a-z 0-9 _ . @ -, not {name!r:.120}")
    return name


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9_.@-]", "-", socket.gethostname())[:100] or "computer"
