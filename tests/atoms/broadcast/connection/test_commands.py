"""Commands to the application: order, refusals, bounds, and what breaks in the midst of them."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, field_validator

from pattern_stack import (
    Channel,
    Connection,
    Forbidden,
    Identity,
    Limits,
    NotFound,
    Rejected,
    Unauthenticated,
    WebSocketBroadcastBackend,
    command,
)
from tests.support.client import Client, Message, client
from tests.support.server import Server, serving_backend, until


class Rename(BaseModel):
    title: str

    @field_validator("title")
    @classmethod
    def fails(cls, title: str) -> str:
        if title == "fault":
            raise RuntimeError("a fault of the validator")
        return title


class Renamed(BaseModel):
    title: str
    room: str


ERRORS: dict[str, Exception] = {
    "forbidden": Forbidden("not you"),
    "not_found": NotFound("no such thing"),
    "full": Rejected("full", "the room is full"),
    "ValueError": ValueError("secret"),
    "Unauthenticated": Unauthenticated("secret"),
}


class World:
    """A backend whose room has a command of each kind, and what they have done."""

    def __init__(self, **options: Any) -> None:
        self.backend = WebSocketBroadcastBackend(**options)
        self.done: list[Any] = []
        self.gate = asyncio.Event()
        self.thread_gate = threading.Event()
        world = self

        @self.backend.channel("room:{room_id}")
        class Room(Channel):
            @command("rename")
            async def rename(self, connection: Connection, payload: Rename, room_id: str) -> Renamed:
                world.done.append(payload.title)
                await world.backend.broadcast(f"room:{room_id}", "renamed", {"title": payload.title})
                return Renamed(title=payload.title, room=room_id)

            @command("note")
            async def note(self, connection: Connection, payload: dict, room_id: str) -> None:  # type: ignore[type-arg]
                world.done.append(payload)

            @command("fail")
            async def fail(self, connection: Connection, payload: dict[str, str], room_id: str) -> None:
                world.done.append(payload["with"])
                raise ERRORS[payload["with"]]

            @command("wait")
            async def wait(self, connection: Connection, payload: dict[str, int], room_id: str) -> int:
                world.done.append(("begun", payload["n"]))
                await world.gate.wait()
                world.done.append(("ended", payload["n"]))
                return payload["n"]

            @command("block")
            def block(self, connection: Connection, payload: dict[str, Any], room_id: str) -> str:
                world.done.append("blocked")
                world.thread_gate.wait(30)
                return threading.current_thread().name

            @command("double")
            async def double(self, connection: Connection, payload: Rename, room_id: str) -> str:
                return payload.title * 2

            @command("cancelled")
            async def cancelled(self, connection: Connection, payload: dict[str, Any], room_id: str) -> None:
                task = asyncio.ensure_future(asyncio.sleep(0))
                task.cancel()
                await task

        @self.backend.channel("plain:{name}")
        class Plain(Channel): ...

    def begun(self, count: int) -> Any:
        return lambda: len(self.done) >= count


@pytest.fixture
def world(request: pytest.FixtureRequest) -> World:
    return World(**getattr(request, "param", {}))


def by_name(name: str | None = None) -> Any:
    return Identity({"name": name}) if name == "keyless" else name


@pytest.fixture
def server(world: World) -> Iterator[Server]:
    with serving_backend(world.backend, authenticate=by_name) as server:
        yield server
        world.thread_gate.set()
        server.call(world.gate.set)


def send(event: str, payload: Any = None, channel: str = "room:7", **more: Any) -> Message:
    return {"send": channel, "event": event, **({} if payload is None else {"payload": payload}), **more}


async def joined(one: Client, channel: str = "room:7") -> Client:
    await one.subscribe(channel)
    return one


def code(answer: Message) -> str:
    assert list(answer["error"])[:2] == ["code", "message"], answer
    found: str = answer["error"]["code"]
    return found


# -- answers


async def test_a_command_is_carried_out_and_answered(world: World, server: Server) -> None:
    async with client(server.url) as one:
        await joined(one)
        await one.send(send("rename", {"title": "x"}, id=9))
        event, answer = await one.take(2)
        assert (event["event"], event["payload"]) == ("renamed", {"title": "x"})
        assert answer == {"id": 9, "result": {"title": "x", "room": "7"}}
        assert await one.ask(send("note")) == {"id": 1 + 1, "result": None}
        assert world.done == ["x", {}]


async def test_without_an_id_there_is_no_answer(world: World, server: Server) -> None:
    async with client(server.url) as one:
        await joined(one)
        await one.send(send("note", {"n": 1}))
        await one.send(send("fail", {"with": "full"}))
        await until(server, world.begun(2))
        await until(server, lambda: not world.backend._instance._tasks)
        await one.nothing_more()
        assert world.done == [{"n": 1}, "full"]


async def test_the_checks_come_in_their_order_and_are_no_bad_frames(server: Server) -> None:
    async with client(server.url) as one:
        for _ in range(25):
            assert code(await one.ask(send("nope", {}))) == "not_subscribed"
        await joined(one)
        await one.subscribe("orders", "plain:1")
        for _ in range(25):
            assert code(await one.ask(send("nope", []))) == "unknown_event"
            refused = await one.ask(send("rename", {"title": 1}))
            assert code(refused) == "invalid_payload"
            assert "title" in refused["error"]["message"]
        for channel in ("orders", "plain:1"):
            assert code(await one.ask(send("rename", {"title": "x"}, channel))) == "unknown_event"
        assert code(await one.ask({"send": "room:7", "event": "rename"})) == "invalid_payload"
        assert code(await one.ask(send("rename", {"title": "fault"}))) == "internal"
        await one.nothing_more()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("forbidden", ("forbidden", "not you")),
        ("not_found", ("not_found", "no such thing")),
        ("full", ("full", "the room is full")),
        ("ValueError", ("internal", "the server failed to do this")),
        ("Unauthenticated", ("internal", "the server failed to do this")),
    ],
)
async def test_a_handler_refuses(server: Server, error: str, expected: tuple[str, str]) -> None:
    async with client(server.url) as one:
        await joined(one)
        answer = await one.ask(send("fail", {"with": error}))
        assert (answer["error"]["code"], answer["error"]["message"]) == expected
        assert answer.keys() == {"id", "error"}


async def test_what_a_handler_awaited_and_was_cancelled_is_its_failure(server: Server) -> None:
    async with client(server.url) as one:
        await joined(one)
        assert code(await one.ask(send("cancelled"))) == "internal"
        assert "result" in await one.ask(send("note"))


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ({"send": 7, "event": "note"}, "invalid_message"),
        ({"send": ["room:7"], "event": "note"}, "invalid_message"),
        ({"send": "room 7", "event": "note"}, "invalid_channel"),
        ({"send": "room:7"}, "invalid_message"),
        ({"send": "room:7", "event": ""}, "invalid_message"),
        ({"send": "room:7", "event": "a\n"}, "invalid_message"),
        ({"send": "room:7", "event": "note", "key": ""}, "invalid_message"),
        ({"send": "room:7", "event": "note", "key": "x" * 65}, "invalid_message"),
        ({"send": "room:7", "event": "note", "key": 7}, "invalid_message"),
        ({"send": "room:7", "event": "note", "ping": 1}, "invalid_message"),
    ],
)
async def test_frames_of_a_wrong_form(world: World, server: Server, frame: Message, expected: str) -> None:
    async with client(server.url) as one:
        await joined(one)
        assert code(await one.ask(frame)) == expected
        assert world.done == []


async def test_a_plain_function_runs_in_a_thread(world: World, server: Server) -> None:
    world.thread_gate.set()
    async with client(server.url) as one:
        await joined(one)
        assert (await one.ask(send("block")))["result"] != threading.main_thread().name


# -- order


async def test_commands_of_a_channel_are_carried_out_in_order_and_nothing_else_waits(
    world: World, server: Server
) -> None:
    async with client(server.url) as one:
        await one.subscribe("room:7", "room:8")
        for n in range(3):
            await one.send(send("wait", {"n": n}, id=f"w{n}"))
        await until(server, world.begun(1))
        await one.nothing_more()
        assert (await one.ask(send("note", {}, "room:8")))["result"] is None
        await world.backend.broadcast("room:7", "created", {})
        assert (await one.event())["event"] == "created"
        assert list(await one.subscribe("orders")) == ["orders"]
        await server.acall(world.gate.set)
        assert [(await one.receive())["result"] for _ in range(3)] == [0, 1, 2]
        waits = [step for step in world.done if isinstance(step, tuple)]
        assert waits == [(what, n) for n in range(3) for what in ("begun", "ended")]


async def test_a_command_behind_its_subscribe_is_not_refused(server: Server) -> None:
    async with client(server.url) as one:
        await one.send({"subscribe": ["room:7"]})
        assert "result" in await one.ask(send("note"))
        await one.send(send("note", id="before"))
        await one.send({"unsubscribe": ["room:7"]})
        assert "result" in await one.until(lambda message: message.get("id") == "before")


async def test_a_connection_that_breaks_stops_no_command(world: World, server: Server) -> None:
    async with client(server.url) as one:
        await joined(one)
        for n in range(3):
            await one.send(send("wait", {"n": n}))
        await one.ask({"ping": 1})
        one.cut()
    await until(server, lambda: world.backend._instance.connections.open == set())
    await server.acall(world.gate.set)
    await until(server, world.begun(6))


# -- rights that end


async def test_what_waits_is_not_carried_out_once_the_right_to_it_has_ended(world: World, server: Server) -> None:
    async with client(f"{server.url}?name=ann") as ann:
        await joined(ann)
        await ann.send(send("wait", {"n": 1}, id="w"))
        await ann.send(send("note", {"n": 2}, id="n"))
        await until(server, world.begun(1))
        await world.backend.unsubscribe("ann", "room:7")
        await server.acall(world.gate.set)
        assert (await ann.until(lambda message: message.get("id") == "w"))["result"] == 1
        assert code(await ann.until(lambda message: message.get("id") == "n")) == "forbidden"
        assert code(await ann.ask(send("note"))) == "not_subscribed"
    assert world.done == [("begun", 1), ("ended", 1)]


async def test_a_disconnected_user_has_no_command_left(world: World, server: Server) -> None:
    async with client(f"{server.url}?name=ann") as ann:
        await joined(ann)
        await ann.send(send("wait", {"n": 1}))
        await ann.send(send("note", {"n": 2}))
        await until(server, world.begun(1))
        await world.backend.disconnect("ann")
        assert (await ann.closed())[0] == 4403
    await server.acall(world.gate.set)
    await until(server, lambda: not world.backend._instance._tasks)
    assert world.done == [("begun", 1), ("ended", 1)]


@pytest.mark.parametrize("world", [{"everyone": ["room:{user}"]}], indirect=True)
async def test_another_users_channel_takes_no_command(world: World, server: Server) -> None:
    async with client(f"{server.url}?name=ben") as ben, client(f"{server.url}?name=ann") as ann:
        assert "result" in await ann.ask(send("note", channel="room:ann"))
        assert code(await ben.ask(send("note", channel="room:ann"))) == "forbidden"
        assert len(world.done) == 1


async def test_who_is_not_known_yet_sends_nothing(world: World) -> None:
    with serving_backend(world.backend, verify_token=lambda token: token) as server:
        async with client(server.url) as one:
            assert code(await one.ask(send("note"))) == "unauthenticated"


# -- bounds


@pytest.mark.parametrize("world", [{"limits": Limits(command_seconds=0.2)}], indirect=True)
async def test_a_command_that_hangs_has_an_unknown_outcome_and_holds_up_nothing(world: World, server: Server) -> None:
    async with client(server.url) as one:
        await joined(one)
        assert code(await one.ask(send("wait", {"n": 1}, key="k"))) == "unknown_outcome"
        assert "result" in await one.ask(send("note"))
        assert code(await one.ask(send("block"))) == "unknown_outcome"
        assert "result" in await one.ask(send("note"))
        assert code(await one.ask(send("wait", {"n": 1}, key="k"))) == "unknown_outcome"
        assert world.done.count(("begun", 1)) == 1


@pytest.mark.parametrize("world", [{"limits": Limits(command_seconds=1, commands=1, command_threads=1)}], indirect=True)
async def test_threads_that_hang_leave_no_room_for_more_of_them_until_they_end(world: World, server: Server) -> None:
    room = world.backend._instance.command_room
    async with client(server.url) as one:
        await joined(one)
        assert code(await one.ask(send("block"))) == "unknown_outcome"
        assert code(await one.ask(send("block", key="k"))) == "unavailable"
        assert world.done == ["blocked"]
        assert code(await one.ask(send("wait", {"n": 1}))) == "unknown_outcome"
        assert "result" in await one.ask(send("note"))
        world.thread_gate.set()
        await until(server, lambda: not room.slots(True).locked())
        assert "result" in await one.ask(send("block", key="k"))


@pytest.mark.parametrize("world", [{"limits": Limits(commands_waiting=3, command_bytes=10_000)}], indirect=True)
async def test_what_may_wait_is_bounded(world: World, server: Server) -> None:
    async with client(server.url) as one:
        await joined(one)
        await one.send(send("wait", {"n": 0}, id="w"))
        await until(server, world.begun(1))
        for n in range(3):
            await one.send(send("note", {"n": n}))
        for _ in range(25):  # none is a bad frame
            refused = await one.ask(send("note", {"n": 3}))
            assert (code(refused), refused["error"]["retry_after"]) == ("rate_limited", 1)
        await server.acall(world.gate.set)
        await until(server, world.begun(5))
        assert "result" in await one.ask(send("note", {"n": 4}))
        assert code(await one.ask(send("note", {"x": "y" * 10_000}))) == "rate_limited"
        assert world.done[2:] == [{"n": 0}, {"n": 1}, {"n": 2}, {"n": 4}]
    assert world.backend._instance.command_room.waiting_bytes == 0


@pytest.mark.parametrize("world", [{"limits": Limits(frames_per_second=1, frames_burst=5)}], indirect=True)
async def test_a_command_counts_in_the_rate_limit(server: Server) -> None:
    async with client(server.url) as one:
        await joined(one)
        answers = [await one.ask(send("note")) for _ in range(5)]
        assert code(answers[-1]) == "rate_limited"


@pytest.mark.parametrize("world", [{"limits": Limits(event_bytes=2_000)}], indirect=True)
async def test_a_result_that_is_too_big_is_internal(server: Server) -> None:
    async with client(server.url) as one:
        await joined(one)
        assert code(await one.ask(send("double", {"title": "x" * 1_000}))) == "internal"
        assert "result" in await one.ask(send("double", {"title": "x" * 900}))
