"""The broker's sockets: one thread, a turn at a time."""

import selectors
import socket
import time
from collections import deque
from contextlib import suppress
from secrets import token_hex

from pattern_stack.atoms.ipc.broker.life import Life
from pattern_stack.atoms.ipc.broker.peer import Peer
from pattern_stack.atoms.ipc.broker.state import Broker, Refused
from pattern_stack.atoms.ipc.frames import REFUSED, FrameError, Unpacker, pack
from pattern_stack.atoms.ipc.peers import is_own_user

TICK_SECONDS = 0.5
_READ_BYTES = 262_144
_MOST_UNSENT = 64 * 1_048_576
_ANSWER_SECONDS = 0.5
_SILENT_SECONDS = 20.0


class Worker:
    """One connection. It is not read while something waits to be written to it."""

    def __init__(self, line: socket.socket, peer: Peer) -> None:
        self.line = line
        self.peer = peer
        self.unpacker = Unpacker()
        self._unsent: deque[memoryview] = deque()
        self.waiting = 0
        """Bytes that are still to be written."""

    def read(self) -> bytes | None:
        """None: there is nothing. b"": it is gone."""
        try:
            return self.line.recv(_READ_BYTES)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def write(self, data: bytes) -> bool:
        """As much as goes; the rest waits. False: it is gone, or takes too little."""
        if data:
            self._unsent.append(memoryview(data))
            self.waiting += len(data)
        try:
            while self._unsent:
                self._sent(self.line.send(self._unsent[0]))
        except BlockingIOError:
            pass
        except OSError:
            return False
        return self.waiting <= _MOST_UNSENT

    def _sent(self, count: int) -> None:
        self.waiting -= count
        first = self._unsent.popleft()
        if count < len(first):
            self._unsent.appendleft(first[count:])


class BrokerServer:
    """Runs until the last worker has gone: see Life."""

    def __init__(self, listener: socket.socket, life: Life) -> None:
        self._listener = listener
        self._life = life
        self._broker = Broker(token_hex(5))
        self._selector = selectors.DefaultSelector()
        self._workers: dict[Peer, Worker] = {}

    def run(self) -> None:
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ)
        ticked = time.monotonic()
        while True:
            self._turn(max(ticked + TICK_SECONDS - time.monotonic(), 0))
            if time.monotonic() >= ticked + TICK_SECONDS:
                ticked = time.monotonic()
                if not self._tick(ticked):
                    return

    def _turn(self, wait: float) -> None:
        for key, events in self._selector.select(wait):
            worker: Worker | None = key.data
            if worker is None:
                self._accept()
            elif events & selectors.EVENT_WRITE:
                self._write(worker, b"")
            else:
                self._read(worker)
        self._write_all()

    def _tick(self, now: float) -> bool:
        """False: it is time to end."""
        for worker in list(self._workers.values()):
            if now - worker.peer.heard > _SILENT_SECONDS:
                self._drop(worker)
        self._broker.sweep()
        self._write_all()
        return self._life.goes_on(now, used=any(peer.is_worker for peer in self._workers))

    def _accept(self) -> None:
        with suppress(BlockingIOError, ConnectionError):
            line, _ = self._listener.accept()
            if not is_own_user(line):
                line.close()
                return
            line.setblocking(False)
            worker = Worker(line, self._broker.connect())
            self._workers[worker.peer] = worker
            self._selector.register(line, selectors.EVENT_READ, worker)

    def _read(self, worker: Worker) -> None:
        data = worker.read()
        if data is None:
            return
        try:
            frames = worker.unpacker.feed(data) if data else []
            for header, body in frames:
                self._broker.receive(worker.peer, header, body)
        except Refused as refusal:
            worker.write(pack((REFUSED, str(refusal))))
            data = b""
        except (
            FrameError,
            TypeError,
            ValueError,
            KeyError,
            IndexError,
        ):  # something else than this package writes here
            data = b""
        if not data:
            self._drop(worker)

    def _write_all(self) -> None:
        """Answers to publishes first: nobody hears of an event before its publisher can know that it was published."""
        while self._broker.touched:  # a worker that breaks meanwhile touches others
            touched = [self._workers[peer] for peer in self._broker.touched]
            self._broker.touched.clear()
            for worker in touched:
                answers, worker.peer.answers = worker.peer.answers, []
                if answers and not (worker.write(b"".join(answers)) and self._written(worker)):
                    self._drop(worker)
            for worker in touched:
                waiting, worker.peer.waiting = worker.peer.waiting, []
                self._write(worker, b"".join(waiting))

    def _written(self, worker: Worker) -> bool:
        """Nothing of its answers is left. A worker that does not read is waited for, for a moment."""
        until = time.monotonic() + _ANSWER_SECONDS
        while worker.waiting:
            with selectors.DefaultSelector() as writable:
                writable.register(worker.line, selectors.EVENT_WRITE)
                if not writable.select(max(until - time.monotonic(), 0)) or not worker.write(b""):
                    return False
        return True

    def _write(self, worker: Worker, data: bytes) -> None:
        if worker.peer not in self._workers:
            return
        before = worker.waiting + len(data)
        if not worker.write(data):
            self._drop(worker)
            return
        if worker.waiting < before:
            worker.peer.heard = time.monotonic()  # it takes something
        wanted = selectors.EVENT_WRITE if worker.waiting else selectors.EVENT_READ
        if self._selector.get_key(worker.line).events != wanted:
            self._selector.modify(worker.line, wanted, worker)

    def _drop(self, worker: Worker) -> None:
        if self._workers.pop(worker.peer, None):
            self._selector.unregister(worker.line)
            worker.line.close()
            self._broker.leave(worker.peer)
