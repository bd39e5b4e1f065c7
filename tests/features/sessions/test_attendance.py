"""Those who come and go are announced, and take no more of the history than their share."""

import random

from pattern_stack.features.sessions.core.attendance import (
    BURST,
    MAX_IN_SPAN,
    QUIET_SECONDS,
    SPAN_SECONDS,
    Arrival,
    Attendance,
)
from tests.features.sessions.world import World


def test_who_comes_and_goes_is_named_at_once() -> None:
    one = Attendance()
    one.join("a")
    assert one.due(0) == [Arrival("a", True)]
    one.leave("a")
    assert one.due(0) == [Arrival("a", False)]
    assert (one.present, one.due(0), one.next_due(0)) == (set(), [], None)


def test_one_connection_is_named_twice_in_ten_seconds_and_then_as_it_is() -> None:
    one = Attendance()
    for _ in range(100):
        one.join("a")
        one.due(0)
        one.leave("a")
        one.due(0)
    assert (one.due(0), one.next_due(0)) == ([], None), "it is gone, as was announced"
    one.join("a")
    assert (one.due(0), one.next_due(0)) == ([], QUIET_SECONDS)
    assert one.due(QUIET_SECONDS) == [Arrival("a", True)]


def test_one_that_comes_and_goes_before_it_is_named_is_not() -> None:
    one = Attendance()
    crowd = [f"{number}" for number in range(BURST)]
    for id in crowd:
        one.join(id)
    assert len(one.due(0)) == BURST
    one.join("late")
    assert one.due(0) == []
    one.leave("late")
    assert (one.next_due(0), one.due(SPAN_SECONDS)) == (None, [])


def test_in_no_span_are_there_more_than_their_share_and_in_the_end_all_are_known() -> None:
    """Ten thousand who come and go as they like, and some who do nothing else; then they rest."""
    rng, one, now = random.Random(1), Attendance(), 0.0
    times: list[float] = []
    known: set[str] = set()

    def send() -> None:
        for id, is_here in one.due(now):
            assert is_here != (id in known), "nobody is announced twice"
            known.symmetric_difference_update({id})
            times.append(now)

    for step in range(20_000):
        id = rng.choice(["a", "b", f"{rng.randrange(10_000)}"])
        (one.leave if id in one.present else one.join)(id)
        send()
        now += rng.choice([0, 0.001, 0.1, 1]) if step % 1000 else 400
    while (delay := one.next_due(now)) is not None:
        now += delay
        send()
    assert known == one.present
    for number, time in enumerate(times[MAX_IN_SPAN:], MAX_IN_SPAN):
        assert time - times[number - MAX_IN_SPAN] >= SPAN_SECONDS * 0.999, "that would be one more in a span"
    assert len(one._recent) <= MAX_IN_SPAN


async def test_one_that_comes_and_goes_takes_no_history_from_others(world: World) -> None:
    """A client that was away while eight others came and went forty times each still gets all that it missed."""
    session = await world.session()
    channel = f"session:{session}"
    (one,) = await world.joined(session, 1)
    await world.node(session, "seen")
    last = (await one.told())[-1]
    epoch = (await one.subscribe(channel))[channel]["epoch"]
    for _ in range(8):
        restless = await world.client()
        for _ in range(40):
            await restless.subscribe(channel)
            await restless.ask({"unsubscribe": [channel]})
            restless.inbox.clear()
    await world.node(session, "missed")
    back = await world.client()
    since = {channel: {"epoch": epoch, "offset": last["offset"]}}
    assert (await back.subscribe(channel, since=since))[channel]["recovered"] is True
    told = await one.told()
    arrivals = [event for event in told if event["event"] in ("session-connected", "session-disconnected")]
    assert 8 * 2 <= len(arrivals) < 320, "of 640"
    assert (await world.info(session))["active_clients"] == 2


async def test_a_crowd_leaves_room_for_what_others_do(world: World) -> None:
    session = await world.session()
    channel = f"session:{session}"
    (one,) = await world.joined(session, 1)
    await world.node(session, "seen")
    last = (await one.told())[-1]
    epoch = (await one.subscribe(channel))[channel]["epoch"]
    for _ in range(5):
        crowd = [await world.client() for _ in range(60)]
        for client in crowd:
            await client.join(session)
        for client in crowd:
            client.cut()
    for number in range(60):
        await world.node(session, f"{number}")  # three events each: with a quarter of the history, less than all of it
    back = await world.client()
    since = {channel: {"epoch": epoch, "offset": last["offset"]}}
    assert (await back.subscribe(channel, since=since))[channel]["recovered"] is True


async def test_those_who_could_not_be_named_at_once_are_named_by_themselves(world: World) -> None:
    """Nobody has to come or go for it."""
    session = await world.session()
    (one,) = await world.joined(session, 1)
    attendance = world.sessions.get(session).attendance
    await world.server.acall(lambda: setattr(attendance, "_tokens", 0.99))
    two = await world.client()
    await two.join(session)
    (came,) = await one.told("session-connected")
    assert came["payload"]["active_clients"] == 2
