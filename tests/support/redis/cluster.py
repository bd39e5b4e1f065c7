"""A Redis Cluster of three primaries."""

from contextlib import ExitStack
from typing import Self

from redis.crc import key_slot

from tests.support.eventually import eventually
from tests.support.redis.server import RedisServer

_SLOTS = 16_384
_NODES = 3


class RedisCluster:
    """All slots are served when the `with` block begins, which takes two seconds: nodes wait that long by themselves."""

    def __init__(self, **settings: object) -> None:
        settings = {"cluster_enabled": "yes", "cluster_node_timeout": 2_000, **settings}
        self.nodes = [RedisServer(bus=True, **settings) for _ in range(_NODES)]  # type: ignore[arg-type]

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with ExitStack() as ends:
            for node in self.nodes:
                ends.callback(node.end)

    @property
    def url(self) -> str:
        """Of one node: it names the others."""
        return self.nodes[0].url

    def node_of(self, key: str) -> RedisServer:
        return self.nodes[key_slot(key.encode()) * _NODES // _SLOTS]

    def move(self, slot: int, source: RedisServer, target: RedisServer) -> None:
        """All of its keys, and then the slot."""
        target.command("CLUSTER", "SETSLOT", slot, "IMPORTING", source.command("CLUSTER", "MYID"))
        source.command("CLUSTER", "SETSLOT", slot, "MIGRATING", target.command("CLUSTER", "MYID"))
        while keys := source.command("CLUSTER", "GETKEYSINSLOT", slot, 100):
            source.command("MIGRATE", "127.0.0.1", target.port, "", 0, 1_000, "KEYS", *keys)
        for node in (target, source, *self.nodes):
            node.command("CLUSTER", "SETSLOT", slot, "NODE", target.command("CLUSTER", "MYID"))

    def flush(self) -> None:
        for node in self.nodes:
            node.command("FLUSHALL")

    def is_whole(self) -> bool:
        """Every node serves, and knows of every other one."""
        whole = {"cluster_state:ok", f"cluster_slots_ok:{_SLOTS}", f"cluster_known_nodes:{_NODES}"}
        return all(whole <= set(node.command("CLUSTER", "INFO").split()) for node in self.nodes)

    def _start(self) -> None:
        for number, node in enumerate(self.nodes):
            node.start()
            slots = [slot for slot in range(_SLOTS) if slot * _NODES // _SLOTS == number]
            node.command("CLUSTER", "ADDSLOTS", *slots)
            node.command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for node in self.nodes[1:]:
            self.nodes[0].command("CLUSTER", "MEET", "127.0.0.1", node.port)
        eventually(self.is_whole, "the cluster did not come up")
