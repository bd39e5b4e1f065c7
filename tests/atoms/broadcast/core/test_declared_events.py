"""Events that an application declares: what is refused, and what is sent."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel, Field
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from pattern_stack import (
    BroadcastError,
    Channel,
    Connection,
    Event,
    InvalidChannel,
    InvalidEvent,
    Publish,
    WebSocketBroadcastBackend,
    command,
)
from pattern_stack.atoms.broadcast.core.declared_events import Open
from pattern_stack.outbox import Outbox
from tests.atoms.broadcast.core.test_cost import calls
from tests.support.client import client
from tests.support.server import serving_backend


class Status(Enum):
    OPEN = "open"


class Line(BaseModel):
    count: int = Field(gt=0)


class OrderCreated(BaseModel):
    id: UUID
    order_total: Decimal = Field(alias="orderTotal")
    at: datetime
    status: Status = Status.OPEN
    lines: list[Line] = []


class Note(BaseModel):
    text: str


ID = UUID(int=7)
AT = datetime(2026, 1, 2, tzinfo=UTC)
GOOD: dict[str, Any] = {"id": ID, "orderTotal": Decimal("1.50"), "at": AT, "lines": [{"count": 1}]}
SENT = {
    "id": str(ID),
    "orderTotal": "1.50",
    "at": "2026-01-02T00:00:00Z",
    "status": "open",
    "lines": [{"count": 1}],
}


def declared() -> WebSocketBroadcastBackend:
    backend = WebSocketBroadcastBackend(bridge=None)

    @backend.channel("orders:{tenant}", events={"created": OrderCreated, "noted": Note})
    class Orders(Channel): ...

    return backend


@pytest.mark.parametrize(
    "payload",
    [GOOD, SENT, OrderCreated(**GOOD), {**SENT, "unknown": 1}],
    ids=["values of Python", "JSON", "its model", "a field too many"],
)
async def test_what_the_model_serialises_is_sent(payload: Any) -> None:
    async with declared() as backend:
        event = await backend.broadcast("orders:acme", "created", payload)
        assert event.payload == SENT


async def test_another_model_is_sent_where_it_serialises_to_what_is_declared() -> None:
    class Row(BaseModel):
        text: str
        secret: str = "x"

    async with declared() as backend:
        assert (await backend.broadcast("orders:acme", "noted", Row(text="a"))).payload == {"text": "a"}
        with pytest.raises(InvalidEvent, match=r"orders:acme noted: payload\.text: Field required"):
            await backend.broadcast("orders:acme", "noted", Line(count=1))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"lines": [{"count": 1}, {"count": 0}]}, "payload.lines.1.count"),
        ({"lines": [{"count": "1"}]}, "payload.lines.0.count"),
        ({"at": "yesterday"}, "payload.at"),
        ({"status": "shut"}, "payload.status"),
        ({"orderTotal": float("nan")}, "payload.orderTotal"),
        ({"id": None}, "payload.id"),
        ({"lines": object()}, "object"),
    ],
)
async def test_what_does_not_validate_is_refused_with_the_field(change: dict[str, Any], named: str) -> None:
    async with declared() as backend:
        with pytest.raises(InvalidEvent, match=named.replace(".", r"\.")):
            await backend.broadcast("orders:acme", "created", {**GOOD, **change})
        assert await backend.history("orders:acme", last=9) == []


async def test_a_model_whose_fields_are_of_other_types_is_refused() -> None:
    async with declared() as backend:
        wrong = OrderCreated(**GOOD).model_copy(update={"lines": [Line.model_construct(count="one")]})
        with pytest.raises(InvalidEvent, match="count"):
            await backend.broadcast("orders:acme", "created", wrong)


async def test_nan_in_a_field_that_may_be_null_is_refused() -> None:
    class Point(BaseModel):
        x: float | None

    async with WebSocketBroadcastBackend(bridge=None) as backend:

        @backend.channel("points", events={"moved": Point})
        class Points(Channel): ...

        with pytest.raises(InvalidEvent, match="NaN"):
            await backend.broadcast("points", "moved", {"x": float("nan")})


async def test_a_union_is_validated_and_an_undeclared_channel_takes_anything() -> None:
    async with declared() as backend:

        @backend.channel("mixed", events={"any": Note | Line, "row": dict})
        class Mixed(Channel): ...

        assert (await backend.broadcast("mixed", "any", {"count": 1})).payload == {"count": 1}
        assert (await backend.broadcast("mixed", "row", {"x": [1]})).payload == {"x": [1]}
        with pytest.raises(InvalidEvent):
            await backend.broadcast("mixed", "any", {"count": "1"})
        assert (await backend.broadcast("orders", "whatever", {"x": [1]})).payload == {"x": [1]}
        assert (await backend.broadcast("orders:a:b", "whatever", {})).payload == {}
        with pytest.raises(InvalidChannel):
            await backend.broadcast("no channel", "created", {})


# -- from every place


async def _broadcast(backend: WebSocketBroadcastBackend, event: str, payload: Any) -> None:
    await backend.broadcast("orders:acme", event, payload)


async def _ephemeral(backend: WebSocketBroadcastBackend, event: str, payload: Any) -> None:
    await backend.broadcast("orders:acme", event, payload, ephemeral=True)


async def _sync(backend: WebSocketBroadcastBackend, event: str, payload: Any) -> None:
    await asyncio.to_thread(backend.broadcast_sync, "orders:acme", event, payload)


async def _soon(backend: WebSocketBroadcastBackend, event: str, payload: Any) -> None:
    backend.broadcast_soon("orders:acme", event, payload)


async def _many(backend: WebSocketBroadcastBackend, event: str, payload: Any) -> None:
    await backend.broadcast_many([("orders", "other", {}), Publish("orders:acme", event, payload)])


async def _outbox(backend: WebSocketBroadcastBackend, event: str, payload: Any) -> None:
    with TemporaryDirectory() as folder:
        engine = create_engine(f"sqlite:///{folder}/app.db")
        outbox = Outbox(backend, engine)
        with Session(engine) as session:
            outbox.broadcast(session, "orders:acme", event, payload)


PLACES = [_broadcast, _ephemeral, _sync, _soon, _many, _outbox]


@pytest.mark.parametrize("publish", PLACES)
async def test_every_way_to_publish_refuses(publish: Any) -> None:
    async with declared() as backend:
        for event, payload in [("removed", {}), ("noted", {}), ("noted", {"text": 1})]:
            with pytest.raises(InvalidEvent, match=r"noted"):
                await publish(backend, event, payload)
        assert await backend.history("orders:acme", last=9) == await backend.history("orders", last=9) == []
        await publish(backend, "noted", {"text": "a"})


async def test_hooks_commands_and_snapshots_of_a_connection_are_validated_too() -> None:
    backend = WebSocketBroadcastBackend(bridge=None)
    raised: list[BroadcastError] = []

    async def publish(event: str) -> Event | None:
        try:
            return await backend.broadcast("room:1", event, {"text": "a"})
        except InvalidEvent as error:
            raised.append(error)
            return None

    @backend.channel("room:{id}", events={"noted": Note, "snapshot": Note})
    class Room(Channel):
        async def joined(self, connection: Connection, id: str) -> None:
            await publish("joined")

        async def snapshot(self, connection: Connection, id: str) -> dict[str, Any]:
            return {"text": "a", "secret": 1} if id == "1" else {"text": 1}

        @command("note")
        async def note(self, connection: Connection, payload: Note, id: str) -> None:
            await publish("wrong")
            await publish("noted")

    with serving_backend(backend) as server:
        async with client(server.url) as one:
            await one.send({"subscribe": ["room:1"], "id": 1})
            assert "subscribed" in await one.receive()
            assert (await one.receive())["payload"] == {"text": "a"}
            await one.send({"send": "room:1", "event": "note", "payload": {"text": "a"}})
            assert (await one.receive())["event"] == "noted"
            await one.send({"subscribe": ["room:2"], "id": 2})
            assert (await one.receive())["error"]["code"] == "internal"
    assert [str(error).split("'")[1] for error in raised] == ["joined", "wrong", "joined"]


# -- what is declared, and what it costs


@pytest.mark.parametrize(
    ("events", "named"),
    [({"": Note}, "an event's name"), ({1: Note}, "an event's name"), ({"a": object()}, "payload of 'a'")],
)
def test_what_cannot_be_declared_is_a_type_error(events: Any, named: str) -> None:
    with pytest.raises(TypeError, match=named):
        WebSocketBroadcastBackend(bridge=None).channel("a", events=events)(Channel)


def test_an_undeclared_channel_costs_no_call() -> None:
    def cost(backend: WebSocketBroadcastBackend) -> int:
        backend.draft("news", "a", {})  # what is remembered of the channel
        return calls(lambda: backend.draft("news", "a", {}))

    plain = WebSocketBroadcastBackend(bridge=None)
    plain.channel("orders:{tenant}")(Channel)
    assert cost(declared()) == cost(plain)


def test_a_declaration_that_follows_a_publish_holds() -> None:
    backend = declared()
    backend.draft("news", "a", {})
    backend.channel("news", events={"b": Note})(Channel)
    with pytest.raises(InvalidEvent):
        backend.draft("news", "a", {})


def test_beside_the_events_of_a_feature_an_application_may_publish_others() -> None:
    backend = WebSocketBroadcastBackend(bridge=None)
    backend.channel("feature", events=Open(noted=Note))(Channel)
    backend.draft("feature", "other", {"text": 1})
    with pytest.raises(InvalidEvent):
        backend.draft("feature", "noted", {"text": 1})
