"""Names of a document as names of TypeScript."""

import json
import re
from collections.abc import Iterable, Mapping

_WORD = re.compile(r"[A-Za-z0-9$]+")
_IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_WORDS = (
    "Channels any as async await bigint boolean break case catch class const continue debugger default delete do else enum "
    "export extends false finally for function if import in infer instanceof interface keyof let never new null number object "
    "of package private protected public readonly return static string super switch symbol this throw true try type typeof "
    "undefined unknown var void while with yield"
)
_RESERVED = frozenset(_WORDS.split())


def type_names(wanted: Mapping[str, str], taken: Iterable[str] = ()) -> Mapping[str, str]:
    """For each key the name that it wants, as TypeScript takes it, and no two the same: `Page_Line_` is `PageLine`."""
    names: dict[str, str] = {}
    used = {*_RESERVED, *taken}
    for key, text in wanted.items():
        name = type_name(text)
        while name in used:
            name += "_"
        names[key] = name
        used.add(name)
    return names


def type_name(text: str) -> str:
    name = "".join(word[0].upper() + word[1:] for word in _WORD.findall(text)) or "Type"
    return f"_{name}" if name[0].isdigit() else name


def property_name(name: str) -> str:
    return name if _IDENTIFIER.fullmatch(name) else quoted(name)


def quoted(text: str) -> str:
    """As a string of TypeScript."""
    return json.dumps(text, ensure_ascii=False)


def template(address: str) -> str:
    """The type of the names that an address stands for: `orders:{tenant}` is `orders:${string}`."""
    literals = re.split(r"\{\w+\}", address)
    if len(literals) == 1:
        return quoted(address)
    return "`" + "${string}".join(re.sub(r"([\\`$])", r"\\\1", one) for one in literals) + "`"
