"""One connection to the broker, on the loop: frames go out together at the end of a turn, and come in as they are read."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from pattern_stack.atoms.ipc.frames import FrameError, Unpacker, pack

_READ_BYTES = 262_144


class LinkDown(Exception):
    """The broker cannot be reached now. `sent`: it may have got the call."""

    def __init__(self, why: str, *, sent: bool) -> None:
        super().__init__(why)
        self.sent = sent


class Line:
    """Works on a connected socket until it breaks; `broken` is set then.

    Where writing fails it goes on reading: the answers of a broker that was killed are still to be read.
    """

    def __init__(
        self, line: socket.socket, received: Callable[[list[Any], bytes], None], ended: Callable[[], None]
    ) -> None:
        """`ended` is called as soon as it has broken, before whoever waits for an answer goes on."""
        self._loop = asyncio.get_running_loop()
        self._line = line
        self._received = received
        self._ended = ended
        self._unpacker = Unpacker()
        self._out: list[bytes] = []
        self._unsent = memoryview(b"")
        self._number = 0
        self._answers: dict[int, asyncio.Future[tuple[list[Any], bytes]]] = {}
        self.broken = asyncio.Event()
        self._loop.add_reader(line, self._read)

    def call(self, call: str, *arguments: Any, body: bytes = b"") -> "asyncio.Future[tuple[list[Any], bytes]]":
        """The answer: its header without the number, and its body. LinkDown."""
        answer: asyncio.Future[tuple[list[Any], bytes]] = self._loop.create_future()
        if self.broken.is_set():
            answer.set_exception(LinkDown("the link to the other workers broke", sent=False))
            answer.exception()  # whoever called may not wait for it
            return answer
        self._number += 1
        self._answers[self._number] = answer
        if not self._out and not self._unsent:
            self._loop.call_soon(self._write)
        self._out.append(pack((self._number, call, *arguments), body))
        return answer

    def _write(self) -> None:
        if self.broken.is_set():
            return
        waited = bool(self._unsent)
        try:
            while self._unsent or self._out:
                if not self._unsent:
                    self._unsent = memoryview(b"".join(self._out))
                    self._out.clear()
                self._unsent = self._unsent[self._line.send(self._unsent) :]
        except BlockingIOError:
            pass
        except OSError:  # reading tells what is left, and the end
            self._unsent = memoryview(b"")
            self._out.clear()
        if self._unsent and not waited:
            self._loop.add_writer(self._line, self._write)
        elif waited and not self._unsent:
            self._loop.remove_writer(self._line)

    def _read(self) -> None:
        try:
            data = self._line.recv(_READ_BYTES)
            frames = self._unpacker.feed(data) if data else []
        except BlockingIOError:
            return
        except (OSError, FrameError):
            data, frames = b"", []
        for header, body in frames:
            number = header.pop(0)
            if number > 0:
                self._settle(number, header, body)
            else:
                self._received([number, *header], body)
        if not data:
            self.close()

    def _settle(self, number: int, header: list[Any], body: bytes) -> None:
        answer = self._answers.pop(number, None)
        if answer and not answer.done():
            answer.set_result((header, body))

    def close(self) -> None:
        """Nothing is received any more, and every call that waits raises LinkDown."""
        if self.broken.is_set():
            return
        self.broken.set()
        self._loop.remove_reader(self._line)
        self._loop.remove_writer(self._line)
        self._line.close()
        self._ended()
        answers, self._answers = self._answers, {}
        for answer in answers.values():
            if not answer.done():
                answer.set_exception(LinkDown("the link to the other workers broke", sent=True))
                answer.exception()  # whoever waited may be gone
