"""The HTTP lane: the same frames as Server-Sent Events, for clients that cannot open a WebSocket."""
