"""What one instance has done so far, as totals: kept where it happens, and read by meters (instance/meters.py). No IO."""

from collections import Counter
from collections.abc import Callable

from pattern_stack.atoms.broadcast.websocket.frames import Batch


class Counters:
    """Only the loop that owns the hub changes them. They never fall."""

    __slots__ = (
        "_due",
        "_longest",
        "closes",
        "delivered",
        "delivered_bytes",
        "link_breaks",
        "pace",
        "published",
        "recorders",
        "recoveries",
        "refused",
        "resets",
        "slow_consumers",
    )

    def __init__(self) -> None:
        self.published = 0
        """Events that this instance gave a place. An ephemeral one, and a repeat under the same key, is none."""
        self.delivered = 0
        """Event frames that were written to sockets: replays included, snapshots not."""
        self.delivered_bytes = 0
        """Of these frames, before compression."""
        self.recoveries: Counter[str] = Counter()
        """By outcome: `recovered` or `reset`, one for each channel that a client wanted to recover."""
        self.resets: Counter[str] = Counter()
        """By reason, one for each channel that a client was told to refetch: `history`, where the events after its position
        are no longer kept, and `store`, where the store has lost data."""
        self.closes: Counter[int] = Counter()
        """By the code that was sent, else the peer's, else 1006."""
        self.refused: Counter[str] = Counter()
        """Error frames that were written, and errors that the HTTP lane answered, by code."""
        self.slow_consumers = 0
        self.link_breaks = 0
        """Times that the bridge lost its store and came back."""
        self.recorders: list[Callable[[float], None]] = []
        """Called with the seconds from a turn's first event to the last write of that turn: of the longest turn of each `pace`
        seconds. An OpenTelemetry histogram takes as long for one value as a socket for a few deliveries."""
        self.pace = 0.1
        self._due = self._longest = 0.0

    def wrote(self, batch: Batch, sockets: int) -> None:
        """Once for each socket that it was written to. What is dropped before that does not count."""
        events, size, tells = batch.tally
        self.delivered += events * sockets
        self.delivered_bytes += size * sockets
        for name, label in tells:
            getattr(self, name)[label] += sockets

    def took(self, begun: float, ended: float) -> None:
        """A turn's first event came, and its last write was done."""
        self._longest = max(self._longest, ended - begun)
        if ended >= self._due:
            for record in self.recorders:
                record(self._longest)
            self._longest, self._due = 0.0, ended + self.pace

    def add(self, other: "Counters") -> None:
        """Its totals, on top of these."""
        self.published += other.published
        self.delivered += other.delivered
        self.delivered_bytes += other.delivered_bytes
        self.slow_consumers += other.slow_consumers
        self.link_breaks += other.link_breaks
        for name in ("recoveries", "resets", "closes", "refused"):
            getattr(self, name).update(getattr(other, name))
