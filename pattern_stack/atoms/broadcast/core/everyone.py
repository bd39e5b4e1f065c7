"""Channels that each connection is on without asking: the same for everybody, or one of each user's own."""

from collections.abc import Iterable

from pattern_stack.atoms.broadcast.core.event import check_channel, is_channel
from pattern_stack.atoms.broadcast.core.identity import Identity, Operator
from pattern_stack.atoms.broadcast.core.limits import Limits
from pattern_stack.atoms.broadcast.core.pattern import ChannelPattern
from pattern_stack.errors import InvalidChannel

_USER = "{user}"


class Everyone:
    """`names` are channels, like `news`, or templates, like `user:{user}`: such a channel is that user's alone.

    A template's part is one segment, so `user:ann:x` is none of its channels. Raises InvalidChannel for a name that is
    neither, TypeError for one name in place of a list.
    """

    def __init__(self, names: Iterable[str], limits: Limits) -> None:
        if isinstance(names, str):  # whose letters would be the channels
            raise TypeError(f'everyone is a list of channels, like ["news"], not {names!r:.80}')
        self._limits = limits
        names = list(dict.fromkeys(names))
        self._shared = tuple(check_channel(name, limits) for name in names if not _is_template(name))
        self._templates = tuple(_checked(name, limits) for name in names if _is_template(name))
        self._personal = tuple(ChannelPattern(name) for name in self._templates)

    def __bool__(self) -> bool:
        return bool(self._shared or self._templates)

    def of(self, identity: Identity | None) -> tuple[str, ...]:
        """The channels of a connection. A user has one of each template where the user's key can stand in it."""
        if identity is not None and isinstance(identity.user, Operator):
            return ()
        key = _key(identity)
        if key is None or not self._templates:
            return self._shared
        own = (template.replace(_USER, key) for template in self._templates if ":" not in key)
        return self._shared + tuple(channel for channel in own if is_channel(channel, self._limits))

    def names(self, channel: str) -> bool:
        """Whether it is one of these channels, whoever's it is."""
        return channel in self._shared or self._owner(channel) is not None

    def is_anothers(self, channel: str, identity: Identity | None) -> bool:
        """Whether it is a personal channel of another user."""
        if not self._templates:
            return False
        owner = self._owner(channel)
        return owner is not None and owner != _key(identity)

    def _owner(self, channel: str) -> str | None:
        for template in self._personal:
            if values := template.match(channel):
                return values["user"]
        return None


def _is_template(name: object) -> bool:
    return isinstance(name, str) and ("{" in name or "}" in name)


def _checked(template: str, limits: Limits) -> str:
    if template.count(_USER) != 1 or not is_channel(template.replace(_USER, "u"), limits):
        raise InvalidChannel(f"a template in everyone is a channel with one {_USER} in it, not {template!r:.80}")
    return template


def _key(identity: Identity | None) -> str | None:
    return None if identity is None or identity.key is None else str(identity.key)
