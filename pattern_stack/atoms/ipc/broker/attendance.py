"""Who is on a channel, over all workers of a space. A worker's members are gone with its connection to the broker."""

from collections.abc import Sequence
from datetime import UTC, datetime
from time import time
from typing import Any

import orjson

from pattern_stack.atoms.ipc.broker.log import Log, Member
from pattern_stack.atoms.ipc.broker.peer import Peer
from pattern_stack.atoms.ipc.broker.space import Space


def attend(
    space: Space, peer: Peer, channel: str, instance: str, what: str, arguments: Sequence[str], now: float
) -> tuple[int, list[str]]:
    """One step of presence: how many are on the channel then, and what was asked for (see presence.lua).

    join CONNECTION USER, state CONNECTION USER, leave CONNECTION, look, renew CONNECTION...
    """
    if what == "join":
        connection, user = arguments
        log = space.log(channel, now)
        log.members[connection] = Member(peer, f"{instance} {int(time() * 1000)} {user}")
        peer.members[channel, connection] = None
        return len(log.members), []
    found = space.logs.get(channel)
    if found is None:
        return 0, list(arguments) if what == "renew" else list(arguments[:1]) if what == "state" else []
    if what == "leave":
        _remove(found, channel, arguments[0])
    answer = found.listed() if what == "look" else []
    if what == "state":
        answer = _show(found, *arguments)
    if what == "renew":
        answer = [connection for connection in arguments if connection not in found.members]
    return len(found.members), answer


def _show(log: Log, connection: str, user: str) -> list[str]:
    """The user, and behind a newline its state, in place of what was shown before; its time stays. Who is missing is told."""
    member = log.members.get(connection)
    if member is None:
        return [connection]
    instance, since, _ = member.value.split(" ", 2)
    log.members[connection] = Member(member.peer, f"{instance} {since} {user}")
    return []


def _remove(log: Log, channel: str, connection: str) -> Member | None:
    member = log.members.pop(connection, None)
    if member:
        member.peer.members.pop((channel, connection), None)
    return member


def leave_all(space: Space, peer: Peer) -> list[tuple[str, bytes]]:
    """The worker is gone, and its connections with it: channel and event of each of them."""
    told = []
    for channel, connection in list(peer.members):
        log = space.logs[channel]
        member = _remove(log, channel, connection)
        if member and member.peer is peer:
            told.append((channel, _event(channel, connection, member.value, len(log.members))))
    peer.members.clear()
    return told


def _event(channel: str, connection: str, value: str, count: int) -> bytes:
    """presence-left, as an instance publishes it."""
    user: Any = orjson.loads(value.split(" ", 2)[2].partition("\n")[0])
    return orjson.dumps(
        {
            "channel": channel,
            "event": "presence-left",
            "payload": {"connection_id": connection, "user": user, "count": count},
            "timestamp": datetime.now(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z",
        }
    )
