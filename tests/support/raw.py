"""A client that may break every rule: bytes on a socket, and what comes back."""

import json
import os
import socket
import struct
from typing import Any

from tests.support.patience import PATIENCE


class Raw:
    """After the handshake it sends whatever it is told to. Blocking: call it from a plain test or a thread.

    Where the handshake is not to be `answered` for now, it does not wait for that. `behind` is sent with the head.
    """

    def __init__(
        self,
        port: int,
        *,
        path: str = "/ws/broadcast",
        headers: str = "",
        receive_buffer: int = 0,
        answered: bool = True,
        behind: bytes = b"",
    ) -> None:
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(("127.0.0.1", port))
        self.socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{headers}\r\n".encode()
            + behind
        )
        self._buffer = b""
        self.is_last = True
        """Whether the frame that was read last ends its message."""
        while answered and b"\r\n\r\n" not in self._buffer:
            self._more()
        self.response, _, self._buffer = self._buffer.partition(b"\r\n\r\n")

    @staticmethod
    def frame(opcode: int, data: bytes, *, fin: bool = True, masked: bool = True) -> bytes:
        head = bytes([opcode | (0x80 if fin else 0)])
        mask_bit = 0x80 if masked else 0
        if len(data) < 126:
            head += bytes([len(data) | mask_bit])
        elif len(data) < 65536:
            head += bytes([126 | mask_bit]) + struct.pack("!H", len(data))
        else:
            head += bytes([127 | mask_bit]) + struct.pack("!Q", len(data))
        if not masked:
            return head + data
        key = os.urandom(4)
        repeated = (key * (len(data) // 4 + 1))[: len(data)]
        body = int.from_bytes(data, "big") ^ int.from_bytes(repeated, "big")
        return head + key + body.to_bytes(len(data), "big")

    def text(self, data: str | bytes | dict[str, Any]) -> None:
        if isinstance(data, dict):
            data = json.dumps(data)
        self.socket.sendall(self.frame(1, data.encode(errors="surrogatepass") if isinstance(data, str) else data))

    def read_frame(self) -> tuple[int, bytes]:
        """The next frame: opcode and data. EOFError where the server has closed, ConnectionResetError where it reset."""
        head = self._take(2)
        self.is_last, opcode, length = bool(head[0] & 0x80), head[0] & 0x0F, head[1] & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", self._take(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", self._take(8))
        return opcode, self._take(length)

    def message(self) -> dict[str, Any]:
        """The next text frame's JSON; pings are passed over."""
        while True:
            opcode, data = self.read_frame()
            if opcode == 9:
                continue
            assert opcode == 1, (opcode, data)
            parts = [data]
            last = self.is_last
            while not last:
                opcode, data = self.read_frame()
                if opcode == 0:
                    parts.append(data)
                    last = self.is_last
            data = b"".join(parts)
            message: dict[str, Any] = json.loads(data)
            return message

    def close_code(self) -> int:
        """Read to the close frame and answer it. 1006 where the connection broke without one."""
        try:
            while True:
                opcode, data = self.read_frame()
                if opcode == 8:
                    self.socket.sendall(self.frame(8, data[:2]))
                    return struct.unpack("!H", data[:2])[0] if data else 1005
        except (EOFError, ConnectionError):
            return 1006

    def reset(self) -> None:
        """RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def leave(self, how: str) -> None:
        """By `reset`, by `close`, or by `half` a close: it says nothing more, and would still read."""
        if how == "reset":
            self.reset()
        elif how == "close":
            self.socket.close()
        else:
            self.socket.shutdown(socket.SHUT_WR)

    def _take(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._more()
        data, self._buffer = self._buffer[:count], self._buffer[count:]
        return data

    def _more(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise EOFError
        self._buffer += data
