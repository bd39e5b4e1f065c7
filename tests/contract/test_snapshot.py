"""A snapshot and the events after it share one position: who comes amid a burst rebuilds the publisher's state."""

import asyncio
from typing import Any

import pytest

from pattern_stack import Channel, Position, WebSocketBroadcastBackend
from pattern_stack.atoms.broadcast import Connection
from tests.contract.conftest import IN_PAIRS, Make
from tests.support.client import Client, client
from tests.support.server import serving_backend

STEPS = 1_500


class Ledger:
    """State that is wrong after any event that is lost, doubled or out of order: h = 31 h + n."""

    def __init__(self, backend: WebSocketBroadcastBackend) -> None:
        self.backend = backend
        self.hash = 0
        self.done = False
        self.saved: tuple[int, Position] | None = None
        self.placed: tuple[dict[str, Any], Position] | None = None

    async def run(self) -> None:
        for n in range(STEPS):
            self.hash = step(self.hash, n)
            event = await self.backend.broadcast("ledger", "added", {"n": n})
            self.placed = self.state, event.position
            if n % 7 == 0:  # a store that is written now and then, with the position that belongs to it
                self.saved = (self.hash, event.position)
            await asyncio.sleep(0)
        self.done = True
        event = await self.backend.broadcast("ledger", "done", {})
        self.placed = self.state, event.position

    @property
    def state(self) -> dict[str, Any]:
        return {"hash": self.hash, "done": self.done}


def step(hash: int, n: int) -> int:
    return (hash * 31 + n) % 1_000_003


def declare(ledger: Ledger, kind: str) -> None:
    @ledger.backend.channel("ledger")
    class LedgerChannel(Channel):
        async def snapshot(self, connection: Connection) -> Any:
            if kind == "stored" and ledger.saved:
                hash, position = ledger.saved
                await asyncio.sleep(0)  # as a database would
                return {"hash": hash, "done": False}, position
            state = ledger.state if kind == "live" else ledger.placed
            await asyncio.sleep(0)
            return state


async def follow(url: str, since: dict[str, Any] | None, leave_after: int) -> tuple[Client, int, Any]:
    """Rebuild the state from a snapshot, leave amid the burst, and recover, until `done`."""
    hash, position, left = 0, since, 0
    while True:
        async with client(url) as one:
            told = await one.subscribe("ledger", **({"since": {"ledger": position}} if position else {}))
            position = {"epoch": told["ledger"]["epoch"], "offset": told["ledger"]["offset"]}
            while left < leave_after or leave_after < 0:
                message = await one.receive()
                if "reset" in message:
                    position = message["reset"]["ledger"]
                    continue
                if message["event"] == "done":
                    return one, hash, position
                if message["event"] == "snapshot":
                    hash, position["offset"] = message["payload"]["hash"], message["offset"]
                    if message["payload"]["done"]:
                        return one, hash, position
                else:
                    assert message["offset"] == position["offset"] + 1
                    hash, position["offset"] = step(hash, message["payload"]["n"]), message["offset"]
                left += 1
            leave_after = -1
            one.cut()


@IN_PAIRS
@pytest.mark.parametrize("kind", ["placed", "stored"])
async def test_snapshot_and_events_rebuild_the_state(make_backend: Make, kind: str) -> None:
    await rebuild(make_backend(), kind)


async def test_the_live_state_of_one_process_needs_no_position() -> None:
    await rebuild(WebSocketBroadcastBackend(), "live")


async def rebuild(backend: WebSocketBroadcastBackend, kind: str) -> None:
    ledger = Ledger(backend)
    declare(ledger, kind)
    with serving_backend(backend) as server:
        running = asyncio.create_task(server.acall(ledger.run))
        followers = [follow(server.url, None, leave_after) for leave_after in [*range(1, 120, 10), *([-1] * 10)]]
        results = await asyncio.gather(*followers)
        await running
        assert {hash for _, hash, _ in results} == {ledger.hash}
