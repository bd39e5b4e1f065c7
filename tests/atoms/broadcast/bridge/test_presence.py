"""An answer that the store gave before somebody came or went agrees with what clients were told of that."""

from typing import Any

import orjson

from pattern_stack.atoms.broadcast.bridge.presence import SharedPresence
from pattern_stack.atoms.broadcast.bridge.store import Attendance

ROOM = "room:7"
OLD = [b"ann", b'i 1 "ann"', b"bob", b'i 2 "bob"\n' + orjson.dumps({"typing": True})]


class Store:
    """Answers who was there before the news that come while it is asked."""

    def __init__(self, *news: tuple[str, Any]) -> None:
        self._news = news
        self.presence = SharedPresence(self._ask, self._tell, lambda channel, event, payload: None)

    async def _ask(self, channel: str, *step: Any) -> Attendance:
        for event, id in self._news:
            self.presence.heard(channel, event, {"connection_id": id, "user": id, "count": 0})
        return Attendance(2, [], OLD)

    async def _tell(self, channel: str, event: str, payload: Any) -> None: ...

    async def answer(self) -> list[Any]:
        return [member["connection_id"] for member in await self.presence.members(ROOM)]


async def test_who_has_gone_meanwhile_is_not_in_it() -> None:
    assert await Store(("presence-left", "ann")).answer() == ["bob"]


async def test_who_has_come_meanwhile_is() -> None:
    assert await Store(("presence-joined", "cy"), ("presence-joined", "bob")).answer() == ["ann", "bob", "cy"]


async def test_the_last_news_hold_and_no_others() -> None:
    store = Store(("presence-joined", "cy"), ("presence-left", "cy"), ("presence-left", None))
    assert await store.answer() == ["ann", "bob"]
    store.presence.heard(ROOM, "presence-left", {"connection_id": "ann"})
    store._news = ()
    assert await store.answer() == ["ann", "bob"]
    assert store.presence._answering == {}
