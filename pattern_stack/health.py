"""GET /health and GET /ready, for supervisors and load balancers."""

from collections.abc import Callable, Iterable
from typing import Protocol

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from pattern_stack.atoms.broadcast import BroadcastBackend
from pattern_stack.atoms.rest import error_answer


class Part(Protocol):
    """What can say why it cannot work: a backend, an Outbox, Notifications, a Fleet, or an object of the application."""

    @property
    def trouble(self) -> str | None: ...


def health_router(*parts: Part) -> APIRouter:
    """GET /health and GET /ready for an application of one's own: `app.include_router(health_router(broadcast, outbox))`.

    /health answers 200 as long as the process runs. /ready answers 200 while the `trouble` of every part is None, else 503 with
    {"error": {"code", "message"}}: the code names the first part that has trouble, the message is that trouble. It is
    about this instance. Both are open to everybody who can reach them. Raises TypeError for a part without `trouble`.
    """
    for part in parts:
        if not hasattr(part, "trouble"):
            raise TypeError(f"{part!r:.80} has no `trouble`")
    return router_of(lambda: [(_name(part), part) for part in parts])


def router_of(parts: Callable[[], Iterable[tuple[str, object]]]) -> APIRouter:
    """`parts` are asked for by each call, with the names that the codes have."""
    router = APIRouter()

    @router.get("/health")
    async def health() -> dict[str, str]:
        """The process runs."""
        return {"status": "ok"}

    @router.get("/ready", responses={503: {"description": "it cannot do its work now"}})
    async def ready() -> JSONResponse:
        """Whether a load balancer should send clients here."""
        for name, part in parts():
            if (trouble := getattr(part, "trouble", None)) is not None:
                return error_answer(503, f"{name.upper()}_UNAVAILABLE", trouble)
        return JSONResponse({"status": "ready"})

    return router


def _name(part: object) -> str:
    return "broadcast" if isinstance(part, BroadcastBackend) else type(part).__name__
