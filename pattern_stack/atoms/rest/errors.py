"""The form of every error: {"error": {"code", "message"}}."""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from pattern_stack.atoms.json import faults
from pattern_stack.errors import (
    BroadcastClosed,
    BroadcastUnavailable,
    Forbidden,
    InvalidChannel,
    InvalidEvent,
    NotFound,
    ServiceError,
    Unauthenticated,
)

_STATUS_CODES = {
    401: "UNAUTHENTICATED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    413: "PAYLOAD_TOO_LARGE",
}
_BROADCAST_ERRORS = {
    Unauthenticated: (401, "UNAUTHENTICATED"),
    Forbidden: (403, "FORBIDDEN"),
    NotFound: (404, "NOT_FOUND"),
    InvalidChannel: (422, "INVALID_CHANNEL"),
    InvalidEvent: (422, "INVALID_EVENT"),
    BroadcastUnavailable: (503, "BROADCAST_UNAVAILABLE"),
    BroadcastClosed: (503, "BROADCAST_UNAVAILABLE"),
}


class Error(BaseModel):
    code: str
    message: str


class ErrorAnswer(BaseModel):
    """The answer to every call that is refused or fails."""

    error: Error


def error_answer(status: int, code: str, message: str) -> JSONResponse:
    """The error as a response."""
    return JSONResponse(_form(code, message), status_code=status)


def _form(code: str, message: str) -> dict[str, dict[str, str]]:
    return {"error": {"code": code, "message": message}}


def error_responses(*kinds: type[ServiceError]) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses`: the errors that it may answer, each with its example. VALIDATION_ERROR is among them."""
    examples: defaultdict[int, dict[str, str]] = defaultdict(dict)
    examples[422]["VALIDATION_ERROR"] = "body.name: Field required"
    for kind in kinds:
        examples[kind.status][kind.code] = kind.example
    return {status: answer for each in examples for status, answer in documented(each, **examples[each]).items()}


def documented(status: int, **codes: str) -> dict[int | str, dict[str, Any]]:
    """The same for one status: its codes, each with a message as an example."""
    examples = {code: {"value": _form(code, message)} for code, message in codes.items()}
    content = {"application/json": {"examples": examples}}
    return {status: {"model": ErrorAnswer, "description": ", ".join(codes), "content": content}}


UNAVAILABLE = documented(503, BROADCAST_UNAVAILABLE="the link to Redis is down")
"""For the `responses` of routes that need the store of a bridge."""


def add_exception_handlers(app: FastAPI) -> None:
    """Give every error of the application this form: FastAPI's own, those of this package, and unexpected ones.

    Unauthenticated, Forbidden and NotFound of an endpoint or a dependency are answered with 401, 403 and 404.
    """
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
    """The server logs the traceback; the client is not told about it."""
    return error_answer(500, "INTERNAL", "the server failed to do this; the log says why")


def _broadcast(status: int, code: str) -> Callable[[Request, Exception], Awaitable[JSONResponse]]:
    async def answer(request: Request, error: Exception) -> JSONResponse:
        return error_answer(status, code, str(error) or code.replace("_", " ").lower())

    return answer
