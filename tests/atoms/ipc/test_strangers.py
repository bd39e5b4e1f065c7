"""Another user of the host gets nowhere."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from pattern_stack import BroadcastError, IPCBroadcastBackend

STRANGER = 12_345
PYTHON = Path("/usr/bin/python3")  # one that every user may run
pytestmark = pytest.mark.skipif(os.getuid() != 0 or not PYTHON.exists(), reason="only root can act as another user")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where everybody may enter, as in /tmp."""
    with TemporaryDirectory(prefix="ipc-") as name:
        Path(name).chmod(0o1777)
        yield Path(name)


def command(do: str, path: Path) -> list[str]:
    code = f"import socket; s = socket.socket(socket.AF_UNIX); s.{do}({str(path)!r}); s.listen(); print(flush=True); input()"
    return [str(PYTHON), "-c", code]


def test_a_stranger_cannot_connect(folder: Path) -> None:
    async def serve() -> str:
        async with IPCBroadcastBackend(f"ipc://{folder}/broker") as backend:
            await backend.broadcast("a", "e", {})
            return await asyncio.to_thread(connect)

    def connect() -> str:
        connecting = command("connect", folder / "broker")
        return subprocess.run(connecting, user=STRANGER, capture_output=True, text=True, check=False).stderr

    assert "PermissionError" in asyncio.run(serve())


def test_a_strangers_broker_is_not_trusted(folder: Path) -> None:
    async def publish() -> None:
        async with IPCBroadcastBackend(f"ipc://{folder}/broker") as backend:
            await backend.broadcast("a", "e", {})

    listening = command("bind", folder / "broker")
    with subprocess.Popen(listening, user=STRANGER, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as stranger:
        assert stranger.stdout
        assert stranger.stdout.readline()
        with pytest.raises(BroadcastError, match="another user listens on"):
            asyncio.run(publish())
        stranger.kill()
