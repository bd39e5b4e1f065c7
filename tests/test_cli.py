"""The command line against a real server, from another process."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from urllib.request import urlopen

import pytest

from tests.support.process import BIN, ROOT, Process, running
from tests.support.redis.server import RedisServer

PATTERN_STACK = BIN / "pattern-stack"


@pytest.fixture(scope="module")
def server() -> Iterator[Process]:
    with running(PATTERN_STACK, "serve", "test_server:app", "--port", "0") as process:
        yield process


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [PATTERN_STACK, *arguments]
    env = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, cwd=ROOT, env=env)


def tail(server: Process, *channels: str) -> "subprocess.Popen[str]":
    """Following, once its subscription is in force."""

    def joined() -> list[int]:
        counts = json.loads(urlopen(f"{server.http}/test/stats").read())["channels"]
        return [counts.get(channel, 0) for channel in channels]

    before = joined()
    process = subprocess.Popen(
        [PATTERN_STACK, "tail", *channels, "--url", server.http],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while joined() == before:
        assert process.poll() is None, process.communicate()
    return process


def test_tail_prints_what_publish_publishes(server: Process) -> None:
    with tail(server, "orders") as following:
        assert following.stdout
        published = run("publish", "orders", "created", '{"entity_id": "1"}', "--url", server.http)
        position = json.loads(published.stdout)
        assert position["status"] == "broadcasted"
        event = json.loads(following.stdout.readline())
        assert event["payload"] == {"entity_id": "1"}
        assert event["offset"] == position["offset"]
        following.terminate()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["publish", "orders", "created", "{"], "the payload is not JSON"),
        (["publish", "a b", "created"], "422"),
        (["publish", "orders", "created", "[]"], "422"),
        (["publish", "orders", "created", "--url", "ftp://x"], "is not an http URL"),
        (["publish", "orders", "created", "--url", "http://127.0.0.1:1"], "no server at http://127.0.0.1:1"),
        (["publish", "orders", "created", "--url", "http://127.0.0.1:99999"], "is not an http URL"),
        (["tail", "a b"], "invalid_channel"),
        (["tail", "a", "--path", "nowhere"], "no broadcast endpoint at ws://127.0.0.1"),
        (["tail", "a", "--url", "localhost:8317"], "is not an http URL"),
        (["tail", "a", "--header", "Bearer"], "is not a header"),
    ],
)
def test_what_went_wrong_is_one_line(server: Process, arguments: list[str], said: str) -> None:
    url = [] if "--url" in arguments else ["--url", server.http]
    result = run(*arguments, *url)
    assert result.returncode == 1
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1, result.stderr


@pytest.mark.redis
def test_publish_goes_straight_into_redis(redis_server: RedisServer) -> None:
    environment = {"REDIS_URL": redis_server.url}
    with (
        running(PATTERN_STACK, "serve", "test_server:app", "--port", "0", **environment) as server,
        tail(server, "orders") as following,
    ):
        assert following.stdout
        published = run("publish", "orders", "created", '{"entity_id": "1"}', "--redis-url", redis_server.url)
        event, position = json.loads(following.stdout.readline()), json.loads(published.stdout)
        assert (position["status"], position["offset"]) == ("broadcasted", event["offset"])
        assert event["payload"] == {"entity_id": "1"}
        following.terminate()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a", "b", "--redis-url", "http://:hunter2@127.0.0.1"], "not a Redis URL"),
        (["a", "b", "--redis-url", "redis://:hunter2@127.0.0.1:{port}/99"], "cannot be used"),
        (["a b", "b", "--redis-url", "redis://127.0.0.1:{port}"], "channel"),
        (["a", "b", "[]", "--redis-url", "redis://127.0.0.1:{port}"], "payload"),
    ],
)
def test_what_went_wrong_with_redis_is_one_line(redis_server: RedisServer, arguments: list[str], said: str) -> None:
    result = run("publish", *(argument.format(port=redis_server.port) for argument in arguments))
    assert result.returncode == 1
    assert said in result.stderr
    assert "hunter2" not in result.stderr
    (line,) = [line for line in result.stderr.splitlines() if "is down" not in line]
    assert "Traceback" not in line


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("PATTERN_STACK_FLEET_HEARTBEAT_SECONDS=hunter2", "PATTERN_STACK_FLEET_HEARTBEAT_SECONDS: "),
        ("PATTERN_STACK_ORIGINS=http://hunter2", "PATTERN_STACK_ORIGINS is not a JSON list"),
        ("PATTERN_STACK_ORIGINS=[7]", "PATTERN_STACK_ORIGINS: "),
        ("PATTERN_STACK_DATABASE_URL=postgres://ann:hunter2@nowhere/x", "the database's URL cannot be used"),
    ],
)
def test_a_setting_that_cannot_be_used_ends_the_start_with_one_line(variable: str, said: str) -> None:
    result = run("serve", "--port", "0", **dict([variable.split("=", 1)]))
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert said in line
    assert "hunter2" not in line


@pytest.mark.parametrize(
    ("missing", "arguments", "said"),
    [
        ("redis", ["publish", "a", "b", "--redis-url", "redis://127.0.0.1"], "[redis]"),
        ("redis", ["fleet", "ann", "--redis-url", "redis://127.0.0.1"], "[redis]"),
        ("typer", ["--version"], "[server]"),
    ],
)
def test_an_extra_that_is_missing_is_one_line(missing: str, arguments: list[str], said: str) -> None:
    without = f"import sys; sys.modules[{missing!r}] = None; from pattern_stack.cli import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", without, *arguments], capture_output=True, text=True, timeout=30, check=False, cwd=ROOT
    )
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert said in line


def test_version() -> None:
    assert run("--version").stdout.strip() == version("pattern-stack")


def test_publish_to_another_application_says_whom_it_speaks_to() -> None:
    with running(PATTERN_STACK, "serve", "--port", "0") as alone:
        assert "has no /test/broadcast" in run("publish", "a", "b", "--url", alone.http).stderr


def test_serve_runs_the_application_of_the_package_by_itself() -> None:
    with running(PATTERN_STACK, "serve", "--port", "0") as alone:
        assert json.loads(urlopen(f"{alone.http}/health").read()) == {"status": "ok"}
