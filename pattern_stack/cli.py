"""pattern-stack serve | publish | tail | fleet."""

import asyncio
import contextlib
import os
import socket
import sys
import urllib.error
import urllib.request
from importlib.metadata import version
from pathlib import Path
from threading import Thread
from time import sleep
from typing import Annotated, Any, NoReturn
from urllib.parse import urlsplit

import orjson

try:
    import typer
except ModuleNotFoundError:
    sys.exit("the command needs an extra: pip install '/path/to/pattern_stack[server]'")

from pattern_stack.errors import PatternStackError
from pattern_stack.features.fleet.console import CHANNELS, FleetConsole
from pattern_stack.serve import serve as run_server
from pattern_stack.tail import Stopped, Tail

main = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="Real-time for FastAPI."
)

Url = Annotated[str, typer.Option(help="Where the server is.", envvar="PATTERN_STACK_URL")]
_HERE = "http://127.0.0.1:8000"


@main.callback(invoke_without_command=True)
def options(
    show: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if show:
        print(version("pattern-stack"))
        raise typer.Exit


@main.command()
def serve(
    app: Annotated[str, typer.Argument(help="module:app, yours or test_server:app")] = "",
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.", min=0, max=65_535)] = 8000,
) -> None:
    """Run an application; without a name this package's, with pages on /sessions and /notifications. Requests are not logged."""
    run_server(app or "pattern_stack.app:create_app", host, port, factory=not app)


@main.command()
def fleet(
    computer: Annotated[str, typer.Argument(help="Its name; the host's, where none is given.")] = "",
    directory: Annotated[Path | None, typer.Option(help="Its projects, with their todos/*.md.")] = None,
    redis_url: Annotated[str, typer.Option(help="Where the fleet meets; without one this computer is alone.")] = "",
    heartbeat: Annotated[float | None, typer.Option(help="Seconds; the same on all of them.", min=0.05)] = None,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.", min=1, max=65_535)] = 8000,
) -> None:
    """Run this computer of a fleet, and print what goes on in all of it: + what came or changed, - what went."""
    chosen = {"COMPUTER": computer, "DIRECTORY": directory, "REDIS_URL": redis_url, "HEARTBEAT_SECONDS": heartbeat}
    os.environ.update({f"PATTERN_STACK_FLEET_{name}": str(value) for name, value in chosen.items() if value})
    Thread(target=_look_out, args=(host, port), daemon=True).start()
    run_server("pattern_stack.app:create_app", host, port, factory=True)


@main.command()
def publish(
    channel: str,
    event: str,
    payload: Annotated[str, typer.Argument(help="a JSON object")] = "{}",
    url: Url = _HERE,
    redis_url: Annotated[str, typer.Option(help="Straight into this Redis, past every server.")] = "",
) -> None:
    """Publish an event through a running test_server, or into Redis, and print its position."""
    try:
        content = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        _fail(f"the payload is not JSON: {error}")
    if redis_url:
        try:
            answer = asyncio.run(_published(redis_url, channel, event, content))
        except PatternStackError as error:
            _fail(str(error))
    else:
        answer = _posted(url, {"channel": channel, "event": event, "payload": content})
    print(answer)


@main.command()
def tail(
    channels: list[str],
    url: Url = _HERE,
    path: Annotated[str, typer.Option(help="The endpoint's path.")] = "/ws/broadcast",
    token: Annotated[str | None, typer.Option(help="Sent as the first frame.")] = None,
    header: Annotated[list[str] | None, typer.Option(help="Sent with the handshake: 'Name: value'.")] = None,
) -> None:
    """Print the events of channels, one JSON object a line, until Ctrl-C. Breaks are recovered from."""
    address = f"ws{_checked(url).removeprefix('http')}/{path.lstrip('/')}"
    try:
        asyncio.run(_print_all(Tail(address, channels, _note, token=token, headers=_pairs(header or []))))
    except Stopped as error:
        _fail(str(error))
    except KeyboardInterrupt:
        pass


def _look_out(host: str, port: int) -> None:
    """As any client of this computer does it: that it watches is what the others write for."""
    source = Tail(f"ws://{host}:{port}/ws/broadcast", CHANNELS, _quiet)
    while not _listens(host, port):
        sleep(0.05)
    with contextlib.suppress(Stopped):
        asyncio.run(_print_fleet(source))


def _listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


async def _print_fleet(source: Tail) -> None:
    console = FleetConsole()
    async for event in source.events():
        for line in console.lines(event):
            print(line, flush=True)


async def _published(redis_url: str, channel: str, event: str, payload: Any) -> str:
    from pattern_stack.atoms.broadcast.backends.redis import RedisBroadcastBackend

    backend = RedisBroadcastBackend(redis_url)
    try:
        epoch, offset = (await backend.broadcast(channel, event, payload)).position
    finally:
        await backend.close()
    return orjson.dumps({"status": "broadcasted", "epoch": epoch, "offset": offset}).decode()


def _posted(url: str, event: dict[str, Any]) -> str:
    headers = {"Content-Type": "application/json"}
    address = f"{_checked(url)}/test/broadcast"
    request = urllib.request.Request(address, orjson.dumps(event), headers)  # noqa: S310 - it was checked
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            text: str = answer.read().decode()
            return text
    except urllib.error.HTTPError as error:
        if error.code == 404:
            _fail(
                f"{url} has no /test/broadcast: this speaks to test_server; an application calls broadcast.broadcast()"
            )
        return _fail(f"{error.code} {error.read().decode()}")
    except OSError as error:
        return _fail(f"no server at {url}: {getattr(error, 'reason', error)}")


async def _print_all(source: Tail) -> None:
    async for event in source.events():
        print(orjson.dumps(event).decode(), flush=True)


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return url.rstrip("/")
    except ValueError:  # the port
        pass
    return _fail(f"{url} is not an http URL, like {_HERE}")


def _pairs(headers: list[str]) -> list[tuple[str, str]]:
    pairs = [header.partition(":") for header in headers]
    for name, colon, _ in pairs:
        if not (name.strip() and colon):
            _fail(f"{name} is not a header, like 'Authorization: Bearer TOKEN'")
    return [(name.strip(), value.strip()) for name, _, value in pairs]


def _quiet(text: str) -> None:
    """It speaks to itself: there is nothing to say about the line."""


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _fail(text: str) -> NoReturn:
    _note(text)
    raise typer.Exit(1)
