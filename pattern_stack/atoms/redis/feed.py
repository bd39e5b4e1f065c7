"""Messages of one server, and the channels that they are asked for."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

from pattern_stack.atoms.redis.errors import LinkDown, give_up
from pattern_stack.atoms.redis.line import Line

_NAMES = 512


class Feed:
    """One connection for messages, and the channels that it is subscribed to.

    `sharded`: messages of this server alone. A channel whose slot has moved to another one breaks the connection.
    """

    def __init__(self, line: Line, message: Callable[[bytes, bytes], None], *, sharded: bool = False) -> None:
        self.line = line
        self._shard = "S" if sharded else ""
        self._names = 1 if sharded else _NAMES  # the names of one command have one slot
        self._message = message
        self._asked: set[bytes] = set()
        self._acknowledged: set[bytes] = set()
        self._due: Counter[bytes] = Counter()
        """Acknowledgements of subscribing that are still to come: only the last of them speaks of what was asked last."""
        self._changes: dict[bytes, bool] = {}
        self._waiting: dict[bytes, list[asyncio.Future[None]]] = {}
        self._changed = asyncio.Event()

    def subscribe(self, channel: bytes) -> Awaitable[None]:
        """Done when the server has acknowledged it. Raises LinkDown."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._change(channel, True)
        if channel in self._acknowledged:
            done.set_result(None)
        else:
            self._waiting.setdefault(channel, []).append(done)
        return done

    def unsubscribe(self, channel: bytes) -> None:
        self._change(channel, False)

    def _change(self, channel: bytes, wish: bool) -> None:
        if (channel in self._asked) == wish:
            self._changes.pop(channel, None)
        else:
            self._changes[channel] = wish
            self._changed.set()

    async def write(self) -> None:
        """Tell the server of changes, those of one turn together, until the connection breaks."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            changes, self._changes = self._changes, {}
            for word, wish in ((f"{self._shard}UNSUBSCRIBE", False), (f"{self._shard}SUBSCRIBE", True)):
                names = [channel for channel, wished in changes.items() if wished == wish]
                (self._asked.update if wish else self._asked.difference_update)(names)
                if not wish:
                    self._acknowledged.difference_update(names)
                for start in range(0, len(names), self._names):
                    some = names[start : start + self._names]
                    if wish:
                        self._due.update(some)
                    await self.line.command(word, *some)

    async def read(self) -> None:
        """Hand on messages until the connection breaks."""
        shard = self._shard.lower().encode()
        message, subscribed, unsubscribed = shard + b"message", shard + b"subscribe", b"sunsubscribe"
        while True:
            kind, channel, *rest = await self.line.answer()
            if kind == message:
                self._message(channel, rest[0])
            elif kind == subscribed:
                self._acknowledge(channel)
            elif kind == unsubscribed and channel in self._acknowledged:  # nobody has asked for it
                raise LinkDown("another server has this channel now", sent=False)

    def _acknowledge(self, channel: bytes) -> None:
        self._due[channel] -= 1
        if self._due[channel]:
            return
        del self._due[channel]
        if channel in self._asked:
            self._acknowledged.add(channel)
            for done in self._waiting.pop(channel, ()):
                if not done.done():
                    done.set_result(None)

    def close(self) -> None:
        for waiting in self._waiting.values():
            give_up(waiting, "the link to Redis broke", sent=True)
        self._waiting.clear()
