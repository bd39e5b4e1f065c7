"""What goes wrong between a backend and its clients, at a test's command."""

import asyncio
from collections.abc import Callable

from pattern_stack.atoms.broadcast.core.event import Reset
from pattern_stack.atoms.broadcast.core.memory import MemoryEngine
from pattern_stack.atoms.broadcast.instance.instance import Instance, instances

_SECONDS = 10.0


class Faults:
    """Acts on every backend of this process. It may be used in tests of either kind."""

    def cut(self) -> None:
        """Drop every client's connection, without a close. Clients come back, and recover."""

        def cut(instance: Instance) -> None:
            for connection in list(instance.connections.open):
                connection.abort()

        _everywhere(cut)

    def stall(self, seconds: float) -> None:
        """For so long no client takes anything: what is published waits, up to the bound at which a client is too slow."""

        def stall(instance: Instance) -> None:
            for connection in list(instance.connections.open):
                connection.outbox.pause()
                instance.loop_owner.loop.call_later(seconds, connection.outbox.resume)

        _everywhere(stall)

    def reset(self, channel: str) -> None:
        """Tell every client on the channel that events may be missing. Without a bridge its history is gone then, so that
        clients which come back later are told, too."""

        def reset(instance: Instance) -> None:
            engine = instance.engine
            if isinstance(engine, MemoryEngine):
                instance.hub.publish(Reset(channel, engine.lose(channel)))
            elif instance.hub.subscribers(channel):
                instance.hub.publish(Reset(channel, engine.position(channel)))

        _everywhere(reset)


def _everywhere(act: Callable[[Instance], object]) -> None:
    for instance in list(instances):
        owner = instance.loop_owner
        if not owner.is_owned or owner.is_current():  # where no loop has it, nobody else is at work on it
            act(instance)
        else:
            asyncio.run_coroutine_threadsafe(_call(act, instance), owner.loop).result(_SECONDS)


async def _call(act: Callable[[Instance], object], instance: Instance) -> None:
    act(instance)
