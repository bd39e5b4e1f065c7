"""A client in Python: services, scripts and notebooks follow channels and send commands. Needs the extra `client`."""

from pattern_stack.errors import NotInstalled

try:
    import httpx2
    import websockets
except ImportError as error:
    raise NotInstalled("pattern_stack.client needs the extra client: pip install 'pattern-stack[client]'") from error

from pattern_stack.client.client import BroadcastClient
from pattern_stack.client.errors import Reset

__all__ = ["BroadcastClient", "Reset"]

del httpx2, websockets
