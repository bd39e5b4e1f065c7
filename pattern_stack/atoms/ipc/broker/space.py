"""What the workers of one backend share: channels with their order, and keys that a publish used up."""

from collections import OrderedDict

from pattern_stack.atoms.ipc.broker.claims import Claims
from pattern_stack.atoms.ipc.broker.journals import JournalTable
from pattern_stack.atoms.ipc.broker.log import Log
from pattern_stack.atoms.ipc.broker.peer import Peer
from pattern_stack.atoms.table import Table

KEPT_SECONDS = 86_400.0
"""A channel's place outlives its last use by so much, and by its window."""
IDLE_LOGS = 100_000
"""Channels that nobody follows, at most. Beyond them the ones used the longest ago begin anew."""
KEY_SECONDS = 300.0
_SWEPT = 2_000


class Space:
    """A channel has a log from its first follower or event on: reading leaves nothing behind."""

    def __init__(self, life: str) -> None:
        self._life = life
        self._generation = 0
        self.logs: dict[str, Log] = {}
        self.claims = Claims()
        self.journals = JournalTable()
        self.tables: dict[str, Table[str]] = {}
        self._keys: OrderedDict[tuple[str, str], tuple[int, str, float]] = OrderedDict()

    @property
    def epoch(self) -> str:
        """Of a channel that has no log: the one that its first event will have. Another one once a log was forgotten."""
        return f"{self._life}{self._generation:x}"

    def log(self, channel: str, now: float) -> Log:
        log = self.logs.get(channel)
        if log is None:
            log = self.logs[channel] = Log(self.epoch, now)
        return log

    def begin_anew(self, channel: str, now: float) -> Log:
        """The channel's log in another epoch, without an event. Who follows it goes on."""
        self._generation += 1
        before = self.logs.pop(channel, None)
        log = self.log(channel, now)
        if before:
            log.followers, log.members, log.bounds = before.followers, before.members, before.bounds
        return log

    def used_key(self, channel: str, key: str, now: float) -> tuple[str, int] | None:
        """The place of the publish that used this key up within 300 s."""
        while self._keys:
            oldest, (_, _, at) = next(iter(self._keys.items()))
            if now - at <= KEY_SECONDS:
                break
            del self._keys[oldest]
        found = self._keys.get((channel, key))
        return (found[1], found[0]) if found else None

    def use_key(self, channel: str, key: str, epoch: str, offset: int, now: float) -> None:
        self._keys[channel, key] = (offset, epoch, now)

    def unfollow(self, channel: str, peer: Peer, now: float) -> None:
        log = self.logs.get(channel)
        if log and peer in log.followers:
            del log.followers[peer]
            log.used = max(log.used, now)

    def sweep(self, now: float) -> None:
        """Drop what some of the channels need not keep any more; called again and again, it comes to each of them."""
        self.journals.sweep(now)
        for channel in [channel for channel, _ in zip(self.logs, range(_SWEPT), strict=False)]:
            log = self.logs.pop(channel)
            log.trim(now)
            kept = max(KEPT_SECONDS, log.bounds.seconds) if len(self.logs) < IDLE_LOGS else log.bounds.seconds
            if not log.is_idle or (log.offset and now - log.used <= kept):
                self.logs[channel] = log  # at the end of the row
            elif log.offset:
                self._generation += 1
