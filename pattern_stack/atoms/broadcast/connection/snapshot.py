"""The state of a channel as its first event: at one position with what follows it."""

from pattern_stack.atoms.broadcast.connection.membership import Membership
from pattern_stack.atoms.broadcast.core.connection import ManagedConnection
from pattern_stack.atoms.broadcast.core.event import Event, Position, encode
from pattern_stack.atoms.broadcast.instance.instance import Instance
from pattern_stack.errors import BroadcastUnavailable


async def snapshot(
    member: Membership, connection: ManagedConnection, instance: Instance
) -> tuple[Position, list[Event]]:
    """The position to tell, and the snapshot as an event there; no event where the channel has none.

    State from before the member's position is followed by the events that it lacks; state from after it moves it.
    """
    state = await member.call("snapshot", connection)
    here, between = member.position, list[Event]()
    assert here is not None
    if state is None:
        return here, []
    there = here
    if isinstance(state, tuple):
        state, there = state
        between = await _between(instance, member.channel, there, here)
        member.position = max(here, there)
    draft = encode(member.channel, "snapshot", state, limits=instance.limits, bounded=False)
    return there, [draft.at(*there), *between]


async def _between(instance: Instance, channel: str, there: Position, here: Position) -> list[Event]:
    await instance.catch_up(channel, there)
    newest = instance.engine.position(channel)
    missing: list[Event] | None = []
    if there.offset < here.offset:
        missing = await instance.engine.history(channel, there, here)
    if missing is None or there.epoch != newest.epoch or there.offset > newest.offset:
        raise BroadcastUnavailable(f"the snapshot of {channel} does not fit its history; try again")
    return missing
