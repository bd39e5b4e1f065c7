"""A message has at most 65,536 bytes, inflated and put together; a bigger one closes with 1009."""

from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from websockets.exceptions import ConnectionClosed

from pattern_stack import WebSocketBroadcastBackend
from tests.support.bystander import undisturbed
from tests.support.client import Client, client
from tests.support.server import Server

pytestmark = pytest.mark.lanes("slow", "fast")

backend = WebSocketBroadcastBackend()
LIMIT = 65_536


@pytest.fixture(params=[None, "deflate"])
async def one(server: Server, request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    """With and without permessage-deflate."""
    async with undisturbed(backend, server.url), client(server.url, compression=request.param) as one:
        yield one


def ping(size: int, character: str = "x") -> str:
    """A ping of so many bytes."""
    head, tail = '{"ping": 1, "x": "', '"}'
    return head + character * ((size - len(head) - len(tail)) // len(character.encode())) + tail


PIECES = pytest.mark.parametrize("piece", [LIMIT * 1_000, LIMIT - 1, 1_000], ids=["whole", "in two", "in many"])


async def send(one: Client, data: str | bytes, piece: int) -> None:
    with suppress(ConnectionClosed):  # a server need not wait for the end of what is too big already
        await one.socket.send([data[at : at + piece] for at in range(0, len(data), piece)])


@PIECES
@pytest.mark.parametrize("character", ["x", "\u00e9"])
async def test_a_message_may_have_65_536_bytes(one: Client, piece: int, character: str) -> None:
    text = ping(LIMIT, character)
    assert len(text.encode()) == LIMIT
    await send(one, text, piece)
    assert (await one.receive())["pong"] == 1
    await one.nothing_more()


TOO_BIG: dict[str, str | bytes] = {
    "a byte more": ping(LIMIT + 1),
    "fewer characters, more bytes": ping(LIMIT + 2, "\u00e9"),
    "1 MB": ping(1_000_000),
    "1 MB of binary": bytes(1_000_000),
}


@PIECES
@pytest.mark.parametrize("data", TOO_BIG.values(), ids=TOO_BIG)
async def test_a_bigger_one_closes(one: Client, piece: int, data: str | bytes) -> None:
    await one.subscribe("orders")
    await send(one, data, piece)
    with pytest.raises(ConnectionClosed):
        await one.receive()
    assert (await one.closed())[0] == 1009
    assert backend.get_subscriber_count("orders") == 0


@pytest.mark.lanes("slow")
@pytest.mark.parametrize("one", ["deflate"], indirect=True)
async def test_what_inflates_to_20_million_bytes_closes(one: Client) -> None:
    await one.send(ping(20_000_000))
    assert (await one.closed())[0] == 1009
