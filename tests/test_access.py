"""create_app(authenticate=, authorize=): nobody gets past them, over a socket or over REST."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import Header, HTTPException

from pattern_stack import Forbidden, Identity, NotFound, Unauthenticated
from pattern_stack.access import Access
from pattern_stack.app import create_app
from pattern_stack.settings import Settings
from tests.support.client import Client, client, page_of
from tests.support.server import Server, serving

SESSION = "6f1c1f6e-5a59-4f0d-9d7b-0a9f4a7d2c11"
OPEN = {"/health", "/ready", "/openapi.json", "/docs", "/sessions", "/notifications"}


def known(authorization: str = Header("")) -> Identity:
    user = authorization.removeprefix("Bearer ")
    if user == "expired":
        return Identity("ann", expires_at=time.time() - 1)
    if user not in ("ann", "bob"):
        raise Unauthenticated("who are you?")
    return Identity(user)


class Door:
    """Notes what is asked, and refuses with what it is given."""

    def __init__(self, refuse: Callable[[Access], Any] = lambda access: None) -> None:
        self.asked: list[Access] = []
        self._refuse = refuse

    async def __call__(self, access: Access) -> Any:
        self.asked.append(access)
        return self._refuse(access)


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    def make(**access: Any) -> Any:
        directory = tmp_path_factory.mktemp("access")
        return create_app(Settings(database_url=f"sqlite+aiosqlite:///{directory}/projects.db"), **access)

    return make


@pytest.fixture(scope="module")
def open_door(make: Callable[..., Any]) -> Iterator[tuple[Server, Door]]:
    """It lets everybody in."""
    door = Door()
    with serving(make(authenticate=known, authorize=door)) as server:
        yield server, door


HTTP = httpx2.Client(verify=False, trust_env=False, timeout=60)


@pytest.fixture(autouse=True, scope="module")
def _close_http() -> Iterator[None]:
    yield
    HTTP.close()


def ask(server: Server, method: str, path: str, user: str = "ann", key: str = "", **options: Any) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {user}"} if user else {}
    headers |= {"X-Command-Id": key} if key else {}
    return HTTP.request(method, f"{server.http}{path}", headers=headers, **options)


def calls(app: Any) -> list[tuple[str, str]]:
    """Every REST call, with ids in its path."""
    found = []
    for path, methods in app.openapi()["paths"].items():
        filled = re.sub(r"\{\w+\}", SESSION, path)
        found += [(method.upper(), filled) for method in methods]
    return found


def test_every_call_of_every_part_asks_who_it_is(make: Callable[..., Any]) -> None:
    app = make(authenticate=known)
    with serving(app) as server:
        asked = [call for call in calls(app) if call[1] not in OPEN]
        assert len(asked) > 40
        for method, path in asked:
            for user in ("", "eve", "expired"):
                body = {} if method == "POST" else None
                answer = ask(server, method, path, user, json=body)
                assert (answer.status_code, answer.json()["error"]["code"]) == (401, "UNAUTHENTICATED"), (method, path)
        assert ask(server, "GET", "/api/v1/status").status_code == 200
        for path in OPEN:
            assert ask(server, "GET", path, "").status_code == 200, path


def test_nobody_is_answered_with_what_another_user_did(make: Callable[..., Any]) -> None:
    with serving(make(authenticate=known)) as server:
        made = [ask(server, "POST", "/api/v1/sessions", user, key="1").json() for user in ("ann", "bob", "ann")]
    assert made[0] == made[2] != made[1]


async def test_every_socket_asks_who_it_is(make: Callable[..., Any]) -> None:
    with serving(make(authenticate=known)) as server:
        async with client(
            server.url, additional_headers={"Authorization": "Bearer eve"}, origin=page_of(server.url)
        ) as nobody:
            assert await nobody.closed() == (4401, "who are you?")
        async with as_user(server, "ann") as one:
            await one.subscribe("orders")


def as_user(server: Server, user: str) -> Any:
    return client(server.url, additional_headers={"Authorization": f"Bearer {user}"})


def test_every_call_of_every_part_asks_whether_it_may(make: Callable[..., Any]) -> None:
    def refuse(access: Access) -> None:
        raise NotFound("there is nothing here")

    door = Door(refuse)
    app = make(authenticate=known, authorize=door)
    with serving(app) as server:
        for method, path in calls(app):
            if path in OPEN:
                continue
            door.asked.clear()
            answer = ask(server, method, path, json={} if method == "POST" else None)
            assert (answer.status_code, answer.json()["error"]["message"]) == (404, "there is nothing here"), path
            (access,) = door.asked
            assert (access.user, access.path, access.channel) == ("ann", path, None)
            assert access.action == ("read" if method == "GET" else "change")


@pytest.mark.parametrize(
    ("method", "path", "body", "named"),
    [
        ("GET", "/api/v1/status", None, [None]),
        ("GET", "/api/v1/notifications", None, [None]),
        ("GET", "/api/v1/notifications?session_id=import", None, ["import"]),
        ("POST", "/api/v1/notifications", {"title": "x", "session_id": "import"}, ["import"]),
        ("POST", "/api/v1/runs/import/started", None, ["import"]),
        ("POST", "/api/v1/runs/IMPORT/started", None, ["IMPORT"]),
        ("POST", f"/api/v1/sessions/{SESSION}/undo", None, [SESSION]),
        ("POST", f"/api/v1/{SESSION}/undo", None, [SESSION]),
        ("POST", f"/api/v1/sessions/{SESSION.upper()}/undo", None, [SESSION]),
        ("GET", f"/api/v1/graph?session_id={SESSION.upper()}", None, [SESSION]),
        ("POST", "/api/v1/commands/execute", {"session_id": SESSION, "command_type": "DeleteNode"}, [SESSION]),
        # what a call does not use is asked about as well: a name in the query opens no door for the one in the body
        (
            "POST",
            "/api/v1/commands/execute?session_id=mine",
            {"session_id": SESSION.upper(), "command_type": "DeleteNode"},
            ["mine", SESSION],
        ),
        ("GET", f"/api/v1/graph?session_id=mine&session_id={SESSION}", None, ["mine", SESSION]),
        ("POST", "/api/v1/runs/import/cancelled?session_id=mine", None, ["import", "mine"]),
        ("POST", "/api/v1/runs/import/cancelled", {"session_id": "mine"}, ["import", "mine"]),
    ],
)
def test_every_session_that_a_call_names_is_asked_about(
    open_door: tuple[Server, Door], method: str, path: str, body: Any, named: list[str | None]
) -> None:
    server, door = open_door
    door.asked.clear()
    ask(server, method, path, json=body)
    assert [access.session_id for access in door.asked] == named


def only_ann_changes(access: Access) -> None:
    if access.session_id == "secret" and access.user != "ann":
        raise Forbidden("this session is ann's")


async def test_one_rule_holds_for_sockets_and_rest(make: Callable[..., Any]) -> None:
    with serving(make(authenticate=known, authorize=only_ann_changes)) as server:
        assert ask(server, "POST", "/api/v1/runs/secret/started", "ann").status_code == 201
        refused = ask(server, "POST", "/api/v1/runs/secret/cancelled", "bob")
        assert (refused.status_code, refused.json()["error"]["message"]) == (403, "this session is ann's")
        assert ask(server, "GET", "/api/v1/runs/secret", "ann").json()["state"] == "running"
        async with as_user(server, "bob") as bob, as_user(server, "ann") as ann:
            await ann.subscribe("notifications:secret")
            answer = await bob.ask({"subscribe": ["notifications:secret"]})
            assert answer["error"] == {
                "code": "forbidden",
                "message": "this session is ann's",
                "channel": "notifications:secret",
            }
            await bob.subscribe("notifications:other")


async def subscribed(one: Client, channel: str) -> str:
    """The code that it is refused with; the reply without the channel follows the error."""
    answer = await one.ask({"subscribe": [channel]})
    if "error" not in answer:
        return "subscribed"
    await one.until(lambda message: message.get("id") == answer["id"])
    return str(answer["error"]["code"])


async def test_channels_that_nobody_declared_are_asked_about_and_those_of_everyone(make: Callable[..., Any]) -> None:
    def refuse(access: Access) -> bool:
        return access.channel not in ("orders", "notifications") or access.user == "ann"

    door = Door(refuse)
    with serving(make(authenticate=known, authorize=door)) as server:
        async with as_user(server, "bob") as bob, as_user(server, "ann") as ann:
            assert await subscribed(ann, "orders") == "subscribed"
            assert await subscribed(bob, "orders") == "forbidden"
            assert await subscribed(bob, "contacts") == "subscribed"
            assert ask(server, "POST", "/api/v1/alerts", "ann", json={"severity": "low", "title": "x"}).is_success
            assert (await ann.until(lambda message: message.get("event") == "alert"))["channel"] == "notifications"
            await bob.nothing_more()
    assert {access.action for access in door.asked if access.channel} == {"subscribe"}


@pytest.mark.parametrize("kind", ["plain", "coroutine", "object"])
async def test_authorize_may_be_any_function_and_a_plain_one_runs_in_a_thread(
    make: Callable[..., Any], kind: str
) -> None:
    threads: list[threading.Thread] = []

    def plain(access: Access) -> bool:
        threads.append(threading.current_thread())
        return False

    async def coroutine(access: Access) -> bool:
        return plain(access)

    authorize: Any = {"plain": plain, "coroutine": coroutine, "object": Door(plain)}[kind]
    with serving(make(authorize=authorize)) as server:
        assert ask(server, "GET", "/api/v1/status").status_code == 403
        async with client(server.url) as one:
            assert await subscribed(one, "orders") == "forbidden"
        loop_threads = [thread for thread in threads if thread.name.startswith("AnyIO")]
        assert len(loop_threads) == (len(threads) if kind == "plain" else 0)


async def test_an_authorize_that_fails_lets_nobody_in(make: Callable[..., Any]) -> None:
    async def broken(access: Access) -> None:
        raise ZeroDivisionError("secret")

    with serving(make(authorize=broken)) as server:
        answer = ask(server, "GET", "/api/v1/status")
        assert (answer.status_code, "secret" in answer.text) == (500, False)
        async with client(server.url) as one:
            assert await subscribed(one, "orders") == "internal"


def test_a_function_that_returns_a_coroutine_lets_nobody_in(make: Callable[..., Any]) -> None:
    async def answer(access: Access) -> None: ...

    with serving(make(authorize=lambda access: answer(access))) as server:
        assert ask(server, "GET", "/api/v1/status").status_code == 500


@pytest.mark.parametrize("wrong", [7, "yes", Access])
def test_what_is_no_function_is_refused_at_once(make: Callable[..., Any], wrong: Any) -> None:
    with pytest.raises(TypeError, match="authorize has to be"):
        make(authorize=wrong)


async def test_an_http_exception_keeps_its_status_and_headers(make: Callable[..., Any]) -> None:
    def challenge() -> None:
        raise HTTPException(401, "log in", headers={"WWW-Authenticate": "Bearer"})

    with serving(make(authenticate=challenge)) as server:
        answer = ask(server, "GET", "/api/v1/status")
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert answer.json() == {"error": {"code": "UNAUTHENTICATED", "message": "log in"}}
        async with client(server.url, origin=page_of(server.url)) as one:
            assert await one.closed() == (4401, "log in")


def test_foreign_pages_change_nothing_unless_they_are_listed(tmp_path: Path) -> None:
    settings = Settings(database_url=f"sqlite+aiosqlite:///{tmp_path}/p.db", origins=["https://listed.example"])
    app = create_app(settings)

    @app.post("/own")
    async def own() -> str:
        return "done"

    with serving(app) as server:
        for path in ("/own", "/api/v1/sessions", "/api/v1/status"):
            for origin, refused in (("https://evil.example", True), ("https://listed.example", False)):
                answer = HTTP.post(f"{server.http}{path}", headers={"Origin": origin})
                assert (answer.status_code == 403) is refused, (path, origin)
        body = {"title": "x"}
        for origin, status in (("https://evil.example", 403), ("https://listed.example", 201)):
            answer = HTTP.post(f"{server.http}/api/v1/fleet/sessions", json=body, headers={"Origin": origin})
            assert answer.status_code == status
