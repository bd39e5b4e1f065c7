"""What in a new document breaks a client that was made from an old one."""

from collections.abc import Iterator, Mapping
from typing import Any

from pattern_stack.types.containment import Containment

Document = Mapping[str, Any]


def is_document(value: object) -> bool:
    """Whether `/asyncapi.json` of this package may have said it."""
    if not (
        isinstance(value, Mapping)
        and str(value.get("asyncapi", "")).startswith("3.")
        and isinstance(value.get("channels"), Mapping)
        and all(isinstance(one, Mapping) and "address" in one for one in value["channels"].values())
    ):
        return False
    try:  # comparing comes to every part of it
        breaking_changes(value, value)
        messages = [one for channel in value["channels"].values() for one in channel.get("messages", {}).values()]
        return all("x-kind" in one for one in messages)  # one that is elsewhere would not be compared
    except (AttributeError, LookupError, TypeError, RecursionError):
        return False


def breaking_changes(old: Document, new: Document) -> list[str]:
    """A line for each, in the order of the old document. Nothing where every old client can go on."""
    found = [line for channel in old["channels"].values() for line in _of_channel(channel, old, new)]
    return list(dict.fromkeys(found))


def _of_channel(before: Mapping[str, Any], old: Document, new: Document) -> Iterator[str]:
    where = before["address"]
    after = next((one for one in new["channels"].values() if _is_same(before, one)), None)
    if after is None:
        yield f"{where}: the channel is gone"
        return
    schemas = _schemas(old), _schemas(new)
    sent, taken = Containment(*schemas, sent=True), Containment(*schemas, sent=False)
    events, results = _messages(after, "event"), _messages(after, "result")
    for name, message in _messages(before, "event").items():
        if before.get("x-undeclared-events") and message["payload"]["properties"]["event"].get("const") is None:
            continue
        if name not in events:
            yield f"{where}: the event {name} is gone"
            continue
        for change in sent.changes(_part(message, "payload"), _part(events[name], "payload"), "payload"):
            yield f"{where}: the event {name}, {change.path}: {change.text}"
    commands, old_results = _messages(after, "command"), _messages(before, "result")
    for name, message in _messages(before, "command").items():
        if name not in commands:
            yield f"{where}: the command {name} is gone"
            continue
        for change in taken.changes(_part(message, "payload"), _part(commands[name], "payload"), "payload"):
            yield f"{where}: the command {name}, {change.path}: {change.text}"
        for change in sent.changes(_part(old_results[name], "result"), _part(results[name], "result"), "result"):
            yield f"{where}: the command {name}, {change.path}: {change.text}"


def _is_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Parameters may be renamed: clients do not see their names."""
    return _names(one) == _names(other)


def _names(channel: Mapping[str, Any]) -> tuple[str, bool]:
    address, takes_rest = channel["address"], False
    for name, parameter in channel.get("parameters", {}).items():
        address = address.replace(f"{{{name}}}", "{}")
        takes_rest |= bool(parameter.get("x-path"))
    return address, takes_rest


def _schemas(document: Document) -> Mapping[str, Any]:
    found: Mapping[str, Any] = document.get("components", {}).get("schemas", {})
    return found


def _messages(channel: Mapping[str, Any], kind: str) -> dict[str, Any]:
    return {one["name"]: one for one in channel.get("messages", {}).values() if one.get("x-kind") == kind}


def _part(message: Mapping[str, Any], name: str) -> Any:
    return message["payload"]["properties"][name]
