"""When the client of an HTTP request leaves."""

import asyncio

from starlette.types import Receive


class Leave:
    """Watches for it from the first call of `watch` on. Whatever the request's body has is thrown away."""

    def __init__(self, receive: Receive) -> None:
        self.receive = receive
        self._watching: asyncio.Task[None] | None = None

    @property
    def server(self) -> object:
        """The server's own object for the request, where `receive` is a method of it."""
        return getattr(self.receive, "__self__", None)

    def watch(self) -> "asyncio.Task[None]":
        """Done when the client has gone."""
        if self._watching is None:
            self._watching = asyncio.get_running_loop().create_task(self._watch())
        return self._watching

    async def _watch(self) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            pass

    async def stop_watching(self) -> None:
        if self._watching and not self._watching.done():
            self._watching.cancel()
            await asyncio.wait((self._watching,))
