"""The connection that one channel's commands go out on."""

import asyncio
from typing import Any

from pattern_stack.client.follower import Follower
from pattern_stack.client.link import Message
from pattern_stack.client.requests import Requests
from pattern_stack.errors import BroadcastClosed, BroadcastError, NotFound


class Sender:
    """On the channel for as long as the client lives: a command's connection has to be on it."""

    def __init__(self, follower: Follower, requests: Requests) -> None:
        self._requests = requests
        self._task = asyncio.create_task(self._follow(follower))

    @property
    def has_ended(self) -> bool:
        return self._task.done()

    async def ask(self, command: Message) -> Any:
        return await self._requests.ask(command)

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.wait((self._task,))
        self._requests.fail(BroadcastClosed("the client was closed before the answer came"))

    async def _follow(self, follower: Follower) -> None:
        events = follower.events()
        try:
            async for _ in events:
                pass
            self._requests.fail(NotFound("the channel has ended"))
        except BroadcastError as error:
            self._requests.fail(error)
        except Exception as error:
            self._requests.fail(error)
            raise
        finally:
            await events.aclose()
