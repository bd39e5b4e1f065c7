"""The Lua scripts of the store in Redis, and what they answer."""

from functools import cache
from importlib.resources import files

from pattern_stack.atoms.broadcast.bridge.store import Placed, is_event


@cache
def terse(lua: str) -> str:
    """Without comments and indentation: every call sends it, and the server takes a hash of all of it."""
    return "\n".join(filter(None, (line.partition("--")[0].strip() for line in lua.splitlines())))


def lua_script(*parts: str) -> str:
    """Those of lua/, one behind the other."""
    lua = files("pattern_stack.atoms.broadcast.backends") / "lua"
    return terse("\n".join((lua / f"{part}.lua").read_text() for part in parts))


def placed(channel: str, epoch: bytes, offset: int, *first: bytes) -> Placed:
    """`first`: there where the key was used before; the bytes of the first publish, or none."""
    if not first:
        return Placed(epoch.decode(), int(offset))
    body = first[0] if is_event(channel, first[0]) else None
    return Placed(epoch.decode(), int(offset), body, repeated=True)
