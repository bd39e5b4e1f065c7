"""What is measured: how each system is started, and how its clients say hello."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
UVICORN = [
    sys.executable,
    "-m",
    "uvicorn",
    "--port",
    "0",
    "--log-level",
    "info",
    "--no-access-log",
    "--app-dir",
    str(HERE),
]


@dataclass(frozen=True)
class System:
    """`missing` names what to install where it cannot run here."""

    title: str
    command: list[str]
    path: str = "/events"
    hello: str = "-"
    acks: int = 0
    missing: Callable[[], str | None] = field(default=lambda: None)


def _package(name: str) -> Callable[[], str | None]:
    return lambda: None if find_spec(name) else f"pip install {name}"


def _node_ws() -> str | None:
    if shutil.which("node") and (HERE.parents[1] / "node_modules" / "ws").exists():
        return None
    return "Node.js, and npm install ws"


def systems(build: Path) -> dict[str, System]:
    """`build`: where floor.c was compiled to."""
    subscribe = '{"subscribe":["bench"],"id":1}'
    ours = "pattern_stack_app:app"
    fast = ["--ws", "pattern_stack.atoms.broadcast.fastlane:FastLane"]
    return {
        "floor": System("floor in C, one send a delivery", [str(build / "floor")]),
        "floor-coalesced": System("floor in C, coalesced", [str(build / "floor"), "coalesce"]),
        "pattern_stack": System(
            "pattern_stack, fast lane", [*UVICORN, *fast, ours], "/ws/broadcast", subscribe, 1, _package("uvloop")
        ),
        "pattern_stack-slow": System(
            "pattern_stack on plain uvicorn", [*UVICORN, ours], "/ws/broadcast", subscribe, 1, _package("uvloop")
        ),
        "fastapi": System("FastAPI's ConnectionManager loop", [*UVICORN, "fastapi_loop:app"]),
        "node-ws": System("node ws", ["node", str(HERE / "node_ws.mjs")], missing=_node_ws),
    }
