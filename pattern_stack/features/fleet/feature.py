"""Fleet, as an application constructs it."""

from collections.abc import Iterable
from pathlib import Path

from fastapi import APIRouter

from pattern_stack.atoms.broadcast import WebSocketBroadcastBackend
from pattern_stack.atoms.clock import Clock, utc_now
from pattern_stack.atoms.ids import Ids, new_id
from pattern_stack.features.fleet.channel import register_channel
from pattern_stack.features.fleet.core.limits import FleetLimits
from pattern_stack.features.fleet.router import build_router
from pattern_stack.features.fleet.service import FleetService


class Fleet(FleetService):
    """A computer that shows its sessions, projects and todos to the others of its fleet, and theirs to its clients.

    Every call answers at once from what this computer knows; it never asks another one while somebody waits.

    - `broadcast`: its clients follow `fleet:sessions`, `fleet:projects`, `fleet:todos` and `fleet:computers`. The channels
      concern this computer alone, also where a bridge is configured.
    - `computer`: its name, 1 to 100 characters of `A-Z a-z 0-9 _ . @ -`; the host's name by default. Each process of a fleet
      needs a name of its own.
    - `redis_url`: where the computers meet. Without one this computer is alone and connects to nothing.
    - `prefix`: of the fleet's keys and channels in Redis.
    - `heartbeat_seconds`: 0.05 to 86400, the same on all computers. One that is silent for twice that is gone.
    - `directory`: where its projects and todos are; see docs/fleet.md.
    - `role`: any text, shown to the others.
    - `limits`: how much is held; see FleetLimits.
    - `clock`, `ids`: asked for every time and every new session's id.

    Raises InvalidComputer for another name, InvalidURL for a URL that cannot be read, NotInstalled where redis-py is missing,
    ValueError for other seconds and for a role of more than 1,000 characters.
    """

    def __init__(
        self,
        broadcast: WebSocketBroadcastBackend,
        *,
        computer: str | None = None,
        redis_url: str | None = None,
        prefix: str = "pattern_stack:fleet",
        heartbeat_seconds: float = 30,
        directory: Path | None = None,
        role: str | None = None,
        limits: FleetLimits | None = None,
        clock: Clock = utc_now,
        ids: Ids = new_id,
    ) -> None:
        super().__init__(
            broadcast,
            computer=computer,
            redis_url=redis_url,
            prefix=prefix,
            heartbeat_seconds=heartbeat_seconds,
            directory=directory,
            role=role,
            limits=limits,
            clock=clock,
            ids=ids,
        )
        register_channel(broadcast, self)

    def get_router(self, *, origins: Iterable[str] = ()) -> APIRouter:
        """The REST calls, under /api/v1/fleet. Its lifespan starts and stops the fleet.

        The application calls `add_exception_handlers`, and includes the router of the broadcast too. Pages of other origins
        cannot change anything, unless `origins` lists theirs, like `https://app.example`.
        """
        return build_router(self, origins)
