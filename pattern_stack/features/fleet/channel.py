"""The fleet's channels: whoever is on one has an interest in its kind."""

from typing import TYPE_CHECKING, Any

from pattern_stack.atoms.broadcast import Channel, Connection, WebSocketBroadcastBackend
from pattern_stack.errors import NotFound
from pattern_stack.features.fleet.core.resources import KINDS, channel

if TYPE_CHECKING:
    from pattern_stack.features.fleet.service import Fleet


def register_channel(broadcast: WebSocketBroadcastBackend, fleet: "Fleet") -> None:
    """`fleet:{kind}`, for each kind that there is; also where a bridge is configured they stay here."""

    @broadcast.channel(channel("{kind}"), local=True)
    class Watching(Channel):
        async def authorize(self, connection: Connection, kind: str) -> None:
            if kind not in KINDS:
                raise NotFound(f"a fleet has {', '.join(sorted(KINDS))}; not {kind[:80]}")

        async def joined(self, connection: Connection, kind: str) -> None:
            fleet.interest.watch(connection.id, kind)

        async def snapshot(self, connection: Connection, kind: str) -> Any:
            return await fleet.snapshot(kind), await broadcast.position(channel(kind))

        async def left(self, connection: Connection, kind: str) -> None:
            fleet.interest.unwatch(connection.id, kind)
