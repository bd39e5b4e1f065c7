"""What WebSocketBroadcastBackend takes as its bridge."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from pattern_stack.atoms.broadcast.bridge.engine import SharedEngine


class Bridge(Protocol):
    """A backend that instances share, like RedisBroadcastBackend."""

    engine: SharedEngine


@runtime_checkable
class ScriptedBridge(Bridge, Protocol):
    """Its store runs scripts."""

    async def evaluate(self, script: str, place: str, keys: Sequence[str], *arguments: Any) -> Any:
        """A script in the store: see RedisBroadcastBackend."""


@runtime_checkable
class TableBridge(Bridge, Protocol):
    """Its store has tables."""

    async def rows(self, place: str, most: int, oldest: float, what: str, *arguments: Any) -> Any:
        """One step on a table: see IPCBroadcastBackend and PostgresBroadcastBackend."""
