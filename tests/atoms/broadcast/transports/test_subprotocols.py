"""`get_router(subprotocols=[...])`: which of those that a client offers is selected, and told in the answer."""

import pytest
from starlette.requests import HTTPConnection
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from pattern_stack import Unauthenticated, WebSocketBroadcastBackend
from tests.support.client import Client, client, page_of
from tests.support.server import serving_backend

pytestmark = pytest.mark.lanes("slow", "fast", "direct")

OFFERS: dict[str, tuple[list[str], str | None]] = {
    "one of them": (["v2"], "v2"),
    "both": (["v1", "v2"], "v2"),
    "one, and a token": (["v1", "secret"], "v1"),
    "another": (["V1"], None),
    "none": ([], None),
}


@pytest.mark.parametrize(("offered", "selected"), OFFERS.values(), ids=OFFERS)
async def test_the_first_that_the_client_offers_is_selected(
    backend: WebSocketBroadcastBackend, offered: list[str], selected: str | None
) -> None:
    with serving_backend(backend, subprotocols=["v2", "v1"]) as server:
        async with connect(server.url, subprotocols=[Subprotocol(name) for name in offered] or None) as socket:
            assert socket.subprotocol == selected
            assert "pong" in await Client(socket).ask({"ping": 1})


async def test_without_them_none_is_selected(backend: WebSocketBroadcastBackend) -> None:
    with serving_backend(backend) as server:
        async with connect(server.url, subprotocols=[Subprotocol("v1")]) as socket:
            assert socket.subprotocol is None


def by_subprotocol(connection: HTTPConnection) -> str:
    """As `new WebSocket(url, ["bearer", token])` sends it."""
    _, _, token = connection.headers.get("sec-websocket-protocol", "").partition(", ")
    if token != "let-ann-in":
        raise Unauthenticated("who is it?")
    return "ann"


async def test_a_page_that_is_refused_is_told_why(backend: WebSocketBroadcastBackend) -> None:
    """A browser that offers some drops a connection where none is selected, and would not see the close."""
    with serving_backend(backend, subprotocols=["bearer"], authenticate=by_subprotocol) as server:
        for token, code in (("let-ann-in", None), ("stale", 4401)):
            offered = [Subprotocol("bearer"), Subprotocol(token)]
            async with client(server.url, origin=page_of(server.url), subprotocols=offered) as one:
                assert one.socket.subprotocol == "bearer"
                if code:
                    assert await one.closed() == (code, "who is it?")
                else:
                    assert "pong" in await one.ask({"ping": 1})


@pytest.mark.lanes("fast")
@pytest.mark.parametrize("name", ["", "two words", "a,b", "\u00e9", "a\r\nX: 1"])
def test_what_no_header_can_carry_is_refused(backend: WebSocketBroadcastBackend, name: str) -> None:
    with pytest.raises(ValueError, match="is not a subprotocol"):
        backend.get_router(subprotocols=["v1", name])


@pytest.mark.lanes("fast")
def test_a_string_is_no_list(backend: WebSocketBroadcastBackend) -> None:
    with pytest.raises(TypeError, match=r"\['bearer'\]"):
        backend.get_router(subprotocols="bearer")
