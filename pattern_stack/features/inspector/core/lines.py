"""The page as lines for a terminal."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

Row = dict[str, Any]


def lines(view: Row) -> Iterator[str]:
    """Each line may hold text of others: print it escaped."""
    about = view["instance"]
    yield f"{about['scope']}: {about['id']}, process {about['pid']} on {about['host']}, {_link(about)}"
    totals = view["totals"]
    yield (
        f"{view['connections']['total']:,} connections, {view['channels']['total']:,} channels; since the start "
        f"{totals['published']:,} events published, {totals['delivered']:,} delivered"
    )
    yield from _findings(view)
    for title, name, line in _LISTS:
        yield from _list(title, view[name], line)
    yield from _list("outboxes", {"rows": view["outboxes"]}, _outbox)


def _link(about: Row) -> str:
    return "linked with others" if about["linked"] else "linked with no other"


def _findings(view: Row) -> Iterator[str]:
    yield ""
    yield "what is wrong" if view["findings"] else "nothing is wrong that this instance knows of"
    for one in view["findings"]:
        yield f"  {one['kind']}: {one['text']}"
        yield f"    {one['hint']}"


def _list(title: str, rows: Row, line: Callable[[Row], str]) -> Iterator[str]:
    if not rows["rows"]:
        return
    count = rows.get("matching", rows.get("total", len(rows["rows"])))
    shown = len(rows["rows"])
    yield ""
    yield title if count == shown else f"{title} ({shown} of {count:,})"
    for row in rows["rows"]:
        yield f"  {line(row)}"


def _channel(row: Row) -> str:
    rate = "-" if row["rate"] is None else f"{row['rate']:.1f}/s"
    window = row["window"]
    kept = f"keeps {window['events']} events, {window['seconds']:g} s"
    return f"{row['channel']}  {row['subscribers']:,} on it  {rate}  offset {row['offset']}  {kept}"


def _connection(row: Row) -> str:
    waits = f"  {row['waiting']:,} bytes wait" if row["waiting"] else ""
    return f"{row['id']}  {_user(row)}  {row['seconds']:.0f} s  {row['lane']}  {_names(row)}{waits}"


def _ended(row: Row) -> str:
    by = "" if row["by"] == "server" else " by the client"
    return f"{_time(row['ended_at'])}  {_user(row)}  {row['code']}{by} {row['reason']}  {_names(row)}"


def _refused(row: Row) -> str:
    on = f"  {row['channel']}" if row["channel"] else ""
    return f"{_time(row['at'])}  {_user(row)}  {row['what']} {row['code']} {row['reason']}{on}{_times(row)}"


def _reset(row: Row) -> str:
    who = f"{row['clients']} clients" if row["user"] is None else row["user"]
    return f"{_time(row['at'])}  {row['channel']}  {row['reason']}  {who}{_times(row)}"


def _failure(row: Row) -> str:
    return f"{_time(row['at'])}  {row['text']}  {row['error'] or ''}{_times(row)}"


def _unheard(row: Row) -> str:
    return f"{_time(row['at'])}  {row['channel']}{_times(row)}"


def _origin(row: Row) -> str:
    return f"{_time(row['at'])}  {row['origin']}  Host {row['host']}{_times(row)}"


def _handler(row: Row) -> str:
    return f"{row['handler'] or 'an iterator'}  {row['channel']}  {row['waiting']} events wait"


def _hook(row: Row) -> str:
    return f"{row['hook']} of {row['channel']}  {_user(row)}  {row['seconds']:.0f} s"


def _outbox(row: Row) -> str:
    return f"{row['waiting']} rows wait, {len(row['set_aside'])} set aside  {row['trouble'] or ''}"


_LISTS: tuple[tuple[str, str, Callable[[Row], str]], ...] = (
    ("channels", "channels", _channel),
    ("connections, those first for which most waits", "connections", _connection),
    ("connections that have ended", "ended", _ended),
    ("refused", "refused", _refused),
    ("pages of other origins", "origins", _origin),
    ("told to refetch", "resets", _reset),
    ("failed", "failures", _failure),
    ("published, and nobody was on it here", "unheard", _unheard),
    ("handlers", "handlers", _handler),
    ("hooks that run now", "hooks", _hook),
)


def _user(row: Row) -> str:
    if row["user"] is not None:
        return str(row["user"])
    return "anonymous" if row.get("anonymous", True) else "a user without a key"


def _names(row: Row) -> str:
    more = row["channels"] - len(row["names"])
    return ", ".join(row["names"]) + (f" and {more} more" if more > 0 else "")


def _times(row: Row) -> str:
    return f"  {row['count']:,} times" if row["count"] > 1 else ""


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%H:%M:%SZ")
