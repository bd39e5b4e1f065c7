"""What is carried out once by its key, over all workers of a space: see Ledger in broadcast/core/ledger.py."""

from dataclasses import dataclass

from pattern_stack.atoms.ipc.broker.peer import Peer

KEPT_SECONDS = 300.0
MOST_BYTES = 64 * 1_048_576
"""Of all records together. Past it nothing new is claimed: none is dropped before its time."""
_RECORD_BYTES = 512


@dataclass(slots=True)
class _Record:
    owner: str
    peer: Peer | None
    """None: its connection broke."""
    touched: float
    result: bytes | None = None

    @property
    def size(self) -> int:
        return _RECORD_BYTES + len(self.result or b"")


class Claims:
    def __init__(self) -> None:
        self._records: dict[tuple[str, str], _Record] = {}
        """Those longest untouched first."""
        self._size = 0

    def claim(self, place: str, key: str, owner: str, peer: Peer, lease: float, now: float) -> tuple[str, bytes]:
        """The state, and the result of what is `done`. `full`: there is no room for one more.

        `lease`: an owner that has not renewed for so many seconds is taken for dead.
        """
        self._forget(now)
        record = self._records.get((place, key))
        if record is None:
            if self._size >= MOST_BYTES:
                return "full", b""
            self._records[place, key] = record = _Record(owner, peer, now)
            self._size += record.size
        if record.result is not None:
            return "done", record.result
        if record.owner == owner:
            record.peer = peer
            return "new", b""
        alive = record.peer is not None and now - record.touched <= lease
        return ("running" if alive else "lost"), b""

    def renew(self, place: str, key: str, owner: str, peer: Peer, now: float) -> None:
        if record := self._touch(place, key, owner, now):
            record.peer = peer

    def settle(self, place: str, key: str, owner: str, result: bytes, now: float) -> None:
        if record := self._touch(place, key, owner, now):
            self._size -= record.size
            record.result = result
            self._size += record.size

    def leave(self, peer: Peer) -> None:
        for record in self._records.values():
            if record.peer is peer:
                record.peer = None

    def _touch(self, place: str, key: str, owner: str, now: float) -> _Record | None:
        record = self._records.get((place, key))
        if record is None or record.owner != owner:
            return None
        self._records[place, key] = self._records.pop((place, key))
        record.touched = now
        return record

    def _forget(self, now: float) -> None:
        while self._records:
            name, record = next(iter(self._records.items()))
            if now - record.touched < KEPT_SECONDS:
                break
            del self._records[name]
            self._size -= record.size
