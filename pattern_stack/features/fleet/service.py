"""One computer of a fleet: its state, its link to the others, and the tasks that keep both going."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from pattern_stack.atoms.broadcast import WebSocketBroadcastBackend, on_the_hub
from pattern_stack.atoms.cache import Interest
from pattern_stack.atoms.clock import Clock
from pattern_stack.atoms.ids import Ids
from pattern_stack.atoms.printable import printable
from pattern_stack.atoms.tasks import Tasks, run_on, running_loop, wait_at_most
from pattern_stack.errors import InvalidEvent
from pattern_stack.features.fleet.bodies import FleetSessionBody
from pattern_stack.features.fleet.core.change import StateChange
from pattern_stack.features.fleet.core.limits import FleetLimits
from pattern_stack.features.fleet.core.resources import channel_name
from pattern_stack.features.fleet.core.state import FleetState
from pattern_stack.features.fleet.directory import read
from pattern_stack.features.fleet.host_info import computer_name, host_info
from pattern_stack.features.fleet.models import FleetSession

logger = logging.getLogger(__name__)

_SWEEP_SECONDS = 0.25
_SHORTEST_HEARTBEAT = 0.1
"""Seconds between two heartbeats, however often interest changes."""


class Peers(Protocol):
    """The other computers of the fleet, as the service reaches them."""

    @property
    def trouble(self) -> str | None: ...

    async def start(self, tasks: Tasks) -> None: ...

    async def stop(self) -> None: ...

    async def send_heartbeat(self) -> None: ...

    def interest_changed(self) -> None: ...

    def send(self, change: StateChange) -> None: ...

    def request_full_state(self, computer: str) -> None: ...


class FleetService:
    """What a fleet's computer does, without FastAPI: `Fleet` adds the channels and the REST calls.

    Awaited calls may be made on any event loop, in any thread. All of it concerns this process.
    """

    def __init__(
        self,
        broadcast: WebSocketBroadcastBackend,
        *,
        computer: str | None,
        redis_url: str | None,
        prefix: str,
        heartbeat_seconds: float,
        directory: Path | None,
        role: str | None,
        limits: FleetLimits | None,
        clock: Clock,
        ids: Ids,
    ) -> None:
        if not 0.05 <= heartbeat_seconds <= 86_400:
            raise ValueError("heartbeat_seconds is 0.05 to 86400")
        self.broadcast = broadcast
        self.limits = limits or FleetLimits()
        self._heartbeat_seconds = heartbeat_seconds
        self._directory = directory
        self._skipped: list[str] = []
        self.state = FleetState(
            computer_name(computer),
            alive_seconds=2 * heartbeat_seconds,
            clock=clock,
            ids=ids,
            host_info=lambda: host_info(role),
            refresh=self._request_full_state,
            limits=self.limits,
        )
        self.state.own_computer()  # raises where the role is too long
        self.interest = Interest(lambda topic, watched: self._interest_changed())
        self._heartbeat_due, self._read_due = asyncio.Event(), asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks = Tasks()
        self._connect = self._connector(redis_url, prefix, clock) if redis_url else lambda: None
        self._peers = self._connect()

    def _connector(self, url: str, prefix: str, clock: Clock) -> Callable[[], Peers]:
        from pattern_stack.features.fleet.peer_link import PeerLink  # needs redis-py, which a computer alone does not

        return lambda: PeerLink(
            url,
            prefix,
            self._heartbeat_seconds,
            self.state,
            self.interest,
            clock,
            self.limits,
            publish=self._publish,
            heartbeat_now=self.heartbeat_now,
        )

    @property
    def trouble(self) -> str | None:
        """What keeps the fleet from working, in words; None while it works."""
        if self._tasks.trouble:
            return self._tasks.trouble
        if self._peers and self._peers.trouble:
            return self._peers.trouble
        if hosts := self.state.name_conflicts:
            return f"another computer is online under the name {self.state.name}, on the host {hosts[0]}"
        return None

    # -- start and stop

    async def start(self) -> None:
        """Read the directory, connect, and start the tasks. Raises BroadcastError where Redis refuses.

        Returns when the link is up, or when Redis did not answer: it tries on.
        """
        self._loop = await self.broadcast.run(running_loop)
        await run_on(self._loop, self._start)

    async def _start(self) -> None:
        self._heartbeat_due, self._read_due = asyncio.Event(), asyncio.Event()
        await self._read_directory()
        try:
            if self._peers:
                await self._peers.start(self._tasks)
            self._tasks.start("the fleet's heartbeat", self._send_heartbeats())
            self._tasks.start("the fleet's directory", self._read_at_each_heartbeat())
            self._tasks.start("the fleet's sweep", self._sweep())
        except BaseException:
            await self._stop()
            raise

    async def stop(self) -> None:
        """End the tasks and the link. It can be started again, on another event loop too."""
        loop, self._loop = self._loop, None
        if loop and loop.is_running():
            await run_on(loop, self._stop)
        else:  # the tasks ended with their loop
            self._tasks, self._peers = Tasks(), self._connect()

    async def _stop(self) -> None:
        await self._tasks.stop()
        if self._peers:
            await self._peers.stop()
            self._peers = self._connect()

    async def _send_heartbeats(self) -> None:
        while True:
            self._heartbeat_due.clear()
            if self._peers:
                await self._peers.send_heartbeat()
            await self._publish(self.state.heartbeat_sent())
            self._read_due.set()
            await asyncio.sleep(min(_SHORTEST_HEARTBEAT, self._heartbeat_seconds))
            await wait_at_most(self._heartbeat_seconds, self._heartbeat_due)

    async def _read_at_each_heartbeat(self) -> None:
        while True:
            await self._read_due.wait()
            self._read_due.clear()
            await self._read_directory()

    async def _read_directory(self) -> None:
        if self._directory:
            projects, todos, skipped = await asyncio.to_thread(read, self._directory, self.state.name, self.limits)
            if skipped and skipped != self._skipped:
                logger.warning("left out of the fleet's directory: %s", printable("; ".join(skipped))[:2_000])
            self._skipped = skipped
            await self._publish(self.state.replace_directory(projects, todos))

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            await self._publish(self.state.remove_expired())

    def heartbeat_now(self) -> None:
        """Send a heartbeat without waiting for the next one. On the fleet's loop."""
        self._heartbeat_due.set()

    def _interest_changed(self) -> None:
        if self._peers:
            self._peers.interest_changed()
        self.heartbeat_now()

    def _request_full_state(self, computer: str) -> None:
        if self._peers and computer != self.state.name:
            self._peers.request_full_state(computer)

    # -- in use

    @on_the_hub
    async def records(self, resource: str, computer: str | None = None) -> list[Any]:
        """The sessions, projects, todos or computers that are known now: of one computer, or of all of them (None)."""
        await self._publish(self.state.remove_expired())
        return self.state.records(resource, computer)

    @on_the_hub
    async def snapshot(self, resource: str) -> dict[str, Any]:
        """The same of all computers, as a client's snapshot has it."""
        await self._publish(self.state.remove_expired())
        return self.state.snapshot(resource)

    @on_the_hub
    async def put_session(self, body: FleetSessionBody, *, origin: str | None = None) -> tuple[FleetSession, bool]:
        """Make or change a session of this computer. Returns it, and whether it is new.

        `origin` comes back on the event of this computer's clients. Raises SessionIsRemote, FleetFull or EntryTooLarge; then
        nothing has changed.
        """
        session, is_new, changes = self.state.put_session(body)
        await self._publish(changes, origin)
        return session, is_new

    @on_the_hub
    async def delete_session(self, id: str, *, origin: str | None = None) -> None:
        """Delete a session of this computer. Raises SessionIsRemote or FleetSessionNotFound."""
        await self._publish(self.state.delete_session(id), origin)

    async def _publish(self, changes: list[StateChange], origin: str | None = None) -> None:
        """To computers and clients. There is no await before the events have their offsets, so nothing comes in between."""
        for change in changes:
            if change.is_local and self._peers:
                self._peers.send(change)
        if changes:
            try:
                await self._broadcast(changes, origin)
            except InvalidEvent as error:
                logger.warning("%s: clients get the event without its list, and may ask for a snapshot", error)
                await self._broadcast([change._replace(payload=_without_lists(change)) for change in changes], origin)

    async def _broadcast(self, changes: list[StateChange], origin: str | None) -> None:
        events = [(channel_name(change.resource), change.event, change.payload) for change in changes]
        await self.broadcast.broadcast_many(events, origin=origin)


def _without_lists(change: StateChange) -> dict[str, Any]:
    return {name: value for name, value in change.payload.items() if not isinstance(value, list)}
