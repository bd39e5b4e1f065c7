"""The token that a client proves itself with, renewed before it runs out and when the server no longer takes it."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from datetime import datetime

Given = str | tuple[str, float | datetime] | None
Token = str | Callable[[str | None], Given | Awaitable[Given]] | None
_EARLY_SECONDS = 30.0


class Tokens:
    """`source`: the token; or a plain function (run in a thread) or a coroutine function of the stale one, None at first."""

    def __init__(self, source: Token) -> None:
        self._source = source
        self._token = source if isinstance(source, str) else None
        self._expires: float | None = None
        self._lock = asyncio.Lock()

    async def current(self) -> str | None:
        """Asked for where there is none yet, or the last one is about to run out."""
        if callable(self._source) and (self._token is None or self.renew_in == 0):
            await self.renew(self._token)
        return self._token

    async def renew(self, stale: str | None) -> bool:
        """Whether there is another token than the stale one. Raises what the function raises."""
        async with self._lock:
            if callable(self._source) and self._token == stale:
                self._take(await _call(self._source, stale))
        return self._token is not None and self._token != stale

    @property
    def renew_in(self) -> float | None:
        """Seconds until the token is to be renewed; None where it never is."""
        if self._expires is None:
            return None
        left = self._expires - time.time()
        return max(left - min(_EARLY_SECONDS, left / 5), 0.0) if left > 0.5 else 0.0

    def _take(self, given: Given) -> None:
        self._token, expires = given if isinstance(given, tuple) else (given, None)
        self._expires = expires.timestamp() if isinstance(expires, datetime) else expires


async def _call(source: Callable[[str | None], Given | Awaitable[Given]], stale: str | None) -> Given:
    if inspect.iscoroutinefunction(source) or inspect.iscoroutinefunction(getattr(source, "__call__", None)):  # noqa: B004
        given = source(stale)
    else:
        given = await asyncio.to_thread(source, stale)
    return await given if inspect.isawaitable(given) else given
