"""Lifetimes, stale entries and subscribers of a cache."""

from collections.abc import Hashable
from datetime import timedelta

import pytest

from pattern_stack.atoms.cache import Cache, Change, Lifetime
from tests.support.clock import Clock


def test_an_entry_is_fresh_for_its_lifetime() -> None:
    clock = Clock()
    cache = Cache({"a": Lifetime(60)}, clock)
    cache.upsert("a", 1, "one")
    clock.move(59.9)
    assert cache.get("a", 1) == "one"
    clock.move(0.1)
    assert cache.get("a", 1) is None
    assert list(cache.items("a")) == []
    assert cache.held("a") == [(1, "one")]


def test_zero_is_always_stale_and_none_never() -> None:
    clock = Clock()
    cache = Cache({"always": Lifetime(0), "never": Lifetime(None)}, clock)
    cache.upsert("always", 1, "one")
    cache.upsert("never", 1, "one")
    assert cache.get("always", 1) is None
    clock.move(10**9)
    assert cache.get("never", 1) == "one"


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
def test_invalid_lifetimes(seconds: float) -> None:
    with pytest.raises(ValueError, match="a lifetime is"):
        Lifetime(seconds)


def test_a_stale_entry_is_served_and_a_refresh_requested_once_a_lifetime() -> None:
    clock, asked = Clock(), list[tuple[str, Hashable]]()
    cache = Cache({"a": Lifetime(60, serve_stale=True)}, clock, lambda kind, key: asked.append((kind, key)))
    cache.upsert("a", 1, "one")
    assert cache.get("a", 1) == "one"
    assert not asked
    clock.move(60)
    assert [cache.get("a", 1), *cache.items("a")] == ["one", (1, "one")]
    assert asked == [("a", 1)]
    clock.move(60)
    assert cache.get("a", 1) == "one"
    assert len(asked) == 2
    cache.upsert("a", 1, "two")
    assert cache.get("a", 1) == "two"
    assert len(asked) == 2
    cache.sweep()
    clock.move(1000)
    cache.sweep()
    assert cache.held("a") == [(1, "two")]


def test_a_subscriber_that_fails_disturbs_no_other() -> None:
    cache = Cache({"a": Lifetime(None)}, Clock())
    told = list[Change]()

    def fail(change: Change) -> None:
        raise ZeroDivisionError

    cache.subscribe(fail)
    end = cache.subscribe(told.append)
    cache.upsert("a", 1, "one")
    cache.upsert("a", 1, "two")
    assert cache.remove("a", 1)
    assert told == [("a", 1, None, "one"), ("a", 1, "one", "two"), ("a", 1, "two", None)]
    end()
    end()
    cache.upsert("a", 1, "one")
    assert len(told) == 3


def test_removing_an_absent_key_notifies_nobody() -> None:
    cache = Cache({"a": Lifetime(None)}, Clock())
    told = list[Change]()
    cache.subscribe(told.append)
    assert not cache.remove("a", 1)
    assert not told


def test_a_sweep_removes_what_cannot_be_read() -> None:
    clock, told = Clock(), list[Change]()
    cache = Cache({"a": Lifetime(60), "b": Lifetime(None)}, clock)
    cache.upsert("a", 1, "old")
    cache.upsert("b", 1, "old")
    clock.move(60)
    cache.upsert("a", 2, "new")
    cache.subscribe(told.append)
    cache.sweep()
    assert told == [("a", 1, "old", None)]
    assert cache.held("a") == [(2, "new")]


def test_a_clock_that_is_set_back_extends_no_lifetime() -> None:
    clock = Clock()
    cache = Cache({"a": Lifetime(60)}, clock)
    cache.upsert("a", 1, "one")
    cache.upsert("a", 2, "two", clock.now + timedelta(hours=1))
    clock.move(-3600)
    assert cache.get("a", 1) == "one"
    assert cache.get("a", 2) == "two"
    clock.move(60)
    assert cache.get("a", 1) is None
    assert cache.get("a", 2) is None


@pytest.mark.parametrize("is_read", [False, True])
def test_a_clock_that_is_set_back_delays_no_sweep(is_read: bool) -> None:
    clock, told = Clock(), list[Change]()
    cache = Cache({"a": Lifetime(60)}, clock)
    cache.sweep()
    clock.move(30)
    cache.upsert("a", 1, "one")
    cache.subscribe(told.append)
    clock.move(-30)
    assert not is_read or cache.get("a", 1) == "one"
    if not is_read:
        cache.sweep()
    clock.move(60)
    cache.sweep()
    assert told == [("a", 1, "one", None)]


def test_an_unknown_kind_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        Cache({}, Clock()).upsert("a", 1, "one")


def test_counting_and_looking_up_entries_of_any_age() -> None:
    clock = Clock()
    cache = Cache({"a": Lifetime(10), "b": Lifetime(None)}, clock)
    cache.upsert("a", 1, "x")
    clock.move(60)
    assert (cache.get("a", 1), cache.has("a", 1), cache.has("a", 2), cache.count("a"), cache.count("b")) == (
        None,
        True,
        False,
        1,
        0,
    )
    cache.sweep()
    assert (cache.has("a", 1), cache.count("a")) == (False, 0)
