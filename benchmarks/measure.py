"""One run: a system as a process of its own on one core, the clients on the other.

Where instances share a Redis, all of them are on the one core, and Redis is with the clients, who are written in C and leave
it room: so a rate is that of the instances together on one core, and their CPU the figure that says most.
"""

import json
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, TypeVar

import psutil

from benchmarks.plan import Crowd, Phase
from benchmarks.postgres import Postgres, postgres_server
from benchmarks.redis import Redis, redis_server
from benchmarks.systems import System

HERE = Path(__file__).parent
PATIENCE = 20  # seconds for a start or a stop
LONGEST = 300  # seconds for a run
CORES = "over Redis: all instances on one core; Redis and the load generator on the other"

Figures = dict[str, float]
Started = tuple["subprocess.Popen[bytes]", int]
"""A process, and the port it listens on."""
T = TypeVar("T")


@dataclass
class Run:
    """What each phase measured, until something went wrong."""

    figures: dict[str, Figures] = field(default_factory=dict)
    failure: str | None = None


def build(where: Path) -> None:
    """Compile the load generator and the floor."""
    for name in ("loadgen", "floor"):
        compiled(name, where)


def compiled(name: str, where: Path) -> Path:
    where.mkdir(parents=True, exist_ok=True)
    source = [str(HERE / f"{name}.c"), "-o", str(where / name)]
    subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", *source], check=True)
    return where / name


def measure(loadgen: Path, system: System, crowd: Crowd) -> Run:
    """What goes wrong, a crash of the system or a lost event, is told in the result."""
    run = Run()
    try:
        with ExitStack() as stack:
            store: Redis | Postgres | None = None
            if system.over_redis:
                store = stack.enter_context(redis_server(pinned(1)))
            elif system.over_postgres:
                store = stack.enter_context(postgres_server(pinned(1)))
            environment = _environment(system, store)
            started = [stack.enter_context(_running(system, environment)) for _ in range(system.instances)]
            command = [*pinned(1), *(crowd.driver or (str(loadgen),)), *_where(system, started), *_what(system, crowd)]
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=LONGEST, check=False, cwd=HERE.parent, env=environment
            )
            run.figures = _figures(crowd.phases_of(system), done.stdout)
            if done.returncode:
                run.failure = _death(started) or f"failed: {''.join(done.stderr.splitlines()[-1:])}"
    except subprocess.TimeoutExpired:
        run.failure = f"failed: no end within {LONGEST} s"
    except RuntimeError as error:
        run.failure = f"failed: {error}"
    return run


def _where(system: System, started: list[Started]) -> list[str]:
    """The instances' ports, and their processes."""
    pids = [_within(partial(_worker, system, process)) or process.pid for process, _ in started]
    return [",".join(map(str, several)) for several in ([port for _, port in started], pids)]


def _what(system: System, crowd: Crowd) -> list[str]:
    speech = [system.path, system.hello, system.acks, system.control, system.publish, system.body]
    phases = [phase.argument for phase in crowd.phases_of(system)]
    return [str(one) for one in (crowd.clients, crowd.channels, *speech, *phases) if one != ""]


def _environment(system: System, store: Redis | Postgres | None) -> dict[str, str]:
    clients = {name: "1" for name, is_set in (("DEFLATE", system.deflate), ("SSE", system.streams)) if is_set}
    name = "REDIS_URL" if system.over_redis else "POSTGRES_URL"
    shared = {name: store.url, "STORE": str(store.pid)} if store else {}
    return {**os.environ, **clients, **shared}


def _figures(phases: list[Phase], printed: str) -> dict[str, Figures]:
    """The load generator prints what connecting took, and then the phases, as far as it came."""
    connecting, *rest = [json.loads(line) for line in printed.splitlines()] or [None]
    figures = dict(zip([phase.title for phase in phases if phase.argument], rest, strict=False))
    if connecting:
        figures |= {phase.title: connecting for phase in phases if not phase.argument}
    return figures


@contextmanager
def _running(system: System, environment: dict[str, str]) -> Iterator["Started"]:
    with tempfile.TemporaryFile("w+b") as log:
        process = subprocess.Popen(
            [*pinned(0), *system.command],
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=HERE.parent,
            env=environment,
            start_new_session=True,
        )
        try:
            yield process, _port(process, log)
        finally:
            _stop(process)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _port(process: "subprocess.Popen[bytes]", log: IO[bytes]) -> int:
    def told() -> str | None:
        found = re.search(rb"running on http://127\.0\.0\.1:(\d+)", _said(log))
        return found[1].decode() if found else "0" if process.poll() is not None else None

    port = int(_within(told) or 0)
    if not port:
        last = _said(log).decode(errors="replace").strip().rpartition("\n")[2]
        raise RuntimeError(f"it did not start: {last}")
    return port


def _said(log: IO[bytes]) -> bytes:
    return os.pread(log.fileno(), 100_000, 0)


def _worker(system: System, process: "subprocess.Popen[bytes]") -> int | None:
    """The process that serves: a child, where the system forks."""
    if not system.forks:
        return process.pid
    return next((child.pid for child in psutil.Process(process.pid).children()), None)


def _within(look: Callable[[], T | None]) -> T | None:
    """What `look` finds, as soon as it finds something."""
    deadline = time.monotonic() + PATIENCE
    while (found := look()) is None and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


def _death(started: list[Started]) -> str | None:
    """How one of the processes ended, where one did by itself: some drivers end one with SIGTERM."""
    for process, _ in started:
        with suppress(subprocess.TimeoutExpired):
            code = process.wait(1)
            if code in (0, -signal.SIGTERM):
                continue
            return f"crashed: {signal.Signals(-code).name if code < 0 else f'exit code {code}'}"
    return None


def pinned(core: int) -> list[str]:
    """Where there are two cores, a process stays on its own."""
    return ["taskset", "-c", str(core)] if (os.cpu_count() or 1) > 1 else []
