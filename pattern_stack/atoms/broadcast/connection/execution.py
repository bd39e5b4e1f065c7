"""One command of a client: checked, carried out within its time, and once where it has a key."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

import orjson
from anyio import to_thread

from pattern_stack.atoms.broadcast.core.channels import Spec
from pattern_stack.atoms.broadcast.core.command import CommandMethod
from pattern_stack.atoms.broadcast.core.command_error import CommandError
from pattern_stack.atoms.broadcast.core.connection import Connection
from pattern_stack.atoms.broadcast.core.identity import Identity
from pattern_stack.atoms.broadcast.core.ledger import RENEW_SECONDS, Claim, Ledger
from pattern_stack.atoms.broadcast.core.sending import Send, refused_with
from pattern_stack.atoms.broadcast.instance.instance import Instance
from pattern_stack.atoms.broadcast.instance.loop import foreign_code
from pattern_stack.errors import BroadcastUnavailable, Forbidden, NotFound, Rejected

UNKNOWN_OUTCOME = refused_with("unknown_outcome", "it is not known whether this was done")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 0.5
_NO_KEY = (
    "a command with a key on %s was refused: its user, of class %s, has no key by which a repeat could be recognised: return "
    "Identity(user, key=...) from authenticate"
)


class Accepted(NamedTuple):
    """A command that has passed its checks."""

    method: CommandMethod
    channel: str
    params: Mapping[str, str]
    payload: Any
    key: str | None
    """Its key in the ledger, which is of one user."""
    size: int
    """Bytes of its payload."""


def accept(
    send: Send, spec: Spec | None, params: Mapping[str, str], identity: Identity | None, instance: Instance
) -> Accepted:
    """Raises CommandError: unknown_event, invalid_payload, forbidden, internal."""
    method = spec.commands.get(send.event) if spec else None
    if method is None:
        raise CommandError("unknown_event", f"{send.channel} has no command {send.event!r:.80}")
    data = orjson.dumps(send.payload)
    try:
        payload = method.read(data)
    except CommandError:
        raise
    except Exception as error:  # a validator of the application
        instance.failures.error(
            "command", error, "the payload of %s of %s was not validated", method.name, send.channel
        )
        raise CommandError("internal", "the server failed to do this") from error
    return Accepted(method, send.channel, params, payload, _ledger_key(send, identity, instance), len(data))


def _ledger_key(send: Send, identity: Identity | None, instance: Instance) -> str | None:
    if send.key is None:
        return None
    if identity is not None and identity.key is None and identity.user is not None:
        instance.failures.warning("key", _NO_KEY, send.channel, type(identity.user).__name__)
        raise CommandError("forbidden", "this user cannot send commands with a key")
    return orjson.dumps([identity.key if identity else None, send.key]).decode()


async def carry_out(command: Accepted, connection: Connection, instance: Instance) -> bytes:
    """What it ended with: see sending.py. Raises nothing but CancelledError."""
    try:
        if command.key is None:
            await _take_slot(command, instance)
            return await _run(command, connection, instance)
        return await _once(command, command.key, connection, instance)
    except BroadcastUnavailable as error:  # it has not begun
        return refused_with("unavailable", str(error))


async def _take_slot(command: Accepted, instance: Instance) -> None:
    try:
        async with asyncio.timeout(instance.limits.command_seconds):
            await instance.command_room.slots(command.method.plain).acquire()
    except TimeoutError:
        raise BroadcastUnavailable("too many commands are carried out now; try again") from None


# -- once by its key


async def _once(command: Accepted, key: str, connection: Connection, instance: Instance) -> bytes:
    ledger, owner = instance.engine.ledger(command.channel), instance.command_room.new_owner()
    pause = _FIRST_PAUSE
    while True:
        await _take_slot(command, instance)
        claim = await _claim(command, key, owner, ledger, instance)
        match claim.state:
            case "new":
                return await _run_as_owner(command, key, owner, ledger, connection, instance)
            case "done":
                return claim.result
            case "lost":
                return UNKNOWN_OUTCOME
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


async def _claim(command: Accepted, key: str, owner: str, ledger: Ledger, instance: Instance) -> Claim:
    """The slot is kept where the command is to be carried out now."""
    is_new = False
    try:
        claim = await ledger.claim(command.channel, key, owner)
        is_new = claim.state == "new"
        return claim
    finally:
        if not is_new:
            instance.command_room.slots(command.method.plain).release()


async def _run_as_owner(
    command: Accepted, key: str, owner: str, ledger: Ledger, connection: Connection, instance: Instance
) -> bytes:
    renewing = asyncio.create_task(_renew(command.channel, key, owner, ledger))
    try:
        outcome = await _run(command, connection, instance)
        await ledger.settle(command.channel, key, owner, outcome)
    except BroadcastUnavailable as error:  # who sent it is told all the same; a repeat hears that it is not known
        instance.failures.warning("settle", "the outcome of a command on %s is not kept: %s", command.channel, error)
    finally:
        renewing.cancel()
    return outcome


async def _renew(channel: str, key: str, owner: str, ledger: Ledger) -> None:
    while True:
        await asyncio.sleep(RENEW_SECONDS)
        with suppress(BroadcastUnavailable):
            await ledger.renew(channel, key, owner)


# -- the call


async def _run(command: Accepted, connection: Connection, instance: Instance) -> bytes:
    """In the slot that was taken for it, which is free when the method has ended: maybe after everybody stopped waiting."""
    call = _Call(command, connection, instance)
    slots = instance.command_room.slots(command.method.plain)
    task = instance.spawn(call.run())
    task.add_done_callback(lambda _: slots.release())
    seconds = instance.limits.command_seconds
    done, _ = await asyncio.wait({task}, timeout=seconds)
    if not done:
        name, channel = command.method.name, command.channel
        instance.failures.warning("command", "%s of %s took more than %g s", name, channel, seconds)
        if not command.method.plain:
            task.cancel()
    return call.outcome


class _Call:
    def __init__(self, command: Accepted, connection: Connection, instance: Instance) -> None:
        self._command = command
        self._connection = connection
        self._instance = instance
        self.outcome = UNKNOWN_OUTCOME
        """Until it has ended."""

    async def run(self) -> None:
        try:
            result = await self._result()
            self.outcome = self._encoded(result)
        except Rejected as error:
            self.outcome = refused_with(error.code, error.message)
        except Forbidden as error:
            self.outcome = refused_with("forbidden", str(error) or "forbidden")
        except NotFound as error:
            self.outcome = refused_with("not_found", str(error) or "not found")
        except Exception as error:
            name, channel = self._command.method.name, self._command.channel
            self._instance.failures.error("command", error, "the command %s of %s failed", name, channel)
            self.outcome = refused_with("internal", "the server failed to do this")

    async def _result(self) -> Any:
        command = self._command
        bound = partial(command.method.call, self._connection, command.payload, **command.params)
        with foreign_code():
            if not command.method.plain:
                return await bound()
            limiter = self._instance.command_room.thread_limiter
            return await to_thread.run_sync(bound, abandon_on_cancel=True, limiter=limiter)

    def _encoded(self, result: Any) -> bytes:
        outcome = self._command.method.write(result)
        if len(outcome) > self._instance.limits.event_bytes:
            raise ValueError(
                f"a result of {len(outcome)} bytes; Limits.event_bytes is {self._instance.limits.event_bytes}"
            )
        return outcome
