"""Hooks that are plain functions, that hang, that fail often, and whose snapshots are big."""

import asyncio
import functools
import logging
import random
import threading
from typing import Any

import pytest

from pattern_stack import Channel, Connection, Forbidden, Limits, WebSocketBroadcastBackend
from pattern_stack.atoms.broadcast.instance.failures import Failures
from tests.support.client import client
from tests.support.raw import Raw
from tests.support.server import serving_backend, until
from tests.support.watched import Watched

MIB = 1_048_576


# -- plain functions


async def test_hooks_may_be_plain_functions_and_run_in_a_thread() -> None:
    backend = WebSocketBroadcastBackend()
    calls: list[tuple[str, bool]] = []

    def note(hook: str) -> None:
        calls.append((hook, threading.current_thread() is threading.main_thread() or _on_a_loop()))

    @backend.channel("room:{name}")
    class Room(Channel):
        def authorize(self, connection: Connection, name: str) -> None:  # type: ignore[override]
            note("authorize")
            if name == "8":
                raise Forbidden("not this one")

        def joined(self, connection: Connection, name: str) -> None:  # type: ignore[override]
            note("joined")

        def snapshot(self, connection: Connection, name: str) -> dict[str, Any]:  # type: ignore[override]
            note("snapshot")
            return {"name": name}

        def left(self, connection: Connection, name: str) -> None:  # type: ignore[override]
            note("left")

    with serving_backend(backend) as server:
        async with client(server.url) as one:
            await one.subscribe("room:7")
            assert (await one.event())["payload"] == {"name": "7"}
            await one.ask({"unsubscribe": ["room:7"]})
            assert (await one.ask({"subscribe": ["room:8"]}))["error"]["code"] == "forbidden"
    assert calls == [(hook, False) for hook in ("authorize", "joined", "snapshot", "left", "authorize")]


def _on_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def declared(**hooks: Any) -> None:
    WebSocketBroadcastBackend().channel("room:{name}")(type("Room", (Channel,), hooks))


async def _async_generator(self: Any, connection: Any, name: str) -> Any:
    yield


@pytest.mark.parametrize(
    "hook",
    [None, 7, lambda self, connection, name: (yield), _async_generator, property(lambda self: 7)],
    ids=["none", "number", "generator", "async generator", "property"],
)
def test_what_is_no_function_is_refused_when_it_is_declared(hook: Any) -> None:
    with pytest.raises(TypeError, match=r"Room\.authorize has to be a coroutine function or a plain function"):
        declared(authorize=hook)


@pytest.mark.parametrize(
    "hook",
    [lambda self: None, lambda self, connection: None, lambda self, connection, room: None, lambda self, *, name: None],
    ids=["nothing", "no parameter", "another name", "no connection"],
)
def test_a_hook_that_does_not_take_the_parameters_is_refused_when_it_is_declared(hook: Any) -> None:
    with pytest.raises(TypeError, match=r"Room\.joined has to take \(connection, name\)"):
        declared(joined=hook)


def test_a_partial_of_a_coroutine_function_is_a_hook() -> None:
    async def authorize(prefix: str, connection: Any, name: str) -> None: ...

    # in a class, Python 3.14 makes a partial a method, which 3.13 announces
    declared(authorize=staticmethod(functools.partial(authorize, "x")))


# -- hooks that hang or fail


@pytest.mark.parametrize("hook", ["authorize", "joined", "snapshot"])
async def test_a_hook_that_hangs_is_unavailable_and_the_connection_goes_on(hook: str) -> None:
    backend = WebSocketBroadcastBackend(limits=Limits(hook_seconds=0.05))
    rooms = Watched(backend, **{hook: asyncio.Event()})
    with serving_backend(backend) as server:
        async with client(server.url) as one:
            await one.send({"subscribe": ["room:7", "orders"], "id": 1})
            await one.send({"ping": 1})
            refusal, reply, pong = await one.take(3)
            assert (refusal["error"]["code"], refusal["error"]["channel"]) == ("unavailable", "room:7")
            assert list(reply["subscribed"]) == ["orders"]
            assert pong["pong"] == 1
            assert backend.get_all_channels() == ["orders"]
    assert f"{hook} 7 cancelled" in rooms.calls


async def test_a_plain_hook_that_blocks_is_unavailable_too() -> None:
    backend = WebSocketBroadcastBackend(limits=Limits(hook_seconds=0.05))
    gate = threading.Event()

    @backend.channel("room:{name}")
    class Room(Channel):
        def authorize(self, connection: Connection, name: str) -> None:  # type: ignore[override]
            gate.wait(30)

    with serving_backend(backend) as server:
        async with client(server.url) as one:
            assert (await one.ask({"subscribe": ["room:7"]}))["error"]["code"] == "unavailable"
            gate.set()


async def test_no_more_hooks_run_at_once_than_are_allowed() -> None:
    backend = WebSocketBroadcastBackend(limits=Limits(hooks=20))
    gate, running, most = asyncio.Event(), 0, 0

    async def authorize(connection: Any, name: str) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await gate.wait()
        running -= 1

    rooms = Watched(backend, authorize=authorize)
    with serving_backend(backend) as server:
        async with client(server.url) as one, client(server.url) as two:
            channels = [f"room:{n}" for n in range(40)]
            await one.send({"subscribe": channels, "id": 1})
            await until(server, lambda: len(rooms.calls) == 16)  # of one connection
            await two.send({"subscribe": channels, "id": 1})
            await until(server, lambda: running == 20)  # of the instance
            await server.acall(gate.set)
            for each in (one, two):
                assert len((await each.receive())["subscribed"]) == 40
    assert most == 20


async def test_failures_of_one_kind_are_one_line_and_a_count(caplog: pytest.LogCaptureFixture) -> None:
    backend = WebSocketBroadcastBackend(limits=Limits(frames_burst=10_000, work_burst=100_000))
    Watched(backend, authorize=KeyError("tenant"))
    with serving_backend(backend) as server:
        async with client(server.url) as one:
            for _ in range(100):
                assert (await one.ask({"subscribe": ["room:7"]}))["error"]["code"] == "internal"
                await one.receive()
    assert len([record for record in caplog.records if record.exc_info]) == 1


def test_the_next_line_says_how_many_were_left_out(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    failures = Failures(logging.getLogger("test"), lambda: now)
    for _ in range(5):
        failures.error("hook", KeyError("a"), "a hook of %s failed", "room:7")
    failures.error("hook", ValueError("b"), "a hook of %s failed", "room:7")
    now = 61
    failures.error("hook", KeyError("a"), "a hook of %s failed", "room:7")
    assert [record.getMessage() for record in caplog.records] == [
        "a hook of room:7 failed",
        "a hook of room:7 failed",
        "a hook of room:7 failed (4 more like it since the last line)",
    ]


# -- what waits for a client


async def test_a_frame_that_asks_for_many_snapshots_makes_them_one_after_the_other() -> None:
    """128 snapshots of 1 MiB, and a client that reads nothing: only as many are made as may wait."""
    backend = WebSocketBroadcastBackend()
    rooms = Watched(backend, snapshot={"x": "x" * MIB})
    with serving_backend(backend) as server:
        raw = await asyncio.to_thread(Raw, server.port, receive_buffer=4_096)
        raw.text({"subscribe": [f"room:{n}" for n in range(128)], "id": 1})
        await until(server, lambda: len([call for call in rooms.calls if call.startswith("authorize")]) == 128)
        async with client(server.url) as healthy:
            for n in range(20):  # in lock-step with a neighbour
                await healthy.subscribe(f"orders:{n}")
        made = [call for call in rooms.calls if call.startswith("snapshot")]
        assert 1 <= len(made) <= 8
        raw.socket.close()


async def test_all_of_many_snapshots_come_to_a_client_that_reads() -> None:
    backend = WebSocketBroadcastBackend()
    Watched(backend, snapshot={"x": "x" * MIB})
    channels = [f"room:{n}" for n in range(12)]
    with serving_backend(backend) as server:
        async with client(server.url) as one:
            assert list(await one.subscribe(*channels)) == channels
            assert [(await one.event())["channel"] for _ in channels] == channels
            await backend.broadcast("room:11", "live", {})
            assert (await one.event())["offset"] == 1


async def test_a_snapshot_that_comes_later_and_fails_ends_the_subscription() -> None:
    backend = WebSocketBroadcastBackend()

    def state(connection: Any, name: str) -> dict[str, str]:
        if name == "3":
            raise RuntimeError("no state")
        return {"x": "x" * MIB}

    Watched(backend, snapshot=state)
    with serving_backend(backend) as server:
        async with client(server.url) as one:
            await one.subscribe(*[f"room:{n}" for n in range(4)])
            assert [(await one.event())["channel"] for _ in range(3)] == ["room:0", "room:1", "room:2"]
            error, told = await one.take(2)
            assert (error["error"]["code"], error["error"]["channel"]) == ("internal", "room:3")
            assert told == {"unsubscribed": ["room:3"]}
            assert "room:3" not in backend.get_all_channels()


async def test_a_snapshot_has_a_most() -> None:
    backend = WebSocketBroadcastBackend(limits=Limits(snapshot_bytes=1_000))
    Watched(backend, snapshot={"x": "x" * 1_000})
    with serving_backend(backend) as server:
        async with client(server.url) as one:
            assert (await one.ask({"subscribe": ["room:7"]}))["error"]["code"] == "internal"


@pytest.mark.parametrize("code", [4401, 4403])
async def test_a_right_that_ends_drops_what_waits(code: int) -> None:
    """Megabytes wait for a client that reads slowly; after the close it gets what the kernel had, and no more."""
    backend = WebSocketBroadcastBackend(limits=Limits(outbox_bytes=100 * MIB, close_seconds=60))
    with serving_backend(backend) as server:
        async with client(server.url) as one:
            await one.subscribe("orders")
            one.socket.transport.pause_reading()
            while not await server.acall(lambda: any(c.outbox.waiting for c in backend._instance.connections.open)):
                await backend.broadcast("orders", "big", {"x": random.randbytes(250_000).hex()})
            for _ in range(20):
                await backend.broadcast("orders", "secret", {"x": random.randbytes(250_000).hex()})
            await server.acall(lambda: [c.close(code) for c in list(backend._instance.connections.open)])
            one.socket.transport.resume_reading()
            assert (await one.closed())[0] == code
            assert all(message["event"] != "secret" for message in one.inbox)
