"""Several worker processes that serve one socket: one that ends by itself is replaced, and all of them are stopped together."""

import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import Any

import uvicorn
from uvicorn._subprocess import get_subprocess

logger = logging.getLogger("uvicorn.error")

_RETRY_SECONDS = 1.0
"""Between two starts of a worker that ends before it serves."""
_STOP_SECONDS = 20.0
"""A worker that has not stopped by then is killed."""

Serve = Callable[[uvicorn.Config, list[socket.socket], Callable[[], None]], None]
"""Serves until SIGTERM, and calls the last argument as soon as it does. A function of a module, for it is pickled."""


class _Start:
    """What a worker process runs."""

    def __init__(self, serve: Serve, config: uvicorn.Config, ready: Connection) -> None:
        self._serve = serve
        self._config = config
        self._ready = ready

    def __call__(self, sockets: list[socket.socket]) -> None:
        self._serve(self._config, sockets, lambda: self._ready.send(True))


class _Worker:
    """One process. `serves` once it has said so."""

    def __init__(self, serve: Serve, config: uvicorn.Config, listener: socket.socket) -> None:
        self.said, ready = Pipe(duplex=False)
        self.process = get_subprocess(config, _Start(serve, config, ready), [listener])
        self.process.start()
        ready.close()
        self.serves = False

    def look(self) -> None:
        with suppress(EOFError, OSError):  # it has ended
            self.serves = self.serves or (self.said.poll() and bool(self.said.recv()))

    @property
    def is_alive(self) -> bool:
        return self.process.is_alive()

    def terminate(self) -> None:
        if self.is_alive:
            self.process.terminate()

    def end(self, until: float) -> None:
        """Wait for it, and kill it after that time."""
        self.process.join(max(until - time.monotonic(), 0))
        if self.is_alive:
            self.process.kill()
            self.process.join()
        self.said.close()


class Supervisor:
    """Runs until SIGTERM or SIGINT. SIGHUP replaces the workers one after the other, the new one first."""

    def __init__(self, config: uvicorn.Config, serve: Serve) -> None:
        self._config = config
        self._serve = serve
        self._workers: list[_Worker] = []
        self._stopping = False
        self._reloading = False
        self._wake, self._woken = Pipe(duplex=False)
        self._not_before = 0.0

    def run(self) -> int:
        """The exit status: 1 where a worker ends before any of them has served."""
        self._listener = self._config.bind_socket()
        for number in (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])):
            signal.signal(number, self._signalled)
        logger.info("Started supervisor process [%d] of %d workers", os.getpid(), self._config.workers)
        # all at once: the first would take every client that waits for the server
        self._workers = [self._start() for _ in range(self._config.workers)]
        status = 0 if self._first_serves() else 1
        if not status:
            self._watch()
        self._stop_all()
        self._listener.close()
        return status

    def _start(self) -> _Worker:
        return _Worker(self._serve, self._config, self._listener)

    def _signalled(self, number: int, _: Any) -> None:
        if number in (signal.SIGINT, signal.SIGTERM):
            self._stopping = True
        else:
            self._reloading = True
        self._woken.send(number)

    def _first_serves(self) -> bool:
        """False where one ends before any of them serves: none of them can."""
        while not self._stopping and not any(worker.serves for worker in self._workers):
            if not all(worker.is_alive for worker in self._workers):
                return False
            wait([self._wake, *(part for worker in self._workers for part in (worker.said, worker.process.sentinel))])
            for worker in self._workers:
                worker.look()
        return True

    def _wait_for(self, worker: _Worker) -> None:
        while worker.is_alive and not worker.serves and not self._stopping:
            wait([self._wake, worker.said, worker.process.sentinel])
            worker.look()

    def _watch(self) -> None:
        while not self._stopping:
            self._wait()
            for worker in self._workers:
                worker.look()
            self._replace_dead()
            if self._reloading and not self._stopping:
                self._reloading = False
                self._replace_all()

    def _wait(self) -> None:
        """Until a worker has ended, a signal has come, or half a second."""
        for one in wait([self._wake, *(worker.process.sentinel for worker in self._workers)], 0.5):
            if one is self._wake:
                self._wake.recv()

    def _replace_dead(self) -> None:
        for index, worker in enumerate(self._workers):
            if worker.is_alive or self._stopping or time.monotonic() < self._not_before:
                continue
            logger.warning(
                "Worker process [%s] has ended %s: starting another", worker.process.pid, _how(worker.process)
            )
            if not worker.serves:
                self._not_before = time.monotonic() + _RETRY_SECONDS
            worker.end(time.monotonic())
            self._workers[index] = self._start()

    def _replace_all(self) -> None:
        logger.info("Replacing the workers")
        for index, old in enumerate(self._workers):
            new = self._start()
            self._wait_for(new)
            if not new.serves:
                logger.error("A new worker does not start: the others stay as they are")
                new.terminate()
                new.end(time.monotonic() + _STOP_SECONDS)
                return
            old.terminate()
            old.end(time.monotonic() + _STOP_SECONDS)
            self._workers[index] = new

    def _stop_all(self) -> None:
        for worker in self._workers:
            worker.terminate()
        until = time.monotonic() + _STOP_SECONDS
        for worker in self._workers:
            worker.end(until)
        logger.info("Stopped supervisor process [%d]", os.getpid())


def _how(process: Any) -> str:
    code = process.exitcode
    return f"by signal {-code}" if code and code < 0 else f"with status {code}"


def run_workers(config: uvicorn.Config, serve: Serve) -> None:
    """Serve with `config.workers` processes. Exits with a status other than 0 where they cannot start."""
    if status := Supervisor(config, serve).run():
        sys.exit(status)
