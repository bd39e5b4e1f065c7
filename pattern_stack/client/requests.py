"""Commands that wait for their replies: kept while there is no connection, and sent again on the next one."""

import asyncio
import itertools
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from pattern_stack.atoms.json import is_finite
from pattern_stack.client.errors import TEMPORARY, Closed, NotOpened, rejection_of
from pattern_stack.client.link import Link, Message
from pattern_stack.client.outage import Outage
from pattern_stack.errors import InvalidEvent

_FIRST_ID = 100
_AGAIN_SECONDS = 0.5


@dataclass(eq=False)
class _Request:
    frame: Message
    answer: "asyncio.Future[Any]"


class Requests:
    """Of one connection at a time. Each has a key, so that the server carries it out once, however often it is sent."""

    def __init__(self, outage: Outage) -> None:
        self._outage = outage
        self._waiting: dict[int, _Request] = {}
        self._ids = itertools.count(_FIRST_ID)
        self._link: Link | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def are_done(self) -> bool:
        return not self._waiting

    async def ask(self, command: Message) -> Any:
        """The command's result. `command` is what `command_of` made. Raises what it was refused with."""
        id = next(self._ids)
        self._waiting[id] = request = _Request({**command, "id": id}, asyncio.get_running_loop().create_future())
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
        if error is not None and error["code"] in TEMPORARY:
            self._outage.goes_on(f"{error['code']}: {error['message']}")
            self._start(request, after=error.get("retry_after", _AGAIN_SECONDS))
            return True
        self._outage.is_over()
        if error is None:
            if not request.answer.done():
                request.answer.set_result(message.get("result"))
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
        except NotOpened as error:
            self._outage.goes_on(str(error))
            self._start(request, after=_AGAIN_SECONDS)
        except Closed:  # it is sent again on the next connection
            pass
        except Exception as error:  # nobody awaits this task: the caller of `ask` has to see it
            if not request.answer.done():
                request.answer.set_exception(error)
        else:
            if reply is not None:
                self.reply(reply)


def command_of(channel: str, event: str, payload: Mapping[str, Any] | None, key: str | None) -> Message:
    """The frame of a command, without its id. The payload is encoded now: what changes it later changes no frame.

    Raises InvalidEvent where it is no JSON.
    """
    if payload is not None and not isinstance(payload, Mapping):
        raise InvalidEvent(f"a payload is a JSON object, not {type(payload).__name__}")
    plain = dict(payload or {})
    command = {"send": channel, "event": event, "key": key or secrets.token_hex(16)}
    try:
        data = orjson.dumps(plain)
        orjson.dumps(command)
    except (TypeError, ValueError) as error:
        raise InvalidEvent(f"{channel} {event!r:.80}: {error}") from error
    if b"null" in data and not is_finite(plain):
        raise InvalidEvent(f"{channel} {event!r:.80}: NaN and Infinity are not JSON")
    return {**command, "payload": orjson.Fragment(data)}
