"""How much work on nodes is done between two pauses."""

PIECE = 256
"""Nodes, or parts of their JSON, that are handled between two pauses."""
PIECE_BYTES = 256 * 1024
"""Bytes of them that are handled between two pauses."""


class Pace:
    """Says when to pause: after PIECE items, or after PIECE_BYTES."""

    __slots__ = ("_bytes", "_nodes")

    def __init__(self) -> None:
        self._nodes = self._bytes = 0

    def is_time_to_pause(self, size: int) -> bool:
        """Called for each item, with its bytes."""
        self._nodes += 1
        self._bytes += size
        if self._nodes < PIECE and self._bytes < PIECE_BYTES:
            return False
        self._nodes = self._bytes = 0
        return True


class Pieces:
    """Parts of one text. They are joined now and then, for joining very many at the end would take long."""

    __slots__ = ("_joined", "_pace", "_parts")

    def __init__(self) -> None:
        self._pace = Pace()
        self._parts: list[bytes] = []
        self._joined: list[bytes] = []

    def add(self, part: bytes) -> bool:
        """Returns whether it is time to pause."""
        self._parts.append(part)
        if not self._pace.is_time_to_pause(len(part)):
            return False
        self._joined.append(b"".join(self._parts))
        self._parts.clear()
        return True

    def joined(self) -> bytes:
        return b"".join([*self._joined, *self._parts])
