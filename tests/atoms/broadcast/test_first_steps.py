import pytest

from pattern_stack import WebSocketBroadcastBackend
from tests.support.client import client
from tests.support.server import serving_backend

pytestmark = pytest.mark.lanes("slow", "fast", "direct")


async def test_an_event_reaches_its_subscriber() -> None:
    backend = WebSocketBroadcastBackend()
    with serving_backend(backend) as server:
        async with client(server.url) as one:
            position = (await one.subscribe("orders"))["orders"]
            published = await backend.broadcast("orders", "created", {"entity_id": "1"})
            event = await one.event()
            assert event["payload"] == {"entity_id": "1"}
            assert event["offset"] == published.offset == position["offset"] + 1
            await one.nothing_more()
            assert backend.get_subscriber_count("orders") == 1
        assert backend.get_total_connections() == 0
