import math
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest
from pydantic import BaseModel

from pattern_stack import InvalidChannel, InvalidEvent, Limits
from pattern_stack.atoms.broadcast.core.event import encode


def test_payload_is_frozen_when_it_is_published() -> None:
    payload: dict[str, Any] = {"items": [1]}
    event = encode("orders", "created", payload, limits=Limits()).at("e", 7)
    payload["items"].append(2)
    event.payload["items"].append(3)
    assert event.payload == {"items": [1]}
    assert orjson.loads(event.data) == {
        "channel": "orders", "event": "created", "payload": {"items": [1]}, "offset": 7, "timestamp": event.timestamp,
    }  # fmt: skip


def test_dates_and_uuids_are_encoded() -> None:
    when, id = datetime(2026, 11, 21, tzinfo=UTC), UUID(int=1)
    event = encode("orders", "created", {"when": when, "id": id}, limits=Limits()).at("e", 1)
    assert event.payload == {"when": when.isoformat(), "id": str(id)}


def deep(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"x": value}
    return value


@pytest.mark.parametrize(
    "payload",
    [
        {"x": object()}, {"x": {1, 2}}, {"x": b"bytes"}, {1: "x"}, {"x": 2**64}, {"x": "\ud800"}, {"x": math.nan},
        {"x": [None, {"y": -math.inf}]}, [], "text", None, deep(2_000),
    ],
)  # fmt: skip
def test_what_is_no_json_object_is_an_invalid_event(payload: Any) -> None:
    with pytest.raises(InvalidEvent):
        encode("orders", "created", payload, limits=Limits())


class Order(BaseModel):
    id: int


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ({"order": Order(id=1)}, r"payload\.order is of type Order; pass its model_dump\(mode='json'\)"),
        ({"shop": {"orders": [{}, {"first": Order(id=1)}]}}, r"payload\.shop\.orders\[1\]\.first is of type Order"),
        ({"tags": {"a", "b"}}, r"payload\.tags is of type set\)"),
        ({"\ud800": object()}, r"payload\.\\ud800 is of type object"),
    ],
)
def test_the_field_that_is_no_json_is_named(payload: Any, said: str) -> None:
    with pytest.raises(InvalidEvent, match=said):
        encode("orders", "created", payload, limits=Limits())


@pytest.mark.parametrize("event_type", ["", "a\nb", "x" * 201, "\ud800", None, 5])
def test_invalid_names_of_events(event_type: Any) -> None:
    with pytest.raises(InvalidEvent):
        encode("orders", event_type, {}, limits=Limits())


@pytest.mark.parametrize("channel", ["", "a b", "a\n", "ä", "a*", "{a}", "x" * 201, None, b"orders"])
def test_invalid_channels(channel: Any) -> None:
    with pytest.raises(InvalidChannel):
        encode(channel, "created", {}, limits=Limits())


def test_names_at_their_limit() -> None:
    encode("x" * 200, "ü" * 200, {}, limits=Limits())


def test_size_is_bounded_but_for_snapshots() -> None:
    payload = {"x": "y" * 1_048_576}
    with pytest.raises(InvalidEvent, match="1048"):
        encode("orders", "created", payload, limits=Limits())
    encode("orders", "snapshot", payload, limits=Limits(), bounded=False)


def test_origin_has_to_be_a_string() -> None:
    with pytest.raises(InvalidEvent):
        encode("orders", "created", {}, origin=5, limits=Limits())  # type: ignore[arg-type]
