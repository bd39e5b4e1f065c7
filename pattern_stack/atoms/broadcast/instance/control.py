"""What instances tell each other about connections: disconnect a user, unsubscribe one, end a channel."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

import orjson

from pattern_stack.atoms.broadcast.core.channels import CONTROL
from pattern_stack.atoms.broadcast.core.engine import LinkedEngine
from pattern_stack.atoms.broadcast.core.event import Draft, Event
from pattern_stack.atoms.broadcast.core.process import ProcessToken
from pattern_stack.atoms.broadcast.instance.listener import Listener
from pattern_stack.errors import BroadcastError, BroadcastUnavailable

logger = logging.getLogger(__name__)

_ANSWER_SECONDS = 2
_RETRY_SECONDS = 1

Apply = Callable[[Mapping[str, Any]], Awaitable[None]]


class Control:
    """A channel of the bridge that no client can name. Every instance listens to it, in one order.

    An instance that was cut off carries out what it missed when it is back; the store keeps commands for an hour. Where
    commands were lost, `lost` is called.
    """

    def __init__(self, link: LinkedEngine, apply: Apply, lost: Callable[[], None]) -> None:
        self._link = link
        self._apply = apply
        self._lost = lost
        self._token = ProcessToken(8)
        self._answers: dict[str, set[str]] = {}
        self._answered = asyncio.Condition()
        self._answering: set[asyncio.Task[None]] = set()

    @property
    def _id(self) -> str:
        return str(self._token)

    async def send(self, command: Mapping[str, Any]) -> None:
        """Pass a command to every instance, and wait until all of them have carried it out, or for 2 s.

        Raises BroadcastUnavailable where the store does not take it.
        """
        request = secrets.token_hex(8)
        answers = self._answers[request] = {self._id}
        try:
            members = await self._link.presence(CONTROL).members(CONTROL)
            others = {member["connection_id"] for member in members}
            await self._publish("command", {**command, "request": request, "sender": self._id})
            async with self._answered:
                await asyncio.wait_for(self._answered.wait_for(lambda: others <= answers), _ANSWER_SECONDS)
        except TimeoutError:
            logger.warning("%d instances have not answered yet; they carry it out when they can", len(others - answers))
        finally:
            del self._answers[request]

    async def run(self, listen: Callable[[], Awaitable[Listener]], unlisten: Callable[[Listener], None]) -> None:
        """Carry out commands until the listener ends. The store is asked until it answers."""
        listener = await self._begin(listen)
        try:
            async for event in listener:
                if isinstance(event, Event):
                    await self._receive(event)
            await self._leave()
        finally:
            unlisten(listener)

    async def _begin(self, listen: Callable[[], Awaitable[Listener]]) -> Listener:
        while True:
            try:
                listener = await listen()
            except BroadcastUnavailable:
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            listener.lost = self._lost
            await self._join()
            return listener

    async def _join(self) -> None:
        with suppress(BroadcastUnavailable):  # the next renewal of presence puts it right
            await self._link.presence(CONTROL).join(CONTROL, self._id, None)

    async def _leave(self) -> None:
        """Nobody waits for the answers of an instance that stops."""
        with suppress(BroadcastError, KeyError):  # its lease ends by itself
            await self._link.presence(CONTROL).leave(CONTROL, self._id)

    async def _receive(self, event: Event) -> None:
        payload = event.payload
        if event.event_type == "answer":
            if answers := self._answers.get(payload["request"]):
                async with self._answered:
                    answers.add(payload["instance"])
                    self._answered.notify_all()
            return
        try:
            await self._apply(payload)
        except Exception:
            logger.exception("a command of another instance could not be carried out")
        if payload["sender"] != self._id:
            task = asyncio.create_task(self._answer(payload["request"]))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)

    async def _answer(self, request: str) -> None:
        with suppress(BroadcastUnavailable):  # who asked waits for 2 s at most
            await self._publish("answer", {"request": request, "instance": self._id})

    async def _publish(self, event_type: str, payload: Mapping[str, Any]) -> None:
        message = {"channel": CONTROL, "event": event_type, "payload": payload}
        await self._link.publish([Draft(CONTROL, orjson.dumps(message))])
