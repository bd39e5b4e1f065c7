"""A route that reads no more of a body than it has to."""

from collections.abc import Callable, Coroutine
from typing import Any, ClassVar

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

from pattern_stack.atoms.rest.errors import documented
from pattern_stack.atoms.rest.origin import OriginRoute


class BoundedRoute(OriginRoute):
    """The route class of every feature's router: it answers 413 to a body of more than `body_bytes`, 422 to one that cannot
    be parsed at all, and 403 as OriginRoute does.

    A body that is too long is read to its end, up to `drained_bytes`, and discarded: closing over unread bytes resets the
    connection, and the client would never see the answer.
    """

    body_bytes: ClassVar[int] = 256 * 1024
    drained_bytes: ClassVar[int] = 64 * 1024 * 1024

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def bounded(request: Request) -> Response:
            try:
                return await handle(Request(request.scope, self._bounded(request.receive)))
            except HTTPException as error:
                if (
                    error.status_code == 400 and error.__cause__ is not None
                ):  # FastAPI could not parse it: nested too deep
                    fault = {"type": "json_invalid", "loc": ("body",), "msg": "the body cannot be parsed", "input": {}}
                    raise RequestValidationError([fault]) from error
                raise

        return bounded

    def _bounded(self, receive: Receive) -> Receive:
        read = 0

        async def next_part() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read <= self.body_bytes:
                return message
            while message.get("more_body") and read <= self.drained_bytes:
                message = await receive()
                read += len(message.get("body", b""))
            raise HTTPException(413, f"a body has at most {self.body_bytes} bytes here")

        return next_part


TOO_LARGE = documented(413, PAYLOAD_TOO_LARGE=f"a body has at most {BoundedRoute.body_bytes} bytes here")
"""For the `responses` of a route that takes a body."""
