"""An application's user object is full of secrets. Neither a frame nor a log line shows one, whatever a run brings."""

import logging
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass

import pytest
from fastapi import Header
from websockets.exceptions import ConnectionClosed

from pattern_stack import Channel, Connection, Forbidden, Identity, Rejected, WebSocketBroadcastBackend, command
from tests.support.client import Client, client
from tests.support.server import serving_backend

SECRET = "hash-of-a-password"


@dataclass(frozen=True)
class Row:
    name: str
    password_hash: str = SECRET

    def __str__(self) -> str:
        return f"{self.name} {self.password_hash}"


def by_name(x_user: str = Header()) -> Row | Identity:
    return Row(x_user) if x_user == "keyless" else Identity(Row(x_user), key=x_user)


def make_backend() -> WebSocketBroadcastBackend:
    backend = WebSocketBroadcastBackend(everyone=["news", "user:{user}"])

    @backend.channel("room:{room}", presence=True)
    class Room(Channel):
        async def authorize(self, connection: Connection, room: str) -> None:
            if room == "forbidden":
                raise Forbidden("not yours")
            if room == "fault":
                raise KeyError(room)

        async def snapshot(self, connection: Connection, room: str) -> dict[str, str]:
            return {"room": room}

        async def left(self, connection: Connection, room: str) -> None:
            raise RuntimeError("a fault of the hook")

        @command("rename")
        async def rename(self, connection: Connection, payload: dict[str, str], room: str) -> None:
            if "title" not in payload:
                raise Rejected("no_title", "a title is needed")
            raise ValueError(room)

    return backend


FRAMES: list[dict[str, object]] = [
    {"subscribe": ["room:7", "room:forbidden", "room:fault", "user:other", "no channel"], "id": 1},
    {"state": {"room:7": {"typing": True}}, "id": 2},
    {"presence": ["room:7", "news"], "id": 3},
    {"send": "room:7", "event": "rename", "payload": {}, "key": "k1", "id": 4},
    {"send": "room:7", "event": "rename", "payload": {"title": "x"}, "key": "k2", "id": 5},
    {"send": "room:7", "event": "nothing", "id": 6},
    {"refresh": ["room:7", "user:ann"], "id": 7},
    {"auth": "a token", "id": 8},
    {"colour": "blue", "id": 9},
    {"unsubscribe": ["room:7"], "id": 10},
]


async def frames_until(one: Client, id: object) -> list[str]:
    """All that comes up to the last reply to this id, as text."""
    texts = []
    await one.send({"ping": f"end {id}"})
    while not texts or "pong" not in texts[-1]:
        texts.append(str(await one.receive()))
    return texts


async def frames_until_closed(one: Client) -> list[str]:
    texts = []
    with suppress(ConnectionClosed):
        while True:
            texts.append(str(await one.receive()))
    return texts


def connect(url: str, user: str) -> AbstractAsyncContextManager[Client]:
    return client(url, additional_headers={"x-user": user})


@pytest.mark.parametrize("name", ["ann", "keyless"])
async def test_no_frame_and_no_log_line_shows_a_secret(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "pattern_stack")
    backend, seen = make_backend(), list[str]()
    with serving_backend(backend, authenticate=by_name) as server:
        async with connect(server.url, name) as one, connect(server.url, "ben") as other:
            await other.send({"subscribe": ["room:7"], "id": 1})
            for frame in FRAMES:
                await one.send(frame)
                seen += await frames_until(one, frame["id"])
            seen += await frames_until(other, "all")
            await backend.unsubscribe(Identity(Row("ben"), key="ben"), "room:7")
            await backend.disconnect(Identity(Row("ben"), key="ben"))
            seen += await frames_until_closed(other)
    assert len(seen) > 2 * len(FRAMES)
    assert "forbidden" in "".join(seen)
    assert SECRET not in "".join(seen)
    assert caplog.text
    assert SECRET not in caplog.text
