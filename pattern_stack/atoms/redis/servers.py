"""Which servers a URL stands for: one, or those of a cluster; and which of them has a key."""

from collections.abc import Awaitable, Callable
from typing import Any, Self
from urllib.parse import urlsplit

from redis.asyncio.connection import AbstractConnection, parse_url
from redis.asyncio.connection import Connection as TcpConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.crc import key_slot

from pattern_stack.atoms.redis.errors import LinkDown, ServerRejected
from pattern_stack.atoms.redis.pipe import Pipe
from pattern_stack.errors import InvalidURL

_OLDEST = (6, 2)

Open = Callable[..., Awaitable[AbstractConnection]]
"""A new connection to the URL's server, or to another `host` and `port`."""
Address = tuple[str, int]


class Servers:
    """A pipe to each server, and what each was when it was opened."""

    def __init__(
        self, pipes: dict[Address | None, Pipe], slots: list[tuple[int, int, Address]], lives: list[bytes]
    ) -> None:
        self._pipes = pipes
        self._slots = slots
        self._lives = lives
        self.pipes = list(pipes.values())

    @classmethod
    async def behind(cls, open: Open) -> Self:
        """Raises ServerRejected where a server is too old, and LinkDown where it is a replica."""
        first = await open()
        about = await _info(first)
        _check_version(about)
        if about.get(b"cluster_enabled") == b"1":
            return await cls._cluster(first, open)
        if about[b"role"] != b"master":
            raise LinkDown("it is a replica", sent=False)
        return cls({None: Pipe(first)}, [], [about[b"master_replid"]])

    @classmethod
    async def _cluster(cls, first: AbstractConnection, open: Open) -> Self:
        here = getattr(first, "host", "")
        answer = await _ask(first, "CLUSTER", "SLOTS")
        slots = [(begin, end, (node[0].decode() or here, node[1])) for begin, end, node, *_ in answer]
        pipes: dict[Address | None, Pipe] = {}
        lives = []
        for host, port in sorted({address for _, _, address in slots}):
            connection = await open(host=host, port=port)
            lives.append((await _info(connection))[b"master_replid"])
            pipes[host, port] = Pipe(connection)
        if sum(end - begin + 1 for begin, end, _ in slots) < 16_384:
            raise LinkDown("the cluster does not serve every slot", sent=False)
        return cls(pipes, slots, lives)

    def pipe(self, key: str) -> Pipe:
        if not self._slots:
            return self._pipes[None]
        slot = key_slot(key.encode())
        return next(self._pipes[address] for begin, end, address in self._slots if begin <= slot <= end)

    async def check(self) -> None:
        """Raises LinkDown where one of them has become a replica, was promoted or has begun anew since."""
        for pipe, life in zip(self.pipes, self._lives, strict=True):
            about = _fields(await pipe.call(("INFO", "replication")))
            if (about[b"role"], about[b"master_replid"]) != (b"master", life):
                raise LinkDown("a server has another role, or another life", sent=False)


def dialler(url: str) -> tuple[Callable[[dict[str, Any]], AbstractConnection], str]:
    """What makes connections to a URL, and where that is, without its secrets. InvalidURL where it cannot be read."""
    try:
        arguments: dict[str, Any] = dict(parse_url(url))
        kind = arguments.pop("connection_class", TcpConnection)
        arguments |= {"protocol": 2, "retry": Retry(NoBackoff(), 0), "socket_timeout": None, "decode_responses": False}
        place = arguments.get("path") or f"{arguments.get('host', 'localhost')}:{arguments.get('port', 6379)}"
        kind(**arguments)
        path = urlsplit(url).path.strip("/")
        if "path" not in arguments and path and not path.isdecimal():
            raise ValueError(path)
    except (TypeError, ValueError):  # which may quote a password
        raise InvalidURL(
            "not a Redis URL, like redis://user:password@host:6379/0, rediss:// with TLS, or unix://"
        ) from None
    return lambda where: kind(**{**arguments, **where}), place


async def _ask(connection: AbstractConnection, *command: str) -> Any:
    await connection.send_command(*command)
    return await connection.read_response()


async def _info(connection: AbstractConnection) -> dict[bytes, bytes]:
    return _fields(await _ask(connection, "INFO"))


def _fields(info: bytes) -> dict[bytes, bytes]:
    lines = [line.partition(b":") for line in info.split(b"\r\n")]
    return {name: value for name, _, value in lines if value}


def _check_version(about: dict[bytes, bytes]) -> None:
    version = about[b"redis_version"].decode()
    if tuple(map(int, version.split(".")[:2])) < _OLDEST:
        raise ServerRejected(f"it is Redis {version}; {'.'.join(map(str, _OLDEST))} is the oldest that works")
