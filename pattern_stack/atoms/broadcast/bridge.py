"""Keeps this instance in step with a store that others write to: no gap, no repeat, a reset where there is no other way."""

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from pattern_stack.atoms.broadcast.engine import Engine
from pattern_stack.atoms.broadcast.event import Draft, Event, Position, Reset, encode
from pattern_stack.atoms.broadcast.history import History
from pattern_stack.atoms.broadcast.limits import Limits
from pattern_stack.atoms.broadcast.presence import Change
from pattern_stack.atoms.broadcast.roster import Attendance, SharedRoster
from pattern_stack.errors import BroadcastUnavailable

logger = logging.getLogger(__name__)

_FOREIGN_SECONDS = 60
_WAITING_EVENTS = 10_000
_AGAIN_SECONDS = 1
_RESUME_SECONDS = 5


class Arrival(NamedTuple):
    """A message of the store: an event, if it is none of a stranger's."""

    epoch: str
    offset: int
    body: bytes


class Reading(NamedTuple):
    """A channel's newest place, and the events that were asked for; None where they are not all there."""

    epoch: str
    offset: int
    bodies: list[bytes] | None


class Store(ABC):
    """What a bridge needs of a store. Everything that waits raises BroadcastUnavailable."""

    arrived: Callable[[str, Arrival], None]
    """Set by the bridge: called for each message of a followed channel, in the store's order."""
    resumed: Callable[[], "asyncio.Future[None]"]
    """Set by the bridge: called when messages may have been missed; done when that is mended."""
    strange: Callable[[str], None]
    """Set by the bridge: called for a message that cannot be one of ours."""

    closed = False

    @property
    @abstractmethod
    def trouble(self) -> str | None: ...

    @abstractmethod
    async def start(self) -> None: ...

    @abstractmethod
    async def stop(self) -> None: ...

    @abstractmethod
    def abandon(self) -> None: ...

    @abstractmethod
    async def publish(self, draft: Draft, window: History) -> Position: ...

    @abstractmethod
    async def read(self, channel: str, since: Position | None, last: int | None = None) -> Reading: ...

    @abstractmethod
    async def attend(self, channel: str, *arguments: Any) -> Attendance:
        """See Ask in roster.py."""

    @abstractmethod
    async def follow(self, channel: str) -> None:
        """From its end on, messages of the channel arrive."""

    @abstractmethod
    def unfollow(self, channel: str) -> None: ...


class Track:
    """One wanted channel: how far it was delivered here."""

    __slots__ = ("catching_up", "opening", "position", "waiting", "wanted")

    def __init__(self) -> None:
        self.wanted = 0
        self.position: Position | None = None
        self.opening: asyncio.Task[None] | None = None
        self.catching_up: asyncio.Task[None] | None = None
        self.waiting: list[Arrival] = []
        """What came while events before it are fetched."""


class Bridge(Engine):
    """An engine over a store. Events come back from it to the instance that published them, as to every other."""

    prompt = False

    def __init__(self, store: Store, window: Callable[[str], History]) -> None:
        super().__init__()
        self.window = window
        self._store = store
        store.arrived, store.resumed, store.strange = self._arrived, self._resume, self._strange
        self._tracks: dict[str, Track] = {}
        self._roster = SharedRoster(store.attend, self._tell)
        self.foreign = 0
        """Messages that were none of ours, and were skipped."""
        self._foreign_told = -float(_FOREIGN_SECONDS)

    @property
    def trouble(self) -> str | None:
        return self._store.trouble

    async def start(self) -> None:
        await self._store.start()

    async def rest(self) -> None:
        if not self._tracks or self._store.closed:
            await self._store.stop()

    def close(self) -> None:
        """It takes nothing more, and holds nothing open once it rests."""
        self._store.closed = True

    def abandon(self) -> None:
        self._tracks.clear()
        self._roster.forget()
        self._store.abandon()

    async def publish(self, drafts: Sequence[Draft]) -> list[Event]:
        publishes = [self._store.publish(draft, self.window(draft.channel)) for draft in drafts]
        # one alone needs no task of its own
        places = [await publishes[0]] if len(publishes) == 1 else await asyncio.gather(*publishes)
        return [draft.at(*place) for draft, place in zip(drafts, places, strict=True)]

    # -- channels that are wanted

    async def want(self, channel: str) -> None:
        track = self._tracks.setdefault(channel, Track())
        track.wanted += 1
        try:
            if track.position is None:
                if track.opening is None:
                    track.opening = asyncio.create_task(self._open(channel, track))
                await asyncio.shield(track.opening)
            elif self.trouble:
                raise BroadcastUnavailable(self.trouble)
        except BaseException:
            self.unwant(channel)
            raise

    async def _open(self, channel: str, track: Track) -> None:
        try:
            await self._store.follow(channel)
            reading = await self._store.read(channel, None)
            track.position = Position(reading.epoch, reading.offset)
            self._take_waiting(channel, track)
        finally:
            track.opening = None

    def unwant(self, channel: str) -> None:
        track = self._tracks.get(channel)
        if track is None:  # its loop was closed, and has taken everything along
            return
        track.wanted -= 1
        if track.wanted:
            return
        del self._tracks[channel]
        self._store.unfollow(channel)
        for task in (track.opening, track.catching_up):
            if task:
                task.cancel()

    def position(self, channel: str) -> Position:
        position = self._tracks[channel].position
        assert position is not None
        return position

    async def locate(self, channel: str) -> Position:
        track = self._tracks.get(channel)
        if track and track.position:
            return track.position
        reading = await self._store.read(channel, None)
        return Position(reading.epoch, reading.offset)

    def roster(self, channel: str) -> SharedRoster:
        return self._roster

    async def _tell(self, channel: str, event_type: str, payload: Change) -> None:
        await self.publish([encode(channel, event_type, payload, limits=Limits())])

    async def reach(self, channel: str, place: Position | None) -> bool:
        track = self._tracks[channel]
        before = self.position(channel)
        if place and place.epoch == before.epoch and place.offset <= before.offset:
            return False
        await self._catch_up_once(channel, track)
        return track.position != before

    async def read_since(self, channel: str, since: Position, until: Position) -> list[Event] | None:
        if since.epoch != until.epoch or since.offset > until.offset:
            return None
        if since == until:
            return []
        reading = await self._store.read(channel, since, until.offset)
        return None if reading.bodies is None else _events(channel, since, reading.bodies)

    # -- what arrives

    def _arrived(self, channel: str, arrival: Arrival) -> None:
        track = self._tracks.get(channel)
        if track is None:
            return
        if track.position is None or track.catching_up:
            self._wait(track, arrival)
        elif not self._take(channel, track, arrival):
            self._wait(track, arrival)
            self._catch_up(channel, track)

    def _wait(self, track: Track, arrival: Arrival) -> None:
        if len(track.waiting) < _WAITING_EVENTS:
            track.waiting.append(arrival)
        else:
            track.waiting[-1] = arrival  # those between will be fetched

    def _take(self, channel: str, track: Track, arrival: Arrival) -> bool:
        """Deliver it if it is the next, and drop it if it is a repeat. False where something lies between."""
        here = track.position
        assert here is not None
        if arrival.epoch != here.epoch or arrival.offset > here.offset + 1:
            return False
        if arrival.offset == here.offset + 1:
            track.position = Position(here.epoch, arrival.offset)
            self._hand_on(Event(channel, arrival.body, here.epoch, arrival.offset))
        return True

    def _hand_on(self, event: Event | Reset) -> None:
        for deliver in self._deliver:
            deliver(event)

    def _take_waiting(self, channel: str, track: Track) -> None:
        waiting, track.waiting = track.waiting, []
        for index, arrival in enumerate(waiting):
            if not self._take(channel, track, arrival):
                track.waiting = waiting[index:]
                self._catch_up(channel, track)
                return

    # -- what was missed

    def _resume(self) -> "asyncio.Future[None]":
        """Every channel may have missed something: done when they are in step again, as far as that is possible now."""
        tracks = [(channel, track) for channel, track in self._tracks.items() if track.position]
        for channel, track in tracks:
            self._catch_up(channel, track)
        renewing = asyncio.create_task(self._renew())
        return asyncio.ensure_future(_all([renewing, *(track.catching_up for _, track in tracks if track.catching_up)]))

    async def _renew(self) -> None:
        try:
            await self._roster.renew()
        except BroadcastUnavailable as error:
            logger.warning("presence is not renewed: %s", error)

    def _catch_up(self, channel: str, track: Track) -> None:
        if track.catching_up is None:
            track.catching_up = asyncio.create_task(self._catch_up_until_in_step(channel, track))

    async def _catch_up_until_in_step(self, channel: str, track: Track) -> None:
        try:
            while not await self._has_caught_up(channel, track):  # noqa: ASYNC110 - it is the store that is asked again
                await asyncio.sleep(_AGAIN_SECONDS)
        finally:
            track.catching_up = None
        self._take_waiting(channel, track)

    async def _has_caught_up(self, channel: str, track: Track) -> bool:
        try:
            await self._catch_up_once(channel, track)
        except BroadcastUnavailable as error:
            logger.warning("%s is behind: %s", channel, error)
            return False
        return True

    async def _catch_up_once(self, channel: str, track: Track) -> None:
        known = len(track.waiting)
        here = track.position
        reading = await self._store.read(channel, here)
        assert here is not None
        if track.position == here:  # not so, where another one has caught up meanwhile
            self._apply(channel, track, here, reading)
        self._drop_foreign(channel, track, known)

    def _apply(self, channel: str, track: Track, here: Position, reading: Reading) -> None:
        newest = Position(reading.epoch, reading.offset)
        if newest == here:
            return
        if reading.bodies is None:
            track.position = newest
            self._hand_on(Reset(channel, newest))
            return
        for event in _events(channel, here, reading.bodies):
            track.position = event.position
            self._hand_on(event)

    def _drop_foreign(self, channel: str, track: Track, known: int) -> None:
        """What was here before the store was asked, and lies beyond its newest place, the store never sent."""
        assert track.position is not None
        epoch, offset = track.position
        before, later = track.waiting[:known], track.waiting[known:]
        kept = [arrival for arrival in before if arrival.epoch == epoch and arrival.offset <= offset]
        for _ in range(len(before) - len(kept)):
            self._strange(channel)
        track.waiting = kept + later

    def _strange(self, channel: str) -> None:
        """Count a message that is none of ours; say so once a minute."""
        self.foreign += 1
        now = time.monotonic()
        if now - self._foreign_told >= _FOREIGN_SECONDS:
            self._foreign_told = now
            logger.warning("%d messages of strangers were skipped so far, the last on %r", self.foreign, channel)


async def _all(tasks: "Sequence[asyncio.Task[None]]") -> None:
    await asyncio.wait(tasks, timeout=_RESUME_SECONDS)


def _events(channel: str, since: Position, bodies: Sequence[bytes]) -> list[Event]:
    return [Event(channel, body, since.epoch, since.offset + index) for index, body in enumerate(bodies, 1)]
