"""PostgresBroadcastBackend: a channel's place and history in PostgreSQL, and its events to every instance over NOTIFY."""

from pattern_stack.atoms.broadcast.backends.instance import InstanceBackend
from pattern_stack.atoms.broadcast.backends.postgres_store import PostgresStore
from pattern_stack.atoms.broadcast.bridge.engine import SharedEngine
from pattern_stack.atoms.broadcast.core.channels import Channels
from pattern_stack.atoms.broadcast.core.history import History
from pattern_stack.atoms.broadcast.core.limits import Limits


class PostgresBroadcastBackend(InstanceBackend):
    """Events to the handlers of every process on one PostgreSQL; as a `bridge`, to the WebSocket clients of every instance.

    `channel_prefix` begins the names of its tables, and keeps applications on one database apart. The first start makes
    them: see docs/postgresql.md for the rights that the role needs. InvalidURL for a URL that cannot be read.
    """

    def __init__(
        self,
        url: str = "postgresql://localhost:5432/postgres",
        *,
        channel_prefix: str = "pattern_stack",
        limits: Limits | None = None,
        history: History | None = None,
    ) -> None:
        if not channel_prefix.isprintable() or not 1 <= len(channel_prefix) <= 100 or set(channel_prefix) & set("{} "):
            raise ValueError("a channel_prefix is 1 to 100 printable characters without braces and spaces")
        channels = Channels(history or History())
        self._store = PostgresStore(url, channel_prefix)
        limits = limits or Limits()
        self.engine = SharedEngine(self._store, channels.window, limits)
        super().__init__(self.engine, self.engine, channels, limits)

    async def close(self) -> None:
        """End every subscription, and the connections to PostgreSQL; what used it as its bridge has no store from then on."""
        self.engine.close()
        await super().close()
