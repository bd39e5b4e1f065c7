"""Events a second of channels, from the positions that they had at two looks."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

_SHORTEST = 0.9
"""Seconds between two looks. One that comes sooner is answered from the last two."""


class Place(NamedTuple):
    channel: str
    epoch: str
    offset: int


class Rates:
    """Of all instances together: the offset of a channel is theirs in common."""

    def __init__(self) -> None:
        self._at = float("-inf")
        self._seen: dict[str, tuple[str, int]] = {}
        self._rates: dict[str, float] = {}

    def look(self, places: Iterable[Place], now: float) -> Mapping[str, float]:
        """The rate of each channel that was there at the look before; `now` in seconds."""
        seconds = now - self._at
        if seconds < _SHORTEST:
            return self._rates
        before, self._seen = self._seen, {channel: (epoch, offset) for channel, epoch, offset in places}
        self._rates = {
            channel: (offset - before[channel][1]) / seconds
            for channel, (epoch, offset) in self._seen.items()
            if channel in before and before[channel][0] == epoch
        }
        self._at = now
        return self._rates
