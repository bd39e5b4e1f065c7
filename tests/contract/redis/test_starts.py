"""What can never work ends the start with one clear line, and no secret in it; what may work later is waited for."""

import asyncio
import logging
import re
import subprocess
from importlib.resources import files

import pytest

from pattern_stack import BroadcastError, InvalidURL, broadcast_from_url
from pattern_stack.app import create_app
from pattern_stack.atoms.broadcast.backends.redis import RedisBroadcastBackend
from pattern_stack.atoms.redis.errors import ServerRejected
from pattern_stack.atoms.redis.servers import _check_version
from pattern_stack.settings import Settings
from tests.contract.drill import CHANNEL, Instance, Journal, raises
from tests.support.client import client
from tests.support.patience import PATIENCE
from tests.support.process import BIN, ROOT
from tests.support.proxy import proxy
from tests.support.redis.server import RedisServer

pytestmark = pytest.mark.redis

SECRET = "hunter2"
ALL = f"on >{SECRET} ~* &* +@all"

UNREADABLE = [
    f"redis://:{SECRET}@127.0.0.1:port/0",
    f"redis://:{SECRET}@127.0.0.1:99999/0",
    f"redis://:{SECRET}@127.0.0.1/zero",
    f"redis://:{SECRET}@[::1/0",
    f"redis://:{SECRET}@\u2100.example/0",
    f"redis://:{SECRET}@127.0.0.1/0?wrong=1",
    f"nats://:{SECRET}@127.0.0.1",
    f"{SECRET}@127.0.0.1:6379",
    f"{SECRET}://",
    "",
]


def refused(url: str) -> str:
    """What `pattern-stack serve` says: all of it."""
    serve = [BIN / "pattern-stack", "serve", "test_server:app", "--port", "0"]
    environment = {"BROADCAST_URL": url, "PATH": "/usr/bin:/bin"}
    result = subprocess.run(
        serve, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    assert SECRET not in result.stderr + result.stdout
    return result.stderr


async def start(url: str) -> str:
    """What it raises, down to the first cause."""
    app = create_app(Settings(broadcast_url=url))
    with pytest.raises(BroadcastError) as raised:
        await app.router.lifespan_context(app).__aenter__()
    said: list[str] = []
    error: BaseException | None = raised.value
    while error:
        said += [str(error), repr(error)]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    assert "\n" not in said[0]
    assert SECRET not in "".join(said)
    return said[0]


@pytest.mark.parametrize("url", UNREADABLE, ids=range(len(UNREADABLE)))
def test_a_url_that_cannot_be_read(url: str) -> None:
    with pytest.raises(InvalidURL) as raised:
        broadcast_from_url(url)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None
    assert SECRET not in str(raised.value) or url.startswith(f"{SECRET}://")  # a scheme is no secret


def test_serve_says_so_in_one_line() -> None:
    (line,) = refused(UNREADABLE[0]).splitlines()
    assert "not a Redis URL" in line


async def test_passwords(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with RedisServer(password="right") as redis:
        assert "invalid username-password" in await start(redis.url_as("", SECRET))
        assert "uthentication" in await start(redis.url_as())
        assert "invalid username-password" in await start(redis.url_as("nobody", SECRET))
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    "rights",
    [
        "-eval",
        "-subscribe",
        "-info",
        "-publish",
        "-xadd",
        "-hincrby",
        "-xrevrange",
        "-@write",
        "resetkeys ~other:*",
        "resetchannels &other:*",
    ],
)
async def test_permissions(redis_server: RedisServer, rights: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    redis_server.command("ACL", "SETUSER", "app", *ALL.split(), *rights.split())
    said = await start(redis_server.url_as("app", SECRET))
    assert "permissions" in said or "can't run" in said
    assert SECRET not in caplog.text


async def test_a_right_that_is_taken_away_is_told_by_readiness(redis_server: RedisServer) -> None:
    redis_server.command("ACL", "SETUSER", "app", *ALL.split())
    async with Instance(redis_server.url_as("app", SECRET)) as one:
        await one.until_ready_says(200)
        redis_server.command("ACL", "SETUSER", "app", "-xadd")
        await one.until_ready_says(503)
        redis_server.command("ACL", "SETUSER", "app", "+xadd")
        await one.until_ready_says(200)
        await one.backend.broadcast(CHANNEL, "e", {})


def test_the_probe_does_all_that_publishing_and_reading_do() -> None:
    """What it leaves out may be a right that is missing."""
    lua = files("pattern_stack.atoms.broadcast.backends") / "lua"

    def commands(name: str) -> set[str]:
        return set(re.findall(r"redis\.call\('(\w+)'", (lua / f"{name}.lua").read_text()))

    assert commands("probe") == commands("epoch") | commands("place") | commands("publish") | commands("read")


async def test_the_rights_that_the_page_names_are_enough(redis_server: RedisServer) -> None:
    page = (ROOT / "docs" / "instances.md").read_text()
    (rights,) = re.findall(r"`(\+eval [^`]+)`", page)
    redis_server.command(
        *("ACL", "SETUSER", "app", "on", f">{SECRET}", "resetkeys", "resetchannels", "-@all"),
        *("~pattern_stack:*", "&pattern_stack:*", *rights.split()),
    )
    journal = Journal()
    async with Instance(redis_server.url_as("app", SECRET)) as one, client(one.server.url) as late:
        await journal.follow(one.server.url)
        await journal.publish(one.backend, 5)
        await journal.finish(one.backend)
        first = {"epoch": journal.log.published[0].place[0], "offset": 1}
        assert (await late.subscribe(CHANNEL, since={CHANNEL: first}))[CHANNEL]["recovered"]
        await journal.end()
        assert not journal.log.raised


async def test_a_database_that_is_not_there(redis_server: RedisServer) -> None:
    assert "DB index is out of range" in await start(redis_server.url.replace("/0", "/99"))


async def test_tls(redis_tls: RedisServer, redis_server: RedisServer) -> None:
    assert "nobody knows the issuer of its certificate" in await start(redis_tls.url.split("?")[0])
    assert "TLS" in await start(f"redis://:{SECRET}@127.0.0.1:{redis_tls.port}/0")
    assert "TLS" in await start(f"rediss://:{SECRET}@127.0.0.1:{redis_server.port}/0")
    async with Instance(redis_tls.url) as one:
        await one.until_ready_says(200)


def test_a_server_that_is_too_old() -> None:
    with pytest.raises(ServerRejected, match=r"it is Redis 6\.0\.16; 6\.2 is the oldest"):
        _check_version({b"redis_version": b"6.0.16"})
    _check_version({b"redis_version": b"6.2.0"})


def test_serve_says_in_one_line_that_redis_refuses() -> None:
    with RedisServer(password="right") as redis:
        told = [line for line in refused(redis.url_as("", SECRET)).splitlines() if "Redis" in line]
    assert len(told) == 1
    assert f"Redis at 127.0.0.1:{redis.port} cannot be used: it says" in told[0]


async def test_who_does_not_answer_is_waited_for(redis_server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    redis_server.configure(requirepass=SECRET)
    async with proxy(redis_server.port) as line:
        url = f"redis://:{SECRET}@127.0.0.1:{line.port}/0"
        line.swallow()
        alone = RedisBroadcastBackend(url, patience=0.5)
        async with Instance(url, patience=0.5) as one:
            await asyncio.gather(one.tells_the_truth(), raises(alone))
            await line.restore()
            await one.until_ready_says(200)
            await one.backend.broadcast("orders", "e", {})
        await alone.close()
    assert SECRET not in caplog.text


def test_the_environment_names_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BROADCAST_URL", raising=False)
    monkeypatch.setenv("REDIS_URL", "redis://one")
    assert Settings().broadcast_url == "redis://one"
    monkeypatch.setenv("BROADCAST_URL", "")
    assert Settings().broadcast_url == "redis://one"
    monkeypatch.setenv("BROADCAST_URL", "redis://two")
    assert Settings().broadcast_url == "redis://two"
