"""An application with an inspector, and an operator who reads what its page reads."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
from fastapi import APIRouter, FastAPI

from pattern_stack import WebSocketBroadcastBackend
from pattern_stack.atoms.rest import add_exception_handlers
from pattern_stack.features import inspector
from tests.support.eventually import eventually
from tests.support.patience import PATIENCE
from tests.support.server import Server, router_of, serving

TOKEN = "let-me-look"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


class Operator:
    def __init__(self, server: Server) -> None:
        self.server = server
        self.http = httpx2.Client(base_url=server.http, headers=BEARER, timeout=PATIENCE, trust_env=False)

    def look(self, **query: Any) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get("/inspector/state", params=query).raise_for_status().json()
        return found

    def findings(self, kind: str) -> list[str]:
        return [one["text"] for one in self.look()["findings"] if one["kind"] == kind]

    def until(self, kind: str, *texts: str) -> None:
        """Until there is a finding of this kind with all of these texts."""

        def found() -> bool:
            return any(all(text in one for text in texts) for one in self.findings(kind))

        eventually(found, f"no finding {kind} with {texts}")

    def until_shown(self, is_it: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        views: list[dict[str, Any]] = []

        def shown() -> bool:
            views.append(self.look())
            return bool(is_it(views[-1]))

        eventually(shown, "it is not shown")
        return views[-1]

    def ticket(self) -> str:
        ticket: str = self.http.get("/inspector/ticket").raise_for_status().json()["ticket"]
        return ticket


@contextmanager
def inspected(backend: WebSocketBroadcastBackend, *more: APIRouter, **router: Any) -> Iterator[Operator]:
    """`router`: options of the backend's own router."""
    app = FastAPI()
    add_exception_handlers(app)
    app.include_router(inspector.get_router(backend, token=TOKEN))
    app.include_router(router_of(backend, **router))
    for one in more:
        app.include_router(one)
    with serving(app) as server:
        operator = Operator(server)
        yield operator
        operator.http.close()
