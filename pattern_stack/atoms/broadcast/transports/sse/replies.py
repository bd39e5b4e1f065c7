"""Replies: a transport that keeps what a connection sends, for an HTTP answer."""

import asyncio
from typing import Any

import orjson
from starlette.responses import Response

from pattern_stack.atoms.broadcast.core.protocol import CommandError
from pattern_stack.atoms.broadcast.transports.sse.answers import Header, answer, refused_command
from pattern_stack.atoms.broadcast.websocket.frames import Batch, Frame


class Replies:
    """Takes everything at once. It ends with the request."""

    write_prepared = None
    lane, queued = "stream", False

    def __init__(self) -> None:
        self._frames: list[Frame] = []
        self.taken = 0
        self.arrived = asyncio.Event()

    def response(self, headers: list[Header]) -> Response:
        """The reply. An error where there is none, or where it is empty for that error."""
        replies = [orjson.loads(frame.data) for frame in self._frames]
        errors = [reply["error"] for reply in replies if "error" in reply]
        if errors and (len(errors) == len(replies) or not any(replies[-1].get("presence", [True]))):
            return refused_command(_error_of(errors[0]), headers)
        return answer(self._frames[-1].data, 200, headers)

    # -- as a Transport

    def write(self, batch: Batch) -> bool:
        self._frames += batch.frames
        self.arrived.set()
        return True

    def resume_reading(self) -> None: ...

    def close(self, code: int, reason: str) -> None: ...

    def expire(self, seconds: float) -> None: ...

    def abort(self) -> None: ...


def _error_of(error: dict[str, Any]) -> CommandError:
    return CommandError(error["code"], error["message"], retry_after=error.get("retry_after"))
