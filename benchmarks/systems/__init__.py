"""What is measured: how each system is started, and how its clients and publishers speak to it."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import packages
from benchmarks.packages import Versions

HERE = Path(__file__).parent

# uvloop and httptools are what uvicorn[standard] brings; no client is pinged while it is measured
UVICORN = ["--port=0", "--loop=uvloop", "--http=httptools", "--no-access-log", "--ws-ping-interval=300", "--app-dir"]
SERVER = ("fastapi", "httptools", "uvicorn", "uvloop", "websockets")


@dataclass(frozen=True)
class System:
    """In `path`, `hello`, `publish` and `body`, %d stands for a channel's number."""

    title: str
    command: list[str]
    versions: Versions
    path: str = "/events/%d"
    hello: str = "-"  # the client's first frame, if there is one
    acks: int = 0  # frames until it is subscribed
    control: str = "/control"  # -: there is no publishing from the inside
    publish: str = "/publish"
    body: str = '{"channel":"%d","event":"tick","payload":{"entity_id":"1"}}'
    only: str = ""  # the one kind of phase that it is for
    deflate: bool = False  # its clients offer permessage-deflate
    streams: bool = False  # its clients read event streams
    forks: bool = False  # its only child does the work
    shared: bool = False  # measured with the crowds that instances over Redis are for, and no others
    over_redis: bool = False  # a Redis is started for it, and named in REDIS_URL
    over_postgres: bool = False  # a PostgreSQL, named in POSTGRES_URL
    instances: int = 1


def systems(build: Path) -> dict[str, System]:
    """`build`: where the floor is compiled to, and the peers are installed."""
    return {
        **_floors(build),
        **_ours(),
        **_python_peers(build),
        **_node_peers(build),
        "nchan": _nchan(build),
        **_over_redis(build),
    }


def _floors(build: Path) -> dict[str, System]:
    floor = str(build / "floor")
    return {
        "floor": System("floor in C, one send a delivery", [floor], packages.compiler),
        "floor-coalesced": System("floor in C, coalesced", [floor, "coalesce"], packages.compiler),
    }


def _uvicorn(home: Path, app: str, *options: str) -> list[str]:
    return [str(home / "bin" / "python"), "-m", "uvicorn", *UVICORN, str(HERE), *options, f"{app}:app"]


def _served(app: str) -> list[str]:
    return [sys.executable, str(HERE / "served.py"), app]


def _ours() -> dict[str, System]:
    """What runs on the packages of the project, the loop among them."""
    home = Path(sys.prefix)
    versions = packages.python(home, "make setup", *SERVER, "orjson")
    slow = _uvicorn(home, "pattern_stack_app")
    fast, large = _served("pattern_stack_app"), _served("large_events")
    loop = _uvicorn(home, "fastapi_loop")
    hello, token = '{"subscribe":["%d"],"id":1}', "?token=secret-of-ann"
    return {
        "pattern_stack": System("pattern_stack, fast lane", fast, versions, "/ws/broadcast", hello, 1),
        "pattern_stack-authenticate": System(
            "the same, authenticate", fast, versions, f"/ws/authenticated{token}", hello, 1, only="connections"
        ),
        "pattern_stack-sse": System(
            "pattern_stack, HTTP lane", fast, versions, "/sse/broadcast?channel=%d", acks=1, streams=True
        ),
        "pattern_stack-fastapi": System(
            "the same, through FastAPI", fast, versions, "/ws/through", hello, 1, only="connections"
        ),
        "pattern_stack-slow": System("pattern_stack on plain uvicorn", slow, versions, "/ws/broadcast", hello, 1),
        "pattern_stack-1k": System("pattern_stack, 1 KB", large, versions, "/ws/broadcast", hello, 1, only="bytes"),
        "pattern_stack-1k-deflate": System(
            "the same, deflated", large, versions, "/ws/broadcast", hello, 1, only="bytes", deflate=True
        ),
        "fastapi": System("FastAPI's ConnectionManager loop", loop, versions),
        "fastapi-authenticate": System(
            "the same, Depends", loop, versions, f"/authenticated/%d{token}", only="connections"
        ),
    }


def _python_peers(build: Path) -> dict[str, System]:
    home = build / "peers"

    def versions(*names: str) -> Versions:
        return packages.python(home, packages.PEERS, *names, *SERVER)

    socketify = [str(home / "bin" / "python"), str(HERE / "socketify_app.py")]
    return {
        "python-socketio": _socketio(
            "python-socketio", _uvicorn(home, "python_socketio"), versions("python-socketio", "python-engineio")
        ),
        "broadcaster": System("encode broadcaster", _uvicorn(home, "broadcaster_app"), versions("broadcaster")),
        "litestar": System("litestar channels", _uvicorn(home, "litestar_app"), versions("litestar")),
        "socketify": System("socketify (uWebSockets)", socketify, versions("socketify")),
    }


def _over_redis(build: Path) -> dict[str, System]:
    """Instances that share a Redis; what that adds is told against one process in memory."""
    home, peers = Path(sys.prefix), build / "peers"
    ours = System(
        "pattern_stack over Redis",
        _served("redis_pattern_stack"),
        packages.python(home, "make setup", *SERVER, "orjson", "redis", "hiredis"),
        "/ws/broadcast",
        '{"subscribe":["%d"],"id":1}',
        1,
    )

    workers = replace(
        ours,
        title="pattern_stack, workers of one host",
        command=["env", "BROADCAST_URL=ipc://", *ours.command],
        shared=True,
        instances=2,
    )

    def versions(*names: str) -> Versions:
        return packages.python(peers, packages.PEERS, *names, *SERVER, "redis", "hiredis")

    def django(title: str, layer: str) -> System:
        command = ["env", f"LAYER={layer}", *_uvicorn(peers, "redis_django")]
        return System(title, command, versions("channels", "channels_redis", "Django"))

    socketio = versions("python-socketio", "python-engineio")
    return {
        "redis-none": replace(ours, title="pattern_stack, one process in memory", shared=True),
        "redis": _sharing(ours),
        "redis-one": replace(_sharing(ours), title="the same, one instance", instances=1),
        "ipc": workers,
        "ipc-one": replace(workers, title="the same, one worker", instances=1),
        "postgres": replace(
            ours,
            title="pattern_stack over PostgreSQL",
            command=_served("postgres_pattern_stack"),
            versions=packages.python(home, "make setup", *SERVER, "orjson", "psycopg"),
            shared=True,
            over_postgres=True,
            instances=2,
        ),
        "redis-channels": replace(_sharing(ours), shared=False, instances=1, only="links"),
        "redis-socketio": _sharing(
            _socketio("python-socketio over Redis", _uvicorn(peers, "redis_socketio"), socketio)
        ),
        "redis-litestar": _sharing(
            System("litestar over Redis", _uvicorn(peers, "redis_litestar"), versions("litestar"))
        ),
        "redis-django": _sharing(django("Django channels, channels_redis.core", "core")),
        "redis-django-pubsub": _sharing(django("the same, channels_redis.pubsub", "pubsub")),
    }


def _sharing(system: System) -> System:
    return replace(system, versions=packages.over_redis(system.versions), shared=True, over_redis=True, instances=2)


def _node_peers(build: Path) -> dict[str, System]:
    modules = build / "node_modules"

    def command(program: str) -> list[str]:
        return ["env", f"NODE_PATH={modules}", "node", str(HERE / program)]

    return {
        "node-ws": System("node ws", command("node_ws.cjs"), packages.node(modules, "ws")),
        "socket.io": _socketio("socket.io", command("socket_io.cjs"), packages.node(modules, "socket.io", "ws")),
    }


def _socketio(title: str, command: list[str], versions: Versions) -> System:
    """Engine.IO's frames: the server's 0{...} opens, 40 connects with a token for a channel and is answered by 40{...}."""
    return System(title, command, versions, "/socket.io/?EIO=4&transport=websocket", '40{"channel":"%d"}', 2)


def returning(build: Path) -> dict[str, System]:
    """Two instances over Redis whose clients recover what they missed, after the end of the one at the other."""
    ours, modules = _over_redis(build)["redis"], build / "node_modules"
    peer = _socketio(
        "socket.io with connection state recovery",
        ["env", f"NODE_PATH={modules}", "node", str(HERE / "redis_socket_io.cjs")],
        packages.node(modules, "socket.io", "@socket.io/redis-streams-adapter", "ws"),
    )
    return {
        "pattern_stack": replace(ours, only="returning"),
        "socket.io": replace(_sharing(peer), shared=False, only="returning"),
    }


def _nchan(build: Path) -> System:
    launcher = [str(HERE / "nchan.py"), packages.nginx(), str(packages.NCHAN_MODULE), str(build / "nchan")]
    return System(
        "nchan (nginx)",
        [sys.executable, *launcher],
        packages.nchan,
        control="-",
        publish="/publish/%d",
        body='{"channel":"%d","event":"tick","payload":{"entity_id":"1"},"timestamp":"2026-11-21T07:00:00.123456Z","offset":1000000}',
        forks=True,
    )
