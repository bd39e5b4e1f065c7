"""What the peers publish, and how a control frame asks for it."""

from collections.abc import Iterator
from typing import Any

PAYLOAD = {"entity_id": "1"}


def event(channel: str, event: str = "tick", payload: dict[str, Any] = PAYLOAD) -> dict[str, Any]:
    """As JSON without spaces 117 bytes, like the floor's and nearly like those of pattern_stack."""
    return {
        "channel": channel,
        "event": event,
        "payload": payload,
        "timestamp": "2026-11-21T07:00:00.123456Z",
        "offset": 1_000_000,
    }


def asked(frame: str) -> Iterator[str]:
    """The channel of each event that a frame "K C" asks for: K on each of the channels 0 to C - 1."""
    events, channels = map(int, frame.split())
    for channel in map(str, range(channels)):
        for _ in range(events):
            yield channel
