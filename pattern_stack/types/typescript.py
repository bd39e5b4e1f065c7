"""A module of TypeScript that exports `Channels`, for `new BroadcastClient<Channels>(url)`."""

from collections.abc import Iterable, Mapping
from typing import Any

from pattern_stack.types.expressions import Types, comment, commented
from pattern_stack.types.names import property_name, template, type_name, type_names

Document = Mapping[str, Any]
_FIRST_LINE = "// Made by `pattern-stack types`: do not edit.\n"
_ANY_EVENT = "  events: { [event: string]: { [key: string]: any } };\n"


def typescript_of(document: Document) -> str:
    """The module. The same document gives the same text."""
    schemas = document["components"]["schemas"]
    channels = document["channels"]
    own = type_names({key: _channel_name(key, channel) for key, channel in channels.items()})
    names = type_names({name: name for name in sorted(schemas)}, taken=own.values())
    types = Types(names)
    parts = [_FIRST_LINE, _list(own.values())]
    parts += [_channel(own[key], channel, types) for key, channel in channels.items()]
    parts += [_named(names[name], schemas[name], types) for name in sorted(schemas)]
    return "\n".join(parts)


def _list(names: Iterable[str]) -> str:
    members = "".join(f"  {name},\n" for name in names)
    about = commented(["The channels of the application, in the order in which they are declared."], "")
    return f"{about}export type Channels = [{chr(10) if members else ''}{members}];\n"


def _channel_name(key: str, channel: Mapping[str, Any]) -> str:
    """What is declared without a class of its own goes by its pattern."""
    title = channel.get("title", key)
    name = type_name(title if title.isidentifier() else key)
    return name if name.endswith("Channel") else f"{name}Channel"


def _channel(name: str, channel: Mapping[str, Any], types: Types) -> str:
    messages = channel["messages"].values()
    of_kind = {kind: [one for one in messages if one.get("x-kind") == kind] for kind in ("event", "command", "result")}
    rest = any(one.get("x-path") for one in channel.get("parameters", {}).values())
    lines = [
        f"{comment(channel, '')}export interface {name} {{\n",
        f"  channel: {template(channel['address'])};\n",
        "  rest: true;\n" if rest else "",
        _ANY_EVENT if channel.get("x-undeclared-events") else _events(of_kind["event"], types),
        _commands(of_kind["command"], of_kind["result"], types),
        "}\n",
    ]
    return "".join(lines)


def _events(messages: list[Any], types: Types) -> str:
    lines = [_member(one, types.of(_of_frame(one, "payload"), "    ")) for one in messages]
    return _block("events", lines)


def _commands(commands: list[Any], results: list[Any], types: Types) -> str:
    of_name = {one["name"]: one for one in results}
    lines = []
    for one in commands:
        mark = "" if "payload" in one["payload"]["required"] else "?"
        payload = types.of(_of_frame(one, "payload"), "      ")
        result = types.of(_of_frame(of_name[one["name"]], "result"), "      ")
        lines.append(_member(one, f"{{\n      payload{mark}: {payload};\n      result: {result};\n    }}"))
    return _block("commands", lines)


def _block(name: str, lines: list[str]) -> str:
    return f"  {name}: {{\n{''.join(lines)}  }};\n" if lines else f"  {name}: {{}};\n"


def _member(message: Mapping[str, Any], type: str) -> str:
    return f"{comment(message, '    ')}    {property_name(message['name'])}: {type};\n"


def _of_frame(message: Mapping[str, Any], part: str) -> Any:
    return message["payload"]["properties"][part]


def _named(name: str, schema: Any, types: Types) -> str:
    about = comment(schema, "")
    if isinstance(schema, Mapping) and schema.get("properties"):
        return f"{about}export interface {name} {{\n{types.members(schema, '  ')}}}\n"
    return f"{about}export type {name} = {types.of(schema)};\n"
