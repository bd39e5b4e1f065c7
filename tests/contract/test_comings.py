"""Coming and going costs the others little, and none of a channel's history, on every store."""

import asyncio
from contextlib import ExitStack
from typing import Any

import pytest

from pattern_stack import History, WebSocketBroadcastBackend
from pattern_stack.atoms.broadcast.backends.redis import RedisBroadcastBackend
from tests.contract.conftest import Make
from tests.support.client import Client, Message, client
from tests.support.proxy import proxy
from tests.support.redis.server import RedisServer
from tests.support.server import serving_backend
from tests.support.watched import Watched

ROOM = "room:7"


def by_name(name: str) -> str:
    return name


def until_done(one: Client) -> Any:
    return one.until(lambda message: message.get("event") == "done")


async def test_coming_and_going_uses_up_no_history_and_is_told_twice(make_backend: Make) -> None:
    backend = make_backend(history=History(events=4))
    Watched(backend, presence=True)
    with serving_backend(backend, authenticate=by_name) as server:
        async with client(f"{server.url}?name=ann") as ann, client(f"{server.url}?name=bob") as bob:
            start = (await ann.subscribe(ROOM))[ROOM]
            for _ in range(3):
                await backend.broadcast(ROOM, "said", {})
            for _ in range(30):
                await bob.subscribe(ROOM)
                await bob.ask({"unsubscribe": [ROOM]})
            await backend.broadcast(ROOM, "done", {})
            await until_done(ann)
            told = [message["event"] for message in ann.inbox]
            assert told == ["said", "said", "said", "presence-joined", "presence-left"]
            found = (await ann.ask({"presence": [ROOM]}))["presence"][ROOM]
            assert found["count"] == 1
            async with client(f"{server.url}?name=cay") as cay:
                recovered = (await cay.subscribe(ROOM, since={ROOM: start}))[ROOM]
                assert recovered["recovered"] is True
                assert [(await cay.event())["offset"] for _ in range(4)] == [1, 2, 3, 4]
                await cay.nothing_more()


async def test_what_could_not_be_told_at_once_is_told_when_it_is_still_true(
    make_backend: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pattern_stack.atoms.broadcast.core.told.QUIET_SECONDS", 0.3)
    backend = make_backend()
    Watched(backend, presence=True)
    with serving_backend(backend, authenticate=by_name) as server:
        async with client(f"{server.url}?name=ann") as ann, client(f"{server.url}?name=bob") as bob:
            await ann.subscribe(ROOM)
            for _ in range(2):
                await bob.subscribe(ROOM)
                await bob.ask({"unsubscribe": [ROOM]})
            await bob.subscribe(ROOM)
            told = [await ann.event()]
            while told[-1]["event"] != "presence-joined" or len(told) < 3:
                told.append(await ann.event())
            assert [one["event"] for one in told[:3]] == ["presence-joined", "presence-left", "presence-joined"]
            assert told[-1]["payload"]["count"] == 2
            bob.cut()
            assert (await ann.event())["event"] == "presence-left"


@pytest.mark.redis
async def test_what_an_instance_has_missed_its_clients_are_told_later(redis_server: RedisServer) -> None:
    def over(url: str) -> WebSocketBroadcastBackend:
        backend = WebSocketBroadcastBackend(bridge=RedisBroadcastBackend(url))
        Watched(backend, presence=True)
        return backend

    with ExitStack() as stack:  # left in a thread: the line runs on this loop, and the servers need it

        async def served(backend: WebSocketBroadcastBackend) -> str:
            serving = serving_backend(backend, authenticate=by_name)
            return (await asyncio.to_thread(stack.enter_context, serving)).url

        async with proxy(redis_server.port) as line:
            far = over(f"redis://127.0.0.1:{line.port}/0")
            here, there = await served(far), await served(over(redis_server.url))
            async with (
                client(f"{here}?name=ann") as ann,
                client(f"{there}?name=bob") as bob,
                client(f"{there}?name=cay") as cay,
            ):
                await ann.subscribe(ROOM)
                await bob.subscribe(ROOM)
                assert told(await ann.event()) == ("presence-joined", "bob", 2)
                line.refuse()
                line.cut()
                while far.trouble is None:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
                await bob.ask({"unsubscribe": [ROOM]})
                await cay.subscribe(ROOM)
                await line.restore()
                assert [told(await ann.event()) for _ in range(2)] == [
                    ("presence-left", "bob", 2),
                    ("presence-joined", "cay", 2),
                ]
                await ann.nothing_more()
            await asyncio.to_thread(stack.close)


def told(event: Message) -> tuple[str, Any, int]:
    return event["event"], event["payload"]["user"], event["payload"]["count"]
