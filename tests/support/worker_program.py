"""Programs that publish and serve nobody: `python -m tests.support.worker_program WHAT URL`."""

import os
import sys
import threading
from multiprocessing import get_context

from pattern_stack import Publisher
from pattern_stack.features.notifications import WorkerProgress

CHANNEL = "orders"


def plain(url: str) -> None:
    """Ends without `close`."""
    Publisher(url).broadcast(CHANNEL, "plain", {})


def threads(url: str) -> None:
    publisher = Publisher(url)

    def publish(thread: int) -> None:
        for n in range(25):
            publisher.broadcast(CHANNEL, "e", {"thread": thread, "n": n})

    running = [threading.Thread(target=publish, args=(thread,)) for thread in range(4)]
    for one in running:
        one.start()
    for one in running:
        one.join()


def fork(url: str) -> None:
    """The parent has published before, and does so afterwards: each process has connections of its own."""
    publisher = Publisher(url)
    publisher.broadcast(CHANNEL, "parent", {})
    children = [get_context("fork").Process(target=_child, args=(publisher,)) for _ in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join()
        assert child.exitcode == 0
    for _ in range(10):
        publisher.broadcast(CHANNEL, "parent", {})


def _child(publisher: Publisher) -> None:
    for _ in range(10):
        publisher.broadcast(CHANNEL, "child", {"pid": os.getpid()})


def progress(url: str) -> None:
    """Stops in the midst of it: who subscribes now gets a snapshot."""
    worker = WorkerProgress(Publisher(url))
    worker.run_started("import")
    with worker.progress("import", total=4, step_name="reading") as report:
        report.advance()
        report.advance()
        sys.stdout.write("half\n")
        sys.stdout.flush()
        sys.stdin.readline()
        report.advance(2)
    worker.run_completed("import", {"rows": 4})


if __name__ == "__main__":
    {"plain": plain, "threads": threads, "fork": fork, "progress": progress}[sys.argv[1]](sys.argv[2])
