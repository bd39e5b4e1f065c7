"""What is carried out once by its key, over every store: one owner, one result, on whichever instance it is asked for."""

import logging
from collections.abc import AsyncIterator

import pytest

from pattern_stack.atoms.broadcast.backends import ipc_store, postgres_store, redis_store
from pattern_stack.atoms.broadcast.backends.redis import RedisBroadcastBackend
from pattern_stack.atoms.broadcast.core.ledger import Claim, Ledger
from pattern_stack.atoms.log_every import LogEvery
from tests.contract.conftest import Make
from tests.support.patience import PATIENCE
from tests.support.redis.replicated import Replicated


@pytest.fixture
async def ledger(make_backend: Make) -> AsyncIterator[Ledger]:
    backend = make_backend()
    await backend.position("room:7")  # the backend works on this loop from now on
    yield backend._instance.engine.ledger("room:7")
    await backend.close()
    if backend.bridge:
        await backend.bridge.close()  # type: ignore[attr-defined]


async def test_the_first_carries_it_out_and_the_others_get_its_result(ledger: Ledger) -> None:
    assert await ledger.claim("room:7", "k", "one") == Claim("new")
    assert await ledger.claim("room:7", "k", "one") == Claim("new")  # its answer was lost
    assert await ledger.claim("room:7", "k", "two") == Claim("running")
    await ledger.renew("room:7", "k", "one")
    await ledger.settle("room:7", "k", "one", b'{"result":1}')
    assert await ledger.claim("room:7", "k", "two") == Claim("done", b'{"result":1}')
    assert await ledger.claim("room:7", "k", "one") == Claim("done", b'{"result":1}')


async def test_keys_and_channels_are_apart(ledger: Ledger) -> None:
    for place, key in (("room:7", "a"), ("room:7", 'b"{}:*\n'), ("room:8", "a")):
        assert await ledger.claim(place, key, "one") == Claim("new")
    await ledger.settle("room:7", "a", "one", b"")
    assert await ledger.claim("room:7", "a", "two") == Claim("done", b"")
    assert await ledger.claim("room:8", "a", "two") == Claim("running")


async def test_who_is_no_owner_changes_nothing(ledger: Ledger) -> None:
    await ledger.settle("room:7", "never", "one", b"x")
    await ledger.renew("room:7", "never", "one")
    assert await ledger.claim("room:7", "never", "one") == Claim("new")
    await ledger.settle("room:7", "never", "two", b"x")
    assert await ledger.claim("room:7", "never", "two") == Claim("running")


async def test_an_owner_that_died_is_lost(make_instance: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = make_instance(), make_instance()
    for backend in (here, there):
        await backend.position("room:7")
    assert await here._instance.engine.ledger("room:7").claim("room:7", "k", "one") == Claim("new")
    assert await there._instance.engine.ledger("room:7").claim("room:7", "k", "two") == Claim("running")
    for module in (ipc_store, postgres_store, redis_store):
        monkeypatch.setattr(module, "LEASE_SECONDS", -1)
    assert await there._instance.engine.ledger("room:7").claim("room:7", "k", "two") == Claim("lost")
    await here._instance.engine.ledger("room:7").settle("room:7", "k", "one", b"late")
    assert await there._instance.engine.ledger("room:7").claim("room:7", "k", "two") == Claim("done", b"late")
    for backend in (here, there):
        await backend.close()
        await backend.bridge.close()  # type: ignore[union-attr]


# -- Redis with a replica


async def test_a_key_is_on_a_replica_before_its_command_begins(
    redis_replicated: Replicated, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A suspended replica confirms nothing, which is told; one that works has the key."""
    monkeypatch.setattr(redis_store, "_REPLICA_MS", int(PATIENCE) * 1_000)
    monkeypatch.setattr(redis_store, "_log", LogEvery(logging.getLogger(__name__)))  # it says the same once a minute
    bridge = RedisBroadcastBackend(redis_replicated.primary.url)
    ledger = bridge.engine.ledger("room:7")
    assert (await ledger.claim("room:7", "a", "one")).state == "new"
    assert redis_replicated.replica.command("EXISTS", "pattern_stack:{room:7}:once:a") == 1
    assert "no replica" not in caplog.text
    redis_replicated.replica.pause()
    monkeypatch.setattr(redis_store, "_REPLICA_MS", 100)
    assert (await ledger.claim("room:7", "b", "one")).state == "new"
    assert "no replica" in caplog.text
    redis_replicated.replica.resume()
    await bridge.close()


async def test_a_failover_forgets_nobody_who_is_at_it(redis_replicated: Replicated) -> None:
    here = RedisBroadcastBackend(redis_replicated.primary.url)
    keys = [f"k{n}" for n in range(20)]
    for key in keys:
        assert (await here.engine.ledger("room:7").claim("room:7", key, "one")).state == "new"
    redis_replicated.fail_over()
    there = RedisBroadcastBackend(redis_replicated.replica.url)
    ledger = there.engine.ledger("room:7")
    assert {(await ledger.claim("room:7", key, "two")).state for key in keys} <= {"running", "lost"}
    await there.close()
    await here.close()
