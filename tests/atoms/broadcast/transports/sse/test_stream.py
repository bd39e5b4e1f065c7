"""A stream has the same frames as a socket, and an id that recovers all of its channels."""

from typing import Any

import pytest

from pattern_stack import Channel, Forbidden, History, WebSocketBroadcastBackend
from tests.support.client import client
from tests.support.server import serving_backend, until
from tests.support.stream import refused, stream


async def test_frames_are_those_of_a_socket() -> None:
    backend = WebSocketBroadcastBackend()
    with serving_backend(backend) as server:
        async with stream(server.http, "orders") as one, client(server.url) as socket:
            told = await socket.ask({"subscribe": ["orders"]})
            assert await one.receive() == {**told, "id": 0}
            await backend.broadcast("orders", "created", {"text": "a\nb\u2028ü"}, origin="me")
            assert await one.receive() == await socket.receive()
            frame = {"channel": "orders", "event": "created"}
            assert one.raw.startswith(str(frame)[:-1].replace("'", '"').replace(": ", ":").replace(", ", ",").encode())


async def test_headers_keep_proxies_from_buffering_and_a_comment_comes_at_once() -> None:
    with serving_backend(WebSocketBroadcastBackend()) as server:
        async with stream(server.http, "orders") as one:
            assert one.response.headers["content-type"].startswith("text/event-stream")
            assert one.response.headers["cache-control"] == "no-cache, no-transform"
            assert one.response.headers["x-accel-buffering"] == "no"
            await one.comment()


async def test_an_id_recovers_every_channel_those_of_everyone_too() -> None:
    backend = WebSocketBroadcastBackend(everyone=["news"])
    with serving_backend(backend) as server:
        async with stream(server.http, "a", "b") as one:
            assert (await one.receive())["subscribed"].keys() == {"a", "b"}
            for channel in ("a", "b", "a"):
                await backend.broadcast(channel, "x", {})
            await one.take(3)
        for channel in ("b", "news", "a", "news"):
            await backend.broadcast(channel, "y", {})
        async with stream(server.http, "a", "b", id=one.id) as two:
            told = (await two.receive())["subscribed"]
            assert {channel: (place["offset"], place["recovered"]) for channel, place in told.items()} == {
                "a": (2, True),
                "b": (1, True),
            }
            missed = await two.take(4)
        assert sorted((event["channel"], event["offset"]) for event in missed) == [
            ("a", 3),
            ("b", 2),
            ("news", 1),
            ("news", 2),
        ]


async def test_without_a_channel_it_is_those_of_everyone() -> None:
    backend = WebSocketBroadcastBackend(everyone=["news"])
    with serving_backend(backend) as server:
        async with stream(server.http) as one:
            assert (await one.receive())["subscribed"].keys() == {"news"}
            await backend.broadcast("news", "x", {})
            assert (await one.receive())["event"] == "x"


async def test_a_channel_that_the_id_does_not_know_joins_afresh() -> None:
    backend = WebSocketBroadcastBackend()
    with serving_backend(backend) as server:
        async with stream(server.http, "a") as one:
            await one.receive()
        await backend.broadcast("b", "x", {})
        async with stream(server.http, "a", "b", id=one.id) as two:
            told = (await two.receive())["subscribed"]
        assert told["a"]["recovered"]
        assert "recovered" not in told["b"]


async def test_a_position_that_is_gone_is_a_reset() -> None:
    backend = WebSocketBroadcastBackend(history=History(events=1))
    with serving_backend(backend) as server:
        async with stream(server.http, "a") as one:
            await one.receive()
            for _ in range(3):
                await backend.broadcast("a", "x", {})
        async with stream(server.http, "a", id=one.id) as two:
            told = (await two.receive())["subscribed"]["a"]
            assert told["recovered"] is False
            assert await two.receive() == {"reset": {"a": {"epoch": told["epoch"], "offset": 3}}}
        async with stream(server.http, "a", id=two.id) as three:
            assert (await three.receive())["subscribed"]["a"]["recovered"]


async def test_an_id_from_before_the_snapshot_joins_afresh() -> None:
    backend = WebSocketBroadcastBackend()

    @backend.channel("state")
    class State(Channel):
        async def snapshot(self, *_: Any) -> dict[str, Any]:
            return {"n": 1}

    with serving_backend(backend) as server:
        async with stream(server.http, "state", "a") as one:
            await one.receive()
            early = one.id
            assert (await one.receive())["event"] == "snapshot"
        async with stream(server.http, "state", "a", id=early) as two:
            assert "recovered" not in (await two.receive())["subscribed"]["state"]
            assert (await two.receive())["event"] == "snapshot"
        async with stream(server.http, "state", "a", id=one.id) as three:
            assert (await three.receive())["subscribed"]["state"]["recovered"]


@pytest.mark.parametrize("text", ["x", "e,a", "e,a=-1", "e,a=1,a=2", ",a=1", "e,!=1", "e,a=1;", "\xff"])
async def test_what_is_no_id_is_refused(text: str) -> None:
    with serving_backend(WebSocketBroadcastBackend()) as server:
        headers = {"Last-Event-ID": text.encode("latin-1")}
        assert await refused(server.http, ["a"], headers=headers) == (422, "invalid_message")


async def test_one_channel_of_several_is_refused_by_a_frame_and_all_of_them_by_a_status() -> None:
    backend = WebSocketBroadcastBackend()

    @backend.channel("secret")
    class Secret(Channel):
        async def authorize(self, *_: Any) -> None:
            raise Forbidden("no")

    with serving_backend(backend) as server:
        async with stream(server.http, "a", "secret", "!") as one:
            errors = [message["error"] for message in await one.take(2)]
            assert {(error["channel"], error["code"]) for error in errors} == {
                ("secret", "forbidden"),
                ("!", "invalid_channel"),
            }
            assert (await one.receive())["subscribed"].keys() == {"a"}
        assert await refused(server.http, ["secret"]) == (403, "forbidden")
        assert await refused(server.http, ["!"]) == (422, "invalid_channel")
        assert await refused(server.http) == (422, "invalid_message")
        await until(server, lambda: backend.get_total_connections() == 0)


async def test_last_replays_the_newest_and_an_id_wins_over_it() -> None:
    backend = WebSocketBroadcastBackend()
    with serving_backend(backend) as server:
        for n in range(4):
            await backend.broadcast("a", "x", {"n": n})
        async with stream(server.http, "a", last=2) as one:
            assert (await one.receive())["subscribed"]["a"]["recovered"]
            assert [event["offset"] for event in await one.take(2)] == [3, 4]
        await backend.broadcast("a", "x", {})
        async with stream(server.http, "a", last=2, id=one.id) as two:
            await two.receive()
            assert (await two.receive())["offset"] == 5
        assert await refused(server.http, ["a"], query=[("last", "-1")]) == (422, "invalid_message")


async def test_it_can_be_switched_off() -> None:
    with (
        serving_backend(WebSocketBroadcastBackend(), sse=None) as server,
        pytest.raises(AssertionError, match="Not Found"),
    ):
        async with stream(server.http, "a"):
            pass


async def test_who_leaves_is_off_its_channels() -> None:
    backend = WebSocketBroadcastBackend()
    with serving_backend(backend) as server:
        async with stream(server.http, "a") as one:
            await one.receive()
            assert await server.acall(lambda: backend.get_subscriber_count("a")) == 1
        await until(server, lambda: backend.get_total_connections() == 0)
