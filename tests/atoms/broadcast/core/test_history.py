from pattern_stack.atoms.broadcast.core.event import Event, Position, encode
from pattern_stack.atoms.broadcast.core.history import History
from pattern_stack.atoms.broadcast.core.limits import Limits
from pattern_stack.atoms.broadcast.core.memory import MemoryEngine
from pattern_stack.atoms.broadcast.instance.loop import run_now


class Fixture:
    def __init__(self, *, limits: Limits | None = None, **window: int) -> None:
        self.now = 0.0
        self.engine = MemoryEngine(lambda _: History(**window), limits or Limits(), clock=lambda: self.now)
        self.engine.attach(lambda event: None)

    def publish(self, channel: str = "a", size: int = 0) -> Event:
        return run_now(self.engine.publish([encode(channel, "e", {"x": "x" * size}, limits=Limits())]))[0]

    def replay(self, since: Position, channel: str = "a") -> list[int] | None:
        events = run_now(self.engine.history(channel, since, self.engine.position(channel)))
        return None if events is None else [event.offset for event in events]


def test_the_window_is_bounded_by_bytes() -> None:
    it = Fixture(bytes=2_500)
    before = it.engine.position("a")
    first = it.publish(size=1_000)
    it.publish(size=1_000)
    assert it.replay(before) == [1, 2]
    it.publish(size=1_000)
    assert it.replay(before) is None
    assert it.replay(first.position) == [2, 3]


def test_the_window_is_bounded_by_age() -> None:
    it = Fixture(seconds=10)
    run_now(it.engine.subscribe("a"))
    before = it.engine.position("a")
    it.now = 9
    it.publish()
    it.now = 19
    assert it.replay(before) == [1]
    it.now = 20
    assert it.replay(before) is None


def test_a_channel_that_nobody_is_on_begins_a_new_epoch_after_its_seconds() -> None:
    it = Fixture(seconds=10)
    published = it.publish()
    it.now = 10
    assert it.engine.position("a") == published.position
    it.now = 11
    assert it.engine.position("a").epoch != published.epoch


def test_a_channel_that_somebody_is_on_keeps_its_epoch() -> None:
    it = Fixture(seconds=10)
    run_now(it.engine.subscribe("a"))
    published = it.publish()
    it.now = 1_000
    assert it.engine.position("a") == published.position
    it.engine.unsubscribe("a")
    it.now = 1_010
    assert it.engine.position("a") == published.position
    it.now = 1_011
    assert it.engine.position("a").epoch != published.epoch


def test_positions_before_the_first_event_are_kept_but_bounded() -> None:
    it = Fixture(limits=Limits(idle_channels=3))
    places = {name: it.engine.position(name) for name in "abc"}
    assert it.replay(places["a"]) == []
    it.engine.position("d")
    it.engine.position("e")
    assert it.engine.position("c") == places["c"]
    assert it.engine.position("a") != places["a"], "the one that was left longest went"


def test_each_window_forgets_on_its_own() -> None:
    it = Fixture()
    it.engine._window = lambda name: History(seconds=1_000 if name == "long" else 10)
    long, short = it.publish("long"), it.publish("short")
    it.now = 11
    it.publish("other")
    assert it.engine.position("long") == long.position
    assert "short" not in it.engine._logs
    assert it.engine.position("short") != short.position
