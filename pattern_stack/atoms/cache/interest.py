"""Which topics are watched, counted by watcher."""

import logging
from collections.abc import Callable, Hashable
from typing import NamedTuple

logger = logging.getLogger(__name__)


class Topic(NamedTuple):
    """A kind, from one source or (None) from all sources."""

    kind: str
    source: str | None = None


class Interest:
    """Counts the watchers of each topic. A watcher counts once for a topic, however often it watches it.

    `changed(topic, watched)` is called exactly once when a topic gets its first watcher (True) and when it loses its last one
    (False). What it raises is logged. Not thread-safe.
    """

    def __init__(self, changed: Callable[[Topic, bool], None] = lambda topic, watched: None) -> None:
        self._changed = changed
        self._watchers: dict[Topic, set[Hashable]] = {}

    def watch(self, watcher: Hashable, kind: str, source: str | None = None) -> None:
        topic = Topic(kind, source)
        is_first = topic not in self._watchers
        self._watchers.setdefault(topic, set()).add(watcher)
        if is_first:
            self._notify(topic, True)

    def unwatch(self, watcher: Hashable, kind: str, source: str | None = None) -> None:
        """Does nothing where the watcher does not watch the topic."""
        topic = Topic(kind, source)
        watchers = self._watchers.get(topic, set())
        if watcher in watchers:
            watchers.remove(watcher)
            if not watchers:
                del self._watchers[topic]
                self._notify(topic, False)

    def drop(self, watcher: Hashable) -> None:
        """End all that the watcher watches."""
        for topic in [topic for topic, watchers in self._watchers.items() if watcher in watchers]:
            self.unwatch(watcher, *topic)

    def kinds(self) -> list[str]:
        """The kinds that are watched, from any source; sorted."""
        return sorted({topic.kind for topic in self._watchers})

    def is_watched(self, kind: str, source: str) -> bool:
        """Whether anybody watches this kind, from this source or from all."""
        return Topic(kind) in self._watchers or Topic(kind, source) in self._watchers

    def _notify(self, topic: Topic, watched: bool) -> None:
        try:
            self._changed(topic, watched)
        except Exception:
            logger.exception("%r failed on a change of %s", self._changed, topic)
