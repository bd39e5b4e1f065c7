"""The inspector's own channel: what a page looks at, as a snapshot and then once a second, while somebody looks."""

import asyncio
import logging
from collections import Counter
from time import monotonic
from typing import Any

from pattern_stack.atoms.broadcast import Channel, Connection, WebSocketBroadcastBackend, command
from pattern_stack.atoms.broadcast.instance.failures import Failures
from pattern_stack.atoms.broadcast.instance.inspection import Inspection
from pattern_stack.errors import BroadcastClosed, NotFound
from pattern_stack.features.inspector.bodies import Disconnect, query_of
from pattern_stack.features.inspector.view import View

NAME = "inspector"
_SECONDS = 1.0
_PART, _LONGEST_PAUSE = 20, 10.0
"""Looking takes a twentieth of the time at most, however much there is to be seen, and is done every 10 s at least."""


class Feed:
    """Sends what each open page looks at. While there is none, no task runs."""

    def __init__(self, inspection: Inspection, view: View) -> None:
        self._inspection = inspection
        self._view = view
        self._failures = Failures(logging.getLogger(__name__))
        self._watched: Counter[str] = Counter()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        return self._task is not None and not self._task.done()

    async def look(self, asked: str) -> dict[str, Any]:
        """`asked`: what stands behind the channel's colon. Raises NotFound."""
        try:
            query = query_of(asked)
        except ValueError as error:
            raise NotFound(str(error)) from None
        return await self._view.look(query)

    def watch(self, asked: str) -> None:
        self._watched[asked] += 1
        if not self.is_running:
            self._task = asyncio.get_running_loop().create_task(self._send_all(), name="the inspector")

    def unwatch(self, asked: str) -> None:
        self._watched[asked] -= 1
        if not self._watched[asked]:
            del self._watched[asked]
        if not self._watched and self._task:
            self._task.cancel()
            self._task = None

    async def _send_all(self) -> None:
        pause = _SECONDS
        while True:
            await asyncio.sleep(pause)
            begun = monotonic()
            for asked in list(self._watched):
                await self._send(asked)
            pause = min(max(_SECONDS, _PART * (monotonic() - begun)), _LONGEST_PAUSE)

    async def _send(self, asked: str) -> None:
        channel = f"{NAME}:{asked}" if asked else NAME
        try:
            await self._inspection.tell(channel, "state", await self.look(asked))
        except BroadcastClosed:  # the page reads it again when the instance is back
            return
        except Exception as error:  # an inspector that fails is no reason to take the instance from its work
            self._failures.error("inspector", error, "the inspector cannot show what %r asks for", asked[:80])


def register_channel(broadcast: WebSocketBroadcastBackend, feed: Feed) -> None:
    """`inspector`, and `inspector:{query}`. Operators alone are on them."""
    inspection = broadcast.inspection()

    class InspectorChannel(Channel):
        async def joined(self, connection: Connection, asked: str = "") -> None:
            feed.watch(asked)

        async def snapshot(self, connection: Connection, asked: str = "") -> dict[str, Any]:
            return await feed.look(asked)

        async def left(self, connection: Connection, asked: str = "") -> None:
            feed.unwatch(asked)

        @command("disconnect")
        async def disconnect(self, connection: Connection, payload: Disconnect, asked: str = "") -> None:
            """On this socket, so that it is this instance that does it."""
            if not inspection.disconnect(payload.connection_id):
                raise NotFound("no connection of this instance has this id: it has ended, or is another instance's")

    inspection.declare(NAME, InspectorChannel())
    inspection.declare(f"{NAME}:{{asked:path}}", InspectorChannel())
