"""What is carried out once by its key: who carries it out now, and what it ended with."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from time import monotonic
from typing import Literal, NamedTuple

from pattern_stack.errors import BroadcastUnavailable

KEPT_SECONDS = 300.0
"""How long a record is kept after its owner's last step."""
LEASE_SECONDS = 5.0
"""An owner that does not renew for so long is taken for dead."""
RENEW_SECONDS = 1.5


class Claim(NamedTuple):
    """`new`: this owner carries it out now. `running`: another owner does. `lost`: that owner died in the midst of it, and
    what it did is not known. `done`: it ended with `result`."""

    state: Literal["new", "running", "lost", "done"]
    result: bytes = b""


class Ledger(ABC):
    """Records by place and key. Each call is one step for all instances that share it. Raises BroadcastUnavailable."""

    @abstractmethod
    async def claim(self, place: str, key: str, owner: str) -> Claim:
        """Whether this owner is to carry it out. The same owner may ask again, where an answer was lost: it is `new` again.

        `place` is a channel; `owner` is another string for each attempt to carry something out.
        """

    @abstractmethod
    async def renew(self, place: str, key: str, owner: str) -> None:
        """The owner is still at it: called every 1.5 s. It does nothing where another owner has the record, or none."""

    @abstractmethod
    async def settle(self, place: str, key: str, owner: str, result: bytes) -> None:
        """It ended with this. It does nothing where another owner has the record, or none; settling twice is harmless."""


class _Record:
    __slots__ = ("owner", "result", "touched")

    def __init__(self, owner: str, now: float) -> None:
        self.owner = owner
        self.touched = now
        self.result: bytes | None = None

    @property
    def size(self) -> int:
        return _RECORD_BYTES + len(self.result or b"")


_RECORD_BYTES = 512


class MemoryLedger(Ledger):
    """The records of one process. Nothing here waits.

    A record is never dropped before its time, for then its command could be carried out twice: past `bytes` nothing new is
    claimed, and `claim` raises BroadcastUnavailable.
    """

    def __init__(self, bytes: int, clock: Callable[[], float] = monotonic) -> None:
        self._bytes = bytes
        self._clock = clock
        self._records: dict[tuple[str, str], _Record] = {}
        """Those longest untouched first."""
        self._size = 0

    async def claim(self, place: str, key: str, owner: str) -> Claim:
        now = self._clock()
        self._forget(now)
        record = self._records.get((place, key))
        if record is None:
            if self._size >= self._bytes:
                raise BroadcastUnavailable("too many commands with keys are remembered now; try again later")
            self._records[place, key] = record = _Record(owner, now)
            self._size += record.size
        if record.result is not None:
            return Claim("done", record.result)
        if record.owner == owner:
            return Claim("new")
        return Claim("running" if now - record.touched <= LEASE_SECONDS else "lost")

    async def renew(self, place: str, key: str, owner: str) -> None:
        self._touch(place, key, owner)

    async def settle(self, place: str, key: str, owner: str, result: bytes) -> None:
        if record := self._touch(place, key, owner):
            self._size -= record.size
            record.result = result
            self._size += record.size

    def _touch(self, place: str, key: str, owner: str) -> _Record | None:
        self._forget(self._clock())
        record = self._records.get((place, key))
        if record is None or record.owner != owner:
            return None
        self._records[place, key] = self._records.pop((place, key))
        record.touched = self._clock()
        return record

    def _forget(self, now: float) -> None:
        while self._records:
            place, record = next(iter(self._records.items()))
            if now - record.touched < KEPT_SECONDS:
                break
            del self._records[place]
            self._size -= record.size
