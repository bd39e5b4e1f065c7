"""PostgresBroadcastBackend: a channel's place and history in PostgreSQL, and its events to every instance over NOTIFY."""

from typing import Any

from pattern_stack.atoms.bounds import check_prefix
from pattern_stack.atoms.broadcast.backends.instance import InstanceBackend
from pattern_stack.atoms.broadcast.backends.postgres_store import PostgresStore
from pattern_stack.atoms.broadcast.bridge.engine import SharedEngine
from pattern_stack.atoms.broadcast.bridge.store import PATIENCE, check_patience
from pattern_stack.atoms.broadcast.core.channels import Channels
from pattern_stack.atoms.broadcast.core.history import History
from pattern_stack.atoms.broadcast.core.limits import Limits


class PostgresBroadcastBackend(InstanceBackend):
    """Events to the handlers of every process on one PostgreSQL; as a `bridge`, to the WebSocket clients of every instance.

    `channel_prefix` begins the names of its tables, and keeps applications on one database apart. The first start makes
    them: see docs/postgresql.md for the rights that the role needs. `patience`: as that of
    RedisBroadcastBackend. InvalidURL for a URL that cannot be read.
    """

    def __init__(
        self,
        url: str = "postgresql://localhost:5432/postgres",
        *,
        channel_prefix: str = "pattern_stack",
        limits: Limits | None = None,
        history: History | None = None,
        patience: float = PATIENCE,
    ) -> None:
        channels = Channels(history or History())
        self._store = PostgresStore(url, check_prefix(channel_prefix), check_patience(patience))
        limits = limits or Limits()
        self.engine = SharedEngine(self._store, channels.window, limits)
        super().__init__(lambda: (self.engine, self.engine), channels, limits)

    async def rows(self, place: str, most: int, oldest: float, what: str, *arguments: Any) -> Any:
        """One step on a table that all instances share: get, swap, page, count, keys or clear, after rows beyond `most`, and
        those with a timestamp before `oldest`, were dropped. Only on the hub's loop.

        `place` names the table. A row has a key, a text, a timestamp and tags; rows are ordered by their last write with a
        new timestamp. `get`: a key; `swap`: a key, the old text, the new one, a timestamp and tags, where None is no row;
        `page`: tags, a limit, and what the page before returned or None; the others: tags. Raises BroadcastUnavailable.
        """
        return await self._store.rows(place, most, oldest, what, *arguments)

    async def close(self) -> None:
        """End every subscription, and the connections to PostgreSQL; what used it as its bridge has no store from then on."""
        await self._publish_waiting()
        self.engine.close()
        await super().close()
