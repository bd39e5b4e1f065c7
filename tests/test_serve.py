"""It stops well: under the command line, under make, and under plain uvicorn."""

import asyncio
import re
import signal
import subprocess

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.support.patience import PATIENCE
from tests.support.process import BIN, Process, running

CLIENTS = 1_000
SERVE = (BIN / "pattern-stack", "serve", "test_server:app", "--port", "0")
MAKE = ("make", "--no-print-directory", "run", "PORT=0")
UVICORN = (BIN / "uvicorn", "test_server:app", "--port", "0")


async def crowd(server: Process, count: int) -> list[ClientConnection]:
    """Connected, subscribed and acknowledged."""

    async def come() -> ClientConnection:
        one = await connect(server.url, proxy=None, open_timeout=60)
        await one.send('{"subscribe": ["orders"], "id": 1}')
        await one.recv()
        return one

    clients: list[ClientConnection] = []
    for _ in range(0, count, 100):
        clients += await asyncio.gather(*(come() for _ in range(100)))
    return clients


async def farewell(one: ClientConnection) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed) as closed:
        await one.recv()
    received = closed.value.rcvd
    return (received.code, received.reason) if received else (1006, "")


async def test_a_thousand_clients_are_sent_away_with_delays_of_their_own() -> None:
    with running(*SERVE) as server:
        clients = await crowd(server, CLIENTS)
        before = server.log()
        server.terminate()
        ends = await asyncio.gather(*map(farewell, clients))
        await asyncio.to_thread(server.popen.wait, PATIENCE)

        assert {code for code, _ in ends} == {1012}
        delays = [float(re.fullmatch(r"retry-after=(\d+\.\d)", reason)[1]) for _, reason in ends]  # type: ignore[index]
        assert len(set(delays)) > 10
        assert max(delays) - min(delays) > 1

        said = server.log()[len(before) :]
        assert len(said.splitlines()) < 12, said
        assert len(before.splitlines()) < 12, before
        assert "Traceback" not in said


@pytest.mark.parametrize("command", [MAKE, UVICORN], ids=["make", "uvicorn"])
async def test_under_others_it_says_1012_too(command: tuple[str, ...]) -> None:
    with running(*command) as server:
        clients = await crowd(server, 100)
        server.terminate()
        assert {code for code, _ in await asyncio.gather(*map(farewell, clients))} == {1012}
        await asyncio.to_thread(server.popen.wait, PATIENCE)
        assert "Traceback" not in server.log()


async def test_who_does_not_answer_the_close_does_not_keep_it_from_stopping() -> None:
    with running(*SERVE) as server:
        (silent,) = (await crowd(server, 100))[:1]
        silent.transport.pause_reading()
        server.terminate()
        await asyncio.to_thread(server.popen.wait, PATIENCE)
        assert "Closed 100 broadcast connections, 1 of them by force" in server.log()
        silent.transport.abort()


def test_ctrl_c_ends_it_without_a_traceback() -> None:
    with running(*SERVE) as server:
        server.popen.send_signal(signal.SIGINT)
        assert server.popen.wait(PATIENCE) == 0
        assert "Traceback" not in server.log()


def test_a_port_in_use_is_one_clear_line() -> None:
    with running(*SERVE) as server:
        second = subprocess.run(
            [*SERVE[:-1], str(server.port)], capture_output=True, text=True, timeout=30, check=False
        )
        assert second.returncode != 0
        said = f"cannot listen on 127.0.0.1 port {server.port}: it is in use: end what listens there, or take another --port"
        assert said in second.stderr
        assert "Traceback" not in second.stderr
