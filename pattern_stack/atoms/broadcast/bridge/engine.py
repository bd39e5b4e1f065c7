"""Keeps this instance in step with a store that others write to: no gap, no repeat, a reset where there is no other way."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from pattern_stack.atoms.broadcast.bridge.presence import SharedPresence
from pattern_stack.atoms.broadcast.bridge.store import Arrival, Store
from pattern_stack.atoms.broadcast.bridge.tracker import Track, events
from pattern_stack.atoms.broadcast.core.engine import Engine
from pattern_stack.atoms.broadcast.core.event import Draft, Event, Position, Reset, encode
from pattern_stack.atoms.broadcast.core.history import History
from pattern_stack.atoms.broadcast.core.limits import Limits
from pattern_stack.atoms.broadcast.core.presence import Change
from pattern_stack.errors import BroadcastUnavailable

logger = logging.getLogger(__name__)

_FOREIGN_SECONDS = 60
_AGAIN_SECONDS = 1
_RESUME_SECONDS = 5


class Bridge(Engine):
    """An engine over a store. Events come back from it to the instance that published them, as to every other."""

    prompt = False

    def __init__(self, store: Store, window: Callable[[str], History]) -> None:
        super().__init__()
        self.window = window
        self._store = store
        store.arrived, store.resumed, store.strange = self._arrived, self._resume, self._strange
        self._tracks: dict[str, Track] = {}
        self._presence = SharedPresence(store.attend, self._tell)
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
        self._presence.forget()
        self._store.abandon()

    async def publish(self, drafts: Sequence[Draft]) -> list[Event]:
        publishes = [self._store.publish(draft, self.window(draft.channel)) for draft in drafts]
        # one alone needs no task of its own
        places = [await publishes[0]] if len(publishes) == 1 else await asyncio.gather(*publishes)
        return [draft.at(*place) for draft, place in zip(drafts, places, strict=True)]

    # -- channels that are wanted

    async def want(self, channel: str) -> None:
        track = self._tracks.setdefault(channel, Track(channel, self._hand_on))
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

    def presence(self, channel: str) -> SharedPresence:
        return self._presence

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
        return None if reading.bodies is None else events(channel, since, reading.bodies)

    # -- what arrives

    def _arrived(self, channel: str, arrival: Arrival) -> None:
        track = self._tracks.get(channel)
        if track is None:
            return
        if track.position is None or track.catching_up:
            track.wait(arrival)
        elif not track.take(arrival):
            track.wait(arrival)
            self._catch_up(channel, track)

    def _hand_on(self, event: Event | Reset) -> None:
        for deliver in self._deliver:
            deliver(event)

    def _take_waiting(self, channel: str, track: Track) -> None:
        if not track.take_waiting():
            self._catch_up(channel, track)

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
            await self._presence.renew()
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
        known = track.waiting
        here = track.position
        reading = await self._store.read(channel, here)
        assert here is not None
        if track.position == here:  # not so, where another one has caught up meanwhile
            track.apply(here, reading)
        for _ in range(track.drop_foreign(known)):
            self._strange(channel)

    def _strange(self, channel: str) -> None:
        """Count a message that is none of ours; say so once a minute."""
        self.foreign += 1
        now = time.monotonic()
        if now - self._foreign_told >= _FOREIGN_SECONDS:
            self._foreign_told = now
            logger.warning("%d messages of strangers were skipped so far, the last on %r", self.foreign, channel)


async def _all(tasks: "Sequence[asyncio.Task[None]]") -> None:
    await asyncio.wait(tasks, timeout=_RESUME_SECONDS)
