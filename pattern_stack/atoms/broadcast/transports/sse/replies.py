"""Replies: a transport that keeps what a connection sends, for an HTTP answer."""

import orjson
from starlette.responses import Response

from pattern_stack.atoms.broadcast.transports.sse.answers import Header, answer, error_of
from pattern_stack.atoms.broadcast.websocket.frames import Batch, Frame


class Replies:
    """Takes everything at once. It ends with the request."""

    write_prepared = None
    queued = False

    def __init__(self) -> None:
        self._frames: list[Frame] = []
        self.taken = 0

    def response(self, headers: list[Header]) -> Response:
        """The reply. An error where there is none, or where it is empty for that error."""
        replies = [orjson.loads(frame.data) for frame in self._frames]
        errors = [reply["error"] for reply in replies if "error" in reply]
        if errors and (len(errors) == len(replies) or not any(replies[-1].get("presence", [True]))):
            return error_of(errors[0]["code"], errors[0]["message"], headers=headers)
        return answer(self._frames[-1].data, 200, headers)

    # -- as a Transport

    def write(self, batch: Batch) -> None:
        self._frames += batch.frames

    def resume_reading(self) -> None: ...

    def close(self, code: int, reason: str) -> None: ...

    def expire(self, seconds: float) -> None: ...

    def abort(self) -> None: ...
