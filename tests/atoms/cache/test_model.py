"""The cache and its interest beside a model that is too plain to be wrong."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pattern_stack.atoms.cache import Cache, Change, Interest, Lifetime
from tests.support.examples import examples

LIFETIMES = {
    "short": Lifetime(10),
    "served": Lifetime(20, serve_stale=True),
    "always": Lifetime(0),
    "always served": Lifetime(0, serve_stale=True),
    "never": Lifetime(None),
}
kinds, keys, values = st.sampled_from(sorted(LIFETIMES)), st.integers(0, 3), st.integers(0, 2)
watchers, sources = st.sampled_from("xyz"), st.sampled_from([None, "north", "south"])


class CacheAndModel(RuleBasedStateMachine):
    """The model keeps entries as (value, age): the clock's moves are added to every age, and no age is below 0."""

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2026, 11, 21, tzinfo=UTC)
        self.cache = Cache(LIFETIMES, lambda: self.now, self.refresh)
        self.told = list[Change]()
        self.expected = list[Change]()
        self.asked = set[tuple[str, Any]]()
        self.entries = dict[tuple[str, Any], tuple[int, float]]()
        self.cache.subscribe(self.told.append)
        self.interest = Interest(lambda topic, watched: self.hooks.append((*topic, watched)))
        self.hooks = list[tuple[str, str | None, bool]]()
        self.expected_hooks = list[tuple[str, str | None, bool]]()
        self.watching = set[tuple[str, str, str | None]]()

    def refresh(self, kind: str, key: Any) -> None:
        assert self.is_stale((kind, key))
        self.asked.add((kind, key))

    def is_stale(self, where: tuple[str, Any]) -> bool:
        seconds = LIFETIMES[where[0]].seconds
        return seconds is not None and self.entries[where][1] >= seconds

    def value(self, where: tuple[str, Any]) -> int | None:
        return self.entries[where][0] if where in self.entries else None

    @rule(kind=kinds, key=keys, value=values, age=st.integers(-30, 30))
    def upsert(self, kind: str, key: int, value: int, age: int) -> None:
        self.cache.upsert(kind, key, value, self.now - timedelta(seconds=age))
        self.expected.append(Change(kind, key, self.value((kind, key)), value))
        self.entries[kind, key] = (value, max(age, 0))

    @rule(kind=kinds, key=keys)
    def remove(self, kind: str, key: int) -> None:
        assert self.cache.remove(kind, key) == ((kind, key) in self.entries)
        if (kind, key) in self.entries:
            self.expected.append(Change(kind, key, self.value((kind, key)), None))
            del self.entries[kind, key]

    @rule()
    def sweep(self) -> None:
        known = len(self.told)
        self.cache.sweep()
        swept = [where for where in self.entries if not LIFETIMES[where[0]].serve_stale and self.is_stale(where)]
        assert sorted(self.told[known:]) == sorted(Change(*where, self.value(where), None) for where in swept)
        self.expected[known:] = self.told[known:]
        for where in swept:
            del self.entries[where]

    @rule(seconds=st.integers(-40, 40))
    def move(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        self.entries = {where: (value, max(age + seconds, 0)) for where, (value, age) in self.entries.items()}

    @rule(watcher=watchers, kind=kinds, source=sources, comes=st.booleans())
    def watch(self, watcher: str, kind: str, source: str | None, comes: bool) -> None:
        before = self.topics()
        (self.interest.watch if comes else self.interest.unwatch)(watcher, kind, source)
        (self.watching.add if comes else self.watching.discard)((watcher, kind, source))
        self.expected_hooks += [(*topic, comes) for topic in before ^ self.topics()]

    @rule(watcher=watchers)
    def drop(self, watcher: str) -> None:
        before, known = self.topics(), len(self.hooks)
        self.interest.drop(watcher)
        self.watching = {one for one in self.watching if one[0] != watcher}
        assert set(self.hooks[known:]) == {(*topic, False) for topic in before - self.topics()}
        self.expected_hooks += self.hooks[known:]

    def topics(self) -> set[tuple[str, str | None]]:
        return {(kind, source) for _, kind, source in self.watching}

    @invariant()
    def what_may_be_read_is_read(self) -> None:
        for kind, lifetime in LIFETIMES.items():
            here = {key: value for (one, key), (value, _) in self.entries.items() if one == kind}
            fresh = {key: value for key, value in here.items() if not self.is_stale((kind, key))}
            assert dict(self.cache.items(kind)) == (here if lifetime.serve_stale else fresh)
            for key in range(4):
                assert self.cache.get(kind, key) == (here if lifetime.serve_stale else fresh).get(key)
            if lifetime.serve_stale:
                assert {(kind, key) for key in here.keys() - fresh.keys()} <= self.asked

    @invariant()
    def everybody_was_told(self) -> None:
        assert self.told == self.expected

    @invariant()
    def hooks_were_called_once(self) -> None:
        assert self.hooks == self.expected_hooks
        assert self.interest.kinds() == sorted({kind for kind, _ in self.topics()})
        for kind in LIFETIMES:
            assert self.interest.is_watched(kind, "north") == bool({(kind, None), (kind, "north")} & self.topics())


CacheAndModel.TestCase.settings = settings(max_examples=examples(100), stateful_step_count=40, deadline=None)
test_the_cache_and_its_model = CacheAndModel.TestCase
