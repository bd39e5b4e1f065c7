"""Keeps this instance in step with a store that others write to: no gap, no repeat, a reset where history was lost."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from time import monotonic

from pattern_stack.atoms.broadcast.bridge.coalesced import Coalesced
from pattern_stack.atoms.broadcast.bridge.epoch import continues
from pattern_stack.atoms.broadcast.bridge.journal import Appended, Journals, Step
from pattern_stack.atoms.broadcast.bridge.presence import SharedPresence
from pattern_stack.atoms.broadcast.bridge.replay_cache import ReplayCache
from pattern_stack.atoms.broadcast.bridge.store import Arrival, Placed, Store
from pattern_stack.atoms.broadcast.bridge.tracker import ChannelTracker
from pattern_stack.atoms.broadcast.core.channels import CONTROL
from pattern_stack.atoms.broadcast.core.engine import LinkedEngine
from pattern_stack.atoms.broadcast.core.event import (
    Draft,
    Event,
    Position,
    PresenceEvent,
    Reset,
    encode,
    ephemeral_event,
)
from pattern_stack.atoms.broadcast.core.history import History
from pattern_stack.atoms.broadcast.core.ledger import Ledger
from pattern_stack.atoms.broadcast.core.limits import Limits
from pattern_stack.atoms.broadcast.core.presence import Change
from pattern_stack.atoms.log_every import LogEvery
from pattern_stack.errors import BroadcastUnavailable

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 1
_RESUME_SECONDS = 5
_ECHO_SECONDS = 1


class SharedEngine(LinkedEngine):
    """An engine over a store. Events come back from it to the instance that published them, as to every other."""

    def __init__(self, store: Store, window: Callable[[str], History], limits: Limits) -> None:
        super().__init__()
        self.window = window
        self._store = store
        store.arrived, store.resumed, store.unrecognised = self._arrived, self._resumed, self._unrecognised
        store.sent = self._sent
        self._trackers: dict[str, ChannelTracker] = {}
        self._opening: dict[str, asyncio.Task[None]] = {}
        self._catching_up: dict[str, asyncio.Task[None]] = {}
        self._missed = Coalesced(self._read_missed)
        self._replays = ReplayCache(store.read, limits.replay_bytes)
        self._presence = SharedPresence(store.attend, self._send_presence, self._tell_here)
        self._echoes: dict[bytes, asyncio.Future[None]] = {}
        """What this instance has sent about presence, and waits for to come back."""
        self.unrecognised = 0
        """Messages that none of our instances published, and that were skipped."""
        self._log = LogEvery(logger)
        self._is_fresh = True
        """It has not been up since it was started."""

    @property
    def unavailable_reason(self) -> str | None:
        return self._store.unavailable_reason

    @property
    def patience(self) -> float:
        return self._store.patience

    @patience.setter
    def patience(self, seconds: float) -> None:
        self._store.patience = seconds

    async def start(self) -> None:
        await self._store.start()

    async def pause(self) -> None:
        if not self._trackers or self._store.closed:
            await self._store.stop()
            self._is_fresh = True

    def close(self) -> None:
        """Take nothing more; `pause` then releases the store for good."""
        self._store.closed = True

    def forget_loop(self) -> None:
        self._trackers.clear()
        self._opening.clear()
        self._catching_up.clear()
        self._missed.clear()
        self._replays.clear()
        self._presence.forget()
        self._echoes.clear()
        self._store.forget_loop()
        self._is_fresh = True

    async def publish(self, drafts: Sequence[Draft]) -> list[Event]:
        publishes = [self._store.publish(draft, self.window(draft.channel)) for draft in drafts]
        # one alone needs no task of its own
        placed = [await publishes[0]] if len(publishes) == 1 else await asyncio.gather(*publishes)
        new = [draft for draft, place in zip(drafts, placed, strict=True) if not place.repeated]
        self._counters.published += sum(draft.channel != CONTROL for draft in new)
        return [_event(draft, place) for draft, place in zip(drafts, placed, strict=True)]

    @property
    def journals(self) -> Journals:
        """State that instances share. Used on the loop that owns the hub."""
        return self._store.journals

    async def append(self, channel: str, step: Step, drafts: Sequence[Draft]) -> Appended:
        """One entry of the channel's journal and the events that it causes: both or neither. See Journals."""
        bodies = [draft.body for draft in drafts]
        appended = await self._store.journals.append(channel, step, bodies, self.window(channel))
        if appended.state == "done":
            self._counters.published += len(bodies)
        return appended

    async def send(self, drafts: Sequence[Draft]) -> None:
        await asyncio.gather(*map(self._send, drafts))

    async def _send(self, draft: Draft) -> None:
        event = ephemeral_event(draft.channel, draft.body)
        if not isinstance(event, PresenceEvent) or draft.channel not in self._trackers:
            await self._store.send(draft)
            return
        echo = self._echoes[draft.body] = asyncio.get_running_loop().create_future()
        try:
            await self._store.send(draft)
            await asyncio.wait([echo], timeout=_ECHO_SECONDS)
        finally:
            del self._echoes[draft.body]

    async def begin_anew(self, channel: str) -> None:
        await self._store.begin_anew(channel)

    # -- subscribed channels

    async def subscribe(self, channel: str) -> None:
        tracker = self._trackers.setdefault(channel, ChannelTracker(channel, self._hand_over))
        tracker.subscribed += 1
        try:
            if tracker.position is None:
                await asyncio.shield(self._open_once(channel, tracker))
            elif reason := self.unavailable_reason:
                raise BroadcastUnavailable(reason)
        except BaseException:
            self.unsubscribe(channel)
            raise

    def _open_once(self, channel: str, tracker: ChannelTracker) -> asyncio.Task[None]:
        task = self._opening.get(channel)
        if task is None or task.done():
            task = self._opening[channel] = asyncio.create_task(self._open(channel, tracker))
            task.add_done_callback(lambda done: _drop(self._opening, channel, done))
        return task

    async def _open(self, channel: str, tracker: ChannelTracker) -> None:
        await self._store.follow(channel)
        tracker.position = await self._store.position(channel)
        self._deliver_queued(channel, tracker)

    def unsubscribe(self, channel: str) -> None:
        tracker = self._trackers.get(channel)
        if tracker is None:  # its loop was closed, and everything on it is gone
            return
        tracker.subscribed -= 1
        if tracker.subscribed:
            return
        del self._trackers[channel]
        self._replays.forget(channel)
        self._store.unfollow(channel)
        for tasks in (self._opening, self._catching_up):
            if task := tasks.pop(channel, None):
                task.cancel()

    def position(self, channel: str) -> Position:
        position = self._trackers[channel].position
        assert position is not None
        return position

    def quiet(self, channel: str) -> float:
        return monotonic() - self._trackers[channel].moved

    async def position_of(self, channel: str) -> Position:
        tracker = self._trackers.get(channel)
        if tracker and tracker.position:
            return tracker.position
        return await self._store.position(channel)

    def presence(self, channel: str) -> SharedPresence:
        return self._presence

    def ledger(self, channel: str) -> Ledger:
        return self._store

    async def _send_presence(self, channel: str, event_type: str, payload: Change) -> None:
        if channel != CONTROL:
            await self._store.send(encode(channel, event_type, payload, ephemeral=True, limits=Limits()))

    def _tell_here(self, channel: str, event_type: str, payload: Change) -> None:
        """To the clients of this instance alone."""
        if channel in self._trackers:
            self._pass_on(PresenceEvent(channel, encode(channel, event_type, payload, limits=Limits()).body))

    async def catch_up(self, channel: str, position: Position | None) -> bool:
        before = self.position(channel)
        if position and continues(position.epoch, before.epoch) and position.offset <= before.offset:
            return False
        await self._missed.call(channel)
        return self.position(channel) != before

    async def history(self, channel: str, since: Position, until: Position) -> list[Event] | None:
        if not continues(since.epoch, until.epoch) or since.offset > until.offset:
            return None
        if since.offset == until.offset:
            return []
        tracker = self._trackers.get(channel)
        if tracker is None or tracker.position is None:
            return await self._history_once(channel, since, until)
        if not continues(until.epoch, tracker.position.epoch):
            return None
        return await self._replays.between(channel, since.offset, until.offset, tracker.position, self.window(channel))

    async def last(self, channel: str, count: int, until: Position) -> list[Event]:
        tracker = self._trackers.get(channel)
        if not count or not until.offset or tracker is None or tracker.position is None:
            return []
        if not continues(until.epoch, tracker.position.epoch):
            return []
        since = max(until.offset - count, 0)
        bounds = self.window(channel)
        return await self._replays.between(channel, since, until.offset, tracker.position, bounds, reach=True) or []

    async def _history_once(self, channel: str, since: Position, until: Position) -> list[Event] | None:
        """Of a channel that nobody is subscribed to."""
        await self.subscribe(channel)
        try:
            return await self.history(channel, since, until)
        finally:
            self.unsubscribe(channel)

    # -- messages of the store

    def _sent(self, channel: str, body: bytes) -> None:
        if channel not in self._trackers:
            return
        event = ephemeral_event(channel, body)
        if isinstance(event, PresenceEvent):
            self._presence.heard(channel, *event.handler_args)
        self._pass_on(event)
        if (echo := self._echoes.get(body)) and not echo.done():
            echo.set_result(None)

    def _arrived(self, channel: str, arrival: Arrival) -> None:
        tracker = self._trackers.get(channel)
        if tracker is None:
            return
        if tracker.position is None or channel in self._catching_up:
            tracker.queue(arrival)
        elif not tracker.deliver_if_next(arrival):
            tracker.queue(arrival)
            self._start_catching_up(channel, tracker)

    def _hand_over(self, event: Event | Reset) -> None:
        if isinstance(event, Event):
            self._replays.delivered(event)
        else:
            self._replays.forget(event.channel)
        for deliver in self._deliver:
            deliver(event)

    def _deliver_queued(self, channel: str, tracker: ChannelTracker) -> None:
        if not tracker.deliver_queued():
            self._start_catching_up(channel, tracker)

    # -- what was missed

    async def _resumed(self) -> None:
        """Messages may have been missed on every channel. Done when all have caught up, or after 5 s."""
        for channel, tracker in self._trackers.items():
            if tracker.position:
                self._start_catching_up(channel, tracker)
        renewing = asyncio.create_task(self._renew_presence(list(self._catching_up.values())))
        await asyncio.wait([renewing, *self._catching_up.values()], timeout=_RESUME_SECONDS)
        asyncio.get_running_loop().call_soon(self._count_break)

    def _count_break(self) -> None:
        """Once it is up: a link may fail again before it is."""
        if self.unavailable_reason is None:
            self._counters.link_breaks += not self._is_fresh
            self._is_fresh = False

    async def _renew_presence(self, catching_up: Sequence[asyncio.Task[None]]) -> None:
        """Behind the events that were missed."""
        if catching_up:
            await asyncio.wait(catching_up, timeout=_RESUME_SECONDS)
        try:
            await self._presence.renew()
            await self._presence.compare()
        except BroadcastUnavailable as error:
            logger.warning("presence is not renewed: %s", error)

    def _start_catching_up(self, channel: str, tracker: ChannelTracker) -> None:
        if channel not in self._catching_up:
            task = asyncio.create_task(self._catch_up_until_in_step(channel))
            self._catching_up[channel] = task
            task.add_done_callback(lambda done: self._caught_up(channel, tracker, done))

    async def _catch_up_until_in_step(self, channel: str) -> None:
        while not await self._has_caught_up(channel):  # noqa: ASYNC110 - the store is asked again
            await asyncio.sleep(_RETRY_SECONDS)

    def _caught_up(self, channel: str, tracker: ChannelTracker, task: asyncio.Task[None]) -> None:
        _drop(self._catching_up, channel, task)
        if not task.cancelled() and self._trackers.get(channel) is tracker:
            self._deliver_queued(channel, tracker)

    async def _has_caught_up(self, channel: str) -> bool:
        try:
            await self._missed.call(channel)
        except BroadcastUnavailable as error:
            logger.warning("%s is behind the store: %s", channel, error)
            return False
        return True

    async def _read_missed(self, channel: str) -> None:
        tracker = self._trackers.get(channel)
        known = tracker.queued if tracker else 0
        if tracker and tracker.position and (offset := tracker.to_compare) is not None:
            before = Position(tracker.position.epoch, offset - 1)
            tracker.compare(offset, await self._store.read(channel, before, offset))
        behind = True
        while behind and tracker and tracker.position and self._trackers.get(channel) is tracker:
            here = tracker.position
            reading = await self._store.read(channel, here)
            if tracker.position == here:  # else more has arrived meanwhile
                tracker.apply(here, reading)
            behind = not tracker.has_reached(reading)
            if not behind:
                for _ in range(tracker.drop_unrecognised(known)):
                    self._unrecognised(channel)

    def _unrecognised(self, channel: str) -> None:
        self.unrecognised += 1
        self._log.warning("skipped a message on %r that no instance of this application published", channel)


def _drop(tasks: dict[str, asyncio.Task[None]], channel: str, task: asyncio.Task[None]) -> None:
    """A task that has ended makes room for the next one of its channel."""
    if tasks.get(channel) is task:
        del tasks[channel]


def _event(draft: Draft, placed: Placed) -> Event:
    """The published event; of a repeat the first one, its place alone where that is no longer kept."""
    if not placed.repeated:
        return draft.at(placed.epoch, placed.offset)
    if placed.body is None:
        return Event.without_payload(draft.channel, placed.epoch, placed.offset)
    return Event(draft.channel, placed.body, placed.epoch, placed.offset)
