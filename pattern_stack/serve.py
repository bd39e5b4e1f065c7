"""uvicorn, set up for many long connections, with a shutdown that spreads their return."""

import contextlib
import logging
import socket
import sys

import uvicorn

from pattern_stack.atoms.broadcast.instance.instance import drain_all
from pattern_stack.atoms.broadcast.transports.fastlane import FastLane
from pattern_stack.atoms.broadcast.transports.http import HTTPProtocol
from pattern_stack.errors import BroadcastError, PatternStackError

_DRAIN_SECONDS = 4.0
_HTTP_SECONDS = 5
_PING_SECONDS = 20.0

logger = logging.getLogger("uvicorn.error")


class PacedServer(uvicorn.Server):
    """Closes every broadcast connection with 1012 and a delay of its own before it stops.

    A close that has not been answered within 4 s ends with the socket aborted.
    """

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        count, forced = await drain_all(_DRAIN_SECONDS)
        if count:
            logger.info("Closed %d broadcast connections, %d of them by force", count, forced)
        await super().shutdown(sockets)


class _NoLinePerClient(logging.Filter):
    """A line or two for each WebSocket is twenty thousand lines after a redeploy."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not str(record.msg).startswith(('%s - "WebSocket %s"', "connection "))


class _OneLine(logging.Filter):
    """What keeps the application from starting is told by what this package raised: a traceback has nothing to add."""

    def filter(self, record: logging.LogRecord) -> bool:
        text = str(record.msg)
        error, _, told = text.rstrip().rpartition("\n")[2].partition(": ")
        if text.startswith("Traceback") and error == f"{BroadcastError.__module__}.{BroadcastError.__qualname__}":
            record.msg, record.args = "%s", (told,)
        return True


def serve(app: str, host: str, port: int, *, factory: bool = False) -> None:
    """Run `module:app` until SIGTERM or SIGINT. Where it cannot start, the process ends with a status other than 0."""
    sys.path.insert(0, "")
    _raise_file_limit()
    config = uvicorn.Config(
        app,
        factory=factory,
        host=host,
        port=port,
        access_log=False,
        backlog=4096,
        timeout_graceful_shutdown=_HTTP_SECONDS,
        http=HTTPProtocol,
        ws=FastLane,
        ws_ping_interval=_PING_SECONDS,
        ws_ping_timeout=_PING_SECONDS,
        ws_per_message_deflate=False,
    )
    logger.addFilter(_NoLinePerClient())
    logger.addFilter(_OneLine())
    server = PacedServer(config)
    with contextlib.suppress(KeyboardInterrupt):
        try:
            server.run()
        except PatternStackError as error:
            sys.exit(f"{app} cannot be made: {error}")
        if not server.started:
            sys.exit(1)


def _raise_file_limit() -> None:
    """As many sockets as the system lets this user have: shells start with 1,024."""
    try:
        import resource
    except ImportError:  # no such limit on Windows
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
