"""What the document allows is what the application takes: for random payloads, near to valid ones."""

import asyncio
import copy
from typing import Any

import jsonschema_rs
import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pattern_stack.atoms.broadcast.core.command_error import CommandError
from pattern_stack.errors import InvalidEvent
from tests.types import shop
from tests.types.test_asyncapi import described

DOCUMENT = asyncio.run(described(shop.app))
MESSAGES = DOCUMENT["channels"]["orders-tenant"]["messages"]
ID, AT = "00000000-0000-0000-0000-000000000001", "2026-01-02T03:04:05Z"
LINE = {"sku": "apple", "count": 1}
CARD = {"kind": "card", "last_four": "1234"}
CANCEL = {
    "id": ID, "payment": CARD, "reason": "late", "lines": [LINE, LINE], "at": AT, "amount": "1.50",
    "counts": {"new": 1}, "size": [1, "x"],
}  # fmt: skip
CREATED = {
    "id": ID, "placedAt": AT, "total": "1.50", "status": "new", "level": 1, "lines": [LINE], "bySku": {"apple": LINE},
    "counts": {"new": 1}, "payment": {"kind": "invoice", "due": "2026-01-02"}, "firstLine": LINE,
    "pages": {"items": [LINE], "total": 1}, "category": {"name": "a", "children": [{"name": "b", "children": []}]},
    "size": [1, "x"], "rest": [1], "tags": ["x"], "took": "PT1S", "anything": {"x": [None]}, "sort": "up",
    "on": "2026-01-02", "strange-name": 1, "pieces": 1,
}  # fmt: skip

# no text of digits, which pydantic takes for a time: seconds since 1970.
# The command has no field of an IntEnum, for which pydantic takes true as 1.
VALUES = [
    None, True, False, 0, 1, 2, -1, 1.5, 10**12, "", "x", "late", "new", "shipped", "card", "invoice", ID, AT,
    "2026-01-02", "much too long a reason", [], [1], [LINE], [1, "x"], [1, "x", 2], {}, LINE, CARD, {"new": 1}, {"old": 1},
    {"kind": "invoice"}, {"name": "a"}, {"name": "a", "children": [{"name": 1}]},
]  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to everything inside."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, one in inner for found in [(*path, key), *places(one, (*path, key))]]


def changed(valid: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """The same with one to three values replaced, removed or added."""

    def change(steps: list[tuple[tuple[Any, ...], str, Any]]) -> dict[str, Any]:
        value = copy.deepcopy(valid)
        for path, how, new in steps:
            at: Any = value
            try:
                for key in path[:-1]:
                    at = at[key]
                if how == "replace" or not isinstance(at, dict):
                    at[path[-1]] = copy.deepcopy(new)
                elif how == "remove":
                    del at[path[-1]]
                else:
                    at["unknown"] = copy.deepcopy(new)
            except (KeyError, IndexError, TypeError):  # a step before has taken it away
                continue
        return value

    step = st.tuples(
        st.sampled_from(places(valid)), st.sampled_from(["replace", "remove", "add"]), st.sampled_from(VALUES)
    )
    return st.lists(step, max_size=3).map(change)


def validator(message: str) -> jsonschema_rs.Draft7Validator:
    schema = MESSAGES[message]["payload"]["properties"]["payload"]
    whole = {**schema, "components": DOCUMENT["components"]}
    formats = {"uuid": lambda text: text == ID, "duration": lambda text: text == "PT1S"}  # draft 7 knows neither
    return jsonschema_rs.Draft7Validator(whole, validate_formats=True, formats=formats)


cancel, created = validator("command.cancel"), validator("created")


@given(changed(CANCEL))
@example(CANCEL)
def test_a_command_takes_what_its_schema_allows_and_nothing_else(payload: dict[str, Any]) -> None:
    (spec, _) = shop.backend._channels.match("orders:acme") or pytest.fail("no such channel")
    try:
        spec.commands["cancel"].read(orjson.dumps(payload))
        taken = True
    except CommandError:
        taken = False
    assert taken == cancel.is_valid(payload)


@given(changed(CREATED))
@example(CREATED)
def test_an_event_is_taken_where_its_schema_allows_it_and_sent_as_its_schema_says(payload: dict[str, Any]) -> None:
    try:
        body = shop.backend.draft("orders:acme", "created", payload).body
    except InvalidEvent:
        assert not created.is_valid(payload)
    else:
        assert created.is_valid(orjson.loads(body)["payload"])
