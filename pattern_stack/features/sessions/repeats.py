"""Calls that are no commands of a session, carried out once by their X-Command-Id: the ledger knows what came of each."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress

import orjson

from pattern_stack.atoms.broadcast.core.ledger import RENEW_SECONDS, Ledger
from pattern_stack.errors import BroadcastUnavailable, ServiceError
from pattern_stack.features.sessions import errors
from pattern_stack.features.sessions.errors import SessionUnavailable

LEDGER_BYTES = 16 * 1024 * 1024
"""Of an instance that is alone."""
_PLACE = "session-calls"
_AGAIN_SECONDS = 0.1
_WAIT_SECONDS = 5.0


class Repeats:
    """What raised an error of ours is answered with it again; what cannot be known, as a store that was away, is tried anew."""

    def __init__(self, ledger: Callable[[], Ledger]) -> None:
        self._ledger = ledger

    async def once(self, key: str | None, what: str, call: Callable[[], Awaitable[str]]) -> str:
        """What `call` returned, now or 300 s ago at most. `what` keeps different calls with one key apart."""
        if key is None:
            return await call()
        owner, place = secrets.token_hex(8), f"{what} {key}"
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                while (  # noqa: ASYNC110 - the store is asked again
                    claim := await self._ledger().claim(_PLACE, place, owner)
                ).state == "running":
                    await asyncio.sleep(_AGAIN_SECONDS)
        except (TimeoutError, BroadcastUnavailable) as error:
            raise SessionUnavailable(str(error) or "the same call is still being carried out") from None
        if claim.state == "done":
            return _result(claim.result)
        return await self._carry_out(place, owner, call)

    async def _carry_out(self, place: str, owner: str, call: Callable[[], Awaitable[str]]) -> str:
        renewing = asyncio.create_task(self._renew(place, owner))
        try:
            result = await call()
        except ServiceError as error:
            if error.status < 500:
                await self._settle(place, owner, [type(error).__name__, str(error)])
            raise
        else:
            await self._settle(place, owner, [None, result])
            return result
        finally:
            renewing.cancel()

    async def _renew(self, place: str, owner: str) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            with suppress(BroadcastUnavailable):
                await self._ledger().renew(_PLACE, place, owner)

    async def _settle(self, place: str, owner: str, result: list[str | None]) -> None:
        with suppress(BroadcastUnavailable):  # a repeat is carried out anew
            await self._ledger().settle(_PLACE, place, owner, orjson.dumps(result))


def _result(settled: bytes) -> str:
    error, text = orjson.loads(settled)
    if error is not None:
        raise getattr(errors, error)(text)
    result: str = text
    return result
