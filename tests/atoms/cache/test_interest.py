"""Interest is counted by watcher: the first one and the last one of a topic matter."""

import pytest

from pattern_stack.atoms.cache import Interest


def test_the_first_watcher_and_the_last_one_are_reported_once() -> None:
    calls = list[object]()
    interest = Interest(lambda topic, watched: calls.append((*topic, watched)))
    interest.watch("ann", "todos")
    interest.watch("ann", "todos")
    interest.watch("ben", "todos")
    interest.unwatch("ann", "todos")
    interest.unwatch("ann", "todos")
    assert calls == [("todos", None, True)]
    assert interest.kinds() == ["todos"]
    interest.unwatch("ben", "todos")
    assert calls[1:] == [("todos", None, False)]
    assert interest.kinds() == []


def test_one_source_or_all() -> None:
    calls = list[object]()
    interest = Interest(lambda topic, watched: calls.append((*topic, watched)))
    interest.watch("ann", "todos", "north")
    assert interest.is_watched("todos", "north")
    assert not interest.is_watched("todos", "south")
    interest.watch("ben", "todos")
    assert interest.is_watched("todos", "south")
    assert interest.kinds() == ["todos"]
    assert calls == [("todos", "north", True), ("todos", None, True)]


def test_dropping_a_watcher_ends_all_that_it_watches() -> None:
    calls = list[object]()
    interest = Interest(lambda topic, watched: calls.append((*topic, watched)))
    interest.watch("ann", "todos")
    interest.watch("ann", "projects", "north")
    interest.watch("ben", "todos")
    interest.drop("ann")
    interest.drop("ann")
    assert calls[2:] == [("projects", "north", False)]
    assert interest.kinds() == ["todos"]


def test_a_callback_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def fail(topic: object, watched: bool) -> None:
        raise ZeroDivisionError

    interest = Interest(fail)
    interest.watch("ann", "todos")
    interest.drop("ann")
    assert caplog.text.count("Traceback") == 2
    assert interest.kinds() == []
