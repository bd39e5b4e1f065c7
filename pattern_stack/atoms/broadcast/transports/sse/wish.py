"""What a GET asks for: its channels, and where to go on."""

from starlette.datastructures import QueryParams
from starlette.types import Scope

from pattern_stack.atoms.broadcast.core.bookmark import reached_by
from pattern_stack.atoms.broadcast.core.event import Last, Since, is_channel
from pattern_stack.atoms.broadcast.core.limits import Limits
from pattern_stack.atoms.broadcast.core.protocol import CommandError, Subscribe
from pattern_stack.atoms.broadcast.transports.admission import header

_ID = 0
_DIGITS = 19


def wish_of(scope: Scope, limits: Limits) -> Subscribe:
    """As a frame would say it. Raises CommandError. `last` holds where no Last-Event-ID came."""
    query = QueryParams(scope["query_string"])
    names = dict.fromkeys(query.getlist("channel"))
    if len(names) > 2 * limits.channels:
        raise CommandError("too_many_channels", f"a stream may name {2 * limits.channels} channels", _ID)
    valid = tuple(name for name in names if is_channel(name, limits))
    invalid = tuple(name for name in names if name not in valid)
    last, reached = _last(query), _reached(scope, limits)
    since: dict[str, Since] = dict.fromkeys(valid, last) if last is not None else {}
    return Subscribe(_ID, valid, since if reached is None else reached, invalid)


def _last(query: QueryParams) -> Last | None:
    text = query.get("last")
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < _DIGITS):
        raise CommandError("invalid_message", "last is an integer from 0 on", _ID)
    return Last(int(text))


def _reached(scope: Scope, limits: Limits) -> dict[str, Since] | None:
    text = header(scope, b"last-event-id")
    if not text:
        return None
    try:
        return dict(reached_by(text, limits))
    except ValueError:
        raise CommandError("invalid_message", "Last-Event-ID is no id of this stream", _ID) from None
