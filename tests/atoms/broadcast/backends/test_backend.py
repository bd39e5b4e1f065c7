"""The surface of the backend in the process itself: publishing, handlers, listeners, threads and its end."""

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, assert_type

import pytest

from pattern_stack import (
    BroadcastClosed,
    BroadcastError,
    Event,
    InvalidChannel,
    InvalidEvent,
    Limits,
    NotFound,
    Position,
    Subscription,
    TooSlow,
    WebSocketBroadcastBackend,
    broadcast_from_url,
)
from tests.support.client import client
from tests.support.server import serving_backend

Seen = list[tuple[str, dict[str, Any]]]


def collector(seen: Seen, until: int) -> tuple[Callable[[str, dict[str, Any]], Awaitable[None]], asyncio.Event]:
    done = asyncio.Event()

    async def handler(event_type: str, payload: dict[str, Any]) -> None:
        seen.append((event_type, payload))
        if len(seen) == until:
            done.set()

    return handler, done


async def test_types_that_users_touch() -> None:
    async with WebSocketBroadcastBackend() as backend:
        event = await backend.broadcast("a", "b", {})
        assert_type(event, Event)
        assert_type(event.position, Position)
        assert_type(event.payload, dict[str, Any])
        assert_type(await backend.broadcast_many([("a", "b", {})]), list[Event])

        async def handler(event_type: str, payload: dict[str, Any]) -> None: ...

        assert_type(await backend.subscribe("a", handler), Subscription)


async def test_handlers_get_copies_of_their_own_one_at_a_time() -> None:
    backend = WebSocketBroadcastBackend()
    first: Seen = []
    second: Seen = []
    take_first, first_done = collector(first, 2)
    take_second, second_done = collector(second, 2)

    async def spoil(event_type: str, payload: dict[str, Any]) -> None:
        payload["n"] = "spoiled"
        await take_first(event_type, payload)

    await backend.subscribe("a", spoil)
    await backend.subscribe("a", take_second)
    await backend.broadcast("a", "x", {"n": 1})
    await backend.broadcast("a", "y", {"n": 2})
    await asyncio.gather(first_done.wait(), second_done.wait())
    assert second == [("x", {"n": 1}), ("y", {"n": 2})]
    await backend.close()


async def test_a_handler_that_raises_is_logged_and_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    backend = WebSocketBroadcastBackend()
    seen: Seen = []
    take, done = collector(seen, 2)

    async def handler(event_type: str, payload: dict[str, Any]) -> None:
        await take(event_type, payload)
        if event_type == "bad":
            raise ZeroDivisionError("in the handler")

    await backend.subscribe("a", handler)
    await backend.broadcast_many([("a", "bad", {}), ("a", "good", {})])
    await done.wait()
    assert [event_type for event_type, _ in seen] == ["bad", "good"]
    assert "ZeroDivisionError: in the handler" in caplog.text
    await backend.close()


async def test_unsubscribing_ends_that_handler_alone() -> None:
    backend = WebSocketBroadcastBackend()
    gone: Seen = []
    stays: Seen = []
    take, done = collector(stays, 1)
    subscription = await backend.subscribe("a", collector(gone, 1)[0])
    async with await backend.subscribe("a", take):
        await backend.broadcast("a", "x", {})
        await subscription.unsubscribe()
        await subscription.unsubscribe()
        await done.wait()
    assert gone == []
    await backend.close()


async def test_a_handler_past_its_bound_is_ended_with_a_logged_error(caplog: pytest.LogCaptureFixture) -> None:
    backend = WebSocketBroadcastBackend(limits=Limits(handler_events=3))
    begun, gate, seen = asyncio.Event(), asyncio.Event(), list[int]()

    async def handler(event_type: str, payload: dict[str, Any]) -> None:
        seen.append(payload["n"])
        begun.set()
        await gate.wait()

    await backend.subscribe("a", handler)
    await backend.broadcast("a", "x", {"n": 0})
    await begun.wait()
    for n in range(1, 6):
        await backend.broadcast("a", "x", {"n": n})
        await asyncio.sleep(0)  # a turn each
    gate.set()
    await backend.close()
    assert seen == [0, 1, 2, 3]
    assert "more events of a were waiting than Limits.handler_events" in caplog.text


@pytest.mark.parametrize("limits", [Limits(handler_events=3), Limits(handler_bytes=300)])
async def test_what_one_call_publishes_is_no_sign_of_slowness(limits: Limits) -> None:
    backend = WebSocketBroadcastBackend(limits=limits)
    seen: list[int] = []

    async def handler(event_type: str, payload: dict[str, Any]) -> None:
        seen.append(payload["n"])

    await backend.subscribe("a", handler)
    for start in (0, 1_200):
        await backend.broadcast_many([("a", "x", {"n": start + n}) for n in range(1_200)])
        await asyncio.sleep(0)
    await backend.close()
    assert seen == list(range(2_400))


async def test_bytes_that_wait_for_a_handler_are_bounded() -> None:
    backend = WebSocketBroadcastBackend(limits=Limits(handler_bytes=1_000))
    events = backend.listen("a")
    step = asyncio.ensure_future(anext(events))
    await asyncio.sleep(0)
    for _ in range(5):
        await backend.broadcast("a", "x", {"x": "x" * 900})
        await asyncio.sleep(0)
    await step
    assert [event.offset async for event in _until_too_slow(events)] == [2, 3]
    await backend.close()


async def test_a_plain_function_handles_events_in_a_thread_and_in_order() -> None:
    backend = WebSocketBroadcastBackend()
    seen: list[tuple[int, bool]] = []
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    here = threading.get_ident()

    def handler(event_type: str, payload: dict[str, Any]) -> None:
        seen.append((payload["n"], threading.get_ident() == here))
        if len(seen) == 10:
            loop.call_soon_threadsafe(done.set)

    await backend.subscribe("a", handler)
    await backend.broadcast_many([("a", "x", {"n": n}) for n in range(10)])
    await done.wait()
    await backend.close()
    assert seen == [(n, False) for n in range(10)]


@pytest.mark.parametrize("handler", [None, 7, dict, lambda: (yield)], ids=["none", "number", "class", "generator"])
async def test_what_is_no_function_is_refused_as_a_handler(handler: Any) -> None:
    backend = WebSocketBroadcastBackend()
    with pytest.raises(TypeError, match="a handler has to be a coroutine function or a plain function"):
        await backend.subscribe("a", handler)
    await backend.close()


async def test_a_step_of_listen_that_is_cancelled_loses_nothing() -> None:
    backend = WebSocketBroadcastBackend()
    events = backend.listen("a")
    for n in range(3):
        step = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)
        step.cancel()
        with pytest.raises(asyncio.CancelledError):
            await step
        await backend.broadcast("a", "x", {"n": n})
        assert (await anext(events)).payload["n"] == n
    await events.aclose()
    with pytest.raises(StopAsyncIteration):
        await anext(events)
    await backend.close()


async def test_a_stream_that_nothing_refers_to_is_off_its_channel() -> None:
    backend = WebSocketBroadcastBackend()

    async def first() -> int:
        async for event in backend.listen("a"):
            return event.offset
        return 0

    running = asyncio.ensure_future(first())
    await asyncio.sleep(0)
    await backend.broadcast("a", "x", {})
    assert await running == 1
    gc.collect()
    await asyncio.sleep(0)
    assert not backend._instance.listening.listeners
    await backend.close()


async def test_listen_goes_on_from_a_position() -> None:
    backend = WebSocketBroadcastBackend()
    first = await backend.broadcast("a", "x", {"n": 1})
    await backend.broadcast("a", "x", {"n": 2})
    got = []
    async for event in backend.listen("a", since=first.position):
        got.append((event.event_type, event.offset, event.payload))
        if len(got) == 1:
            await backend.broadcast("a", "y", {})
            await backend.end("a")
    assert got == [("x", 2, {"n": 2}), ("y", 3, {})]
    with pytest.raises(NotFound):
        await anext(backend.listen("a", since=Position("other", 1)))
    await backend.close()


async def test_listen_raises_too_slow_after_what_waited() -> None:
    backend = WebSocketBroadcastBackend(limits=Limits(handler_events=2))
    events = backend.listen("a")
    step = asyncio.ensure_future(anext(events))
    await asyncio.sleep(0)
    for n in range(4):
        await backend.broadcast("a", "x", {"n": n})
        await asyncio.sleep(0)
        await step
    assert [event.offset async for event in _until_too_slow(events)] == [2, 3]
    await backend.close()


async def _until_too_slow(events: AsyncIterator[Event]) -> AsyncIterator[Event]:
    while True:
        try:
            yield await anext(events)
        except TooSlow:
            return


async def test_many_are_published_all_or_none() -> None:
    backend = WebSocketBroadcastBackend()
    with pytest.raises(InvalidChannel):
        await backend.broadcast_many([("a", "x", {}), ("b c", "x", {})])
    assert (await backend.position("a")).offset == 0
    assert [event.offset for event in await backend.broadcast_many([("a", "x", {}), ("a", "y", {})])] == [1, 2]


async def test_what_is_published_together_has_one_origin() -> None:
    async with WebSocketBroadcastBackend() as backend:
        events = await backend.broadcast_many([("a", "x", {}), ("b", "y", {})], origin="tab-1")
        assert [event.origin for event in events] == ["tab-1", "tab-1"]


async def test_a_thread_runs_what_it_wants_where_the_hub_lives() -> None:
    async def where() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    async with WebSocketBroadcastBackend() as backend, await backend.subscribe("a", collector([], 1)[0]):
        here = asyncio.get_running_loop()
        assert await backend.run(where) is here
        assert await asyncio.to_thread(backend.run_sync, where) is here
        assert await asyncio.to_thread(lambda: asyncio.run(backend.run(where))) is here
        with pytest.raises(BroadcastError):
            backend.run_sync(where)


async def test_errors_leave_everything_as_it_was() -> None:
    backend = WebSocketBroadcastBackend()
    before = await backend.broadcast("a", "x", {})
    for arguments in [("a b", "x", {}), ("a", "", {}), ("a", "x", {"x": object()}), ("a", "x", {"x": "y" * 2_000_000})]:
        with pytest.raises((InvalidChannel, InvalidEvent)):
            await backend.broadcast(*arguments)
    assert (await backend.broadcast("a", "x", {})).position == Position(before.epoch, before.offset + 1)


async def test_after_close_everything_raises() -> None:
    backend = WebSocketBroadcastBackend()

    async def handler(event_type: str, payload: dict[str, Any]) -> None: ...

    await backend.subscribe("a", handler)
    await backend.close()
    await backend.close()
    with pytest.raises(BroadcastClosed):
        await backend.broadcast("a", "x", {})
    with pytest.raises(BroadcastClosed):
        await asyncio.to_thread(backend.broadcast_sync, "a", "x", {})
    with pytest.raises(BroadcastClosed):
        await backend.subscribe("a", handler)
    with pytest.raises(BroadcastClosed):
        await anext(backend.listen("a"))
    assert not backend.is_ready


async def test_listeners_end_when_the_backend_closes() -> None:
    backend = WebSocketBroadcastBackend()
    ended = asyncio.ensure_future(_count(backend))
    await asyncio.sleep(0)
    await backend.broadcast("a", "x", {})
    await backend.close()
    assert await ended == 1


async def _count(backend: WebSocketBroadcastBackend) -> int:
    return len([event async for event in backend.listen("a")])


async def test_broadcast_sync_on_the_hubs_own_loop_raises() -> None:
    backend = WebSocketBroadcastBackend()
    stop = await backend.subscribe("a", collector([], 1)[0])
    with pytest.raises(BroadcastError, match="must not be made on it"):
        backend.broadcast_sync("a", "x", {})
    await stop.unsubscribe()
    await backend.close()


async def test_threads_publish_before_anybody_is_there() -> None:
    backend = WebSocketBroadcastBackend()
    threads = [
        threading.Thread(target=lambda: [backend.broadcast_sync("a", "x", {}) for _ in range(500)]) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    await asyncio.gather(*(asyncio.to_thread(thread.join) for thread in threads))
    assert (await backend.position("a")).offset == 4_000


async def test_a_hub_in_use_on_another_loop_says_so() -> None:
    backend = WebSocketBroadcastBackend()
    with serving_backend(backend) as server:
        async with client(server.url) as one:
            await one.subscribe("a")
            with pytest.raises(BroadcastError, match="another event loop"):
                await backend.subscribe("a", collector([], 1)[0])
            assert (await backend.broadcast("a", "x", {})).offset == 1
            assert await asyncio.to_thread(backend.get_all_channels) == ["a"]
    handler, done = collector([], 1)
    async with await backend.subscribe("a", handler):  # empty now, so this loop may have it
        await backend.broadcast("a", "x", {})
        await done.wait()


def test_urls() -> None:
    assert isinstance(broadcast_from_url("memory://"), WebSocketBroadcastBackend)
    with pytest.raises(ValueError, match="no broadcast backend for nats://"):
        broadcast_from_url("nats://x")
