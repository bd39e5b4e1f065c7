"""A channel that lost events before they came to the store begins a new epoch: everybody is told, also who was away."""

import asyncio

from pattern_stack import WebSocketBroadcastBackend
from tests.contract.conftest import Make
from tests.support.client import Client, client
from tests.support.patience import PATIENCE
from tests.support.server import serving_backend


async def begin_anew(backend: WebSocketBroadcastBackend, channel: str) -> None:
    assert backend.bridge
    await backend.bridge.engine.begin_anew(channel)


async def until_reset(socket: Client) -> dict[str, object]:
    message = await socket.until(lambda message: "orders" in message.get("reset", ()))
    position: dict[str, object] = message["reset"]["orders"]
    return position


async def test_every_instance_tells_its_clients_and_the_order_goes_on(make_instance: Make) -> None:
    one, two = make_instance(), make_instance()
    with serving_backend(one) as here, serving_backend(two) as there:
        async with client(here.url) as first, client(there.url) as second, client(there.url) as away:
            for socket in (first, second):
                await socket.subscribe("orders")
            before = (await one.broadcast("orders", "e", {"n": 1})).position
            await here.acall(lambda: begin_anew(one, "orders"))
            for socket in (first, second):
                position = await until_reset(socket)
                assert position["epoch"] != before.epoch
                assert position["offset"] == 0
            event = await two.broadcast("orders", "e", {"n": 2})
            assert event.offset == 1
            for socket in (first, second):
                assert (await socket.until(lambda m: m.get("payload") == {"n": 2}))["offset"] == 1
            answer = await away.subscribe("orders", since={"orders": before._asdict()})
            assert not answer["orders"]["recovered"]
            assert answer["orders"]["epoch"] == event.epoch


async def test_a_channel_that_never_had_an_event(make_instance: Make) -> None:
    """All that was published on it was lost."""
    one = make_instance()
    with serving_backend(one) as here:
        async with client(here.url) as first:
            before = (await first.subscribe("orders"))["orders"]
            await here.acall(lambda: begin_anew(one, "orders"))
            assert (await until_reset(first))["epoch"] != before["epoch"]


async def test_broadcast_soon_over_each_store(make_instance: Make) -> None:
    one, two = make_instance(), make_instance()
    with serving_backend(one), serving_backend(two) as there:
        async with client(there.url) as socket, asyncio.timeout(PATIENCE):
            await socket.subscribe("orders")
            for n in range(100):
                one.broadcast_soon("orders", "e", {"n": n})
            one.broadcast_soon("orders", "cursor", {}, ephemeral=True)
            assert [(await socket.event())["payload"]["n"] for _ in range(100)] == list(range(100))
            assert "offset" not in await socket.event()
