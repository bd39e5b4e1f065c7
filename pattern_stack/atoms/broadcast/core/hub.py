"""Channels and their subscribers: join, leave, fan-out. Synchronous, without IO; only the loop that owns the hub calls it."""

import logging
from collections import deque
from collections.abc import Callable, Collection, Iterator
from itertools import islice
from time import monotonic
from typing import Protocol

from pattern_stack.atoms.broadcast.core.counters import Counters
from pattern_stack.atoms.broadcast.core.event import Ephemeral, Event, PresenceEvent, Reset
from pattern_stack.atoms.broadcast.websocket.frames import Batch, EphemeralBatch, Frame

logger = logging.getLogger(__name__)

_TURN_BYTES = 8 * 1_048_576
"""What may be handed to sockets in one turn of the loop."""
_WRITE_BYTES = 512
"""What a write costs beside its bytes, in bytes."""


class Subscriber(Protocol):
    """Takes events: a connection's outbox, or an in-process listener. `take` does not raise, join or leave."""

    @property
    def write_prepared(self) -> Callable[[bytes], None] | None:
        """Fast path: `write_prepared(batch.wire)` is equivalent to `take(batch)`. None while blocked or compressed."""

    def take(self, batch: Batch, turn: int | None = None) -> bool | None:
        """Whether it was written to a socket at once. An ephemeral batch is dropped while it is blocked."""

    def channel_ended(self, channel: str) -> None:
        """The application ended the channel."""

    @property
    def limit(self) -> int:
        """Bytes of events that may be buffered for it."""

    def too_slow(self) -> None:
        """More than `limit` bytes were buffered; the buffer was dropped."""


class Buffer:
    """Events that one subscriber gets later."""

    __slots__ = ("events", "size")

    def __init__(self) -> None:
        self.events: list[Event | Reset | PresenceEvent] = []
        self.size = 0

    def add(self, event: Event | Reset | PresenceEvent, subscriber: Subscriber) -> None:
        if self.size > subscriber.limit:
            self.events.clear()
            subscriber.too_slow()
            return
        self.events.append(event)
        self.size += len(event.data)


class ChannelSubscribers:
    """The subscribers of one channel: those that get events at once, and those that events are buffered for."""

    __slots__ = ("buffers", "count", "live")

    def __init__(self) -> None:
        self.live: dict[Subscriber, None] = {}
        self.buffers: dict[Subscriber, Buffer] = {}
        self.count = 0
        """Those that joined with `counted`."""


class _FanOut:
    """A batch on its way to subscribers that have not got it yet."""

    __slots__ = ("batch", "remaining", "turn")

    def __init__(self, batch: Batch, turn: int, remaining: dict[Subscriber, None]) -> None:
        self.batch = batch
        self.turn = turn
        self.remaining = remaining


class Hub:
    """Events of one turn of the loop leave together: `schedule` is called once a turn and must call `flush` at its end.

    A run of consecutive events of one channel is one Batch for all of the channel's subscribers; ephemeral ones are runs of
    their own. Every change of a
    channel's subscribers flushes first, so that a subscriber gets exactly what was published while it was on the channel.
    What is more than `turn_bytes` goes on in the next turn; `schedule` is called for that too.
    """

    def __init__(
        self, schedule: Callable[[], None], turn_bytes: int = _TURN_BYTES, *, counters: Counters | None = None
    ) -> None:
        self._schedule = schedule
        self._counters = counters or Counters()
        self._woken = 0.0
        self.subscriptions = 0
        """Channels of all counted subscribers together."""
        self.subscribed_channels = 0
        """Channels with a counted subscriber."""
        self._turn_bytes = turn_bytes
        self._channels: dict[str, ChannelSubscribers] = {}
        self._runs: list[tuple[ChannelSubscribers, list[Frame], type[Batch]]] = []
        self._unfinished: deque[_FanOut] = deque()
        self._scheduled = False
        self.turn = 0
        self.pending_events = 0
        self.pending_bytes = 0

    def publish(self, event: Event | Reset | PresenceEvent) -> None:
        there = self._channels.get(event.channel)
        if there is None:
            return
        for subscriber, buffer in there.buffers.items():
            buffer.add(event, subscriber)
        if not there.live:
            return
        self._collect(there, event, Batch)

    def pass_on(self, event: Ephemeral, but: Subscriber | None = None) -> None:
        """Send it with this turn's events, but leave it out for whoever is blocked, or has events buffered, and for `but`: who
        caused it. Who has come or gone is buffered and waits like an event."""
        if isinstance(event, PresenceEvent):
            self.publish(event)
            return
        there = self._channels.get(event.channel)
        if there is not None and but in there.live:
            there, all = ChannelSubscribers(), there
            there.live = {one: None for one in all.live if one is not but}
        if there is not None and there.live:
            self._collect(there, event, EphemeralBatch)

    def _collect(self, there: ChannelSubscribers, frame: Frame, kind: type[Batch]) -> None:
        self._wake()
        last = self._runs[-1] if self._runs else None
        if last and last[0] is there and last[2] is kind:
            last[1].append(frame)
        else:
            self._runs.append((there, [frame], kind))
        self.pending_events += 1
        self.pending_bytes += len(frame.data)

    def flush(self) -> None:
        """Called at the end of a turn: send what was published, or as much of it as a turn may send."""
        self._scheduled = False
        woken = self._woken
        self._send_runs(self._go_on(self._turn_bytes))
        if self._counters.recorders:
            self._counters.took(woken, monotonic())
        if self._unfinished:
            self._wake()

    def _wake(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._woken = monotonic()
            self._schedule()

    def flush_to(self, subscriber: Subscriber) -> None:
        """Send what was published, and to this subscriber all of it: for whatever has to come behind it."""
        self._send_runs(0 if self._unfinished else self._turn_bytes)
        for one in self._unfinished:
            if subscriber in one.remaining:
                del one.remaining[subscriber]
                self._fan_out(one.batch, one.turn, (subscriber,))

    def _go_on(self, room: int) -> int:
        """Send what earlier turns have left, up to so many bytes. Returns how many are free then."""
        while self._unfinished and room > 0:
            one = self._unfinished[0]
            some = list(islice(one.remaining, max(room // (one.batch.size + _WRITE_BYTES), 1)))
            for subscriber in some:
                del one.remaining[subscriber]
            self._fan_out(one.batch, one.turn, some)
            room -= len(some) * (one.batch.size + _WRITE_BYTES)
            if not one.remaining:
                self._unfinished.popleft()
        return room

    def _send_runs(self, room: int) -> None:
        if not self._runs:
            return
        runs, self._runs = self._runs, []
        self.pending_events = self.pending_bytes = 0
        self.turn += 1
        for there, frames, kind in runs:
            batch = kind(frames)
            size = len(there.live) * (batch.size + _WRITE_BYTES)
            if self._unfinished or size > max(room, 0):
                self._unfinished.append(_FanOut(batch, self.turn, there.live.copy()))
                room = self._go_on(room)
            else:
                self._fan_out(batch, self.turn, there.live)
                room -= size

    def _fan_out(self, batch: Batch, turn: int, subscribers: Collection[Subscriber]) -> None:
        """Hand the batch to each of them. One that raises does not affect the others."""
        wire = batch.wire
        written = len(subscribers)
        for subscriber in subscribers:
            write = subscriber.write_prepared
            try:
                if write is not None:
                    write(wire)
                elif not subscriber.take(batch, turn):
                    written -= 1
            except Exception:
                logger.exception("%r did not take a batch", subscriber)
        self._counters.wrote(batch, written)

    def clear(self) -> None:
        """Forget every channel and subscriber."""
        self.subscriptions = self.subscribed_channels = 0
        self._channels.clear()
        self._runs.clear()
        self._unfinished.clear()
        self._scheduled = False
        self.pending_events = self.pending_bytes = 0

    def join(self, channel: str, subscriber: Subscriber, *, counted: bool = True) -> None:
        """Put it on the channel. Events are buffered for it until `stop_buffering`. `counted`: `subscriber_count` has it."""
        self.flush_to(subscriber)
        there = self._channels.setdefault(channel, ChannelSubscribers())
        there.buffers[subscriber] = Buffer()
        self._count(there, counted)

    def start_buffering(self, channel: str, subscriber: Subscriber) -> None:
        """Buffer the channel's events for it until `stop_buffering`. What was buffered before is dropped."""
        self.flush_to(subscriber)
        there = self._channels[channel]
        there.live.pop(subscriber, None)
        there.buffers[subscriber] = Buffer()

    def stop_buffering(self, channel: str, subscriber: Subscriber) -> list[Event | Reset | PresenceEvent]:
        """What was buffered. The caller hands it to the subscriber before anything else of this channel."""
        self.flush_to(subscriber)
        there = self._channels[channel]
        there.live[subscriber] = None
        buffer = there.buffers.pop(subscriber, None)
        return buffer.events if buffer else []

    def leave(self, channel: str, subscriber: Subscriber, *, counted: bool = True) -> None:
        self.flush_to(subscriber)
        there = self._channels[channel]
        there.live.pop(subscriber, None)
        there.buffers.pop(subscriber, None)
        self._count(there, -counted)
        if not there.live and not there.buffers:
            del self._channels[channel]

    def _count(self, there: ChannelSubscribers, by: int) -> None:
        before = there.count
        there.count += by
        self.subscriptions += by
        self.subscribed_channels += bool(there.count) - bool(before)

    def subscribers(self, channel: str) -> list[Subscriber]:
        there = self._channels.get(channel)
        return [*there.live, *there.buffers] if there else []

    def hears(self, channel: str) -> bool:
        """Whether anybody is on it, a listener among them."""
        return channel in self._channels

    def subscriber_count(self, channel: str) -> int:
        there = self._channels.get(channel)
        return there.count if there else 0

    def channels(self) -> Iterator[tuple[str, int]]:
        """Every channel with counted subscribers, and how many."""
        return ((channel, there.count) for channel, there in self._channels.items() if there.count)
