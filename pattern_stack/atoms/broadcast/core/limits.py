"""Every number of the protocol, in one frozen place."""

from dataclasses import dataclass

from pattern_stack.atoms.bounds import check_bounds


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a client, a publisher and a handler may do before something is refused. Sizes are in bytes, times in seconds.

    Each is a finite number, 0 or more, and a whole one where it counts something. Raises TypeError or ValueError otherwise.
    """

    message_bytes: int = 65_536
    """The longest message of a client, inflated and put together. A longer one closes with 1009."""
    nesting: int = 32
    """How deep a client's JSON may be nested. Deeper is `invalid_message`."""
    channels: int = 128
    """Channels that a connection may subscribe to. One more is `too_many_channels`."""
    frames_per_second: float = 100
    """Frames of one connection, on average. More is `rate_limited`."""
    frames_burst: int = 200
    """Frames of one connection at once, after a silence."""
    work_per_second: float = 300
    """Work that the frames of one connection may ask for, on average. More is `rate_limited`. A name in a frame is 1; with
    hooks or presence 5 more, with `since` 1 more; a refusal 5, `internal` 50, a failed `auth` 300.
    Unsubscribing, and subscribing again, are free."""
    work_burst: int = 1_500
    """Work of one connection at once, after a silence: more than 128 channels with hooks and `since`."""
    hook_seconds: float = 10
    """How long one of the application's hooks may take. After that it is cancelled, and the client gets `unavailable`."""
    hooks: int = 256
    """Hooks of one instance that run at the same time; of one connection at most 16 do. More wait."""
    command_seconds: float = 60
    """How long a command of the application may take. After that it is cancelled, or left alone in its thread, and the client
    gets `unknown_outcome`. A command that finds no room to begin for so long is `unavailable`."""
    commands: int = 256
    """Commands of one instance that run at the same time. More wait."""
    command_threads: int = 40
    """Commands of one instance that are plain functions and run at the same time, in threads of their own."""
    commands_waiting: int = 256
    """Commands of one connection that wait for the one before them, or for room. One more is `rate_limited`."""
    command_bytes: int = 1_048_576
    """Bytes of them. One that goes beyond it is `rate_limited`. All connections of an instance together may have 64 times it;
    beyond that a command is `unavailable`."""
    bad_frames: int = 20
    """The bad frame within a minute that closes with 1008."""
    name_length: int = 200
    """Characters of a channel's or an event's name."""
    event_bytes: int = 1_048_576
    """An encoded event. A longer one raises InvalidEvent. Snapshots have their own limit."""
    snapshot_bytes: int = 67_108_864
    """An encoded snapshot. A longer one is refused with `internal`, and logged."""
    outbox_bytes: int = 1_048_576
    """Live events that may wait for one connection before it is closed with 4408."""
    auth_seconds: float = 10
    """How long a connection that has to prove itself in its first frame may take for it."""
    close_seconds: float = 10
    """How long a close may take to arrive before the connection is aborted."""
    stalled_seconds: float = 20
    """How long a connection may take nothing of what waits for it. It is aborted between once and twice that."""
    handler_events: int = 1_000
    """Events that may wait for one in-process handler or listener before its last turn. One more ends it with TooSlow."""
    handler_bytes: int = 16_777_216
    """Bytes of such events."""
    idle_channels: int = 100_000
    """Channels of one window that are kept though nobody is on them, and as many that have no event yet. The longest idle
    are dropped first."""
    ledger_bytes: int = 64 * 1_048_576
    """Of the commands with a key that an instance in memory remembers for 300 s: 512 each, and the bytes of their results.
    Beyond it a command with a new key is `unavailable`. A store has bounds of its own."""
    replay_bytes: int = 64 * 1_048_576
    """Events of channels in a store that an instance keeps so that clients that come back share them. Beyond it those of
    the channel that was left alone longest are dropped, and read from the store when they are needed again."""

    def __post_init__(self) -> None:
        check_bounds(self)
