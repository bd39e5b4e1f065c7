"""How far a client has come on its channels, over all of its connections."""

from collections.abc import Collection, Mapping

from pattern_stack.atoms.broadcast.core.event import Position, Since


class Positions:
    """A position that a reply tells counts only when the snapshot behind it has come: whoever lost the connection in between
    joins afresh."""

    def __init__(self, since: Mapping[str, Since]) -> None:
        self._first = dict(since)
        self._reached: dict[str, Position] = {}
        self._told: dict[str, Position] = {}

    @property
    def since(self) -> dict[str, Since]:
        """What the next connection asks for."""
        return {**self._first, **self._reached}

    def connected(self) -> None:
        self._told.clear()

    def tell(self, channel: str, position: Position, *, recovered: bool) -> None:
        if recovered:
            self._reached[channel] = position
        else:
            self._told[channel] = position

    def reset(self, channel: str, position: Position) -> bool:
        """A reset frame. True where it comes in the midst of the stream, and not behind a reply that told of it."""
        if channel in self._told:
            return False
        self._reached[channel] = position
        return True

    def drop(self, channel: str) -> None:
        """It is followed no further."""
        for places in (self._first, self._reached, self._told):
            places.pop(channel, None)

    def settle(self, channels: Collection[str] | None = None) -> None:
        """These positions count now; without `channels` all."""
        for channel in list(self._told) if channels is None else channels:
            if channel in self._told:
                self._reached[channel] = self._told.pop(channel)

    def move(self, channel: str, offset: int, *, snapshot: bool) -> Position | None:
        """Where an event stands; None where it has come before."""
        self.settle((channel,))
        here = self._reached.get(channel)
        if here is None or (offset <= here.offset and not snapshot):
            return None
        self._reached[channel] = moved = Position(here.epoch, offset)
        return moved
