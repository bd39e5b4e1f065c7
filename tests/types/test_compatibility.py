"""Which changes break a client: each is judged, and shown by an old client against a new server."""

from datetime import datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import jsonschema_rs
import orjson
import pytest
from click.testing import Result
from pydantic import BaseModel, ConfigDict, Field, create_model
from typer.testing import CliRunner

from pattern_stack import Channel, Connection, WebSocketBroadcastBackend, command
from pattern_stack.atoms.broadcast.asyncapi.document import document_of
from pattern_stack.atoms.broadcast.core.command_error import CommandError
from pattern_stack.cli import main
from pattern_stack.types.compatibility import breaking_changes
from tests.types import shop

Fields = dict[str, Any]


class Small(Enum):
    NEW = "new"


class Big(Enum):
    NEW = "new"
    OLD = "old"


class Card(BaseModel):
    kind: Literal["card"]
    digits: str


class Cash(BaseModel):
    kind: Literal["cash"]


class Line(BaseModel):
    sku: str


class NewLine(BaseModel):
    sku: str | None


NULL = NewLine(sku=None)


class Node(BaseModel):
    name: str
    children: list["Node"] = []


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


def application(event: Fields, taken: Fields, result: Fields, base: Any = None) -> WebSocketBroadcastBackend:
    """One channel with one event and one command, whose models have these fields."""
    made = {name: create_model(name, **fields) for name, fields in (("Event", event), ("Result", result))}
    payload = create_model("Payload", __base__=base, **taken)
    backend = WebSocketBroadcastBackend(bridge=None)

    class Orders(Channel):
        async def act(self, connection: Connection, payload: Any, tenant: str) -> Any: ...

    Orders.act.__annotations__.update({"payload": payload, "return": made["Result"]})
    Orders.act = command("act")(Orders.act)  # type: ignore[method-assign]
    backend.channel("orders:{tenant}", events={"created": made["Event"]})(Orders)
    return backend


def document(backend: WebSocketBroadcastBackend) -> dict[str, Any]:
    return document_of(backend._channels, title="", version="")


class Case(NamedTuple):
    name: str
    where: str
    """`event`, `command` or `result`."""
    old: Any
    new: Any
    value: Any
    """Of the field: what the new server sends, or an old client does. MISSING: the field is left out."""
    breaks: str = ""
    """What is said of it; nothing where it breaks no client."""


MISSING = object()
ABSENT = None

CASES = [
    Case("a field of an event is removed", "event", (int, ...), ABSENT, MISSING, "payload.x: it is gone"),
    Case("a field of an event is added", "event", ABSENT, (int, ...), 1),
    Case("its type changes", "event", (int, ...), (str, ...), "a", "its type was integer, and is string"),
    Case("a float becomes a Decimal", "event", (float, ...), (Decimal, ...), Decimal(1), "its type was number, and is string"),
    Case("an integer may be a fraction", "event", (int, ...), (float, ...), 1.5, "its type was integer, and is number"),
    Case("a number is always an integer", "event", (float, ...), (int, ...), 1),
    Case("a date becomes any text", "event", (datetime, ...), (str, ...), "soon", "its format was date-time, and is none"),
    Case("a field becomes nullable", "event", (int, ...), (int | None, ...), None, "it may be null now"),
    Case("a field is never null any more", "event", (int | None, ...), (int, ...), 1),
    Case("a field becomes optional", "event", (int, ...), (int, 0), 1, "it may be missing now"),
    Case("an enum is widened", "event", (Small, ...), (Big, ...), Big.OLD, 'it may be "old" now'),
    Case("an enum is narrowed", "event", (Big, ...), (Small, ...), Small.NEW),
    Case("a union gets a member", "event", (Card, ...), (Card | Cash, ...), Cash(kind="cash"), "variant with kind 'cash' now"),
    Case("a union loses a member", "event", (Card | Cash, ...), (Card, ...), Card(kind="card", digits="1")),
    Case("in a list of models", "event", (list[Line], ...), (list[NewLine], ...), [NULL], "payload.x[].sku: it may be null"),
    Case("in a dict of models", "event", (dict[str, Line], ...), (dict[str, NewLine], ...), {"a": NULL}, "x{}.sku: it may be"),
    Case("in a tuple", "event", (tuple[int, Line], ...), (tuple[int, NewLine], ...), (1, NULL), "x[1].sku: it may be null"),
    Case("a type that contains itself stays", "event", (Node, ...), (Node, ...), Node(name="a", children=[Node(name="b")])),
    Case("a field of a result is removed", "result", (int, ...), ABSENT, MISSING, "result.x: it is gone"),
    Case("a field of a command becomes required", "command", (int, 0), (int, ...), MISSING, "payload.x: it has to be there now"),
    Case("a new field of a command is required", "command", ABSENT, (int, ...), MISSING, "x: it is new, and has to be there"),
    Case("a new field of a command has a default", "command", ABSENT, (int, 0), MISSING),
    Case("a field of a command is ignored", "command", (int, ...), ABSENT, 1),
    Case("a field of a command becomes nullable", "command", (int, ...), (int | None, ...), 1),
    Case("a field of a command must not be null", "command", (int | None, ...), (int, ...), None, "it must not be null any more"),
    Case("an enum is narrowed in a command", "command", (Big, ...), (Small, ...), "old", 'it must not be "old" any more'),
    Case("an enum is widened in a command", "command", (Small, ...), (Big, ...), "new"),
    Case("a text of a command becomes an enum", "command", (str, ...), (Small, ...), "x", 'its type was string, and is "new"'),
    Case("a fraction is no longer taken", "command", (float, ...), (int, ...), 1.5, "its type was number, and is integer"),
    Case("a variant is no longer taken", "command", (Card | Cash, ...), (Card, ...), {"kind": "cash"}, "no variant has kind"),
    Case("a bound gets closer", "command", (str, ...), (Annotated[str, Field(max_length=3)], ...), "long", "maxLength"),
]  # fmt: skip


def fields(one: Any) -> Fields:
    return {"y": (int, 0)} if one is ABSENT else {"y": (int, 0), "x": one}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_change_is_judged_as_an_old_client_finds_it(case: Case) -> None:
    apps = [
        application(*[fields(kind if one == case.where else ABSENT) for one in ("event", "command", "result")])
        for kind in (case.old, case.new)
    ]
    old, new = map(document, apps)
    found = breaking_changes(old, new)
    assert len(found) == bool(case.breaks), found
    assert case.breaks in "".join(found)
    assert found == [] or found[0].startswith(
        f"orders:{{tenant}}: the {'event created' if case.where == 'event' else 'command act'}, "
    )
    assert breaking_changes(new, new) == breaking_changes(old, old) == []
    if case.name != "a field becomes optional":  # it is sent all the same, as long as the model has it
        assert goes_on(case, old, apps[1]) == (not case.breaks)


def goes_on(case: Case, old: dict[str, Any], new: WebSocketBroadcastBackend) -> bool:
    """Whether what is sent is what its receiver takes."""
    (spec, _) = new._channels.match("orders:a") or pytest.fail("no such channel")
    payload = {} if case.value is MISSING else {"x": case.value}
    messages = old["channels"]["orders-tenant"]["messages"]
    if case.where == "command":
        try:
            spec.commands["act"].read(orjson.dumps(payload))
        except CommandError:
            return False
        return True
    if case.where == "event":
        frame = orjson.loads(new.draft("orders:a", "created", payload).body)
        schema = messages["created"]["payload"]
    else:
        frame = orjson.loads(spec.commands["act"].write(payload))
        schema = {**messages["result.act"]["payload"], "required": ["result"]}
    whole = {**schema, "components": old["components"]}
    return jsonschema_rs.Draft7Validator(whole, validate_formats=True).is_valid(frame)


def test_channels_events_and_commands_that_are_gone_are_named() -> None:
    old, new = application({}, {}, {}), WebSocketBroadcastBackend(bridge=None)
    assert breaking_changes(document(old), document(new)) == ["orders:{tenant}: the channel is gone"]
    new.channel("orders:{shop}", events={"made": Line})(Channel)  # the name of a parameter is nobody's business
    assert breaking_changes(document(old), document(new)) == [
        "orders:{tenant}: the event created is gone",
        "orders:{tenant}: the command act is gone",
    ]
    assert breaking_changes(document(new), document(new)) == []


def test_a_field_that_is_forbidden_now_breaks_who_sends_it() -> None:
    old, new = application({}, {"x": (int, 0)}, {}), application({}, {}, {}, base=Strict)
    (line,) = breaking_changes(document(old), document(new))
    assert line == "orders:{tenant}: the command act, payload.x: it must not be there any more"


def test_a_type_that_several_events_use_is_named_for_each() -> None:
    def both(line: Any) -> dict[str, Any]:
        backend = WebSocketBroadcastBackend(bridge=None)
        backend.channel("a", events={"one": line, "two": line})(Channel)
        return document(backend)

    assert [line.partition(",")[0] for line in breaking_changes(both(Line), both(NewLine))] == [
        "a: the event one",
        "a: the event two",
    ]


def test_what_is_declared_now_breaks_nobody_who_took_anything() -> None:
    old, new = WebSocketBroadcastBackend(bridge=None), WebSocketBroadcastBackend(bridge=None)
    old.channel("a")(Channel)
    new.channel("a", events={"one": Line})(Channel)
    assert breaking_changes(document(old), document(new)) == []


def test_the_command_names_them_and_exits_1(tmp_path: Path) -> None:
    old = tmp_path / "old.json"
    whole = document(shop.backend)
    whole["channels"]["orders-tenant"]["messages"]["gone"] = {
        **whole["channels"]["orders-tenant"]["messages"]["removed"], "name": "gone",
    }  # fmt: skip
    old.write_bytes(orjson.dumps(whole))
    run = check(old)
    assert (run.exit_code, run.stdout) == (1, "orders:{tenant}: the event gone is gone\n")
    old.write_text("{}")
    run = check(old)
    assert (run.exit_code, run.stdout) == (2, "")
    assert "is no /asyncapi.json" in run.stderr
    old.write_bytes(orjson.dumps(document(shop.backend)))
    assert check(old).exit_code == 0


MUTILATED: list[tuple[str, Any]] = [
    ("address", None),
    ("parameters", {"tenant": 1}),
    ("messages", {"created": {"$ref": "#/components/messages/created"}}),
    ("messages", {"created": {"name": "created", "x-kind": "event"}}),
    (
        "messages",
        {"created": {"name": "created", "x-kind": "event", "payload": {"properties": {"payload": {"$ref": 1}}}}},
    ),
]


@pytest.mark.parametrize(("part", "value"), MUTILATED)
def test_a_document_that_cannot_be_compared_is_refused_in_words(part: str, value: Any, tmp_path: Path) -> None:
    whole = document(shop.backend)
    whole["channels"]["orders-tenant"][part] = value
    old = tmp_path / "old.json"
    old.write_bytes(orjson.dumps(whole))
    run = check(old)
    assert (run.exit_code, run.stdout) == (2, "")
    assert "is no /asyncapi.json" in run.stderr


def check(old: Path) -> Result:
    return CliRunner().invoke(main, ["types", "--check", str(old), "tests.types.shop:app"])
