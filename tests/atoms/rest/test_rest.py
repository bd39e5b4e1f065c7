"""The form of errors, and the bound on bodies."""

from typing import Any

import httpx2
import orjson
import pytest
from fastapi import APIRouter, Depends, FastAPI

from pattern_stack.atoms.rest import BoundedRoute, add_exception_handlers, error_responses
from pattern_stack.errors import Forbidden, NotFound, ServiceError, Unauthenticated
from tests.support.patience import PATIENCE
from tests.support.server import serving


class Busy(ServiceError):
    """It is busy."""

    status, code = 409, "BUSY"
    example = "It is busy."


def application() -> FastAPI:
    app = FastAPI()
    add_exception_handlers(app)
    router = APIRouter(route_class=BoundedRoute)

    @router.post("/size", responses=error_responses(Busy))
    async def size(body: dict[str, Any]) -> int:
        return len(body)

    @router.get("/busy")
    async def busy() -> None:
        raise Busy("not now")

    async def refuse(kind: str) -> None:
        raise {"who": Unauthenticated, "may": Forbidden, "where": NotFound}[kind]("not you")

    @router.get("/guarded/{kind}", dependencies=[Depends(refuse)])
    async def guarded() -> None: ...

    @router.get("/broken")
    async def broken() -> None:
        raise ZeroDivisionError

    app.include_router(router)
    return app


async def ask(method: str, path: str, content: bytes | None = None) -> tuple[int, Any]:
    with serving(application()) as server:
        async with httpx2.AsyncClient(base_url=server.http, timeout=PATIENCE) as http:
            answer = await http.request(method, path, content=content, headers={"Content-Type": "application/json"})
            return answer.status_code, answer.json()


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (orjson.dumps({"x": "y" * 10_000_000}), 413, "PAYLOAD_TOO_LARGE"),
        (b'{"x":' * 10_000 + b"1" + b"}" * 10_000, 422, "VALIDATION_ERROR"),
        (b"{", 422, "VALIDATION_ERROR"),
        (b'{"x": "\xff"}', 422, "VALIDATION_ERROR"),
        (b"[]", 422, "VALIDATION_ERROR"),
    ],
)
async def test_bodies_that_are_too_long_or_malformed_are_refused(content: bytes, status: int, code: str) -> None:
    got, answer = await ask("POST", "/size", content)
    assert (got, answer["error"]["code"]) == (status, code)


async def test_a_body_within_the_bound_is_read() -> None:
    assert await ask("POST", "/size", orjson.dumps({"x": "y" * 200_000})) == (200, 1)


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [("who", 401, "UNAUTHENTICATED"), ("may", 403, "FORBIDDEN"), ("where", 404, "NOT_FOUND")],
)
async def test_a_dependency_that_refuses_has_its_own_status(kind: str, status: int, code: str) -> None:
    assert await ask("GET", f"/guarded/{kind}") == (status, {"error": {"code": code, "message": "not you"}})


async def test_service_errors_and_unexpected_errors_have_the_same_form() -> None:
    assert await ask("GET", "/busy") == (409, {"error": {"code": "BUSY", "message": "not now"}})
    status, answer = await ask("GET", "/broken")
    assert (status, answer["error"]["code"]) == (500, "INTERNAL")
    assert "Zero" not in answer["error"]["message"]


def test_openapi_describes_the_errors_of_a_call() -> None:
    responses = application().openapi()["paths"]["/size"]["post"]["responses"]
    examples = responses["409"]["content"]["application/json"]["examples"]
    assert examples["BUSY"]["value"] == {"error": {"code": "BUSY", "message": "It is busy."}}
    assert "VALIDATION_ERROR" in responses["422"]["content"]["application/json"]["examples"]
