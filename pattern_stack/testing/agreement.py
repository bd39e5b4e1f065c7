"""Whether a channel's snapshot is what its events make of an earlier one."""

import asyncio
import copy
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from pattern_stack.atoms.broadcast.core.event import Event
from pattern_stack.testing.faults import Faults
from pattern_stack.testing.subscription import Events, subscribe

_MOST = 16
_LONGEST_PAUSE = 0.01
_SECONDS = 5.0

Fold = Callable[[Any, Event], Any]


class _Joiner:
    def __init__(self, events: Events, snapshot: Event) -> None:
        self._events = events
        self._snapshot = snapshot
        self._applied: list[str] = []

    async def state_at(self, offset: int, fold: Fold) -> Any:
        state, reached = self._snapshot.payload, self._snapshot.offset
        while reached < offset:
            event = await self._events.next(timeout=_SECONDS)
            if not isinstance(event, Event):
                raise AssertionError(f"a reset came on {event.channel!r}: there is nothing to compare")
            self._applied.append(event.event_type)
            state, reached = fold(copy.deepcopy(state), event), event.offset
        return state

    async def leave(self) -> None:
        await self._events.leave()

    async def state_after_reset(self, fold: Fold) -> Any:
        """It has read nothing since its snapshot."""
        await self._events.next("reset", timeout=_SECONDS)
        snapshot = await self._events.next("snapshot", timeout=_SECONDS)
        self._applied += ["a reset", f"the snapshot at offset {snapshot.offset}"]
        return fold(copy.deepcopy(self._snapshot.payload), snapshot)

    @property
    def story(self) -> str:
        return f"the snapshot at offset {self._snapshot.offset} and then {', '.join(self._applied) or 'no event'}"


@asynccontextmanager
async def assert_snapshot_agrees(
    app: Any,
    channel: str,
    fold: Fold,
    headers: Mapping[str, str] | None = None,
    *,
    token: str | None = None,
    resets: bool = False,
) -> AsyncIterator[None]:
    """While the block acts, clients join the channel at random moments. In the end each one's snapshot, with the events that
    followed it folded in by `fold(state, event) -> state`, has to be what a fresh snapshot says.

    With `resets` another client is away while the block acts. Afterwards the channel is reset, so that what it has missed is
    lost, and it comes back: `fold` gets the event named `snapshot` that follows the reset, and has to take it over. For
    backends without a bridge.

    Raises AssertionError, which names the events, and the first places that differ.
    """
    async with AsyncExitStack() as stack:

        async def join() -> _Joiner:
            events = await stack.enter_async_context(subscribe(app, channel, headers, token=token))
            return _Joiner(events, await events.next("snapshot", timeout=_SECONDS))

        away = await join() if resets else None
        if away:
            await away.leave()
        joiners = [await join()]
        enough = asyncio.Event()

        async def keep_joining() -> None:
            while len(joiners) < _MOST and not enough.is_set():
                await asyncio.sleep(random.uniform(0, _LONGEST_PAUSE))
                if not enough.is_set():
                    joiners.append(await join())

        joining = asyncio.create_task(keep_joining())
        try:
            yield
        finally:
            enough.set()
            await joining
        fresh = (await join())._snapshot
        for joiner in joiners:
            _compare(await joiner.state_at(fresh.offset, fold), fresh, joiner)
        if away:
            Faults().reset(channel)
            state = await away.state_after_reset(fold)
            _compare(state, (await join())._snapshot, away)


def _compare(state: Any, fresh: Event, joiner: _Joiner) -> None:
    wanted = fresh.payload
    if state != wanted:
        places = "".join(f"\n  {place}" for place in _differences(wanted, state, "")[:10])
        raise AssertionError(
            f"{joiner.story} make another state than the fresh snapshot at offset {fresh.offset} on {fresh.channel!r}:{places}"
        )


def _differences(snapshot: Any, folded: Any, where: str) -> list[str]:
    if isinstance(snapshot, dict) and isinstance(folded, dict):
        found = []
        for key in sorted(snapshot.keys() | folded.keys(), key=str):
            if key not in snapshot:
                found.append(f"{where}/{key} is in the folded state alone: {folded[key]!r:.100}")
            elif key not in folded:
                found.append(f"{where}/{key} is in the snapshot alone: {snapshot[key]!r:.100}")
            else:
                found += _differences(snapshot[key], folded[key], f"{where}/{key}")
        return found
    if snapshot == folded:
        return []
    return [f"{where or '/'} is {snapshot!r:.100} in the snapshot, and {folded!r:.100} in the folded state"]
