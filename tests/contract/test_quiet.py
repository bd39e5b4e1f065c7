"""What a subscriber is told of the time before it: for how long nothing came on the channel, and never for longer."""

from time import monotonic

from tests.contract.conftest import World
from tests.support.client import Client, client


async def quiet(one: Client, channel: str = "a") -> float:
    answer = await one.ask({"subscribe": [channel], "quiet": True})
    seconds: float = answer["subscribed"][channel]["quiet"]
    return seconds


async def test_it_counts_from_the_last_event(world: World) -> None:
    async with client(world.server.url) as first, client(world.server.url) as second, client(world.server.url) as third:
        await quiet(first)
        joined = monotonic()
        assert monotonic() - joined <= await quiet(second) + 0.001
        published = monotonic()
        await world.backend.broadcast("a", "x", {})
        await first.event()
        arrived = monotonic()
        assert monotonic() - arrived <= await quiet(third) + 0.001
        await third.ask({"unsubscribe": ["a"]})
        assert await quiet(third) <= monotonic() - published


async def test_it_is_told_to_who_asks_alone(world: World) -> None:
    async with client(world.server.url) as one:
        assert "quiet" not in (await one.subscribe("a"))["a"]
        assert (await one.ask({"subscribe": ["b"], "quiet": 1}))["error"]["code"] == "invalid_message"
