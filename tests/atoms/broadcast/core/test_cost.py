"""The cost of an event in function calls. A blocked outbox adds a constant, however much waits in it."""

import gc
import sys
from collections import deque
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from pattern_stack.atoms.broadcast.core.event import Event, encode
from pattern_stack.atoms.broadcast.core.hub import Hub
from pattern_stack.atoms.broadcast.core.limits import Limits
from pattern_stack.atoms.broadcast.core.outbox import Outbox
from pattern_stack.atoms.broadcast.websocket.frames import Batch

HEALTHY = 200
EVENTS = 50
PLACES = {"first": 0, "in the middle": HEALTHY // 2, "last": HEALTHY}


class Transport:
    """Keeps what was written last. `prepared`: it has `write_prepared`, as SocketTransport; ASGITransport has none."""

    def __init__(self, prepared: bool) -> None:
        self.written: deque[object] = deque(maxlen=1)
        self.write_prepared = self.written.append if prepared else None

    def write(self, batch: Batch) -> None:
        self.written.append(batch)

    def too_slow(self) -> None:
        raise AssertionError("the limit cannot be reached")


class Crowd:
    """200 open outboxes on one channel, and a blocked one at the index `blocked`."""

    def __init__(self, prepared: bool, blocked: int | None = None) -> None:
        self.hub = Hub(lambda: None)
        self.outboxes: list[Any] = []
        for place in range(HEALTHY + (blocked is not None)):
            transport: Any = Transport(prepared)
            outbox = Outbox(transport, 2**62, transport)
            self.outboxes.append(outbox)
            self.hub.join("a", outbox)
            self.hub.stop_buffering("a", outbox)
            if place == blocked:
                outbox.pause()
        self.events: list[Event] = []

    def cost(self) -> int:
        """Function calls to publish one event to all of them."""
        event = encode("a", "created", {"entity_id": "1"}, limits=Limits()).at("epoch", len(self.events) + 1)
        self.events.append(event)

        def publish() -> None:
            self.hub.publish(event)
            self.hub.flush()

        return calls(publish)

    def waiting(self) -> list[int]:
        return [outbox.waiting for outbox in self.outboxes]


def calls(action: Callable[[], None]) -> int:
    """How many Python and C functions run, `action` included."""
    count = 0

    def note(frame: FrameType, what: str, argument: object) -> None:
        nonlocal count
        count += what in ("call", "c_call")

    gc.disable()  # or finalizers of other tests would be counted
    sys.setprofile(note)
    try:
        action()
    finally:
        sys.setprofile(None)
        gc.enable()
    return count


@pytest.mark.parametrize("prepared", [True, False], ids=["socket", "ASGI"])
@pytest.mark.parametrize("blocked", PLACES.values(), ids=PLACES)
def test_a_blocked_outbox_adds_a_few_calls_to_an_event(blocked: int, prepared: bool) -> None:
    alone = Crowd(prepared).cost()
    crowd = Crowd(prepared, blocked)
    crowd.cost()  # the first one makes the queue
    costs = {crowd.cost() for _ in range(EVENTS)}
    assert len(costs) == 1, "the cost grows with what waits"
    assert costs.pop() - alone < 10
    waiting = crowd.waiting()
    assert waiting.pop(blocked) == sum(len(event.data) for event in crowd.events)
    assert waiting == [0] * HEALTHY
