"""Every number of the protocol, in one frozen place."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a client, a publisher and a handler may do before something is refused. Bytes and seconds."""

    message_bytes: int = 65_536
    """The longest message of a client, inflated and put together; more closes with 1009."""
    nesting: int = 32
    """How deep a client's JSON may be nested; deeper is `invalid_message`."""
    channels: int = 128
    """Channels a connection may hold by its own wish; more is `too_many_channels`."""
    frames_per_second: float = 100
    """Frames of one connection, on average; more is `rate_limited`."""
    frames_burst: int = 200
    """Frames of one connection at once, after a silence."""
    bad_frames: int = 20
    """The bad frame within a minute that closes with 1008."""
    name_length: int = 200
    """Characters of a channel's or an event's name."""
    event_bytes: int = 1_048_576
    """An encoded event; more raises InvalidEvent. A snapshot is not bound by it."""
    outbox_bytes: int = 1_048_576
    """Live events that may wait for one connection before it is closed with 4408."""
    auth_seconds: float = 10
    """How long a connection that must prove itself by a first frame has for it."""
    close_seconds: float = 10
    """How long a close may take to arrive before the connection is aborted."""
    stalled_seconds: float = 20
    """How long a connection may take nothing of what waits for it; it is aborted between once and twice that."""
    handler_events: int = 1_000
    """Events that may wait for one in-process handler or listener."""
    idle_channels: int = 100_000
    """Channels of one window that are kept though nobody is on them, and as many that have no event yet; those left
    longest go first."""
