"""What a declared channel costs a publish: CPU time to validate and encode an event, in this process, without sockets."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from statistics import median
from typing import Any

from pydantic import BaseModel

from pattern_stack import Channel, WebSocketBroadcastBackend

EVENTS = 5_000
ROUNDS = 7


class Line(BaseModel):
    sku: str
    count: int
    price: Decimal


class OrderCreated(BaseModel):
    id: int
    customer: str
    placed_at: datetime
    lines: list[Line]


ORDER = OrderCreated(
    id=7,
    customer="Ann",
    placed_at=datetime(2026, 1, 2, tzinfo=UTC),
    lines=[Line(sku=f"A-{number}", count=number, price=Decimal("1.50")) for number in range(5)],
)
AS_JSON = ORDER.model_dump(mode="json")


def microseconds(publish: Callable[[], Any]) -> float:
    """CPU time of one call: the median of several rounds."""
    found = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(EVENTS):
            publish()
        found.append((time.process_time() - began) / EVENTS * 1e6)
    return median(found)


def main() -> None:
    backend = WebSocketBroadcastBackend(bridge=None)
    before = microseconds(lambda: backend.draft("news", "created", AS_JSON))
    backend.channel("orders:{tenant}", events={"created": OrderCreated})(Channel)
    lines = {
        "no channel declares events, a dict": before,
        "another channel does, a dict": microseconds(lambda: backend.draft("news", "created", AS_JSON)),
        "the channel does, a dict": microseconds(lambda: backend.draft("orders:7", "created", AS_JSON)),
        "no declaration, a model": microseconds(lambda: backend.draft("news", "created", ORDER)),
        "the channel declares, its model": microseconds(lambda: backend.draft("orders:7", "created", ORDER)),
    }
    print(f"CPU time of one publish up to its bytes, an order with {len(ORDER.lines)} lines:")
    for name, cost in lines.items():
        print(f"  {name:36} {cost:6.1f} µs")


if __name__ == "__main__":
    main()
