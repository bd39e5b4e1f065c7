"""What is carried out once by its key, in memory: a model against a clock that the test moves."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pattern_stack import BroadcastUnavailable
from pattern_stack.atoms.broadcast.core.ledger import Claim, MemoryLedger
from pattern_stack.atoms.broadcast.instance.loop import run_now
from tests.support.examples import examples


class Clock:
    """Seconds, in the test's hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


def ledger_and_clock(bytes: int = 1_000_000) -> tuple[MemoryLedger, Clock]:
    clock = Clock()
    return MemoryLedger(bytes, clock), clock


async def test_an_owner_that_does_not_renew_is_lost_after_5_s_and_may_still_settle() -> None:
    ledger, clock = ledger_and_clock()
    assert await ledger.claim("room:7", "k", "one") == Claim("new")
    clock.advance(4)
    await ledger.renew("room:7", "k", "one")
    clock.advance(4)
    assert await ledger.claim("room:7", "k", "two") == Claim("running")
    clock.advance(2)
    assert await ledger.claim("room:7", "k", "two") == Claim("lost")
    await ledger.settle("room:7", "k", "one", b"late")
    assert await ledger.claim("room:7", "k", "two") == Claim("done", b"late")


async def test_a_record_is_kept_for_300_s() -> None:
    ledger, clock = ledger_and_clock()
    await ledger.claim("room:7", "k", "one")
    await ledger.settle("room:7", "k", "one", b"1")
    clock.advance(299)
    assert (await ledger.claim("room:7", "k", "two")).state == "done"
    clock.advance(2)
    assert (await ledger.claim("room:7", "k", "two")).state == "new"


async def test_a_full_ledger_forgets_nothing_and_takes_nothing_new() -> None:
    ledger, clock = ledger_and_clock(bytes=1_000)
    await ledger.claim("room:7", "a", "one")
    await ledger.settle("room:7", "a", "one", b"x" * 500)
    with pytest.raises(BroadcastUnavailable):
        await ledger.claim("room:7", "b", "one")
    assert await ledger.claim("room:7", "a", "two") == Claim("done", b"x" * 500)
    clock.advance(301)
    assert (await ledger.claim("room:7", "b", "one")).state == "new"


steps = st.lists(
    st.tuples(
        st.sampled_from(["claim", "renew", "settle", "wait"]),
        st.sampled_from(["a", "b"]),
        st.sampled_from(["one", "two", "three"]),
        st.sampled_from([1, 4, 6, 150, 301]),
    ),
    max_size=40,
)


@given(steps)
@settings(max_examples=examples(400), deadline=None)
def test_a_key_is_new_to_one_owner_until_it_is_forgotten(steps: list[tuple[str, str, str, int]]) -> None:
    """The model remembers for each key: its owner, when it was last heard of, and its result."""
    ledger, clock = ledger_and_clock()
    known: dict[str, dict[str, Any]] = {}
    now = 0
    for step, key, owner, seconds in steps:
        known = {key: one for key, one in known.items() if now - one["at"] < 300}
        if step == "wait":
            now += seconds
            clock.advance(seconds)
        elif step == "claim":
            one = known.setdefault(key, {"owner": owner, "at": now, "result": None})
            expected = "new" if one["owner"] == owner else "running" if now - one["at"] <= 5 else "lost"
            claim = run_now(ledger.claim("room:7", key, owner))
            assert claim == (Claim("done", one["result"]) if one["result"] is not None else Claim(expected))  # type: ignore[arg-type]
        else:
            arguments = ("room:7", key, owner)
            result = f"{key} {owner} {now}".encode()
            run_now(ledger.renew(*arguments) if step == "renew" else ledger.settle(*arguments, result))
            if (one := known.get(key)) and one["owner"] == owner:
                one["at"] = now
                one["result"] = result if step == "settle" else one["result"]
