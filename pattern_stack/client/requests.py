"""Commands that wait for their replies: kept while there is no connection, and sent again on the next one."""

import asyncio
import itertools
import secrets
from dataclasses import dataclass
from typing import Any

from pattern_stack.client.errors import TEMPORARY, Closed, NotOpened, rejection_of
from pattern_stack.client.link import Link, Message

_FIRST_ID = 100
_AGAIN_SECONDS = 0.5


@dataclass(eq=False)
class _Request:
    frame: Message
    answer: "asyncio.Future[Any]"


class Requests:
    """Of one connection at a time. Each has a key, so that the server carries it out once, however often it is sent."""

    def __init__(self) -> None:
        self._waiting: dict[int, _Request] = {}
        self._ids = itertools.count(_FIRST_ID)
        self._link: Link | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def are_done(self) -> bool:
        return not self._waiting

    async def ask(self, channel: str, event: str, payload: Any, key: str | None) -> Any:
        """The command's result. Raises what it was refused with."""
        id = next(self._ids)
        frame = {"send": channel, "event": event, "payload": payload, "key": key or secrets.token_hex(16), "id": id}
        self._waiting[id] = request = _Request(frame, asyncio.get_running_loop().create_future())
        try:
            self._start(request)
            return await request.answer
        finally:
            self._waiting.pop(id, None)

    def connected(self, link: Link) -> None:
        """On the channel now: whatever waits is sent, in its order."""
        self._link = link
        for request in self._waiting.values():
            self._start(request)

    async def disconnected(self) -> None:
        """The connection is gone, and what was being sent on it with it."""
        self._link = None
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def fail(self, error: Exception) -> None:
        for request in self._waiting.values():
            if not request.answer.done():
                request.answer.set_exception(error)

    def reply(self, message: Message) -> bool:
        """Whether the frame is the reply to a command."""
        request = self._waiting.get(message["id"]) if isinstance(message.get("id"), int) else None
        if request is None:
            return False
        error = message.get("error")
        if error is None:
            if not request.answer.done():
                request.answer.set_result(message.get("result"))
        elif error["code"] in TEMPORARY:
            self._start(request, after=error.get("retry_after", _AGAIN_SECONDS))
        elif not request.answer.done():
            request.answer.set_exception(rejection_of(error["code"], error["message"]))
        return True

    def _start(self, request: _Request, after: float = 0) -> None:
        if self._link is not None:
            task = asyncio.create_task(self._send(self._link, request, after))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _send(self, link: Link, request: _Request, after: float) -> None:
        if after:
            await asyncio.sleep(after)
        try:
            reply = None if request.answer.done() else await link.send(request.frame)
        except NotOpened:
            self._start(request, after=_AGAIN_SECONDS)
        except Closed:  # it is sent again on the next connection
            pass
        else:
            if reply is not None:
                self.reply(reply)
