"""What is told later is told, however exact the loop's timers are."""

import asyncio
import logging
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from pattern_stack.atoms.broadcast.core.event import Draft
from pattern_stack.atoms.broadcast.core.told import QUIET_SECONDS
from pattern_stack.atoms.broadcast.instance.failures import Failures
from pattern_stack.atoms.broadcast.instance.presence_news import PresenceNews
from pattern_stack.errors import BroadcastUnavailable

WHO = ("room", "a")


class Away:
    """A store that is away: a change stays as it was counted."""

    def presence(self, channel: str) -> "Away":
        return self

    async def members(self, channel: str) -> list[Any]:
        raise BroadcastUnavailable


async def test_a_timer_that_rings_too_early_is_set_again(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, sent = [0.0], list[Draft]()
    monkeypatch.setattr(PresenceNews, "_now", property(lambda _: clock[0]))

    async def send(drafts: Sequence[Draft]) -> None:
        sent.extend(drafts)

    owner: Any = SimpleNamespace(loop=asyncio.get_running_loop(), is_current=lambda: True)
    engine: Any = Away()
    news = PresenceNews(engine, send, owner, Failures(logging.getLogger(__name__)))
    change: Any = {"connection_id": "a", "user": None, "count": 1}
    for here in (True, False, True):
        await news.changed("room", change, here=here)
    assert len(sent) == 2
    for clock[0], count in ((QUIET_SECONDS - 0.0004, 2), (QUIET_SECONDS, 3)):
        news._stop(WHO)
        news._go_on(WHO, change)
        await asyncio.gather(*news._tasks)
        assert len(sent) == count
        assert (WHO in news._timers) == (count == 2)
