"""The fleet's channels. Clients that are on one are what makes this computer interested in its resource."""

from typing import Any

from pattern_stack.atoms.broadcast import Channel, Connection, WebSocketBroadcastBackend
from pattern_stack.errors import NotFound
from pattern_stack.features.fleet.core.resources import RESOURCES, channel_name
from pattern_stack.features.fleet.events import EVENTS
from pattern_stack.features.fleet.service import FleetService


def register_channel(broadcast: WebSocketBroadcastBackend, fleet: FleetService) -> None:
    """`fleet:{resource}`, for each resource there is. They never cross a bridge."""

    @broadcast.channel(channel_name("{resource:path}"), local=True, events=EVENTS)
    class ResourceChannel(Channel):
        """One of the resources of the fleet: computers, projects, todos or sessions. It begins with a snapshot of all."""

        async def authorize(self, connection: Connection, resource: str) -> None:
            if resource not in RESOURCES:
                raise NotFound(f"a fleet has {', '.join(sorted(RESOURCES))}; not {resource[:80]}")

        async def joined(self, connection: Connection, resource: str) -> None:
            fleet.interest.watch(connection.id, resource)

        async def snapshot(self, connection: Connection, resource: str) -> Any:
            return await fleet.snapshot(resource), await broadcast.position(channel_name(resource))

        async def left(self, connection: Connection, resource: str) -> None:
            fleet.interest.unwatch(connection.id, resource)
