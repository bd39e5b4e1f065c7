"""Commands with a key are carried out once, on every store, on whichever instance they are repeated."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from pattern_stack import Channel, Connection, Identity, Rejected, WebSocketBroadcastBackend, command
from pattern_stack.atoms.broadcast.connection import execution
from tests.contract.conftest import Make
from tests.support.client import Message, client
from tests.support.server import Server, serving_backend, until

ROOM = "room:7"


class Counter:
    """One application, on however many instances: what its commands have done."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.gate = asyncio.Event()

    def add_to(self, backend: WebSocketBroadcastBackend) -> WebSocketBroadcastBackend:
        counter = self

        @backend.channel("room:{room_id}")
        class Room(Channel):
            @command("add")
            async def add(self, connection: Connection, payload: dict[str, Any], room_id: str) -> int:
                counter.done.append(f"{connection.user} {room_id}")
                if payload.get("wait"):
                    await counter.gate.wait()
                if fault := payload.get("fails"):
                    raise Rejected("full", "no room") if fault == "full" else RuntimeError("secret")
                return len(counter.done)

        return backend


def by_name(name: str | None = None) -> Any:
    return Identity({"name": name}) if name == "keyless" else name


def add(key: str, channel: str = ROOM, **payload: Any) -> Message:
    return {"send": channel, "event": "add", "payload": payload, "key": key}


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
def server(make_backend: Make, counter: Counter) -> Iterator[Server]:
    with serving_backend(counter.add_to(make_backend()), authenticate=by_name) as server:
        yield server


async def test_a_repeat_gets_what_the_first_ended_with(server: Server, counter: Counter) -> None:
    async with client(f"{server.url}?name=ann") as ann:
        await ann.subscribe(ROOM)
        first = await ann.ask(add("a1"))
        assert first["result"] == 1
    async with client(f"{server.url}?name=ann") as again:
        await again.subscribe(ROOM)
        assert (await again.ask(add("a1", other="payload")))["result"] == 1
        assert (await again.ask(add("a2")))["result"] == 2
        refused = [(await again.ask(add("f1", fails="full")))["error"] for _ in range(2)]
        assert refused == [{"code": "full", "message": "no room"}] * 2
        failed = [(await again.ask(add("f2", fails="yes")))["error"]["code"] for _ in range(2)]
        assert failed == ["internal"] * 2
    assert len(counter.done) == 4


async def test_a_key_is_of_one_user_and_one_channel(server: Server, counter: Counter) -> None:
    async with client(f"{server.url}?name=ann") as ann, client(f"{server.url}?name=ben") as ben:
        for one in (ann, ben):
            await one.subscribe(ROOM, "room:8")
            for channel in (ROOM, "room:8"):
                await one.ask(add("k", channel))
                await one.ask(add("k", channel))
        async with client(server.url) as nobody, client(server.url) as somebody:
            for one in (nobody, somebody):
                await one.subscribe(ROOM)
                assert (await one.ask(add("k")))["result"] == 5
    assert counter.done == ["ann 7", "ann 8", "ben 7", "ben 8", "None 7"]


async def test_a_refused_command_uses_no_key_up(server: Server, counter: Counter) -> None:
    async with client(server.url) as one:
        assert (await one.ask(add("k")))["error"]["code"] == "not_subscribed"
        await one.subscribe(ROOM)
        assert (await one.ask({**add("k"), "payload": []}))["error"]["code"] == "invalid_payload"
        assert (await one.ask({**add("k"), "event": "nope"}))["error"]["code"] == "unknown_event"
        assert (await one.ask(add("k")))["result"] == 1


async def test_a_user_without_a_key_is_refused_with_a_key(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    async with client(f"{server.url}?name=keyless") as one:
        await one.subscribe(ROOM)
        for _ in range(3):
            assert (await one.ask(add("k")))["error"]["code"] == "forbidden"
        assert (await one.ask({"send": ROOM, "event": "add"}))["result"] == 1
    lines = [record.getMessage() for record in caplog.records if "Identity(user, key=...)" in record.getMessage()]
    assert len(lines) == 1


async def test_the_second_waits_for_the_first_though_its_connection_broke(server: Server, counter: Counter) -> None:
    async with client(f"{server.url}?name=ann") as ann:
        await ann.subscribe(ROOM)
        await ann.send(add("k", wait=True))
        await until(server, lambda: len(counter.done) == 1)
        ann.cut()
    async with client(f"{server.url}?name=ann") as again:
        await again.subscribe(ROOM)
        await again.send({**add("k", wait=True), "id": "repeat"})
        await again.nothing_more()
        await server.acall(counter.gate.set)
        assert await again.receive() == {"id": "repeat", "result": 1}
    assert len(counter.done) == 1


# -- several instances


@pytest.fixture
def pair(make_instance: Make, counter: Counter) -> Iterator[tuple[Server, Server]]:
    with ExitStack() as stack:
        backends = [counter.add_to(make_instance()) for _ in range(2)]
        servers = [stack.enter_context(serving_backend(one, authenticate=by_name)) for one in backends]
        yield servers[0], servers[1]


@pytest.mark.redis
async def test_a_repeat_on_another_instance(pair: tuple[Server, Server], counter: Counter) -> None:
    here, there = pair
    async with client(f"{here.url}?name=ann") as ann, client(f"{there.url}?name=ann") as again:
        await ann.subscribe(ROOM)
        await again.subscribe(ROOM)
        await ann.send({**add("k", wait=True), "id": "first"})
        await until(here, lambda: len(counter.done) == 1)
        await again.send({**add("k", wait=True), "id": "repeat"})
        await again.nothing_more()
        await here.acall(counter.gate.set)
        assert (await ann.receive())["result"] == (await again.receive())["result"] == 1
    assert len(counter.done) == 1


@pytest.mark.redis
async def test_where_its_instance_died_the_outcome_is_unknown(
    pair: tuple[Server, Server], counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An instance that does not renew is one that died: here it never does, so that the test waits for the lease alone."""
    monkeypatch.setattr(execution, "RENEW_SECONDS", 3_600)
    here, there = pair
    async with client(f"{here.url}?name=ann") as ann, client(f"{there.url}?name=ann") as again:
        await ann.subscribe(ROOM)
        await again.subscribe(ROOM)
        await ann.send(add("k", wait=True))
        await until(here, lambda: len(counter.done) == 1)
        assert (await again.ask(add("k", wait=True)))["error"]["code"] == "unknown_outcome"
        assert (await again.ask(add("k", wait=True)))["error"]["code"] == "unknown_outcome"
        await here.acall(counter.gate.set)
    assert len(counter.done) == 1
