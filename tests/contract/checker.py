"""Judges a log of publishes and deliveries against the contract. It knows nothing of how either came about.

A publisher notes each publish when it begins and when it returns; a client notes what it is told and what it gets.
`judge` raises AssertionError with the first thing that breaks one of the contract's rules.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

Place = tuple[str, int]
Message = dict[str, Any]


@dataclass
class Published:
    """One publish that returned: its key is unique over the whole log; begin and end are ticks of one clock."""

    channel: str
    key: str
    place: Place
    began: int
    ended: int


@dataclass
class Reader:
    """One client's view of one channel, over all its connections."""

    channel: str
    place: Place | None = None
    got: dict[Place, str] = field(default_factory=dict)
    spans: list[tuple[Place, int]] = field(default_factory=list)
    """Where it began to follow, and the last offset it followed to, without a break in its knowledge."""
    resets: int = 0


class Log:
    """Everything that happened."""

    def __init__(self) -> None:
        self._clock = itertools.count()
        self.published: list[Published] = []
        self.raised: set[str] = set()
        self.readers: list[Reader] = []

    def tick(self) -> int:
        return next(self._clock)

    def publish(self, channel: str, key: str, began: int, place: Place) -> None:
        self.published.append(Published(channel, key, place, began, self.tick()))

    def publish_raised(self, key: str) -> None:
        """It may be in the order once, or not at all."""
        self.raised.add(key)

    def reader(self, channel: str) -> Reader:
        reader = Reader(channel)
        self.readers.append(reader)
        return reader

    def subscribed(self, reader: Reader, answer: Message, asked: Place | None) -> None:
        """The reply to a subscribe. `asked`: the position given as `since`."""
        place = (answer["epoch"], answer["offset"])
        if answer.get("recovered"):
            assert asked == place, f"recovered to {place}, not to the asked {asked}"
        if reader.place != place:
            assert not answer.get("recovered"), "recovered: true has to go on where the client was"
            reader.spans.append((place, place[1]))
        reader.place = place

    def reset(self, reader: Reader, position: Message) -> None:
        place = (position["epoch"], position["offset"])
        reader.resets += 1
        if reader.place != place:
            reader.spans.append((place, place[1]))
        reader.place = place

    def delivered(self, reader: Reader, offset: int, key: str) -> None:
        """An event frame: it has to be the next one."""
        assert reader.place is not None, f"{key} came before the reply"
        epoch, reached = reader.place
        assert offset == reached + 1, f"{reader.channel}: {offset} came after {reached}"
        reader.place = (epoch, offset)
        begin, _ = reader.spans[-1]
        reader.spans[-1] = (begin, offset)
        assert (epoch, offset) not in reader.got, f"{reader.channel}: {offset} came twice"
        reader.got[epoch, offset] = key


def judge(log: Log, final: dict[str, Place]) -> None:
    """`final`: each channel's last position; every reader has to have come to it."""
    _honest(log.published)
    orders = _orders(log)
    for reader in log.readers:
        _complete(reader, orders[reader.channel])
        if reader.place is not None:
            assert reader.place == final[reader.channel], f"{reader.channel}: a reader ended at {reader.place}"


def _honest(published: Iterable[Published]) -> None:
    """What returned is in the order before all that began afterwards; and has a place of its own, without gaps."""
    by_channel: dict[str, list[Published]] = defaultdict(list)
    for one in published:
        by_channel[one.channel].append(one)
    for channel, ones in by_channel.items():
        places = [one.place for one in ones]
        assert len(set(places)) == len(places), f"{channel}: an offset was given twice"
        for epoch in {place[0] for place in places}:
            _before(channel, sorted((one for one in ones if one.place[0] == epoch), key=lambda one: one.place[1]))


def _before(channel: str, in_order: list[Published]) -> None:
    latest_begin = -1
    for one in in_order:
        assert one.ended > latest_begin, f"{channel}: {one.key} ended before one began that is before it in the order"
        latest_begin = max(latest_begin, one.began)


def _orders(log: Log) -> dict[str, dict[Place, str]]:
    """Each channel's order, from what publishers were told; readers may add what a raised publish left behind."""
    orders: dict[str, dict[Place, str]] = defaultdict(dict)
    for one in log.published:
        orders[one.channel][one.place] = one.key
    places: dict[str, Place] = {}
    for reader in log.readers:
        order = orders[reader.channel]
        for place, key in reader.got.items():
            if key in log.raised:
                assert places.setdefault(key, place) == place, f"{key} appeared twice"
                order.setdefault(place, key)
            assert order.get(place) == key, f"{reader.channel}: {place} is {key} here and {order.get(place)} there"
    return orders


def _complete(reader: Reader, order: dict[Place, str]) -> None:
    """Within each span every event was got."""
    for (epoch, begin), end in reader.spans:
        for offset in range(begin + 1, end + 1):
            assert reader.got.get((epoch, offset)) == order[epoch, offset], f"{reader.channel}: lost {offset}"
