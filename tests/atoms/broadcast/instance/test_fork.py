"""What a server does that loads an application and then forks its workers: each worker is somebody else."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

PRELOAD = """
import asyncio, os
from pattern_stack import WebSocketBroadcastBackend

backend = WebSocketBroadcastBackend()
{before}

def child():
    reader, writer = os.pipe()
    if os.fork() == 0:
        position = asyncio.run(backend.broadcast("orders", "created", {{}})).position
        os.write(writer, f"{{position.epoch}} {{position.offset}}".encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        return answer.read()

for _ in range(3):
    print(child())
print(*asyncio.run(backend.position("orders")))
"""

SERVING = """
import asyncio, os
from pattern_stack import BroadcastClosed, WebSocketBroadcastBackend

backend = WebSocketBroadcastBackend()

async def serve():
    async def handler(event_type, payload): ...
    await backend.subscribe("orders", handler)
    pid = os.fork()
    if pid == 0:
        try:
            backend.broadcast_sync("orders", "created", {})
            os._exit(1)
        except BroadcastClosed as error:
            os._exit(0 if "forked" in str(error) else 2)
    status = os.waitpid(pid, 0)[1]
    event = await backend.broadcast("orders", "created", {})
    print(os.waitstatus_to_exitcode(status), event.offset)
    await backend.close()

asyncio.run(serve())
"""


def run(program: str) -> list[str]:
    command = [sys.executable, "-W", "ignore", "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.mark.parametrize(
    "before", ["", 'asyncio.run(backend.broadcast("orders", "loaded", {}))'], ids=["unused", "used while loading"]
)
def test_each_child_has_an_epoch_of_its_own(before: str) -> None:
    lines = [line.split() for line in run(PRELOAD.format(before=before))]
    assert [offset for _, offset in lines[:3]] == ["1", "1", "1"]
    assert len({epoch for epoch, _ in lines}) == 4


def test_a_child_of_a_process_that_serves_does_not_pretend_to_publish_for_it() -> None:
    assert run(SERVING) == ["0 1"]
