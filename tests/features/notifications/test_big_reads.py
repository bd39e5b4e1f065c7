"""Big reads over the link that publishes share: in pieces, and few at a time."""

import asyncio
import json
from typing import Any

import pytest

from pattern_stack import WebSocketBroadcastBackend
from pattern_stack.atoms.broadcast.backends.redis import RedisBroadcastBackend
from pattern_stack.features.notifications import Notifications, Retention
from pattern_stack.features.notifications.redis import RedisStore
from pattern_stack.features.notifications.store import Row
from tests.support.redis.server import RedisServer


class WatchedBridge(RedisBroadcastBackend):
    """Knows how many scripts ran at a time, and the size of the largest answer."""

    running = most_running = largest = 0

    async def evaluate(self, *call: Any) -> Any:
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        answer = await super().evaluate(*call)
        self.running -= 1
        rows = answer[0] if isinstance(answer, list) else [answer]
        self.largest = max(self.largest, sum(len(row) for row in rows if isinstance(row, bytes)))
        return answer


@pytest.mark.redis
async def test_big_lists_at_once_leave_the_link_to_others(redis_server: RedisServer) -> None:
    """64 MB of notifications: five clients ask for all at once, one reads them all, and fifty join a run's channel.

    A publisher is in lock-step with its handler meanwhile.
    """
    bridge = WatchedBridge(redis_server.url)
    backend = WebSocketBroadcastBackend(bridge=bridge)
    store = RedisStore(bridge, Retention())
    notifications = Notifications(backend, store=store)
    async with bridge, backend:
        heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

        async def hear(_: str, payload: dict[str, Any]) -> None:
            heard.put_nowait(payload)

        await backend.subscribe("orders", hear)
        await notifications.run_started("import", {"x": "y" * 60_000})
        data = json.dumps({"x": "y" * 64_000}).encode()
        for first in range(0, 1_000, 50):
            rows = [Row(f"{number}", data, 2**31, frozenset()) for number in range(first, first + 50)]
            await asyncio.gather(*(store.swap("notifications", row.key, None, row) for row in rows))
        bridge.most_running = bridge.largest = 0

        async def read_all() -> int:
            count, before = 0, None
            while True:
                page = await store.page("notifications", (), 1_000, before)
                count, before = count + len(page.data), page.next
                if before is None:
                    return count

        async def read_once() -> int:
            return len((await store.page("notifications", (), 1_000)).data)

        reading = [asyncio.create_task(read_once()) for _ in range(5)] + [asyncio.create_task(read_all())]
        reading += [asyncio.create_task(_joins(notifications)) for _ in range(50)]
        number = 0
        while not all(task.done() for task in reading):
            await backend.broadcast("orders", "moved", {"number": number})
            assert (await heard.get())["number"] == number
            assert backend.trouble is None
            number += 1
        assert [await task for task in reading] == [16] * 5 + [1_000] + [1] * 50
        assert bridge.most_running <= 4
        assert bridge.largest <= 128 * 1024 + len(data)


async def _joins(notifications: Notifications) -> int:
    snapshot = await notifications.snapshot("import")
    return len(snapshot["run"]["metadata"])
