"""What every class of calls works with."""

from pattern_stack.atoms.broadcast import WebSocketBroadcastBackend
from pattern_stack.atoms.clock import Clock
from pattern_stack.atoms.ids import Ids
from pattern_stack.features.notifications.records import Records


class HubCalls:
    """Calls that run on the loop of the broadcast's hub, whichever loop they are awaited on."""

    def __init__(self, broadcast: WebSocketBroadcastBackend, records: Records, clock: Clock, ids: Ids) -> None:
        self.broadcast = broadcast
        self._records = records
        self._clock = clock
        self._ids = ids
