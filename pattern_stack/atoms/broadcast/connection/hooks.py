"""Calls of the application's hooks: in a slot of the instance, in a thread where they are plain, within a time."""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Any

from anyio import to_thread

from pattern_stack.atoms.broadcast.core.identity import Identity, key_of
from pattern_stack.atoms.broadcast.instance.instance import Instance, RunningHook
from pattern_stack.atoms.broadcast.instance.loop import foreign_code
from pattern_stack.errors import BroadcastUnavailable


def nothing() -> None: ...


async def run_hook(
    name: str,
    channel: str,
    function: Callable[[], Any],
    plain: bool,
    instance: Instance,
    begin: Callable[[], None] = nothing,
    *,
    of: Identity | None = None,
) -> Any:
    """What the hook returns. `begin` is called right before it, without an await between. `of`: whose client waits for it.

    Raises what the hook raises, and BroadcastUnavailable where it does not return within Limits.hook_seconds. It is cancelled
    then; a plain function goes on in its thread, and nobody waits for it.
    """
    async with instance.hook_slots():
        begin()
        running = object()
        instance.running_hooks[running] = RunningHook(name, channel, key_of(of), monotonic())
        try:
            async with asyncio.timeout(instance.limits.hook_seconds) as timeout:
                with foreign_code():
                    if plain:
                        return await to_thread.run_sync(function, abandon_on_cancel=True)
                    return await function()
        except TimeoutError as error:
            if not timeout.expired():
                raise
            seconds = instance.limits.hook_seconds
            instance.failures.warning(name, "%s of %s took more than %g s", name, channel, seconds)
            raise BroadcastUnavailable("the server took too long to answer; try again") from error
        finally:
            instance.running_hooks.pop(running, None)
