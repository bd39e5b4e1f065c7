"""D: what goes wrong on one client's side disturbs nobody else."""

import asyncio
import json
import logging
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from pattern_stack import WebSocketBroadcastBackend
from pattern_stack.features.sessions import Sessions
from pattern_stack.features.sessions.sql import SQLStore
from tests.features.sessions.world import World
from tests.support.client import client
from tests.support.patience import PATIENCE
from tests.support.server import serving


async def until_one_is_told_gone(world: World, session: str) -> None:
    """It is told some turns of the loop after its connection has ended."""
    while not any(  # noqa: ASYNC110 - the history is asked
        event.event_type == "session-disconnected"
        for event in await world.broadcast.history(f"session:{session}", last=200)
    ):
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("id", ["", "nothing", "2f0b8a52-6c1e-4d0f-9c55-0d6a2f6b9f11", "../../etc", "%00"])
async def test_d1_an_unknown_session_cannot_be_joined(world: World, id: str) -> None:
    one = await world.client()
    await one.send({"subscribe": [f"session:{id}"], "id": 1})
    refusal = await one.receive()
    expected = "invalid_channel" if "%" in id else "not_found"
    assert refusal["error"]["code"] == expected
    assert refusal["error"]["channel"] == f"session:{id}"
    assert await one.receive() == {"id": 1, "subscribed": {}}
    await one.nothing_more()
    assert await world.server.acall(world.broadcast.get_all_channels) == []
    assert world.sessions.all() == []


async def test_d1_another_spelling_of_a_session_is_no_channel_of_its_own(world: World) -> None:
    session = await world.session()
    one = await world.client()
    await one.send({"subscribe": [f"session:{session.upper()}"]})
    assert (await one.receive())["error"]["code"] == "not_found"
    assert (await world.info(session.upper()))["session_id"] == session
    assert (await world.call("GET", f"/{session.upper()}/graph")) == {"roots": []}


async def test_d2_one_drops_amid_events_and_the_others_go_on(world: World, caplog: pytest.LogCaptureFixture) -> None:
    session = await world.session()
    one, two, three = await world.joined(session, 3)
    for number in range(50):
        if number == 25:
            two.cut()
        await world.node(session, f"N{number}")
    await until_one_is_told_gone(world, session)
    await world.node(session, "the last")
    for stays in (one, three):
        counts = []
        while stays.replica.roots[50:] == []:
            event = await stays.event()
            stays.replica.apply(event)
            counts += [event["payload"]["active_clients"]] if event["event"] == "session-disconnected" else []
        assert counts == [2]
        assert stays.replica.tree() == await world.tree(session)
    assert (await world.info(session))["active_clients"] == 2
    assert await world.server.acall(lambda: world.broadcast.get_subscriber_count(f"session:{session}")) == 2
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"subscribe": ["session:"]}, "not_found"),
        ({"subscribe": [None]}, "invalid_message"),
        ({"subscribe": "session:1"}, "invalid_message"),
        ({"nothing": 1}, "invalid_message"),
        ([], "invalid_message"),
        ("no JSON", "invalid_json"),
    ],
)
async def test_d3_a_wrong_frame_gets_an_error_and_the_next_its_answer(world: World, frame: object, code: str) -> None:
    one = await world.client()
    await one.send(frame if isinstance(frame, str) else json.dumps(frame))
    error = (await one.receive())["error"]
    assert error["code"] == code, error
    await one.nothing_more()


async def test_d4_a_client_comes_back_as_another_one(world: World) -> None:
    session = await world.session()
    stays, drops = await world.joined(session, 2)
    drops.cut()
    (left,) = await stays.told("session-disconnected")
    back = await world.client()
    snapshot = await back.join(session)
    (came,) = await stays.told("session-connected")
    assert (left["payload"]["active_clients"], came["payload"]["active_clients"]) == (1, 2)
    assert left["payload"]["connection_id"] != came["payload"]["connection_id"] == snapshot["connection_id"]
    assert (await world.info(session))["active_clients"] == 2
    await world.node(session)
    assert await back.told() == await stays.told()


async def test_d4_who_recovers_gets_what_it_missed_and_its_own_coming(world: World) -> None:
    session = await world.session()
    (one,) = await world.joined(session, 1)
    await world.node(session, "seen")
    last = (await one.told())[-1]
    channel = f"session:{session}"
    epoch = (await one.subscribe(channel))[channel]["epoch"]
    one.cut()
    await until_one_is_told_gone(world, session)
    await world.node(session, "missed")
    two = await world.client()
    answer = await two.subscribe(channel, since={channel: {"epoch": epoch, "offset": last["offset"]}})
    assert answer[channel]["recovered"] is True
    names = [(await two.event())["event"] for _ in range(5)]
    changes = ["command-executing", "node-created", "command-executed"]
    assert names == ["session-disconnected", *changes, "session-connected"]
    await two.nothing_more()


async def test_d_a_session_that_is_deleted_while_one_joins(world: World) -> None:
    """Whoever comes in is told that it was closed, or was never let in; and nobody stays on."""
    for _ in range(10):
        session = await world.session()
        one = await world.client()
        await one.send({"subscribe": [f"session:{session}"]})
        await world.call("DELETE", f"/sessions/{session}", status=204)
        end = await one.until(lambda message: "unsubscribed" in message or "error" in message)
        told = [message["event"] for message in one.inbox]
        assert told == (["snapshot", "session-closed"] if "unsubscribed" in end else [])
        one.inbox.clear()
        await one.nothing_more()
    assert await world.server.acall(world.broadcast.get_all_channels) == []


@dataclass
class Account:
    """What an application knows of a user. Nobody else on a session learns any of it."""

    name: str
    password_hash: str


async def test_nothing_of_a_user_reaches_the_others_or_the_log(
    tmp_path: Path, lane: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="pattern_stack")
    app = FastAPI()
    broadcast = WebSocketBroadcastBackend()
    sessions = Sessions(broadcast, store=SQLStore(f"sqlite+aiosqlite:///{tmp_path}/projects.db"))
    app.include_router(broadcast.get_router(authenticate=lambda: Account("ann", "hunter2")))
    app.include_router(sessions.get_router())
    with serving(app) as server:
        session = sessions.create().id
        async with (
            client(server.url) as one,
            client(server.url) as two,
            httpx2.AsyncClient(base_url=f"{server.http}/api/v1", timeout=PATIENCE, verify=False) as http,
        ):
            heard = [await each.subscribe(f"session:{session}") for each in (one, two)]
            await http.post(f"/{session}/nodes", json={"blueprint_type_id": "task", "name": "N"})
            await two.socket.close()
            heard.append(await one.until(lambda message: message.get("event") == "session-disconnected"))
            answers = [await http.get(path) for path in ("/sessions", f"/sessions/{session}/info", f"/{session}/graph")]
            everything = repr([*heard, *one.inbox, *two.inbox, *(answer.text for answer in answers), caplog.text])
    assert "session-connected" in everything
    assert "snapshot" in everything
    assert "hunter2" not in everything
    assert "ann" not in everything.replace("channel", "")
