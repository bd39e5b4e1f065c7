"""What is wrong, in words, from what the page shows: a cause, and what to do. The most urgent first."""

from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from itertools import islice
from typing import Any

Row = dict[str, Any]

_RECENT = 3_600.0
"""Seconds. What is older is shown, and is no finding."""
_MOST = 5
"""Findings of one kind."""
_HANGS = 1.0
"""Seconds after which a hook that runs is worth a line."""
_BEHIND = 100
"""Events that wait for a handler."""
_SIMILAR = 0.75
_NEAR, _CANDIDATES, _LOOKED_AT = 3, 50, 10
"""How much longer or shorter a similar name may be, how many are compared, and for how many channels."""
_ORDINARY = {1000, 1001, 1005, 1006, 1012, 4401, 4403, 4408}


def findings(view: Row, heard: Sequence[str], now: float) -> list[Row]:
    """`view`: what the page shows; `heard`: the channels that somebody is on; `now`: seconds since 1970."""
    found: list[Row] = []
    for rule in _RULES:
        rows = [row for row in rule(view, heard) if now - row.get("at", now) < _RECENT]
        found += rows[:_MOST]
    return found


def _finding(kind: str, text: str, hint: str, at: float | None = None) -> Row:
    return {"kind": kind, "text": text, "hint": hint, **({} if at is None else {"at": at})}


def _trouble(view: Row, heard: Sequence[str]) -> Iterator[Row]:
    for row in view["trouble"]:
        hint = "Publishing waits, then raises BroadcastUnavailable. GET /ready answers 503 until it is over."
        yield _finding("trouble", f"{row['part']}: {row['text']}", hint)


def _alone(view: Row, heard: Sequence[str]) -> Iterator[Row]:
    about = view["instance"]
    if about["server"] and about["workers"] != 1 and not about["linked"]:
        several = f"one of {about['workers']} workers" if about["workers"] else "a worker"
        yield _finding(
            "alone",
            f"This process is {several} of {about['server']}, and it is linked with no other: clients here get what this "
            "process publishes, and nothing else.",
            "Leave bridge= out, use auto:// or a store that the workers share, or run one worker.",
        )


def _hooks(view: Row, heard: Sequence[str]) -> Iterator[Row]:
    for row in view["hooks"]["rows"]:
        if row["seconds"] >= _HANGS:
            yield _finding(
                "hook",
                f"The hook {row['hook']} of {row['channel']} has been running for {row['seconds']:.0f} s: "
                f"{_who({**row, 'anonymous': row['user'] is None})} waits for it.",
                "See what it waits for. After Limits.hook_seconds it is given up, and the client gets `unavailable`.",
            )


def _failures(view: Row, heard: Sequence[str]) -> Iterator[Row]:
    for row in view["failures"]["rows"]:
        kind = "handler" if row["what"] == "handler" else "hook"
        error = f" ({row['error']})" if row["error"] else ""
        yield _finding(kind, f"{row['text']}{error}{_times(row)}.", "The log has the traceback.", row["at"])


def _handlers(view: Row, heard: Sequence[str]) -> Iterator[Row]:
    for row in view["handlers"]["rows"]:
        if row["waiting"] >= _BEHIND:
            yield _finding(
                "handler",
                f"{row['handler'] or 'An iterator'} on {row['channel']} is {row['waiting']} events behind.",
                "At Limits.handler_events it is ended. Let it hand long work to a task or a queue.",
            )


def _outboxes(view: Row, heard: Sequence[str]) -> Iterator[Row]:
    for row in view["outboxes"]:
        if row["trouble"] or row["waiting"]:
            text = row["trouble"] or f"{row['waiting']} events wait in the outbox."
            yield _finding("outbox", text, "They are committed and not published yet: the relay tries again by itself.")
        if row["set_aside"]:
            one = row["set_aside"][0]
            yield _finding(
                "outbox",
                f"{len(row['set_aside'])} events of the outbox were set aside; the first, on {one['channel']}: {one['error']}.",
                "They can never be published as they are. See Outbox.set_aside.",
            )


def _slow(view: Row, heard: Sequence[str]) -> Iterator[Row]:
    for row in view["ended"]["rows"]:
        if row["code"] == 4408:
            yield _finding(
                "slow",
                f"{_who(row)} read too slowly and was closed (4408): {row['waiting']:,} bytes waited, on {_names(row)}.",
                f"The limit is Limits.outbox_bytes, {row['limit']:,}. Publish less or coarser there, or look at this network.",
                row["ended_at"],
            )
    for row in view["connections"]["rows"]:
        if row["waiting"]:
            yield _finding(
                "slow",
                f"{_who(row)} reads more slowly than is published: {row['waiting']:,} bytes wait, on {_names(row)}.",
                "At Limits.outbox_bytes it is closed with 4408.",
            )


def _unauthenticated(view: Row, heard: Sequence[str]) -> Iterator[Row]:
    hint = "Renew it before it expires; where many expire at once, compare the clocks and the lifetime."
    for row in view["ended"]["rows"]:
        if row["code"] == 4401:
            kind = "expired" if row["reason"] == "expired" else "unauthenticated"
            text = (
                "The token of {} expired, and it was closed (4401)."
                if kind == "expired"
                else "{} was closed (4401): {}."
            )
            yield _finding(kind, text.format(_who(row), row["reason"]), hint, row["ended_at"])
    for row in view["refused"]["rows"]:
        if row["code"] in (4401, "unauthenticated"):
            kind = "expired" if "expired" in row["reason"] else "unauthenticated"
            text = f"{_who(row)} was refused, unauthenticated: {row['reason']}{_times(row)}."
            yield _finding(kind, text, hint, row["at"])


def _origins(view: Row, heard: Sequence[str]) -> Iterator[Row]:
    for row in view["origins"]["rows"]:
        yield _finding(
            "origin",
            f"A page of {row['origin']} was refused: the Host that arrives here is {row['host'] or 'missing'}{_times(row)}.",
            f"Let the proxy pass the Host header on, or list this origin in {row['setting']}.",
            row["at"],
        )


_REFUSALS = {
    "forbidden": "authorize refuses this user. If that is wrong, look at what the hook asks for.",
    "not_found": "Look at the name that the client asks for.",
    "rate_limited": "This client sends more than Limits.frames_per_second or work_per_second: look for a loop in it.",
    "unavailable": "A hook took too long, or the store cannot be reached: see the other findings.",
    "internal": "A hook or a command failed: the log has the traceback.",
    "too_many_channels": "Use fewer channels a connection, or raise Limits.channels.",
    "invalid_channel": "The client asks for a name that no channel can have.",
}


def _refused(view: Row, heard: Sequence[str]) -> Iterator[Row]:
    for row in view["refused"]["rows"]:
        if row["code"] in _REFUSALS:
            on = f" on {row['channel']}" if row.get("channel") else ""
            text = f"{_who(row)} was refused{on}: {row['code']}, {row['reason']}{_times(row)}."
            yield _finding(str(row["code"]), text, _REFUSALS[row["code"]], row["at"])


def _closed(view: Row, heard: Sequence[str]) -> Iterator[Row]:
    for row in view["ended"]["rows"]:
        is_origin = row["reason"].startswith("the origin ")  # which has a finding of its own
        if row["by"] == "server" and row["code"] not in _ORDINARY and not is_origin:
            kind = "rate_limited" if row["reason"] == "too many bad frames" else "closed"
            text = f"{_who(row)} was closed ({row['code']}): {row['reason'] or 'no reason was given'}."
            yield _finding(kind, text, "See the close codes in docs/protocol.md.", row["ended_at"])


def _resets(view: Row, heard: Sequence[str]) -> Iterator[Row]:
    lost = [row for row in view["resets"]["rows"] if row["reason"] == "store"]
    if lost:
        breaks = view["totals"]["link_breaks"]
        clients = sum(row["clients"] for row in lost)
        yield _finding(
            "reset",
            f"The store has lost what {len(lost)} channels had, the last {lost[0]['channel']}: {clients} clients were told to "
            f"refetch. The link to it has broken {breaks} times.",
            "A failover to a replica that was behind, or a restart without its data: look at the store's log at that time.",
            lost[0]["at"],
        )
    for row in view["resets"]["rows"]:
        if row["reason"] == "history":
            text = (
                f"{_who(row)} was away for longer than {row['channel']} is kept, and was told to refetch{_times(row)}."
            )
            yield _finding("away", text, "Widen the History of that channel, if this happens often.", row["at"])


def _unheard(view: Row, heard: Sequence[str]) -> Iterator[Row]:
    for row in view["unheard"]["rows"][:_LOOKED_AT]:
        if row["channel"] in heard:  # clients came after these events, which is how a new channel begins
            continue
        similar = get_close_matches(row["channel"], _candidates(row["channel"], heard), 1, _SIMILAR)
        events = "1 event" if row["count"] == 1 else f"{row['count']:,} events"
        text = f"{events} on {row['channel']} reached nobody here: no client of this instance was subscribed."
        if similar:
            yield _finding("unheard", text, f"Clients are on {similar[0]}: compare the names.", row["at"])
        elif not row["declared"]:
            yield _finding("unheard", text, "Nobody subscribes to it here, or its name is another one.", row["at"])


def _candidates(channel: str, heard: Sequence[str]) -> list[str]:
    """Comparing is slow: only names of about this length, with this initial."""
    near = (
        name for name in heard if abs(len(name) - len(channel)) <= _NEAR and name[:1].lower() == channel[:1].lower()
    )
    return list(islice(near, _CANDIDATES))


_RULES: tuple[Callable[[Row, Sequence[str]], Iterator[Row]], ...] = (
    _trouble,
    _alone,
    _hooks,
    _failures,
    _handlers,
    _outboxes,
    _origins,
    _unauthenticated,
    _slow,
    _refused,
    _closed,
    _resets,
    _unheard,
)


def _who(row: Row) -> str:
    if row.get("user") is not None:
        return str(row["user"])
    return "A client" if row.get("anonymous", True) else "A user without a key"


def _names(row: Row) -> str:
    more = row["channels"] - len(row["names"])
    return (", ".join(row["names"]) or "no channel") + (f" and {more} more" if more > 0 else "")


def _times(row: Row) -> str:
    return f" ({row['count']:,} times)" if row["count"] > 1 else ""
