"""pattern-stack serve | publish | tail."""

import asyncio
import sys
import urllib.error
import urllib.request
from typing import Annotated

import orjson
import typer

from pattern_stack.serve import serve as run_server
from pattern_stack.tail import Stopped, Tail

main = typer.Typer(no_args_is_help=True, add_completion=False, help="Real-time for FastAPI.")

Url = Annotated[str, typer.Option(help="Where the server is.", envvar="PATTERN_STACK_URL")]
_HERE = "http://127.0.0.1:8000"


@main.command()
def serve(
    app: Annotated[str, typer.Argument(help="module:app, yours or test_server:app")] = "",
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.")] = 8000,
) -> None:
    """Run an application; without a name, the one of this package."""
    run_server(app or "pattern_stack.app:create_app", host, port, factory=not app)


@main.command()
def publish(
    channel: str,
    event: str,
    payload: Annotated[str, typer.Argument(help="a JSON object")] = "{}",
    url: Url = _HERE,
) -> None:
    """Publish an event through a running test_server, and print its position."""
    try:
        body = orjson.dumps({"channel": channel, "event": event, "payload": orjson.loads(payload)})
    except orjson.JSONDecodeError as error:
        _fail(f"the payload is not JSON: {error}")
    if not url.startswith(("http://", "https://")):
        _fail(f"{url} is not an http URL")
    request = urllib.request.Request(  # noqa: S310 - the scheme was looked at
        f"{url.rstrip('/')}/test/broadcast", body, {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            print(answer.read().decode())
    except urllib.error.HTTPError as error:
        _fail(f"{error.code} {error.read().decode()}")
    except OSError as error:
        _fail(f"no server at {url}: {getattr(error, 'reason', error)}")


@main.command()
def tail(
    channels: list[str],
    url: Url = _HERE,
    path: Annotated[str, typer.Option(help="The endpoint's path.")] = "/ws/broadcast",
    token: Annotated[str | None, typer.Option(help="Sent as the first frame.")] = None,
) -> None:
    """Print the events of channels, one JSON object a line, until Ctrl-C. Breaks are recovered from."""
    address = f"ws{url.removeprefix('http').rstrip('/')}{path}"
    try:
        asyncio.run(_print_all(Tail(address, channels, token, _note)))
    except Stopped as error:
        _fail(str(error))
    except KeyboardInterrupt:
        pass


async def _print_all(source: Tail) -> None:
    async for event in source.events():
        print(orjson.dumps(event).decode(), flush=True)


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _fail(text: str) -> None:
    _note(text)
    raise typer.Exit(1)
