"""Hub and history against a plain model: subscribe, unsubscribe, publish, drop and recover, in any order."""

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pattern_stack.atoms.broadcast.core.event import Event, Position, encode
from pattern_stack.atoms.broadcast.core.history import History
from pattern_stack.atoms.broadcast.core.hub import Hub
from pattern_stack.atoms.broadcast.core.limits import Limits
from pattern_stack.atoms.broadcast.core.memory import MemoryEngine
from pattern_stack.atoms.broadcast.instance.loop import run_now
from pattern_stack.atoms.broadcast.websocket.frames import Batch
from tests.support.examples import examples

WINDOW = History(events=3, seconds=100)
CLIENTS = st.integers(0, 1)
CHANNELS = st.sampled_from(["a", "b"])


class Subscriber:
    limit = 2**62
    write_prepared = None

    def __init__(self) -> None:
        self.got: list[Event] = []

    def take(self, batch: Batch, turn: int | None = None) -> None:
        self.got += [event for event in batch.frames if isinstance(event, Event)]

    def channel_ended(self, channel: str) -> None: ...

    def too_slow(self) -> None: ...


@dataclass
class Channel:
    """The model: everything that was ever published, with the time; and since when nobody is on it."""

    epoch: str
    events: list[tuple[float, int]] = field(default_factory=list)
    on: set[int] = field(default_factory=set)
    touched: float = 0

    def reaches(self, offset: int, now: float) -> bool:
        kept = [number for when, number in self.events[-WINDOW.events :] if when >= now - WINDOW.seconds]
        return offset == len(self.events) or (bool(kept) and kept[0] <= offset + 1)


class Machine(RuleBasedStateMachine):
    @initialize(turn_bytes=st.sampled_from([1, 800, 10**9]))
    def start(self, turn_bytes: int) -> None:
        self.now = 0.0
        self.scheduled = 0
        self.engine = MemoryEngine(lambda _: WINDOW, Limits(), clock=lambda: self.now)
        self.hub = Hub(self._schedule, turn_bytes)
        self.engine.attach(self.hub.publish)
        self.subscribers = [Subscriber() for _ in range(2)]
        self.expected: list[list[tuple[str, int]]] = [[] for _ in range(2)]
        self.places: dict[tuple[int, str], Position] = {}
        self.model: dict[str, Channel] = {}

    def _schedule(self) -> None:
        self.scheduled += 1

    def channel(self, name: str) -> Channel:
        """The model's channel; a new epoch where nobody was on it for longer than the window."""
        known = self.model.get(name)
        if known and (known.on or known.touched >= self.now - WINDOW.seconds):
            return known
        epoch = self.engine.position(name).epoch
        assert known is None or known.epoch != epoch, "an epoch came back"
        self.model[name] = Channel(epoch, touched=self.now)
        return self.model[name]

    @rule(name=CHANNELS, count=st.integers(1, 4))
    def publish(self, name: str, count: int) -> None:
        channel = self.channel(name)
        for _ in range(count):
            (event,) = run_now(self.engine.publish([encode(name, "e", {}, limits=Limits())]))
            channel.events.append((self.now, len(channel.events) + 1))
            channel.touched = self.now
            assert event.position == Position(channel.epoch, len(channel.events))
            for client in channel.on:
                self.expected[client].append((name, event.offset))
                self.places[client, name] = event.position

    @rule(client=CLIENTS, name=CHANNELS)
    def subscribe(self, client: int, name: str) -> None:
        channel = self.channel(name)
        if client in channel.on:
            return
        self._join(client, name)
        assert self.hub.stop_buffering(name, self.subscribers[client]) == []
        self.places[client, name] = self.engine.position(name)

    @rule(client=CLIENTS, name=CHANNELS, meanwhile=st.integers(0, 3))
    def recover(self, client: int, name: str, meanwhile: int) -> None:
        """Join with the last place it had; `meanwhile` events are published before the replay has been sent."""
        since = self.places.get((client, name))
        channel = self.channel(name)
        if client in channel.on or since is None:
            return
        here = self._join(client, name)
        if meanwhile:
            self.publish(name, meanwhile)
            del self.expected[client][-meanwhile:]
        events = run_now(self.engine.history(name, since, here))
        may = since.epoch == channel.epoch and channel.reaches(since.offset, self.now)
        # what was published meanwhile may have pushed the oldest out of the window
        assert (events is not None) == may
        held = self.hub.stop_buffering(name, self.subscribers[client])
        self.subscribers[client].got += [*(events or []), *held]
        first = since.offset if may else here.offset
        self.expected[client] += [(name, offset) for offset in range(first + 1, len(channel.events) + 1)]
        self.places[client, name] = self.engine.position(name)

    def _join(self, client: int, name: str) -> Position:
        run_now(self.engine.subscribe(name))
        self.hub.join(name, self.subscribers[client])
        self.model[name].on.add(client)
        return self.engine.position(name)

    @rule(client=CLIENTS, name=CHANNELS)
    def unsubscribe(self, client: int, name: str) -> None:
        channel = self.model.get(name)
        if channel and client in channel.on:
            self.hub.leave(name, self.subscribers[client])
            self.engine.unsubscribe(name)
            channel.on.remove(client)
            channel.touched = self.now if not channel.on else channel.touched

    @rule(client=CLIENTS)
    def drop(self, client: int) -> None:
        for name in list(self.model):
            self.unsubscribe(client, name)

    @rule()
    def end_of_turn(self) -> None:
        if self.scheduled:
            self.scheduled -= 1
            self.hub.flush()
        assert self.scheduled in (0, 1)

    @rule(seconds=st.sampled_from([1, 60, 101]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def everyone_got_the_first_of_what_the_model_says(self) -> None:
        for subscriber, expected in zip(self.subscribers, self.expected, strict=True):
            got = [(event.channel, event.offset) for event in subscriber.got]
            assert got == expected[: len(got)]

    @rule()
    def everyone_gets_all_of_it_in_the_end(self) -> None:
        while self.scheduled:
            self.end_of_turn()
        for subscriber, expected in zip(self.subscribers, self.expected, strict=True):
            assert [(event.channel, event.offset) for event in subscriber.got] == expected

    def teardown(self) -> None:
        self.everyone_gets_all_of_it_in_the_end()

    @invariant()
    def the_counts_are_right(self) -> None:
        for name, channel in self.model.items():
            assert self.hub.subscriber_count(name) == len(channel.on)
        assert dict(self.hub.channels()) == {name: len(one.on) for name, one in self.model.items() if one.on}


TestModel = Machine.TestCase
TestModel.settings = settings(max_examples=examples(400), stateful_step_count=50, deadline=None)
