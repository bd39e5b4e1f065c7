"""IPCBroadcastBackend: one order for the worker processes of one host, over a Unix socket, with no server to install."""

import logging
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from pattern_stack.atoms.bounds import check_prefix
from pattern_stack.atoms.broadcast.backends.instance import InstanceBackend
from pattern_stack.atoms.broadcast.backends.ipc_store import IPCStore, Told
from pattern_stack.atoms.broadcast.bridge.engine import SharedEngine
from pattern_stack.atoms.broadcast.bridge.store import PATIENCE, check_patience
from pattern_stack.atoms.broadcast.core.channels import Channels
from pattern_stack.atoms.broadcast.core.history import History
from pattern_stack.atoms.broadcast.core.limits import Limits
from pattern_stack.atoms.ipc.rendezvous import PATH_BYTES, Meeting, at_path, under_parent
from pattern_stack.atoms.ipc.worker import Worker, by_parent, this_worker
from pattern_stack.atoms.url_text import check_text
from pattern_stack.errors import InvalidURL

_made: Counter[tuple[str, str]] = Counter()
"""How many backends without a path this process has, by prefix and name: the n-th meets the n-th of the other workers."""


class Linked(InstanceBackend):
    """Over the broker of wherever `meet` says. `told` is called by the first worker, once it is linked."""

    def __init__(
        self,
        meet: Callable[[], Meeting],
        *,
        limits: Limits | None = None,
        history: History | None = None,
        patience: float = PATIENCE,
        told: Told | None = None,
        starts_broker: bool = True,
    ) -> None:
        channels = Channels(history or History())
        self._store = IPCStore(meet, patience, told, starts_broker=starts_broker)
        limits = limits or Limits()
        self.engine = SharedEngine(self._store, channels.window, limits)
        super().__init__(lambda: (self.engine, self.engine), channels, limits)

    @property
    def place(self) -> str:
        """The path of the socket that the workers meet at; ? before the first use."""
        return self._store.place

    async def rows(self, place: str, most: int, oldest: float, what: str, *arguments: Any) -> Any:
        """One step on a table that all workers share: a method of Table by its name, after rows beyond `most`, and those
        with a timestamp before `oldest`, were dropped. Only on the hub's loop. Raises BroadcastUnavailable."""
        return await self._store.rows(place, most, oldest, what, *arguments)

    async def close(self) -> None:
        """End every subscription, and the link; what used it as its bridge has no store from then on."""
        await self._publish_waiting()
        self.engine.close()
        await super().close()


class IPCBroadcastBackend(Linked):
    """Events to the handlers of every worker process; as a `bridge`, to the WebSocket clients of every worker.

    `ipc://`: the workers of one server meet by their common parent process. `ipc:///run/app.sock`: whoever names this path,
    as the same user. `?name=` keeps several of them apart; so does `channel_prefix`. The order lies in a small process of
    its own, which the first worker starts and which ends with the last: history does not outlive the workers.
    `patience`: as that of RedisBroadcastBackend. `starts_broker`: False for who is no worker: it raises BroadcastUnavailable
    where no worker serves.

    Raises InvalidURL for a URL that cannot be read. What works with it raises BroadcastError where the folder of the socket
    is not this user's alone.
    """

    def __init__(
        self,
        url: str = "ipc://",
        *,
        channel_prefix: str = "pattern_stack",
        limits: Limits | None = None,
        history: History | None = None,
        patience: float = PATIENCE,
        starts_broker: bool = True,
    ) -> None:
        super().__init__(
            _meeting(url, check_prefix(channel_prefix)),
            limits=limits,
            history=history,
            patience=check_patience(patience),
            starts_broker=starts_broker,
        )


class Numbered:
    """A backend's number among those of this process, for one that is made later."""

    def __init__(self, prefix: str) -> None:
        self._space = _numbered_space(prefix, "")

    def bridge(self, worker: Worker, limits: Limits, log: logging.Logger) -> Linked:
        """That of the workers of one server. The first of them says so in the log."""

        def told(place: str) -> None:
            log.info("Workers of this %s are linked over the Unix socket %s", worker.server, place)

        return Linked(partial(under_parent, worker.parent, worker.application, self._space), limits=limits, told=told)


def _numbered_space(prefix: str, name: str) -> str:
    number = _made[prefix, name]
    _made[prefix, name] += 1
    return f"{prefix}\n{name}\n{number}"


def _meeting(url: str, prefix: str) -> Callable[[], Meeting]:
    path, name = _parsed(url)
    if path is not None:
        return partial(at_path, path, f"{prefix}\n{name}")
    return partial(_at_parent, _numbered_space(prefix, name))


def _at_parent(space: str) -> Meeting:
    worker = this_worker()
    parent, application = (worker.parent, worker.application) if worker else by_parent()
    return under_parent(parent, application, space)


def _parsed(url: str) -> tuple[Path | None, str]:
    """The path, and the name."""
    check_text(url)
    try:
        scheme, host, path, query, fragment = urlsplit(url)
        options = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=True)) if query else {}
    except ValueError as error:
        raise InvalidURL(f"an ipc:// URL cannot be read: {error}") from error
    name = options.pop("name", "")
    if scheme != "ipc" or host or fragment or options:
        raise InvalidURL("a URL of workers is ipc://, or ipc:///run/app.sock, with nothing but ?name= behind it")
    if not name.isprintable() or len(name) > 100:
        raise InvalidURL("the name of an ipc:// URL is at most 100 printable characters")
    place = unquote(path)
    if len(place.encode()) > PATH_BYTES or "\0" in place or place.endswith("/"):
        raise InvalidURL(f"the path of an ipc:// URL names a file, in at most {PATH_BYTES} bytes")
    return (Path(place) if place else None), name
