"""pattern-stack fleet: two terminals show what both computers have."""

from pathlib import Path

import pytest

from tests.support.eventually import eventually
from tests.support.patience import PATIENCE
from tests.support.ports import free_port
from tests.support.process import BIN, ROOT, Process, running
from tests.support.redis.server import RedisServer

DEAD_PROXY = dict.fromkeys(
    ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"), "http://127.0.0.1:1"
)
SAMPLES = ROOT / "examples" / "fleet"


def arguments(name: str, directory: Path, redis: RedisServer) -> list[str | Path]:
    options = ("--directory", directory, "--redis-url", redis.url, "--port", str(free_port()), "--heartbeat", "0.5")
    return [BIN / "pattern-stack", "fleet", name, *options]


def until_said(terminal: Process, *lines: str) -> None:
    for line in lines:
        eventually(lambda line=line: line in terminal.log().splitlines(), f"never said: {line}")  # type: ignore[misc]


@pytest.mark.redis
def test_two_terminals(tmp_path: Path, redis_server: RedisServer) -> None:
    """Neither asks itself through the proxy of the environment."""
    theirs = tmp_path / "ben"
    (theirs / "workshop" / "todos").mkdir(parents=True)
    with (
        running(*arguments("ann", SAMPLES / "ann", redis_server), **DEAD_PROXY) as ann,
        running(*arguments("ben", theirs, redis_server), **DEAD_PROXY) as ben,
    ):
        until_said(ben, "+ ann: online", "+ ann has the project garden: Four beds and a shed.")
        until_said(ben, "+ ann garden/water [in_progress] Water the beds by themselves")
        until_said(ann, "+ ben: online", "+ ben has the project workshop: ")
        (theirs / "workshop" / "todos" / "saw.md").write_text("# Sharpen \x1b[31mthe saw\n")
        until_said(ann, "+ ben workshop/saw [pending] Sharpen \\u001b[31mthe saw")
        ben.popen.kill()
        until_said(ann, "+ ben: offline", "- ben workshop/saw [pending] Sharpen \\u001b[31mthe saw")
        ann.terminate()
        ann.popen.wait(PATIENCE)
        assert "Finished server process" in ann.log()
        assert "Traceback" not in ann.log()
