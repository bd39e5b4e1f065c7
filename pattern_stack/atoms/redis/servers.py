"""Which servers a URL stands for: one, or those of a cluster; and which of them has a key."""

from collections.abc import Awaitable, Callable, Collection
from itertools import count
from typing import NamedTuple, Self

from redis.crc import key_slot

from pattern_stack.atoms.redis.errors import LinkDown, ServerRejected
from pattern_stack.atoms.redis.line import Line
from pattern_stack.atoms.redis.pipe import Pipe

_OLDEST = (6, 2)
_SHARDING = (7, 0)

Open = Callable[..., Awaitable[Line]]
"""A new connection to the URL's server, or to another `host` and `port`."""
Address = tuple[str, int]


class Server(NamedTuple):
    """One server, and what it was when it was connected to."""

    commands: Pipe
    bulk: Pipe
    """For long answers: commands do not wait behind them. It may be the same connection."""
    life: bytes
    version: tuple[int, int]


class Servers:
    """The server of a URL, or those of its cluster."""

    def __init__(self, servers: dict[Address | None, Server], slots: list[tuple[int, int, Address]]) -> None:
        self._servers = servers
        self._slots = slots

    @classmethod
    async def behind(cls, open: Open, *, bulk: bool) -> Self:
        """`bulk`: a second connection to each. Raises ServerRejected where a server is too old, and LinkDown where it is
        a replica."""
        first = await open()
        about = await _info(first)
        _check_version(about)
        if about.get(b"cluster_enabled") == b"1":
            return await cls._cluster(first, open, bulk)
        if about[b"role"] != b"master":
            raise LinkDown("it is a replica", sent=False)
        return cls({None: Server(*await _pipes(first, open, bulk), about[b"master_replid"], _version(about))}, [])

    @classmethod
    async def _cluster(cls, first: Line, open: Open, bulk: bool) -> Self:
        answer = await first.ask("CLUSTER", "SLOTS")
        slots = [(begin, end, (node[0].decode() or first.host, node[1])) for begin, end, node, *_ in answer]
        servers: dict[Address | None, Server] = {}
        for host, port in sorted({address for _, _, address in slots}):

            async def open_there(host: str = host, port: int = port) -> Line:
                return await open(host=host, port=port)

            line = await open_there()
            about = await _info(line)
            pipes = await _pipes(line, open_there, bulk)
            servers[host, port] = Server(*pipes, about[b"master_replid"], _version(about))
        if sum(end - begin + 1 for begin, end, _ in slots) < 16_384:
            raise LinkDown("the cluster does not serve every slot", sent=False)
        return cls(servers, slots)

    @property
    def is_cluster(self) -> bool:
        return bool(self._slots)

    @property
    def can_shard(self) -> bool:
        """Whether its servers have pub/sub that stays on the server of a channel."""
        return self.is_cluster and all(server.version >= _SHARDING for server in self.all)

    @property
    def addresses(self) -> list[Address]:
        """Of a cluster."""
        return [address for address in self._servers if address]

    def spread(self, name: str) -> list[str]:
        """Names that begin with this one: each server of a cluster has one of them."""
        found: dict[Address | None, str] = {}
        for number in count():
            key = f"{name}:{number}"
            found.setdefault(self.address(key), key)
            if len(found) == len(self._servers):
                break
        return list(found.values())

    @property
    def all(self) -> Collection[Server]:
        return self._servers.values()

    @property
    def pipes(self) -> list[Pipe]:
        return list({id(pipe): pipe for server in self.all for pipe in (server.commands, server.bulk)}.values())

    def server(self, key: str) -> Server:
        """The one that has this key."""
        return self._servers[self.address(key)]

    def address(self, key: str) -> Address | None:
        """Where that is; None where there is one server."""
        if not self._slots:
            return None
        slot = key_slot(key.encode())
        return next(address for begin, end, address in self._slots if begin <= slot <= end)

    async def check(self, silent_seconds: float) -> None:
        """Raises LinkDown where one of them has become a replica, was promoted or has begun anew since."""
        for server in self.all:
            async with server.commands.line.moving(silent_seconds):
                about = _fields(await server.commands.call(("INFO", "replication")))
            if (about[b"role"], about[b"master_replid"]) != (b"master", server.life):
                raise LinkDown("a server has another role, or another life", sent=False)


async def _pipes(line: Line, open: Open, bulk: bool) -> tuple[Pipe, Pipe]:
    commands = Pipe(line)
    return commands, Pipe(await open()) if bulk else commands


async def _info(line: Line) -> dict[bytes, bytes]:
    return _fields(await line.ask("INFO"))


def _fields(info: bytes) -> dict[bytes, bytes]:
    lines = [line.partition(b":") for line in info.split(b"\r\n")]
    return {name: value for name, _, value in lines if value}


def _check_version(about: dict[bytes, bytes]) -> None:
    if _version(about) < _OLDEST:
        version = about[b"redis_version"].decode()
        raise ServerRejected(f"it is Redis {version}; {'.'.join(map(str, _OLDEST))} is the oldest that works")


def _version(about: dict[bytes, bytes]) -> tuple[int, int]:
    major, minor = about[b"redis_version"].decode().split(".")[:2]
    return int(major), int(minor)
