"""A client's bytes to its messages: RFC 6455 and 7692, as a server reads them. No IO."""

from websockets.exceptions import ProtocolError
from websockets.frames import Close, Opcode

try:
    from websockets.speedups import apply_mask
except ImportError:  # where its C part was not built
    from websockets.utils import apply_mask

from pattern_stack.atoms.broadcast.websocket.deflate import inflate

_OPCODES = frozenset(Opcode)
_FINAL = 0x80
_COMPRESSED = 0x40
_RESERVED = 0x70
_CONTROL = 0x08


class CloseWith(Exception):
    """What came cannot be gone on with: close with this code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class FrameReader:
    """Takes bytes as they come, and gives whole messages and control frames: (opcode, data), unmasked and inflated.

    It keeps at most one message of `limit` bytes. After a `fault` it gives nothing more.
    """

    __slots__ = ("_compressed", "_length", "_limit", "_message", "_opcode", "_rest", "deflating", "failure", "seen")

    def __init__(self, limit: int, deflating: bool = False) -> None:
        self._limit = limit
        self.deflating = deflating
        """Messages may be compressed."""
        self.failure: CloseWith | None = None
        self.seen = 0
        """Frames that came, fragments too."""
        self._rest: bytearray | None = None
        self._message: bytearray | None = None
        self._opcode = self._length = 0
        self._compressed = False

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """What is complete now, in its order; what came before a fault is among it."""
        if self.failure:
            return []
        some: bytes | bytearray = data
        if self._rest is not None:
            self._rest += data
            some = self._rest
        ready: list[tuple[int, bytes]] = []
        at = 0
        try:
            while at < len(some) and (start := self._start(some, at)):
                end = start + self._length
                if end > len(some):
                    break
                self.seen += 1
                self._frame(some[at], apply_mask(bytes(some[start:end]), bytes(some[start - 4 : start])), ready)
                at = end
        except CloseWith as failure:
            self.failure = failure
        self._keep(some, at)
        return ready

    def _keep(self, some: bytes | bytearray, at: int) -> None:
        if at == len(some) or self.failure:
            self._rest = None
        elif self._rest is None:
            self._rest = bytearray(some[at:])
        else:
            del self._rest[:at]

    def _start(self, some: bytes | bytearray, at: int) -> int:
        """Where the data of the frame at `at` begins, behind its mask; 0 while its head is not all there."""
        if len(some) < at + 2:
            return 0
        first, second = some[at], some[at + 1]
        self._check(first, second)
        self._length, start = second & 0x7F, at + 6
        if self._length >= 126:
            start += 2 if self._length == 126 else 8
            if len(some) < start:
                return 0
            self._length = int.from_bytes(some[at + 2 : start - 4])
        if not first & _CONTROL and self._length + len(self._message or b"") > self._limit:
            raise CloseWith(1009, f"a message has at most {self._limit} bytes")
        return start if len(some) >= start else 0

    def _check(self, first: int, second: int) -> None:
        opcode = first & 0x0F
        if opcode not in _OPCODES:
            raise CloseWith(1002, "invalid opcode")
        if not second & 0x80:
            raise CloseWith(1002, "a client's frames are masked")
        compressed = _COMPRESSED if self.deflating and opcode in (Opcode.TEXT, Opcode.BINARY) else 0
        if first & _RESERVED & ~compressed:
            raise CloseWith(1002, "reserved bits are set")
        if opcode & _CONTROL and (second & 0x7F > 125 or not first & _FINAL):
            raise CloseWith(1002, "a control frame is short and whole")
        if not opcode & _CONTROL and (opcode == Opcode.CONT) != (self._message is not None):
            raise CloseWith(1002, "fragments are out of order")

    def _frame(self, first: int, data: bytes, ready: list[tuple[int, bytes]]) -> None:
        opcode = first & 0x0F
        if opcode & _CONTROL:
            if opcode == Opcode.CLOSE:
                self._check_close(data)
            ready.append((opcode, data))
            return
        if opcode:
            self._opcode, self._compressed = opcode, bool(first & _COMPRESSED)
        if first & _FINAL:
            whole = data if self._message is None else bytes(self._message + data)
            self._message = None
            ready.append((self._opcode, self._read(whole)))
        elif self._message is None:
            self._message = bytearray(data)
        else:
            self._message += data

    def _check_close(self, data: bytes) -> None:
        try:
            Close.parse(data)
        except ProtocolError as error:
            raise CloseWith(1002, str(error)) from error
        except UnicodeDecodeError:
            raise CloseWith(1007, "a reason has to be UTF-8") from None

    def _read(self, data: bytes) -> bytes:
        """A whole message as the client meant it."""
        if self._compressed:
            data = self._inflate(data)
        if self._opcode == Opcode.TEXT:
            _check_text(data)
        return data

    def _inflate(self, data: bytes) -> bytes:
        try:
            message = inflate(data, self._limit)
        except ValueError as error:
            raise CloseWith(1007, str(error)) from error
        if len(message) > self._limit:
            raise CloseWith(1009, f"a message has at most {self._limit} bytes")
        return message


def _check_text(data: bytes) -> None:
    try:
        str(data, "utf-8")
    except UnicodeDecodeError:
        raise CloseWith(1007, "text has to be UTF-8") from None
