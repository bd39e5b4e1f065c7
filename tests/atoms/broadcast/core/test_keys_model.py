"""Keys and epochs in memory against a plain model: publish with keys, come and go, and wait, in any order."""

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from pattern_stack.atoms.broadcast.core.event import Event, Position, encode
from pattern_stack.atoms.broadcast.core.history import KEY_SECONDS, History
from pattern_stack.atoms.broadcast.core.limits import Limits
from pattern_stack.atoms.broadcast.core.memory import MemoryEngine
from pattern_stack.atoms.broadcast.instance.loop import run_now
from tests.support.examples import examples

WINDOWS = {"short": History(events=3, seconds=100), "long": History(events=3, seconds=1_000)}
CHANNELS = st.sampled_from(list(WINDOWS))
KEYS = st.sampled_from(["k", "l", "k" * 64])


@dataclass
class Channel:
    """One epoch of a channel: the time of each publish, and what each key stands for."""

    epoch: str
    touched: float
    times: list[float] = field(default_factory=list)
    keys: dict[str, int] = field(default_factory=dict)
    subscribed: int = 0

    def is_over(self, name: str, now: float) -> bool:
        kept = max(WINDOWS[name].seconds, KEY_SECONDS if self.keys else 0)
        return not self.subscribed and self.touched < now - kept

    def is_kept(self, name: str, offset: int, now: float) -> bool:
        window = WINDOWS[name]
        return len(self.times) - offset < window.events and self.times[offset - 1] >= now - window.seconds


class Machine(RuleBasedStateMachine):
    @initialize()
    def start(self) -> None:
        self.now = 0.0
        self.engine = MemoryEngine(lambda name: WINDOWS[name], Limits(), clock=lambda: self.now)
        self.delivered: list[Event] = []
        self.engine.attach(lambda event: self.delivered.append(event) if isinstance(event, Event) else None)
        self.model: dict[str, Channel] = {}
        self.epochs: set[str] = set()
        self.count = 0

    def channel(self, name: str) -> Channel:
        known = self.model.get(name)
        epoch = self.engine.position(name).epoch
        if known and not known.is_over(name, self.now):
            assert epoch == known.epoch
            return known
        assert epoch not in self.epochs
        self.epochs.add(epoch)
        self.model[name] = Channel(epoch, self.now)
        return self.model[name]

    def _publish(self, name: str, key: str | None) -> Event:
        self.count += 1
        draft = encode(name, "e", {"n": self.count}, key=key, limits=Limits())
        (event,) = run_now(self.engine.publish([draft]))
        return event

    @rule(name=CHANNELS)
    def publish(self, name: str) -> None:
        channel = self.channel(name)
        self._is_new(channel, self._publish(name, None))

    @rule(name=CHANNELS, key=KEYS)
    def publish_with_a_key(self, name: str, key: str) -> None:
        channel = self.channel(name)
        first = channel.keys.get(key)
        if first is None or channel.times[first - 1] < self.now - KEY_SECONDS:
            self._is_new(channel, self._publish(name, key))
            channel.keys[key] = len(channel.times)
            return
        before = len(self.delivered)
        event = self._publish(name, key)
        assert event.position == Position(channel.epoch, first)
        assert bool(event.data) == channel.is_kept(name, first, self.now)
        assert len(self.delivered) == before

    def _is_new(self, channel: Channel, event: Event) -> None:
        channel.times.append(self.now)
        channel.touched = self.now
        assert event.position == Position(channel.epoch, len(channel.times))
        assert event.payload == {"n": self.count}
        assert self.delivered[-1] is event

    @rule(name=CHANNELS)
    def subscribe(self, name: str) -> None:
        self.channel(name).subscribed += 1
        run_now(self.engine.subscribe(name))

    @rule(name=CHANNELS)
    def unsubscribe(self, name: str) -> None:
        channel = self.model.get(name)
        if channel and channel.subscribed:
            self.engine.unsubscribe(name)
            channel.subscribed -= 1
            channel.touched = self.now if not channel.subscribed else channel.touched

    @rule(seconds=st.sampled_from([1, 60, 101, 199, 301]))
    def wait(self, seconds: float) -> None:
        self.now += seconds


TestModel = Machine.TestCase
TestModel.settings = settings(max_examples=examples(200), stateful_step_count=40, deadline=None)
