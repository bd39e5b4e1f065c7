"""A primary and its replica, for failovers."""

from typing import Self

from tests.support.eventually import eventually
from tests.support.redis.server import RedisServer

_AT_ONCE = {"repl_diskless_sync": "yes", "repl_diskless_sync_delay": 0}


class Replicated:
    """The replica has everything that the primary has, when the `with` block begins."""

    def __init__(self, **settings: object) -> None:
        self.primary = RedisServer(**_AT_ONCE, **settings)  # type: ignore[arg-type]
        self.replica = RedisServer(**_AT_ONCE, **settings)  # type: ignore[arg-type]

    def __enter__(self) -> Self:
        try:
            self.primary.start()
            self.replica.start()
            self.attach()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.replica.end()
        self.primary.end()

    def attach(self) -> None:
        """The replica follows the primary, and is in step when this returns."""
        self.replica.command("REPLICAOF", "127.0.0.1", self.primary.port)
        eventually(lambda: self.replica.info("master_link_status") == "up", "the replica did not attach")
        self.catch_up()

    def catch_up(self) -> None:
        """Until the replica has every write so far."""
        offset = self.primary.info("master_repl_offset")
        eventually(lambda: self.replica.info("slave_repl_offset") >= offset, "the replica did not catch up")

    def detach(self) -> None:
        """The replica gets no further write, and is a replica still: of a port where nobody is.

        Suspending it would not do: what lies in its socket is applied when it goes on.
        """
        self.replica.command("REPLICAOF", "127.0.0.1", 1)

    def fail_over(self) -> None:
        """The primary is killed, and the replica takes its place, on its own port."""
        self.primary.kill()
        self.replica.command("REPLICAOF", "NO", "ONE")
