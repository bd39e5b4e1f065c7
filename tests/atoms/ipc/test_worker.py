"""What is no worker of a server is left alone."""

import multiprocessing
import subprocess
import sys

from pattern_stack import WebSocketBroadcastBackend
from pattern_stack.atoms.ipc.worker import by_parent, this_worker


def test_a_process_of_its_own_is_no_worker() -> None:
    """A test process of pytest-xdist is none either."""
    assert this_worker() is None
    assert WebSocketBroadcastBackend().bridge is None


async def test_a_backend_without_a_bridge_publishes_at_once() -> None:
    backend = WebSocketBroadcastBackend()
    assert (await backend.broadcast("a", "e", {})).offset == 1
    assert backend.trouble is None


def test_a_job_that_the_application_began_is_no_worker() -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(_is_alone)


def _is_alone() -> bool:
    assert multiprocessing.parent_process() is not None
    backend = WebSocketBroadcastBackend()
    return backend.bridge is None and backend.broadcast_sync("a", "e", {}).offset == 1


def test_an_application_that_names_gunicorn_is_no_worker_of_it() -> None:
    code = (
        "import gunicorn.arbiter; from pattern_stack.atoms.ipc.worker import this_worker; assert this_worker() is None"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_processes_of_one_parent_and_command_know_the_same() -> None:
    code = "from pattern_stack.atoms.ipc.worker import by_parent; print(by_parent())"
    command = [sys.executable, "-c", code]
    one, two = (subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(2))
    assert one == two != f"{by_parent()}\n"
