"""Follow channels of a running server from a terminal, through every break, without losing an event."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from typing import Any

import orjson

from pattern_stack.client import Reset
from pattern_stack.client.follower import Follower
from pattern_stack.client.link import Way
from pattern_stack.client.outage import logger
from pattern_stack.client.route import Route
from pattern_stack.client.tokens import Tokens

Message = dict[str, Any]


async def tail(
    url: str,
    channels: Sequence[str],
    show: Callable[[Message], None],
    *,
    token: str | None = None,
    headers: Mapping[str, str] | None = None,
    proxy: bool = True,
) -> None:
    """Call `show` with every event, ephemeral ones and snapshots too, until each channel has ended.

    What is followed, refused or lost, and why there is no connection, is logged by `pattern_stack.client`. A server on this
    machine is never asked through a proxy; others are, as the environment says, unless `proxy` is False. Raises
    BroadcastError where no channel can be followed, and what `show` raises.
    """
    route = Route(url, way=Way(headers or {}, proxy))
    follower = Follower(route, Tokens(token), channels, {}, ephemeral=True)
    async with aclosing(follower.events()) as events:
        async for one in events:
            if isinstance(one, Reset):
                logger.info("continuity was lost: %s", one.channel)
            else:
                show(orjson.loads(one.data))


@contextmanager
def told(say: Callable[[str], None]) -> Iterator[None]:
    """While the block runs, `say` gets all that the client logs, a line each."""
    handler, level = _Lines(say), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)


class _Lines(logging.Handler):
    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__()
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        self._say(record.getMessage())
