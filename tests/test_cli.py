"""The command line against a real server, from another process."""

import json
import os
import socket
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from threading import Thread
from urllib.request import urlopen

import pytest

from tests.support.eventually import eventually
from tests.support.patience import PATIENCE
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
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False, cwd=ROOT, env=env)


@contextmanager
def tail(server: Process, *channels: str, url: str = "", **environment: str) -> Iterator["subprocess.Popen[str]"]:
    """The process, once its subscription is in force."""

    def joined() -> list[int]:
        counts = json.loads(urlopen(f"{server.http}/test/stats").read())["channels"]
        return [counts.get(channel, 0) for channel in channels]

    before = joined()
    with subprocess.Popen(
        [PATTERN_STACK, "tail", *channels, "--url", url or server.http],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            eventually(lambda: joined() != before or process.poll() is not None, "tail did not subscribe")
            assert process.poll() is None, process.communicate()
            yield process
        finally:
            process.kill()


def test_tail_prints_what_publish_publishes(server: Process) -> None:
    with tail(server, "orders") as following:
        assert following.stdout
        published = run("publish", "orders", "created", '{"entity_id": "1"}', "--url", server.http)
        position = json.loads(published.stdout)
        assert position["status"] == "broadcasted"
        event = json.loads(following.stdout.readline())
        assert event["payload"] == {"entity_id": "1"}
        assert event["offset"] == position["offset"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["publish", "orders", "created", "{"], "the payload is not JSON"),
        (["publish", "a b", "created"], "422"),
        (["publish", "orders", "created", "[]"], "422"),
        (
            ["publish", "orders", "created", "--url", "http://ann:hunter2@127.0.0.1:1?t=hunter3"],
            "at http://127.0.0.1:1:",
        ),
        (["publish", "orders", "created", "--url", "http://127.0.0.1:99999"], "is not an http URL"),
        (["tail", "a b"], "invalid_channel"),
        (["tail", "a", "--path", "nowhere"], "no broadcast endpoint at ws://127.0.0.1"),
        (["tail", "a", "--url", "ftp://ann:hunter2@x:8317?t=hunter3"], "ftp://x:8317 is not an http URL"),
        (["tail", "a", "--header", "Bearer"], "is not a header"),
    ],
)
def test_an_error_is_one_line(server: Process, arguments: list[str], said: str) -> None:
    url = [] if "--url" in arguments else ["--url", server.http]
    result = run(*arguments, *url)
    assert result.returncode == 1
    assert said in result.stderr
    assert "hunter" not in result.stderr
    assert len(result.stderr.splitlines()) == 1, result.stderr


DEAD_PROXY = dict.fromkeys(
    ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"), "http://127.0.0.1:1"
)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_server_on_this_machine_is_not_asked_through_a_proxy(server: Process, host: str) -> None:
    url = server.http.replace("127.0.0.1", host)
    with tail(server, "orders", url=url, **DEAD_PROXY) as following:
        assert following.stdout
        published = run("publish", "orders", "created", "{}", "--url", url, **DEAD_PROXY)
        assert json.loads(published.stdout)["status"] == "broadcasted"
        assert json.loads(following.stdout.readline())["event"] == "created"


@contextmanager
def answering(*parts: bytes) -> Iterator[str]:
    """A TCP server that answers every connection with these bytes, once it has read something, and closes."""

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, suppress(OSError):
                    asked.append(connection.recv(65_536))
                    connection.sendall(b"".join(parts))

    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["publish", "a", "b"], "no server at http://192.0.2.1"),
        (["tail", "a"], "cannot reach ws://192.0.2.1/ws/broadcast"),
    ],
)
def test_another_server_is_asked_through_the_proxy_of_the_environment(command: list[str], said: str) -> None:
    """It refuses here, and its reason is printed, as one line."""
    with answering(b"HTTP/1.1 407 Who are you?\r\n\r\n") as proxy:
        environment = dict.fromkeys(DEAD_PROXY, proxy)
        process = subprocess.Popen(
            [PATTERN_STACK, *command, "--url", "http://192.0.2.1"],
            env={**os.environ, **environment, "NO_PROXY": "", "no_proxy": ""},
            stderr=subprocess.PIPE,
            text=True,
        )
        with process:
            assert process.stderr
            line = process.stderr.readline()
            process.terminate()
    assert line.startswith(said) or "407" in line
    assert "407" in line, line


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x00\xff\x1b[31m\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 500 No\r\nContent-Length: 21\r\n\r\n\x1b[31mred\nnext\xff\xe2\x80\xaeabc",
        b"HTTP/1.1 302 Go\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",
    ],
    ids=["nothing", "no HTTP", "too short", "no chunk", "control characters", "a redirect to a file"],
)
@pytest.mark.parametrize("command", [["publish", "a", "b"], ["tail", "a"]], ids=["publish", "tail"])
def test_an_answer_of_another_kind_of_server_is_one_printable_line(command: list[str], answer: bytes) -> None:
    with answering(answer) as url:
        process = subprocess.Popen(
            [PATTERN_STACK, *command, "--url", url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        with process:
            assert process.stderr
            assert process.stdout
            said = [process.stderr.readline()]
            process.terminate()  # a tail tries again
            said += process.stderr
            printed = process.stdout.read()
    if command[0] == "publish" and b"200 OK" in answer and b"short" in answer:
        assert (printed, said) == ("short\n", [""])
        return
    assert len(said) == 1, said
    assert said[0].rstrip("\n").isprintable()
    assert "Traceback" not in said[0]
    assert printed == ""


def test_control_characters_and_direction_marks_are_printed_escaped(server: Process) -> None:
    """JSON stays JSON: whoever reads the lines gets the same text."""
    text = "\x1b[31m\x9b32m \u202egnp.exe\u2069 \x7f \u2028 Gr\u00fc\u00dfe \U0001f469\u200d\U0001f4bb"
    with tail(server, "orders") as following:
        assert following.stdout
        run("publish", "orders", "created", json.dumps({"text": text}), "--url", server.http)
        line = following.stdout.readline()
    assert json.loads(line)["payload"] == {"text": text}
    categories = {unicodedata.category(sign) for sign in line.rstrip("\n")}
    assert not categories & {"Cc", "Zl", "Zp"}
    assert "\u202e" not in line
    assert "Gr\u00fc\u00dfe \U0001f469\u200d\U0001f4bb" in line


def test_letters_that_the_encoding_does_not_have_are_escaped(server: Process) -> None:
    with tail(server, "orders", PYTHONIOENCODING="ascii") as following:
        assert following.stdout
        run("publish", "orders", "created", '{"text": "Gr\u00fc\u00dfe \U0001f469"}', "--url", server.http)
        line = following.stdout.readline()
    assert "Gr\\u00fc\\u00dfe \\ud83d\\udc69" in line
    assert json.loads(line)["payload"] == {"text": "Gr\u00fc\u00dfe \U0001f469"}


def test_a_reader_that_goes_away_ends_tail_without_a_traceback(server: Process) -> None:
    with tail(server, "orders") as following:
        assert following.stdout
        assert following.stderr
        following.stdout.close()
        while following.poll() is None:
            run("publish", "orders", "created", "{}", "--url", server.http)
        errors = following.stderr.read()
    assert "Traceback" not in errors


@pytest.mark.redis
def test_publish_writes_into_redis(redis_server: RedisServer) -> None:
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


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a", "b", "--redis-url", "http://:hunter2@127.0.0.1"], "not a Redis URL"),
        (["a", "b", "--redis-url", "redis://:hunter2@127.0.0.1:{port}/99"], "cannot be used"),
        (["a b", "b", "--redis-url", "redis://127.0.0.1:{port}"], "channel"),
        (["a", "b", "[]", "--redis-url", "redis://127.0.0.1:{port}"], "payload"),
    ],
)
def test_an_error_of_redis_is_one_line(redis_server: RedisServer, arguments: list[str], said: str) -> None:
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
        ("PATTERN_STACK_DATABASE_URL=postgres://ann:hunter2@nowhere/x", "a driver that does not work here: postgres"),
    ],
)
def test_an_invalid_setting_ends_the_start_with_one_line(variable: str, said: str) -> None:
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
def test_a_missing_extra_is_one_line(missing: str, arguments: list[str], said: str) -> None:
    without = f"import sys; sys.modules[{missing!r}] = None; from pattern_stack.cli import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", without, *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        cwd=ROOT,
    )
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert said in line


def test_version() -> None:
    assert run("--version").stdout.strip() == version("pattern-stack")


def test_publish_to_an_application_that_is_no_test_server() -> None:
    with running(PATTERN_STACK, "serve", "--port", "0") as alone:
        assert "has no /test/broadcast" in run("publish", "a", "b", "--url", alone.http).stderr


def test_serve_without_a_name_runs_the_application_of_the_package() -> None:
    with running(PATTERN_STACK, "serve", "--port", "0") as alone:
        assert json.loads(urlopen(f"{alone.http}/health").read()) == {"status": "ok"}
