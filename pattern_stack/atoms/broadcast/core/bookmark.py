"""The positions that a client has reached on its channels, as one line of text that it hands back."""

from collections.abc import Iterable, Mapping
from urllib.parse import quote, unquote

from pattern_stack.atoms.broadcast.core.event import Event, Position, Reset, is_channel
from pattern_stack.atoms.broadcast.core.limits import Limits
from pattern_stack.atoms.broadcast.core.protocol import Moving
from pattern_stack.atoms.broadcast.websocket.frames import Frame

Moves = Iterable[tuple[str, Position | None]]
"""Channels, and the position that a frame moves each to; None: the client is off the channel."""


def moves_of(frame: Frame) -> Moves:
    """What a client has reached when it has this frame."""
    if isinstance(frame, Event | Reset):
        return ((frame.channel, frame.position),)
    return frame.moves.items() if isinstance(frame, Moving) else ()


def text_of(reached: Mapping[str, Position]) -> str:
    """ASCII without blanks. Channels of one epoch are written together: `EPOCH,orders=41,room:7=3;EPOCH,news=0`."""
    by_epoch: dict[str, list[str]] = {}
    for channel, (epoch, offset) in reached.items():
        by_epoch.setdefault(epoch, []).append(f"{channel}={offset}")
    return ";".join([",".join([quote(epoch, safe=""), *places]) for epoch, places in by_epoch.items()])


def reached_by(text: str, limits: Limits) -> dict[str, Position]:
    """The positions of a text that `text_of` made. Raises ValueError for any other."""
    reached: dict[str, Position] = {}
    for group in text.split(";") if text else ():
        epoch, *places = group.split(",")
        if not epoch or not places:
            raise ValueError("a group has an epoch and at least one channel")
        for place in places:
            channel, _, offset = place.partition("=")
            if not is_channel(channel, limits) or channel in reached or not _is_offset(offset):
                raise ValueError("each channel has one offset")
            reached[channel] = Position(unquote(epoch), int(offset))
    return reached


def _is_offset(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 20
