"""What every call of this feature works with."""

from pattern_stack.atoms.broadcast import WebSocketBroadcastBackend
from pattern_stack.atoms.clock import Clock
from pattern_stack.atoms.ids import Ids
from pattern_stack.features.notifications.records import Records


class HubCalls:
    """What calls work with."""

    def __init__(self, broadcast: WebSocketBroadcastBackend, records: Records, clock: Clock, ids: Ids) -> None:
        self.broadcast = broadcast
        self._records = records
        self._clock = clock
        self._ids = ids
