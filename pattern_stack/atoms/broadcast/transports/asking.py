"""`authenticate` for a request whose client may leave before it has answered."""

import asyncio
from typing import Any

from starlette.types import Scope

from pattern_stack.atoms.broadcast.core.identity import Identity
from pattern_stack.atoms.broadcast.transports.admission import Door
from pattern_stack.atoms.broadcast.transports.refusal import Refusal


async def ask(door: Door, scope: Scope, gone: "asyncio.Task[None]") -> Identity | Refusal | None:
    """Who it is, or why it is refused; None where `gone` was done before. In a task of its own: what blocks a thread cannot
    be ended, but nobody waits for it any longer."""
    asking = asyncio.get_running_loop().create_task(door.identify(scope))
    try:
        await asyncio.wait((asking, gone), timeout=door.hook_seconds, return_when="FIRST_COMPLETED")
    finally:
        if not asking.done():
            asking.cancel()
            asking.add_done_callback(_retrieve)
    if not asking.done():
        return None if gone.done() else door.took_too_long()
    try:
        return asking.result()
    except Exception as error:
        return door.refusal_of(error)


def _retrieve(task: "asyncio.Task[Any]") -> None:
    """So that asyncio does not log what nobody waits for."""
    if not task.cancelled():
        task.exception()
