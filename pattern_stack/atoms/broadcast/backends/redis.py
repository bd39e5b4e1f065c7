"""RedisBroadcastBackend: a channel's place and history in Redis, and its events to every instance over pub/sub."""

from collections.abc import Sequence
from typing import Any

from pattern_stack.atoms.bounds import check_prefix
from pattern_stack.atoms.broadcast.backends.instance import InstanceBackend
from pattern_stack.atoms.broadcast.backends.redis_store import RedisStore
from pattern_stack.atoms.broadcast.bridge.engine import SharedEngine
from pattern_stack.atoms.broadcast.bridge.store import PATIENCE, check_patience
from pattern_stack.atoms.broadcast.core.channels import Channels
from pattern_stack.atoms.broadcast.core.history import History
from pattern_stack.atoms.broadcast.core.limits import Limits
from pattern_stack.atoms.redis import CredentialProvider


class RedisBroadcastBackend(InstanceBackend):
    """Events to the handlers of every process on one Redis; as a `bridge`, to the WebSocket clients of every instance.

    `channel_prefix` keeps applications on one server apart. `patience`: while the link is down, calls wait until it has been
    down for so many seconds, counted from the break, and raise BroadcastUnavailable at once from then on.
    `credential_provider`: a `redis.CredentialProvider`, asked for each connection; it wins over the URL's user and password.

    `redis_url` is `redis://`, `rediss://` (TLS), `unix://`, of one server or of a node of a cluster; or
    `redis+sentinel://[user:password@]host1:26379,host2:26379/MASTER[/DB]`, or `rediss+sentinel://`, whose primary is asked for by
    name; `?sentinel_username=&sentinel_password=` are the credentials of the sentinels.
    InvalidURL for a URL that cannot be read, ValueError for a prefix or a patience that cannot be.
    """

    def __init__(
        self,
        redis_url: str = "redis://localhost:6379/0",
        *,
        channel_prefix: str = "pattern_stack",
        limits: Limits | None = None,
        history: History | None = None,
        patience: float = PATIENCE,
        credential_provider: CredentialProvider | None = None,
    ) -> None:
        channels = Channels(history or History())
        self._store = RedisStore(redis_url, check_prefix(channel_prefix), check_patience(patience), credential_provider)
        limits = limits or Limits()
        self.engine = SharedEngine(self._store, channels.window, limits)
        super().__init__(lambda: (self.engine, self.engine), channels, limits)

    async def evaluate(self, script: str, place: str, keys: Sequence[str], *arguments: Any) -> Any:
        """Run a Lua script of an application's own over this link, on the keys `{prefix}:{place}:{key}`, which a cluster
        keeps together. Only on the hub's loop. Where its answer was lost it runs again: let that do no harm. `--` in it
        begins a comment, wherever it stands.

        Raises BroadcastUnavailable or BroadcastClosed.
        """
        return await self._store.evaluate(script, place, keys, *arguments)

    async def close(self) -> None:
        """End every subscription, and the connections to Redis; what used it as its bridge has no store from then on."""
        await self._publish_waiting()
        self.engine.close()
        await super().close()
