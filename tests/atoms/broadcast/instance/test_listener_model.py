"""A listener against a plain model: an order, two bounds, and an end after what it holds."""

from collections import deque

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pattern_stack.atoms.broadcast.core.event import Event, Position, Reset
from pattern_stack.atoms.broadcast.core.limits import Limits
from pattern_stack.atoms.broadcast.instance.listener import Listener
from pattern_stack.atoms.broadcast.instance.loop import run_now
from pattern_stack.atoms.broadcast.websocket.frames import Batch
from pattern_stack.errors import TooSlow
from tests.support.examples import examples

BODY = b'{"channel":"a"}'
SIZE = len(Event("a", BODY, "e", 1).data)
LIMITS = Limits(handler_events=4, handler_bytes=5 * SIZE)


class Machine(RuleBasedStateMachine):
    """The model: what waits, how much of it came before the first live event, and whether it has ended or overflowed."""

    @initialize(replay=st.integers(0, 6))
    def start(self, replay: int) -> None:
        self.turn = 0
        self.offset = 0
        self.lost = 0
        self.resets = 0
        self.waits: deque[Event] = deque()
        self.ended = self.overflowed = False
        self.listener = Listener("a", LIMITS)
        self.listener.lost = self._lose
        events = [self._event() for _ in range(replay)]
        self.listener.prepend(events)
        self.waits.extend(events)
        self.free = replay

    def _lose(self) -> None:
        self.lost += 1

    def _event(self, filling: int = 0) -> Event:
        self.offset += 1
        return Event("a", BODY[:-1] + b',"f":"%b"}' % (b"x" * filling) if filling else BODY, "e", self.offset)

    @rule()
    def next_turn(self) -> None:
        self.turn += 1

    @rule(count=st.integers(1, 3), filling=st.sampled_from([0, 0, 200]), numbered=st.booleans())
    def take(self, count: int, filling: int, numbered: bool) -> None:
        events = [self._event(filling) for _ in range(count)]
        self.listener.take(Batch(events), self.turn if numbered else None)
        if self.ended or self.overflowed:
            return
        if not numbered or self.turn != getattr(self, "looked_at", None):
            self.looked_at = self.turn if numbered else None
            live = list(self.waits)[self.free :]
            size = sum(len(event.data) for event in live)
            self.overflowed = len(live) >= LIMITS.handler_events or size > LIMITS.handler_bytes
        if not self.overflowed:
            self.waits.extend(events)

    @precondition(lambda self: not self.ended and not self.overflowed)
    @rule()
    def reset(self) -> None:
        before = self.listener._too_slow
        self.listener.prepend([Reset("a", Position("e", self.offset))])
        self.free = len(self.waits)
        self.resets += 1
        assert self.listener._too_slow == before

    @rule()
    def give(self) -> None:
        """The next event, or the end; nothing where it would wait."""
        if self.waits:
            assert run_now(self.listener.__anext__()) is self.waits.popleft()
            self.free = max(self.free - 1, 0)
        elif self.overflowed or self.ended:
            try:
                run_now(self.listener.__anext__())
            except TooSlow:
                assert self.overflowed
            except StopAsyncIteration:
                assert self.ended
                assert not self.overflowed
            else:
                raise AssertionError("it went on")

    @rule()
    def end(self) -> None:
        self.listener.channel_ended("a")
        self.ended = True

    @rule()
    def stop(self) -> None:
        self.listener.stop()
        self.waits.clear()
        self.ended = True
        self.free = 0

    @invariant()
    def it_holds_what_the_model_says(self) -> None:
        assert list(self.listener._events) == list(self.waits)
        assert self.listener._bytes == sum(len(event.data) for event in self.waits)
        assert self.lost == self.resets


TestListener = Machine.TestCase
TestListener.settings = settings(max_examples=examples(300), stateful_step_count=40, deadline=None)
