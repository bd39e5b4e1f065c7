"""One frame over HTTP, and its reply."""

import json
from typing import Any

import httpx2
from fastapi import Header
from pydantic import BaseModel

from pattern_stack import Channel, Forbidden, Limits, Rejected, WebSocketBroadcastBackend, command
from tests.support.patience import PATIENCE
from tests.support.server import Server, serving_backend
from tests.support.stream import stream, stream_url


class Room(Channel):
    """Keeps presence."""


async def authenticate(x_user: str | None = Header(None)) -> str | None:
    return x_user


async def post(server: Server, frame: object, user: str | None = "ann") -> tuple[int, Any]:
    content = frame if isinstance(frame, bytes) else json.dumps(frame).encode()
    headers = {"X-User": user} if user else {}
    async with httpx2.AsyncClient(timeout=PATIENCE, trust_env=False, verify=False) as http:
        answer = await http.post(stream_url(server.http), content=content, headers=headers)
    return answer.status_code, answer.json()


async def test_a_ping_is_answered_by_its_pong() -> None:
    with serving_backend(WebSocketBroadcastBackend()) as server:
        status, pong = await post(server, {"ping": 5, "id": "a"})
        assert (status, pong["pong"], pong["id"]) == (200, 5, "a")


async def test_presence_is_answered() -> None:
    backend = WebSocketBroadcastBackend()
    backend.channel("room:{room}", presence=True)(Room)
    with serving_backend(backend, authenticate=authenticate) as server:
        async with stream(server.http, "room:1", headers={"X-User": "bob"}) as one:
            await one.receive()
            status, present = await post(server, {"presence": ["room:1"], "id": 3})
            assert (status, present["id"]) == (200, 3)
            assert [member["user"] for member in present["presence"]["room:1"]["members"]] == ["bob"]


async def test_what_is_no_such_frame_is_refused() -> None:
    with serving_backend(WebSocketBroadcastBackend()) as server:
        for frame, expected in [
            (b"{", (422, "invalid_json")),
            ({"subscribe": ["a"]}, (422, "invalid_message")),
            ({"presence": ["a"]}, (404, "not_found")),
            ({"presence": ["!"]}, (422, "invalid_channel")),
            (b'{"ping":"' + b"x" * 70_000 + b'"}', (413, "invalid_message")),
        ]:
            status, answer = await post(server, frame)
            assert (status, answer["error"]["code"]) == expected
            assert answer["error"].keys() == {"code", "message"}


async def test_each_user_and_each_address_has_a_rate() -> None:
    backend = WebSocketBroadcastBackend(limits=Limits(frames_burst=3, frames_per_second=0.001))
    with serving_backend(backend, authenticate=authenticate) as server:
        for user in ("ann", None, "bob"):
            statuses = [(await post(server, {"ping": 1}, user))[0] for _ in range(4)]
            assert statuses == [200, 200, 200, 429]


class Rename(BaseModel):
    name: str


class Desk(Channel):
    async def authorize(self, connection: Any, desk: str) -> None:
        if desk == "secret":
            raise Forbidden("not yours")

    @command("rename")
    async def rename(self, connection: Any, payload: Rename, desk: str) -> dict[str, str]:
        if payload.name == "taken":
            raise Rejected("name_taken", "choose another")
        return {"desk": desk, "name": payload.name, "user": connection.user}


async def test_a_command_is_carried_out_and_answered() -> None:
    backend = WebSocketBroadcastBackend()
    backend.channel("desk:{desk}")(Desk)
    with serving_backend(backend, authenticate=authenticate) as server:

        async def send(channel: str, event: str, name: object) -> tuple[int, Any]:
            return await post(
                server, {"send": channel, "event": event, "payload": {"name": name}, "key": "k1", "id": 9}
            )

        done = {"id": 9, "result": {"desk": "1", "name": "b", "user": "ann"}}
        assert await send("desk:1", "rename", "b") == (200, done)
        assert await send("desk:1", "rename", "c") == (200, done)  # the same key
        for channel, event, name, expected in [
            ("desk:secret", "rename", "b", (403, "forbidden")),
            ("desk:2", "paint", "b", (404, "unknown_event")),
            ("desk:2", "rename", 5, (422, "invalid_payload")),
            ("desk:2", "rename", "taken", (409, "name_taken")),
        ]:
            status, answer = await send(channel, event, name)
            assert (status, answer["error"]["code"]) == expected
