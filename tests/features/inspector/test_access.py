"""Who may look, and what looking costs those who are looked at."""

import asyncio
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import Depends, FastAPI, HTTPException, Request

from pattern_stack import Connection, Forbidden, Identity, WebSocketBroadcastBackend
from pattern_stack.app import create_app
from pattern_stack.features import inspector
from pattern_stack.settings import Settings
from tests.features.inspector.world import BEARER, TOKEN, Operator, inspected
from tests.support.client import Client, client
from tests.support.server import router_of, serving, until


def site(tmp_path: Path, token: str | None = TOKEN) -> FastAPI:
    url = f"sqlite+aiosqlite:///{tmp_path}/projects.db"
    return create_app(Settings(broadcast_url="memory://", database_url=url, inspector_token=token))


def asking(app: FastAPI) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test")


CALLS = ["/inspector", "/inspector/state", "/inspector/ticket", "/inspector/events?channel=orders"]


async def test_without_the_setting_there_is_no_inspector(tmp_path: Path) -> None:
    async with asking(site(tmp_path, None)) as http:
        for path in CALLS:
            assert (await http.get(path, headers=BEARER)).status_code == 404


async def test_the_token_as_bearer_and_once_in_the_url(tmp_path: Path) -> None:
    async with asking(site(tmp_path)) as http:
        for path in CALLS:
            for headers in ({}, {"Authorization": "Bearer wrong"}, {"Cookie": "pattern_stack_inspector=wrong"}):
                refused = await http.get(path, headers=headers)
                assert (refused.status_code, refused.json()["error"]["code"]) == (401, "UNAUTHENTICATED"), path
            assert (await http.get(path, headers=BEARER)).status_code == 200
        assert (await http.get("/inspector?token=wrong")).status_code == 401
        exchanged = await http.get(f"/inspector?token={TOKEN}&q=ann")
        assert (exchanged.status_code, exchanged.headers["Location"]) == (303, "inspector?q=ann")
        cookie = exchanged.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert TOKEN not in cookie
        for path in CALLS:
            assert (await http.get(path)).status_code == 200  # by the cookie
        foreign = {"Origin": "https://elsewhere.example"}
        body = {"connection_id": "x"}
        assert (await http.post("/inspector/disconnect", json=body, headers=foreign)).status_code == 403
        assert (await http.post("/inspector/disconnect", json=body)).status_code == 404
        assert (await http.get("/inspector/state?rows=100000")).status_code == 422
        assert (await http.get("/inspector/events?channel=a%20b")).status_code == 422


def require_admin(request: Request) -> None:
    if request.headers.get("X-Admin") != "yes":
        raise HTTPException(403)


async def test_dependencies_of_the_application_guard_it_and_its_socket_needs_no_more() -> None:
    backend = WebSocketBroadcastBackend()
    app = FastAPI()
    app.include_router(inspector.get_router(backend, dependencies=[Depends(require_admin)]))
    async with asking(app) as http:
        for path in CALLS:
            assert (await http.get(path)).status_code == 403
            assert (await http.get(path, headers={"X-Admin": "yes"})).status_code == 200
    with serving(app) as server:
        answer = await asyncio.to_thread(httpx2.get, f"{server.http}/inspector/ticket", headers={"X-Admin": "yes"})
        async with looking(server.http, answer.json()["ticket"]) as page:
            await page.subscribe("inspector")
            assert (await page.event())["event"] == "snapshot"


async def test_who_may_look_has_to_be_said() -> None:
    with pytest.raises(ValueError, match="who may look"):
        inspector.get_router(WebSocketBroadcastBackend())
    with pytest.raises(ValueError, match="empty"):
        inspector.get_router(WebSocketBroadcastBackend(), token="")


def looking(http: str, ticket: str) -> Any:
    class Looking:
        async def __aenter__(self) -> Client:
            self.around = client(f"{http.replace('http', 'ws')}/inspector/ws")
            page = await self.around.__aenter__()
            assert "error" not in await page.ask({"auth": ticket})
            return page

        async def __aexit__(self, *error: Any) -> None:
            await self.around.__aexit__(*error)

    return Looking()


async def test_its_channel_is_for_operators_and_they_are_on_no_other() -> None:
    asked: list[str] = []

    async def authorize(connection: Connection, channel: str) -> None:
        asked.append(channel)

    backend = WebSocketBroadcastBackend(everyone=["news"], authorize=authorize)
    with inspected(backend, authenticate=lambda: Identity("operator")) as operator:
        async with client(operator.server.url) as ann:
            for channel in ("inspector", "inspector:e30"):
                answer = await ann.ask({"subscribe": [channel]})
                assert (answer["error"]["code"], answer["error"]["channel"]) == ("forbidden", channel)
        assert set(asked) == {"news"}
        assert "inspector" not in operator.http.get("/asyncapi.json").text
        asked.clear()
        for ticket in ("", "nonsense", "9999999999.nonsense", "1.é"):
            async with client(f"{operator.server.http.replace('http', 'ws')}/inspector/ws") as page:
                answer = await page.ask({"auth": ticket})
                assert answer["error"]["code"] in ("unauthenticated", "invalid_message")
        async with looking(operator.server.http, operator.ticket()) as page:
            answer = await page.ask({"subscribe": ["orders"]})
            assert answer["error"]["code"] == "forbidden"
            answer = await page.ask({"subscribe": ["inspector:!!"]})
            assert answer["error"]["code"] == "invalid_channel"
            answer = await page.ask({"subscribe": ["inspector:bm8"]})
            assert answer["error"]["code"] == "not_found"
            assert asked == []


async def test_a_page_is_told_what_changes_and_is_no_noise_itself() -> None:
    backend = WebSocketBroadcastBackend()
    with inspected(backend) as operator:
        async with looking(operator.server.http, operator.ticket()) as page:
            await page.subscribe("inspector")
            assert (await page.event())["payload"]["connections"]["total"] == 0
            async with client(operator.server.url) as ann:
                await ann.subscribe("orders")
                await page.until(lambda event: event.get("event") == "state" and shows(event, "orders"))
                for n in range(3):
                    await backend.broadcast("orders", "created", {"n": n})
                told = await page.until(lambda event: "payload" in event and (rate(event) or 0) > 0)
            view = told["payload"]
            assert [row["channel"] for row in view["channels"]["rows"]] == ["orders"]
            assert view["channels"]["rows"][0]["offset"] == 3
            (row,) = view["connections"]["rows"]
            assert (row["user"], row["channels"], row["names"], row["lane"]) == (None, 1, ["orders"], "websocket")
            assert view["instance"]["scope"] == "this instance"
            await page.until(lambda event: "payload" in event and event["payload"]["ended"]["total"] == 1)
        ended = (await asyncio.to_thread(operator.look))["ended"]["rows"]
        assert [(row["code"], row["by"], row["names"]) for row in ended] == [(1000, "client", ["orders"])]


def shows(event: dict[str, Any], channel: str) -> bool:
    return any(row["channel"] == channel for row in event["payload"]["channels"]["rows"])


def rate(event: dict[str, Any]) -> float | None:
    return next((row["rate"] for row in event["payload"]["channels"]["rows"]), None)


async def test_a_channel_of_everyone_that_refuses_is_shown_though_its_client_is_not_told() -> None:
    async def authorize(connection: Connection, channel: str) -> None:
        raise Forbidden("not yet")

    backend = WebSocketBroadcastBackend(everyone=["news"], authorize=authorize)
    with inspected(backend, authenticate=lambda: "ann") as operator:
        async with client(operator.server.url) as ann:
            await ann.nothing_more()
            (row,) = (await asyncio.to_thread(operator.look))["refused"]["rows"]
        assert (row["what"], row["channel"], row["code"], row["user"]) == ("everyone", "news", "forbidden", "ann")
        assert operator.findings("forbidden") == ["ann was refused on news: forbidden, not yet."]


async def test_whatever_a_client_sends_for_a_name_is_shown_as_text() -> None:
    with inspected(WebSocketBroadcastBackend()) as operator:
        async with client(operator.server.url) as ann:
            for name in (["x"], {"a": 1}, 5, None, True, "a b", "\x00", "x" * 1_000, "\ud800"):
                await ann.send({"subscribe": [name], "id": 1})
                await ann.until(lambda message: "error" in message)
            await ann.subscribe("orders")
            view = await asyncio.to_thread(operator.look)
        rows = view["refused"]["rows"]
        assert {row["code"] for row in rows} <= {"invalid_channel", "invalid_message", "invalid_json"}
        assert all(row["channel"] is None or isinstance(row["channel"], str) for row in rows)
        assert sum(row["count"] for row in rows) == 9


async def test_nothing_runs_while_nobody_looks() -> None:
    backend = WebSocketBroadcastBackend()

    def running() -> bool:
        return "the inspector" in {task.get_name() for task in asyncio.all_tasks(operator.server.loop)}

    with inspected(backend) as operator:
        assert not running()
        async with looking(operator.server.http, operator.ticket()) as page:
            await page.subscribe("inspector", "inspector:e30")
            assert running()
            await page.ask({"unsubscribe": ["inspector"]})
            assert running()
        await until(operator.server, lambda: not running())


@pytest.mark.parametrize("over", ["rest", "socket"])
async def test_one_connection_is_disconnected(over: str) -> None:
    with inspected(WebSocketBroadcastBackend(), authenticate=lambda: "ann") as operator:
        async with client(operator.server.url) as one, client(operator.server.url) as other:
            await one.subscribe("orders")
            view = await asyncio.to_thread(operator.look, q="orders")
            (row,) = view["connections"]["rows"]
            assert view["connections"] | {"rows": []} == {"total": 2, "matching": 1, "from": 0, "rows": []}
            await disconnect(over, operator, row["id"])
            assert await one.closed() == (4403, "disconnected by an operator")
            await other.nothing_more()
        (ended,) = (await asyncio.to_thread(operator.look, q=row["id"]))["ended"]["rows"]
        assert (ended["code"], ended["user"], ended["by"]) == (4403, "ann", "server")


async def disconnect(over: str, operator: Operator, id: str) -> None:
    body = {"connection_id": id}
    if over == "rest":
        answer = await asyncio.to_thread(lambda: operator.http.post("/inspector/disconnect", json=body))
        assert answer.status_code == 204
        return
    async with looking(operator.server.http, operator.ticket()) as page:
        await page.subscribe("inspector")
        answer = await page.ask({"send": "inspector", "event": "disconnect", "payload": {"connection_id": "no"}})
        assert answer["error"]["code"] == "not_found"
        answer = await page.ask({"send": "inspector", "event": "disconnect", "payload": body, "key": "k"})
        assert "result" in answer


class Person:
    """A user object whose text nobody may see."""

    def __str__(self) -> str:
        raise AssertionError("it was asked for its text")

    __repr__ = __str__


@pytest.mark.lanes("slow", "direct")
async def test_of_a_user_nothing_but_the_key_is_shown() -> None:
    users = iter([Identity(Person(), key="ann"), Identity(Person())])
    with inspected(WebSocketBroadcastBackend(), authenticate=lambda: next(users)) as operator:
        async with client(operator.server.url) as one, client(operator.server.url) as other:
            await one.ask({"subscribe": 5})
            await other.ask({"subscribe": 5})
            view = await asyncio.to_thread(operator.look)
        shown = {(row["user"], row["anonymous"]) for row in view["connections"]["rows"]}
        assert shown == {("ann", False), (None, False)}
        assert {row["user"] for row in view["refused"]["rows"]} == {"ann", None}


async def test_a_stream_is_a_connection_too() -> None:
    with inspected(WebSocketBroadcastBackend()) as operator:
        url = f"{operator.server.http}/sse/broadcast?channel=orders"
        async with httpx2.AsyncClient(trust_env=False) as http, http.stream("GET", url):
            (row,) = (await asyncio.to_thread(operator.look))["connections"]["rows"]
            assert (row["lane"], row["names"]) == ("stream", ["orders"])
        await asyncio.to_thread(operator.until_shown, lambda view: view["ended"]["total"] == 1)


def test_a_backend_without_an_inspector_keeps_nothing() -> None:
    backend = WebSocketBroadcastBackend()
    app = FastAPI()
    app.include_router(router_of(backend))
    instance = backend._instance
    assert (instance.news.told, instance.on_published, instance.on_engine) == (None, None, None)
    assert not instance.channels.match("inspector")
