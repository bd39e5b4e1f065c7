"""Channels and their subscribers: join, leave, fan-out. Synchronous, without IO; only the loop that owns the hub calls it."""

import logging
from collections.abc import Callable, Iterator
from typing import Protocol

from pattern_stack.atoms.broadcast.core.event import Event, Reset
from pattern_stack.atoms.broadcast.websocket.frames import Batch

logger = logging.getLogger(__name__)


class Subscriber(Protocol):
    """Takes events: a connection's outbox, or an in-process listener. `take` does not raise, join or leave."""

    @property
    def write_prepared(self) -> Callable[[bytes], None] | None:
        """Fast path: `write_prepared(batch.wire)` is equivalent to `take(batch)`. None while blocked or compressed."""

    def take(self, batch: Batch, turn: int | None = None) -> None: ...

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
        self.events: list[Event | Reset] = []
        self.size = 0

    def add(self, event: Event | Reset, subscriber: Subscriber) -> None:
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


class Hub:
    """Events of one turn of the loop leave together: `schedule` is called once a turn and must call `flush` at its end.

    A run of consecutive events of one channel is one Batch for all of the channel's subscribers. Every change of a
    channel's subscribers flushes first, so that a subscriber gets exactly what was published while it was on the channel.
    """

    def __init__(self, schedule: Callable[[], None]) -> None:
        self._schedule = schedule
        self._channels: dict[str, ChannelSubscribers] = {}
        self._runs: list[tuple[ChannelSubscribers, list[Event | Reset]]] = []
        self.turn = 0
        self.pending_events = 0
        self.pending_bytes = 0

    def publish(self, event: Event | Reset) -> None:
        there = self._channels.get(event.channel)
        if there is None:
            return
        for subscriber, buffer in there.buffers.items():
            buffer.add(event, subscriber)
        if not there.live:
            return
        if not self._runs:
            self._schedule()
        if self._runs and self._runs[-1][0] is there:
            self._runs[-1][1].append(event)
        else:
            self._runs.append((there, [event]))
        self.pending_events += 1
        self.pending_bytes += len(event.data)

    def flush(self) -> None:
        if not self._runs:
            return
        runs, self._runs = self._runs, []
        self.pending_events = self.pending_bytes = 0
        self.turn += 1
        for there, events in runs:
            self._fan_out(Batch(events), there)

    def _fan_out(self, batch: Batch, there: ChannelSubscribers) -> None:
        """Hand the batch to each live subscriber. One that raises does not affect the others."""
        turn, wire = self.turn, batch.wire
        for subscriber in there.live:
            write = subscriber.write_prepared
            try:
                if write is not None:
                    write(wire)
                else:
                    subscriber.take(batch, turn)
            except Exception:
                logger.exception("%r did not take a batch", subscriber)

    def clear(self) -> None:
        """Forget every channel and subscriber."""
        self._channels.clear()
        self._runs.clear()
        self.pending_events = self.pending_bytes = 0

    def join(self, channel: str, subscriber: Subscriber, *, counted: bool = True) -> None:
        """Put it on the channel. Events are buffered for it until `stop_buffering`. `counted`: `subscriber_count` has it."""
        self.flush()
        there = self._channels.setdefault(channel, ChannelSubscribers())
        there.buffers[subscriber] = Buffer()
        there.count += counted

    def start_buffering(self, channel: str, subscriber: Subscriber) -> None:
        """Buffer the channel's events for it until `stop_buffering`. What was buffered before is dropped."""
        self.flush()
        there = self._channels[channel]
        there.live.pop(subscriber, None)
        there.buffers[subscriber] = Buffer()

    def stop_buffering(self, channel: str, subscriber: Subscriber) -> list[Event | Reset]:
        """What was buffered. The caller hands it to the subscriber before anything else of this channel."""
        self.flush()
        there = self._channels[channel]
        there.live[subscriber] = None
        buffer = there.buffers.pop(subscriber, None)
        return buffer.events if buffer else []

    def leave(self, channel: str, subscriber: Subscriber, *, counted: bool = True) -> None:
        self.flush()
        there = self._channels[channel]
        there.live.pop(subscriber, None)
        there.buffers.pop(subscriber, None)
        there.count -= counted
        if not there.live and not there.buffers:
            del self._channels[channel]

    def subscribers(self, channel: str) -> list[Subscriber]:
        there = self._channels.get(channel)
        return [*there.live, *there.buffers] if there else []

    def subscriber_count(self, channel: str) -> int:
        there = self._channels.get(channel)
        return there.count if there else 0

    def channels(self) -> Iterator[tuple[str, int]]:
        """Every channel with counted subscribers, and how many."""
        return ((channel, there.count) for channel, there in self._channels.items() if there.count)
