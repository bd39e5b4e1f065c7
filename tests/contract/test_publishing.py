"""Keys, ephemeral events, and the newest events of a window, on every store."""

import asyncio
from typing import Any

import pytest
from pydantic import BaseModel, RootModel

from pattern_stack import Channel, History, InvalidEvent, Publish
from tests.contract.conftest import Make, World
from tests.support.client import client
from tests.support.server import serving_backend


class Order(BaseModel):
    number: int
    note: str | None = None


# -- keys


async def test_a_key_publishes_once(world: World) -> None:
    async with client(world.server.url) as one:
        await one.subscribe("orders")
        first = await world.backend.broadcast("orders", "created", {"n": 1}, key="a1")
        repeat = await world.backend.broadcast("orders", "created", {"n": 2}, key="a1")
        assert repeat == first
        assert repeat.payload == {"n": 1}
        assert repeat.data == first.data
        other = await world.backend.broadcast("orders", "created", {"n": 3}, key="a2")
        elsewhere = await world.backend.broadcast("others", "created", {"n": 4}, key="a1")
        assert (other.offset, elsewhere.offset) == (2, 1)
        assert [event["payload"]["n"] for event in await one.take(2)] == [1, 3]
        await one.nothing_more()


@pytest.mark.parametrize("world", [{"history": History(events=2)}], indirect=True)
async def test_of_a_repeat_after_the_window_the_position_is_all_there_is(world: World) -> None:
    first = await world.backend.broadcast("orders", "created", {"n": 0}, key="a1")
    for n in range(2):
        await world.backend.broadcast("orders", "created", {"n": n})
    repeat = await world.backend.broadcast("orders", "created", {"n": 0}, key="a1")
    assert repeat == first
    assert repeat.position == first.position
    assert f"None, {first.epoch}" in repr(repeat)
    with pytest.raises(LookupError, match="no longer kept"):
        repeat.payload  # noqa: B018
    assert (await world.backend.position("orders")).offset == 3


async def test_a_refused_call_uses_no_key_up(world: World) -> None:
    with pytest.raises(InvalidEvent):
        await world.backend.broadcast("orders", "created", {"n": float("nan")}, key="a1")
    with pytest.raises(InvalidEvent):
        await world.backend.broadcast_many([Publish("orders", "e", {}, key="a1"), Publish("orders", "", {})])
    assert (await world.backend.broadcast("orders", "created", {}, key="a1")).offset == 1


@pytest.mark.parametrize("key", ["", "k" * 65, "a\nb", 7, b"a1"])
async def test_what_is_no_key_is_refused(world: World, key: Any) -> None:
    with pytest.raises(InvalidEvent, match="a key is"):
        await world.backend.broadcast("orders", "created", {}, key=key)


async def test_a_key_has_any_printable_characters(world: World) -> None:
    for key in ("k" * 64, "ü {}:*  \\", "先"):
        first = await world.backend.broadcast("orders", "created", {}, key=key)
        assert await world.backend.broadcast("orders", "created", {}, key=key) == first


async def test_many_at_once_with_one_key_are_one(world: World) -> None:
    async with client(world.server.url) as one:
        await one.subscribe("orders")
        events = await asyncio.gather(
            *(world.backend.broadcast("orders", "created", {"n": n}, key="a1") for n in range(20))
        )
        assert len(set(events)) == 1
        assert (await one.event())["payload"] == events[0].payload
        await one.nothing_more()


async def test_items_of_one_call_have_keys_and_origins(world: World) -> None:
    async with client(world.server.url) as one:
        await one.subscribe("orders")
        first, repeat, plain, passing = await world.backend.broadcast_many(
            [
                Publish("orders", "e", {"n": 1}, key="a1"),
                Publish("orders", "e", {"n": 2}, "hers", "a1"),
                ("orders", "e", {"n": 3}),
                Publish("orders", "e", Order(number=4), "hers", ephemeral=True),
            ],
            origin="mine",
        )
        assert first == repeat
        assert passing is None
        assert plain is not None
        assert (plain.offset, plain.origin) == (2, "mine")
        got = await one.take(3)
        assert [(event["payload"], event["origin"], event.get("offset")) for event in got] == [
            ({"n": 1}, "mine", 1),
            ({"n": 3}, "mine", 2),
            ({"number": 4, "note": None}, "hers", None),
        ]


# -- payloads


async def test_a_model_is_a_payload(world: World) -> None:
    event = await world.backend.broadcast("orders", "created", Order(number=1))
    assert event.payload == {"number": 1, "note": None}
    for payload in (RootModel[list[int]]([1]), Order, [1]):
        with pytest.raises(InvalidEvent, match="a payload is"):
            await world.backend.broadcast("orders", "created", payload)  # type: ignore[arg-type]


# -- ephemeral


async def test_an_ephemeral_event_has_no_place(world: World) -> None:
    async with client(world.server.url) as one:
        start = (await one.subscribe("orders"))["orders"]
        answer = await world.backend.broadcast("orders", "typing", {"user": "ann"}, origin="tab", ephemeral=True)  # type: ignore[func-returns-value]
        assert answer is None
        event = await world.backend.broadcast("orders", "created", {})
        assert event.offset == start["offset"] + 1
        told = await one.event()
        assert told.pop("timestamp")
        assert told == {"channel": "orders", "event": "typing", "payload": {"user": "ann"}, "origin": "tab"}
        assert (await one.event())["offset"] == event.offset
        await one.nothing_more()
    async with client(world.server.url) as late:
        await late.subscribe("orders", since={"orders": start})
        assert (await late.event())["event"] == "created"
        await late.nothing_more()
    assert [kept.event_type for kept in await world.backend.history("orders", last=10)] == ["created"]


async def test_handlers_get_ephemeral_events_and_listen_does_not(world: World) -> None:
    got: asyncio.Queue[str] = asyncio.Queue()

    async def handler(event_type: str, payload: dict[str, Any]) -> None:
        got.put_nowait(event_type)

    async def begin() -> None:
        await world.backend.subscribe("orders", handler)

    async def first_of_stream() -> str:
        async with world.backend.listen("orders") as stream:
            following = asyncio.ensure_future(anext(stream))
            while len(world.backend._instance.listening.listeners) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0)
            await world.backend.broadcast("orders", "typing", {}, ephemeral=True)
            await world.backend.broadcast("orders", "created", {})
            return (await following).event_type

    await world.backend.run(begin)
    assert await world.backend.run(first_of_stream) == "created"

    async def next_two() -> list[str]:
        return [await got.get(), await got.get()]

    assert await world.backend.run(next_two) == ["typing", "created"]


async def test_ephemeral_and_a_key_exclude_each_other(world: World) -> None:
    with pytest.raises(InvalidEvent, match="ephemeral"):
        await world.backend.broadcast("orders", "typing", {}, key="a1", ephemeral=True)  # type: ignore[call-overload]


async def test_who_is_catching_up_gets_no_ephemeral_event(make_backend: Make) -> None:
    backend = make_backend()
    called, go_on, heard = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def hear(event_type: str, payload: dict[str, Any]) -> None:
        if event_type == "created":
            heard.set()

    @backend.channel("board")
    class Board(Channel):
        async def snapshot(self, connection: Any) -> dict[str, Any]:
            called.set()
            await go_on.wait()
            return {}

    with serving_backend(backend) as server:
        async with client(server.url) as one, client(server.url) as two:
            subscribing = asyncio.create_task(one.subscribe("board"))
            await backend.run(called.wait)  # type: ignore[arg-type]
            await backend.run(lambda: backend.subscribe("board", hear))
            await backend.broadcast("board", "typing", {}, ephemeral=True)
            await backend.broadcast("board", "created", {})
            await backend.run(heard.wait)  # type: ignore[arg-type] # both have come to the instance

            async def release() -> None:
                go_on.set()

            await backend.run(release)
            await subscribing
            assert [(await one.event())["event"] for _ in range(2)] == ["snapshot", "created"]
            await two.subscribe("board")
            await backend.broadcast("board", "typing", {}, ephemeral=True)
            assert (await one.event())["event"] == "typing"


# -- the newest events


async def publish(world: World, count: int) -> None:
    await world.backend.broadcast_many([("orders", "tick", {"n": n + 1}) for n in range(count)])


@pytest.mark.parametrize("world", [{"history": History(events=5)}], indirect=True)
@pytest.mark.parametrize(("last", "offsets"), [(0, []), (2, [7, 8]), (5, [4, 5, 6, 7, 8]), (99, [4, 5, 6, 7, 8])])
async def test_a_client_gets_the_newest(world: World, last: int, offsets: list[int]) -> None:
    await publish(world, 8)
    for _ in range(2):
        async with client(world.server.url) as one:
            told = await one.subscribe("orders", since={"orders": {"last": last}})
            assert told["orders"]["recovered"] is True
            assert told["orders"]["offset"] == 8 - len(offsets)
            assert [event["offset"] for event in await one.take(len(offsets))] == offsets
            await world.backend.broadcast("orders", "tick", {}, ephemeral=True)
            assert "offset" not in await one.event()
            await one.nothing_more()
    assert [event.offset for event in await world.backend.history("orders", last=last)] == offsets


async def test_the_newest_of_an_empty_channel_are_none(world: World) -> None:
    async with client(world.server.url) as one:
        told = (await one.subscribe("orders", since={"orders": {"last": 5}}))["orders"]
        assert (told["offset"], told["recovered"]) == (0, True)
        await publish(world, 1)
        assert (await one.event())["offset"] == 1
        assert [event.offset for event in await world.backend.history("orders", last=5)] == [1]
    assert await world.backend.history("nothing", last=5) == []


@pytest.mark.parametrize("last", [-1, True, "5", 1.5, None, 2**70])
async def test_what_is_no_count_is_refused(world: World, last: Any) -> None:
    async with client(world.server.url) as one:
        answer = await one.ask({"subscribe": ["orders"], "since": {"orders": {"last": last}}})
        assert answer["error"]["code"] == "invalid_message"
    if last != 2**70:
        with pytest.raises(ValueError, match="integer from 0"):
            await world.backend.history("orders", last=last)


async def test_with_the_newest_there_is_no_snapshot(make_backend: Make) -> None:
    backend = make_backend()

    @backend.channel("board")
    class Board(Channel):
        async def snapshot(self, connection: Any) -> dict[str, Any]:
            return {"is": "asked for"}

    with serving_backend(backend) as server:
        await backend.broadcast("board", "drawn", {"n": 1})
        async with client(server.url) as one:
            await one.subscribe("board", since={"board": {"last": 3}})
            assert (await one.event())["event"] == "drawn"
            await one.nothing_more()
            await one.ask({"refresh": ["board"]})
            assert (await one.event())["event"] == "snapshot"


async def test_listen_begins_with_the_newest(world: World) -> None:
    await publish(world, 3)

    async def take() -> list[int]:
        async with world.backend.listen("orders", last=2) as stream:
            offsets = [(await anext(stream)).offset, (await anext(stream)).offset]
            await world.backend.broadcast("orders", "tick", {})
            return [*offsets, (await anext(stream)).offset]

    assert await world.backend.run(take) == [2, 3, 4]
    with pytest.raises(ValueError, match="not both"):
        world.backend.listen("orders", await world.backend.position("orders"), last=2)
