"""pattern-stack serve | publish | tail | types | fleet | inspect."""

import asyncio
import codecs
import os
import socket
import sys
import urllib.error
import urllib.request
from base64 import b64encode
from http.client import HTTPException
from importlib.metadata import version
from io import TextIOWrapper
from pathlib import Path
from threading import Thread
from time import sleep
from typing import Annotated, Any, NoReturn, cast
from urllib.parse import unquote_to_bytes, urlencode, urlsplit, urlunsplit

import orjson

try:
    import typer
except ModuleNotFoundError:
    sys.exit("the command needs an extra: pip install 'pattern-stack[server]'")

from pattern_stack.atoms.printable import escaped, printable
from pattern_stack.atoms.url_text import shown
from pattern_stack.errors import BroadcastError, PatternStackError
from pattern_stack.features.fleet.console import CHANNELS, FleetConsole
from pattern_stack.features.inspector.core.lines import lines
from pattern_stack.look import NoLook, look
from pattern_stack.loopback import is_loopback, own_address
from pattern_stack.serve import serve as run_server

main = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="Real-time for FastAPI."
)

Host = Annotated[str, typer.Option(help="The address to listen on.")]
Url = Annotated[str, typer.Option(help="Where the server is.", envvar="PATTERN_STACK_URL")]
_HERE = "http://127.0.0.1:8000"
_ANSWER_BYTES = 65_536


def _escape(error: UnicodeError) -> tuple[str, int]:
    """For letters that a terminal's encoding does not have. What is JSON stays JSON."""
    assert isinstance(error, UnicodeEncodeError)
    return escaped(error.object[error.start : error.end]), error.end


codecs.register_error("pattern_stack.escaped", _escape)


@main.callback(invoke_without_command=True)
def options(
    show: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="pattern_stack.escaped")
    if show:
        print(version("pattern-stack"))
        raise typer.Exit


@main.command()
def serve(
    app: Annotated[str, typer.Argument(help="module:app, yours or test_server:app")] = "",
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.", min=0, max=65_535)] = 8000,
    uds: Annotated[Path | None, typer.Option(help="A Unix socket to listen on, in place of host and port.")] = None,
    workers: Annotated[
        int | None,
        typer.Option(help="Processes that serve, linked with each other. Default: $WEB_CONCURRENCY, else 1.", min=1),
    ] = None,
    root_path: Annotated[str, typer.Option(help="The prefix that a proxy in front strips from paths.")] = "",
    reload: Annotated[
        bool, typer.Option("--reload", help="Start again when a file in this directory changes.")
    ] = False,
    log_config: Annotated[
        Path | None, typer.Option(help="Logging configuration: .ini, .json or .yaml.", exists=True, dir_okay=False)
    ] = None,
    forwarded_allow_ips: Annotated[
        str | None,
        typer.Option(
            help="Proxies whose X-Forwarded headers are believed, comma-separated; '*' is any. "
            "Default: $FORWARDED_ALLOW_IPS, else 127.0.0.1."
        ),
    ] = None,
    access_log: Annotated[bool, typer.Option("--access-log/--no-access-log", help="A line for each request.")] = False,
) -> None:
    """Run an application; without a name this package's, with pages on /sessions, /notifications and /fleet."""
    run_server(
        app or "pattern_stack.app:create_app",
        host,
        port,
        factory=not app,
        root_path=root_path,
        reload=reload,
        log_config=log_config,
        forwarded_allow_ips=forwarded_allow_ips,
        access_log=access_log,
        uds=uds,
        workers=workers,
    )


@main.command()
def fleet(
    computer: Annotated[str, typer.Argument(help="This computer's name. Default: the host's.")] = "",
    directory: Annotated[Path | None, typer.Option(help="Its directories are projects, with their todos/*.md.")] = None,
    redis_url: Annotated[str, typer.Option(help="Where the computers meet. Without one this computer is alone.")] = "",
    heartbeat: Annotated[
        float | None, typer.Option(help="Seconds between heartbeats, the same on all computers.", min=0.05)
    ] = None,
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.", min=1, max=65_535)] = 8000,
) -> None:
    """Run one computer of a fleet, and print the state of all: + is new or changed, - is gone."""
    chosen = {"COMPUTER": computer, "DIRECTORY": directory, "REDIS_URL": redis_url, "HEARTBEAT_SECONDS": heartbeat}
    os.environ.update({f"PATTERN_STACK_FLEET_{name}": str(value) for name, value in chosen.items() if value})
    Thread(target=_show_fleet, args=(host, port), daemon=True).start()
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
    _print(answer)


@main.command()
def tail(
    channels: list[str],
    url: Url = _HERE,
    path: Annotated[str, typer.Option(help="The endpoint's path.")] = "/ws/broadcast",
    token: Annotated[str | None, typer.Option(help="Sent as the first frame.")] = None,
    header: Annotated[list[str] | None, typer.Option(help="Sent with the handshake: 'Name: value'.")] = None,
) -> None:
    """Print the events of channels, one JSON object a line, until Ctrl-C. Breaks are recovered from."""
    from pattern_stack import tail as following

    address = f"ws{_under(url, path).removeprefix('http')}"
    try:
        with following.told(_note):
            asyncio.run(following.tail(address, channels, _print_event, token=token, headers=_pairs(header or [])))
    except BroadcastError as error:
        _fail(str(error))
    except KeyboardInterrupt:
        pass


@main.command()
def inspect(
    url: Annotated[
        str, typer.Argument(help="Where the server is, or its /inspector.", envvar="PATTERN_STACK_URL")
    ] = _HERE,
    token: Annotated[
        str,
        typer.Option(help="The inspector's token. Better in the environment.", envvar="PATTERN_STACK_INSPECTOR_TOKEN"),
    ] = "",
    search: Annotated[str, typer.Option("--search", "-q", help="Rows with this text: a user, a channel, a code.")] = "",
    rows: Annotated[int, typer.Option(help="Rows of each list.", min=1, max=100)] = 25,
    as_json: Annotated[bool, typer.Option("--json", help="Print what the page reads, as JSON.")] = False,
) -> None:
    """Print what the inspector's page shows: what is wrong, and the channels and connections of one instance."""
    if not (token and token.isascii() and token.isprintable()):
        _fail("the inspector needs its token: --token, or PATTERN_STACK_INSPECTOR_TOKEN")
    path = "state" if urlsplit(url).path.rstrip("/").endswith("/inspector") else "inspector/state"
    address = _under(url, f"{path}?{urlencode({'q': search, 'rows': rows})}")
    if urlsplit(address).username is not None:
        _fail("leave the user out of the URL: the header that would carry it carries the token")
    try:
        view = look(address, token)
    except NoLook as error:
        _fail(str(error))
    for line in [orjson.dumps(view).decode()] if as_json else lines(view):
        _print(line)


@main.command()
def types(
    app: Annotated[str, typer.Argument(help="module:app, an application or a backend", metavar="MODULE:APP")],
    channel: Annotated[
        list[str] | None, typer.Option(help="Only this pattern, as in the document; may be repeated.")
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option(help="An old /asyncapi.json. Name what breaks clients made from it, and exit 1.", dir_okay=False),
    ] = None,
) -> None:
    """Print the types of an application's channels as TypeScript: the `Channels` of the client."""
    from pattern_stack.types.application import NoApplication, document_at
    from pattern_stack.types.compatibility import breaking_changes
    from pattern_stack.types.typescript import typescript_of

    old = _old_document(check) if check else None
    try:
        document = document_at(app, only=channel or ())
    except NoApplication as error:
        _note(str(error))
        raise typer.Exit(2) from None
    if old is None:
        print(typescript_of(document), end="")
    elif changes := breaking_changes(old, document):
        for line in changes:
            _print(line)
        raise typer.Exit(1)
    else:
        _note(f"nothing breaks clients made from {check}")


def _old_document(path: Path) -> dict[str, Any]:
    from pattern_stack.types.compatibility import is_document

    try:
        found = orjson.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        _note(f"{path} cannot be read: {error}")
        raise typer.Exit(2) from None
    if not is_document(found):
        _note(f"{path} is no /asyncapi.json of an application")
        raise typer.Exit(2)
    return cast(dict[str, Any], found)


def _show_fleet(host: str, port: int) -> None:
    """As a client of this computer, which makes it interested in all resources."""
    from pattern_stack.tail import tail

    address, console = own_address(host), FleetConsole()

    def show(event: dict[str, Any]) -> None:
        for line in console.lines(event):
            _print(line)

    while not _listens(address.strip("[]"), port):
        sleep(0.05)
    try:
        asyncio.run(tail(f"ws://{address}:{port}/ws/broadcast", CHANNELS, show, proxy=False))
    except BroadcastError as error:
        _note(f"the fleet cannot be shown: {error}")


def _listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


async def _published(redis_url: str, channel: str, event: str, payload: Any) -> str:
    from pattern_stack.atoms.broadcast.backends.redis import RedisBroadcastBackend

    backend = RedisBroadcastBackend(redis_url)
    try:
        epoch, offset = (await backend.broadcast(channel, event, payload)).position
    finally:
        await backend.close()
    return orjson.dumps({"status": "broadcasted", "epoch": epoch, "offset": offset}).decode()


def _posted(url: str, event: dict[str, Any]) -> str:
    place, parts = shown(url), urlsplit(_under(url, "test/broadcast"))
    credentials, _, host = parts.netloc.rpartition("@")
    headers = {"Content-Type": "application/json", **_basic(credentials)}
    request = urllib.request.Request(urlunsplit(parts._replace(netloc=host)), orjson.dumps(event), headers)  # noqa: S310 - it was checked
    proxies = urllib.request.ProxyHandler({} if is_loopback(urlsplit(url).hostname or "") else None)
    try:
        with _open(urllib.request.build_opener(proxies), request) as answer:
            status, text = answer.status, answer.read(_ANSWER_BYTES).decode(errors="replace").strip()
    except (HTTPException, OSError, ValueError) as error:
        _fail(f"no server at {place}: {getattr(error, 'reason', error) or type(error).__name__}")
    if status == 404:
        _fail(f"{place} has no /test/broadcast: publish is for test_server; applications call broadcast.broadcast()")
    if status != 200:
        _fail(f"{place} answers HTTP {status}: {text}")
    return str(text)


def _basic(credentials: str) -> dict[str, str]:
    """The header for `user:password` of a URL."""
    return {"Authorization": f"Basic {b64encode(unquote_to_bytes(credentials)).decode()}"} if credentials else {}


def _open(opener: urllib.request.OpenerDirector, request: urllib.request.Request) -> Any:
    try:
        return opener.open(request, timeout=10)
    except urllib.error.HTTPError as answer:
        return answer


def _print_event(event: dict[str, Any]) -> None:
    _print(orjson.dumps(event).decode())


def _under(url: str, path: str) -> str:
    """The URL of a path of the server, with the user and the query of the server's URL."""
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and url.isprintable():
            path, _, query = f"{parts.path.rstrip('/')}/{path.lstrip('/')}".partition("?")
            return urlunsplit((parts.scheme, parts.netloc, path, "&".join(filter(None, (parts.query, query))), ""))
    except ValueError:  # the port
        pass
    return _fail(f"{shown(url)} is not an http URL, like {_HERE}")


def _pairs(headers: list[str]) -> dict[str, str]:
    pairs = [header.partition(":") for header in headers]
    for header, (name, colon, _) in zip(headers, pairs, strict=True):
        if not (name.strip() and colon and header.isprintable()):
            _fail(f"{name} is not a header, like 'Authorization: Bearer TOKEN'")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _print(text: str) -> None:
    print(printable(text), flush=True)


def _note(text: str) -> None:
    print(printable(text), file=sys.stderr, flush=True)


def _fail(text: str) -> NoReturn:
    _note(text)
    raise typer.Exit(1)
