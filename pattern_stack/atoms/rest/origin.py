"""A route that pages of other origins cannot use to change something."""

import logging
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, ClassVar, Self

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from pattern_stack.atoms.log_every import LogEvery
from pattern_stack.atoms.origins import Origins

_log = LogEvery(logging.getLogger(__name__))
_READING = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class OriginRoute(APIRoute):
    """Answers 403 to a page of another origin, unless the method only reads. Nothing of the request was used then.

    A browser sends cookies with such a request, and no preflight if it has no body or a plain form's. Requests without
    Origin come from no page, and are allowed. See `Origins` for the rule, which is that of the WebSocket endpoint.
    """

    origins: ClassVar[Origins] = Origins()

    @classmethod
    def listing(cls, origins: Iterable[str]) -> type[Self]:
        """The same route class, for an application that pages of these other origins may use too."""
        return type(cls.__name__, (cls,), {"origins": Origins(origins)})

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def checked(request: Request) -> Response:
            if request.method not in _READING:
                self._check(request)
            return await handle(request)

        return checked

    def _check(self, request: Request) -> None:
        origin, host = _header(request, "Origin"), _header(request, "Host")
        if self.origins.allow(origin, host, secure=request.url.scheme == "https"):
            return
        _log.warning(
            "refused %s of the page %.200r: it is not Host %.200r, nor listed in get_router(origins=[...]), which is "
            "PATTERN_STACK_ORIGINS for create_app()",
            request.method,
            origin,
            host,
        )
        raise HTTPException(403, "pages of this origin may not change anything here")


def _header(request: Request, name: str) -> str | None:
    """None if it is absent. One that comes twice is neither an origin nor a host."""
    values = request.headers.getlist(name)
    return ", ".join(values) if values else None
