"""The whole application: everything mounted."""

from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from pattern_stack.atoms.broadcast import broadcast_from_url
from pattern_stack.errors import BroadcastClosed, BroadcastUnavailable, InvalidChannel, InvalidEvent
from pattern_stack.settings import Settings

_STATUS_CODES = {401: "UNAUTHENTICATED", 403: "FORBIDDEN", 404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}
_BROADCAST_ERRORS = {
    InvalidChannel: (422, "INVALID_CHANNEL"),
    InvalidEvent: (422, "INVALID_EVENT"),
    BroadcastUnavailable: (503, "BROADCAST_UNAVAILABLE"),
    BroadcastClosed: (503, "BROADCAST_UNAVAILABLE"),
}


def create_app(settings: Settings | None = None) -> FastAPI:
    """The broadcast endpoint with GET /health and /ready. Its backend is `app.state.broadcast`.

    Every error is answered as {"error": {"code", "message"}}.
    """
    settings = settings or Settings()
    app = FastAPI(title="pattern_stack")
    broadcast = broadcast_from_url(settings.broadcast_url)
    app.state.broadcast = broadcast
    app.include_router(broadcast.get_router(origins=settings.origins))
    _answer_errors(app)

    @app.get("/health")
    async def health() -> dict[str, str]:
        """The process runs."""
        return {"status": "ok"}

    @app.get("/ready", responses={503: {"description": "it cannot do its work now"}})
    async def ready() -> JSONResponse:
        """Whether a load balancer should send clients here."""
        trouble = broadcast.trouble
        if trouble is None:
            return JSONResponse({"status": "ready"})
        return _error(503, "BROADCAST_UNAVAILABLE", trouble)

    return app


def _answer_errors(app: FastAPI) -> None:
    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        answer = _error(error.status_code, _STATUS_CODES.get(error.status_code, "HTTP_ERROR"), str(error.detail))
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(RequestValidationError)
    async def validation(request: Request, error: RequestValidationError) -> JSONResponse:
        wrong = (f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors())
        return _error(422, "VALIDATION_ERROR", "; ".join(wrong))

    for kind, (status, code) in _BROADCAST_ERRORS.items():
        app.add_exception_handler(kind, _broadcast_error(status, code))


def _broadcast_error(status: int, code: str) -> Callable[[Request, Exception], Awaitable[JSONResponse]]:
    async def answer(request: Request, error: Exception) -> JSONResponse:
        return _error(status, code, str(error))

    return answer


def _error(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message}}, status_code=status)
