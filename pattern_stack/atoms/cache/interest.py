"""Who watches what, counted by watcher."""

import logging
from collections.abc import Callable, Hashable
from typing import NamedTuple

logger = logging.getLogger(__name__)


class Topic(NamedTuple):
    """A kind, of one source or (None) of all."""

    kind: str
    source: str | None = None


class Interest:
    """`changed(topic, watched)` is called exactly once when the first watcher of a topic has come, and when the last has gone.

    A watcher counts once for a topic, however often it says that it watches it. What the hook raises is logged.
    """

    def __init__(self, changed: Callable[[Topic, bool], None] = lambda topic, watched: None) -> None:
        self._changed = changed
        self._watchers: dict[Topic, set[Hashable]] = {}

    def watch(self, watcher: Hashable, kind: str, source: str | None = None) -> None:
        topic = Topic(kind, source)
        first = topic not in self._watchers
        self._watchers.setdefault(topic, set()).add(watcher)
        if first:
            self._tell(topic, True)

    def unwatch(self, watcher: Hashable, kind: str, source: str | None = None) -> None:
        """Harmless where it does not watch."""
        topic = Topic(kind, source)
        watchers = self._watchers.get(topic, set())
        if watcher in watchers:
            watchers.remove(watcher)
            if not watchers:
                del self._watchers[topic]
                self._tell(topic, False)

    def drop(self, watcher: Hashable) -> None:
        """It is gone, and with it all that it watched."""
        for topic in [topic for topic, watchers in self._watchers.items() if watcher in watchers]:
            self.unwatch(watcher, *topic)

    def kinds(self) -> list[str]:
        """Those that somebody watches, of whatever source; sorted."""
        return sorted({topic.kind for topic in self._watchers})

    def is_watched(self, kind: str, source: str) -> bool:
        """Whether anybody wants to know of this kind what comes from this source."""
        return Topic(kind) in self._watchers or Topic(kind, source) in self._watchers

    def _tell(self, topic: Topic, watched: bool) -> None:
        try:
            self._changed(topic, watched)
        except Exception:
            logger.exception("the hook of interest failed for %s", topic)
