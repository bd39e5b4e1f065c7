"""uvicorn, set up for many long connections, with a shutdown that spreads their return."""

import contextlib
import gc
import logging
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import ChangeReload

from pattern_stack.atoms.broadcast.instance.instance import drain_all
from pattern_stack.atoms.broadcast.transports.endpoint import open_paths
from pattern_stack.atoms.broadcast.transports.fastlane import FastLane
from pattern_stack.atoms.broadcast.transports.first_bytes import FirstBytes
from pattern_stack.atoms.broadcast.transports.handoff import BOUNDED
from pattern_stack.atoms.broadcast.transports.writer import bound_socket
from pattern_stack.atoms.printable import printable
from pattern_stack.errors import PatternStackError
from pattern_stack.loopback import is_loopback
from pattern_stack.serve_errors import OneLine, check_application
from pattern_stack.supervisor import run_workers

_DRAIN_SECONDS = 4.0
_HTTP_SECONDS = 5
_PING_SECONDS = 20.0
_NEW_OBJECTS = 10_000
"""So many more containers have to be there before the garbage collector looks at the young ones: by default 700, which a crowd
of clients that connects makes every 30 connections."""

logger = logging.getLogger("uvicorn.error")


class PacedServer(uvicorn.Server):
    """Closes every broadcast connection with 1012 and a delay of its own before it stops.

    A close that has not been answered within 4 s ends with the socket aborted.
    """

    serves: Callable[[], None] = staticmethod(lambda: None)
    """Called once it does."""

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Until SIGTERM or SIGINT. Where the application cannot be made, exits with one line and status 1."""
        logger.addFilter(_NoLinePerClient())
        logger.addFilter(OneLine(self.config.host, self.config.port))
        try:
            check_application(self.config.app)
            super().run(sockets)
        except PatternStackError as error:
            sys.exit(f"{self.config.app} cannot be made: {printable(str(error))}")

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        except OSError as error:  # of a Unix socket; of an address uvicorn says it itself
            await self.lifespan.shutdown()
            sys.exit(f"cannot listen on {self.config.uds}: {error.strerror}")
        if self.started:
            self._bound_sockets()
            _spare_collector()
            self.serves()
        if self.started and not self.config.uds and not is_loopback(self.config.host):
            self._warn_of_open_doors()

    def _bound_sockets(self) -> None:
        for server in self.servers:
            for listener in server.sockets:
                bound_socket(listener)
        setattr(self.server_state, BOUNDED, True)

    def _warn_of_open_doors(self) -> None:
        place = (self.config.host or "this host", self.config.port)
        for path in open_paths():
            logger.warning(
                "Anybody who reaches %s port %s may connect to %s: give its get_router() authenticate= or verify_token=, "
                "or listen on 127.0.0.1",
                *place,
                path,
            )
        if calls := _open_calls(self.config.loaded_app):
            logger.warning(
                "Anybody who reaches %s port %s may make every REST call under %s: give create_app() authenticate=, or listen "
                "on 127.0.0.1",
                *place,
                calls,
            )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        count, forced = await drain_all(_DRAIN_SECONDS)
        if count:
            logger.info("Closed %d broadcast connections, %d of them by force", count, forced)
        await super().shutdown(sockets)
        if self.config.uds and sockets is None:  # uvicorn ends by the signal, and would leave it
            _remove(self.config.uds)


def _open_calls(app: Any) -> str | None:
    """Where an application of create_app() asks nobody who calls."""
    while app is not None and not isinstance(app, FastAPI):
        app = getattr(app, "app", None)  # what uvicorn and the application put around it
    return getattr(app.state, "open_calls", None) if app else None


def _spare_collector() -> None:
    """Have the garbage collector leave alone what the application is made of, and look less often at what it makes."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, *gc.get_threshold()[1:])


class _NoLinePerClient(logging.Filter):
    """A line or two for each WebSocket is twenty thousand lines after a redeploy."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not str(record.msg).startswith(('%s - "WebSocket %s"', "connection "))


def serve(
    app: str,
    host: str,
    port: int,
    *,
    factory: bool = False,
    root_path: str = "",
    reload: bool = False,
    log_config: Path | None = None,
    forwarded_allow_ips: str | None = None,
    access_log: bool = False,
    uds: Path | None = None,
    workers: int | None = None,
) -> None:
    """Run `module:app` until SIGTERM or SIGINT. Where it cannot start, the process ends with a status other than 0.

    With `workers`, or $WEB_CONCURRENCY, so many processes serve: one that ends by itself is replaced, SIGHUP replaces all of
    them one after the other, and all are stopped together. The options mean what uvicorn's mean. Requests are logged with
    `access_log` only, WebSocket handshakes never.
    """
    sys.path.insert(0, "")
    _raise_file_limit()
    config = _config(
        log_config,
        app=app,
        factory=factory,
        host=host,
        port=port,
        uds=str(uds) if uds else None,
        root_path=root_path,
        reload=reload,
        forwarded_allow_ips=forwarded_allow_ips,
        access_log=access_log,
        workers=workers,
        backlog=4096,
        timeout_graceful_shutdown=_HTTP_SECONDS,
        http=FirstBytes,
        ws=FastLane,
        ws_ping_interval=_PING_SECONDS,
        ws_ping_timeout=_PING_SECONDS,
        ws_per_message_deflate=False,
    )
    server = PacedServer(config)
    with contextlib.suppress(KeyboardInterrupt):
        if config.should_reload:
            logger.addFilter(OneLine(host, port))
            ChangeReload(config, target=server.run, sockets=[config.bind_socket()]).run()
        elif config.workers > 1:
            logger.addFilter(OneLine(host, port, config.uds))
            if config.uds and Path(config.uds).is_socket():  # of a server that was killed
                _remove(config.uds)
            run_workers(config, run_worker)
        else:
            server.run()
            if not server.started:
                sys.exit(1)
    if config.uds:
        _remove(config.uds)


def run_worker(config: uvicorn.Config, sockets: list[socket.socket], serves: Callable[[], None]) -> None:
    """One of several processes. `serves` is called once it does. Where it cannot start, it ends with status 1."""
    sys.path.insert(0, "")
    _raise_file_limit()
    server = PacedServer(config)
    server.serves = serves
    server.run(sockets)
    if not server.started:
        sys.exit(1)


def _remove(path: str) -> None:
    Path(path).unlink(missing_ok=True)


def _config(log_config: Path | None, **options: Any) -> uvicorn.Config:
    _check_workers(options["workers"])
    if log_config is None:
        return uvicorn.Config(**options)
    try:
        return uvicorn.Config(**options, log_config=str(log_config))
    except Exception as error:  # logging.config raises whatever a wrong file leads to
        sys.exit(f"the log configuration {log_config} cannot be used: {printable(str(error) or type(error).__name__)}")


def _check_workers(workers: int | None) -> None:
    """uvicorn reads $WEB_CONCURRENCY where no number is given."""
    count = os.environ.get("WEB_CONCURRENCY", "1")
    if workers is None and not (count.isdecimal() and int(count) > 0):
        sys.exit(f"WEB_CONCURRENCY is the number of processes that serve, 1 or more, not {printable(count)!r:.80}")


def _raise_file_limit() -> None:
    """As many sockets as the system lets this user have: shells start with 1,024."""
    try:
        import resource
    except ImportError:  # no such limit on Windows
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
