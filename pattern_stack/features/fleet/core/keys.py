"""The names that a fleet uses in Redis."""

from typing import NamedTuple

_GLOB = str.maketrans({sign: f"\\{sign}" for sign in "*?[]\\"})


class Keys(NamedTuple):
    """Keys and channels, all of which begin with the prefix."""

    prefix: str

    def heartbeat(self, computer: str) -> str:
        return f"{self.prefix}:computer:{computer}:heartbeat"

    def events(self, computer: str) -> str:
        """The stream of a computer."""
        return f"{self.prefix}:events:{computer}"

    def wake(self, computer: str) -> str:
        """A channel that this computer alone follows. An empty message says that its stream has a new entry; a heartbeat asks
        it for all its records."""
        return f"{self.prefix}:wake:{computer}"

    @property
    def heartbeats(self) -> str:
        """The channel that all computers follow."""
        return f"{self.prefix}:heartbeats"

    @property
    def heartbeat_pattern(self) -> str:
        """For SCAN: the heartbeat keys of all computers."""
        return f"{self.prefix.translate(_GLOB)}:computer:*:heartbeat"
