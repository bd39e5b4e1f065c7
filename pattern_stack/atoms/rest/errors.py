"""{"error": {"code", "message"}}: the one answer to what went wrong, whoever found it."""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from pattern_stack.atoms.json import faults
from pattern_stack.errors import BroadcastClosed, BroadcastUnavailable, InvalidChannel, InvalidEvent, ServiceError

_STATUS_CODES = {
    401: "UNAUTHENTICATED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    413: "PAYLOAD_TOO_LARGE",
}
_BROADCAST_ERRORS = {
    InvalidChannel: (422, "INVALID_CHANNEL"),
    InvalidEvent: (422, "INVALID_EVENT"),
    BroadcastUnavailable: (503, "BROADCAST_UNAVAILABLE"),
    BroadcastClosed: (503, "BROADCAST_UNAVAILABLE"),
}


class Error(BaseModel):
    code: str
    message: str


class ErrorAnswer(BaseModel):
    """What every error is answered with."""

    error: Error


def error_answer(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse(_form(code, message), status_code=status)


def _form(code: str, message: str) -> dict[str, dict[str, str]]:
    return {"error": {"code": code, "message": message}}


def error_responses(*kinds: type[ServiceError]) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses`: what it may answer instead, each code with an example. VALIDATION_ERROR is among them."""
    told: defaultdict[int, dict[str, str]] = defaultdict(dict)
    told[422]["VALIDATION_ERROR"] = "body.name: Field required"
    for kind in kinds:
        told[kind.status][kind.code] = kind.example
    return {status: answer for each in told for status, answer in answers(each, **told[each]).items()}


def answers(status: int, **codes: str) -> dict[int | str, dict[str, Any]]:
    """The same for any other answer: its codes, each with a message as an example."""
    examples = {code: {"value": _form(code, message)} for code, message in codes.items()}
    content = {"application/json": {"examples": examples}}
    return {status: {"model": ErrorAnswer, "description": ", ".join(codes), "content": content}}


UNAVAILABLE = answers(503, BROADCAST_UNAVAILABLE="the link to Redis is down")
"""For the `responses` of routes that stand on a bridge's store."""


def add_exception_handlers(app: FastAPI) -> None:
    """Every error of the application, the framework's own and those of this package included, gets that form."""
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(ServiceError, _service)
    app.add_exception_handler(Exception, _internal)
    for kind, (status, code) in _BROADCAST_ERRORS.items():
        app.add_exception_handler(kind, _broadcast(status, code))


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    answer = error_answer(error.status_code, _STATUS_CODES.get(error.status_code, "HTTP_ERROR"), str(error.detail))
    answer.headers.update(error.headers or {})
    return answer


async def _validation(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return error_answer(422, "VALIDATION_ERROR", faults(error.errors()))


async def _service(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ServiceError)
    return error_answer(error.status, error.code, str(error))


async def _internal(request: Request, error: Exception) -> JSONResponse:
    """The server logs the traceback; the client learns nothing of it."""
    return error_answer(500, "INTERNAL", "something went wrong here; it was logged")


def _broadcast(status: int, code: str) -> Callable[[Request, Exception], Awaitable[JSONResponse]]:
    async def answer(request: Request, error: Exception) -> JSONResponse:
        return error_answer(status, code, str(error))

    return answer
