"""What goes on in a fleet, in lines for a terminal."""

from collections.abc import Iterator
from typing import Any

from pattern_stack.features.fleet.core.resources import KINDS, channel

Message = dict[str, Any]
Lines = dict[str, str]
"""What there is to say of each, by its key."""

CHANNELS = tuple(map(channel, KINDS))


class Lookout:
    """Told of every event of the fleet's channels, snapshots first, it says what is other than before.

    `+` for what came or changed, `-` for what went.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Lines] = {}

    def see(self, event: Message) -> Iterator[str]:
        kind, payload = event["channel"].removeprefix("fleet:"), event["payload"]
        if event["event"] == "snapshot":
            owners = {_owner(one) for one in payload[kind]} | {owner for known, owner in self._known if known == kind}
            for owner in sorted(owners):
                here = (_said(kind, one) for one in payload[kind] if _owner(one) == owner)
                yield from self._replace(kind, owner, dict(here))
        elif event["event"] == "session-removed":
            for (known, owner), lines in list(self._known.items()):
                if known == kind and payload["session_id"] in lines:
                    yield from self._replace(kind, owner, lines, without=payload["session_id"])
        elif kind in payload:
            yield from self._replace(kind, payload["computer"], dict(_said(kind, one) for one in payload[kind]))
        elif kind in ("computers", "sessions"):
            key, line = _said(kind, payload)
            yield from self._replace(kind, _owner(payload), {**self._of(kind, _owner(payload)), key: line})

    def _of(self, kind: str, owner: str) -> Lines:
        return self._known.get((kind, owner), {})

    def _replace(self, kind: str, owner: str, lines: Lines, without: str = "") -> Iterator[str]:
        before = self._of(kind, owner)
        now = self._known[kind, owner] = {key: line for key, line in lines.items() if key != without}
        yield from (f"- {line}" for key, line in before.items() if key not in now)
        yield from (f"+ {line}" for key, line in now.items() if before.get(key) != line)


def _owner(fact: Message) -> str:
    owner: str = fact.get("computer") or fact["name"]
    return owner


def _said(kind: str, fact: Message) -> tuple[str, str]:
    if kind == "computers":
        return fact["name"], f"{fact['name']}: {fact['status']}"
    if kind == "projects":
        return fact["path"], f"{fact['computer']} has the project {fact['name']}: {fact['description']}"
    if kind == "todos":
        project = fact["project"].rstrip("/").rpartition("/")[2]
        key = f"{fact['project']}/{fact['slug']}"
        return key, f"{fact['computer']} {project}/{fact['slug']} [{fact['status']}] {fact['description']}"
    return fact["session_id"], f"{fact['computer']} has the session {fact['title']} [{fact['status']}]"
