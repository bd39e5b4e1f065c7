"""OpenTelemetry meters of this process: they read the totals that every instance keeps, when they are asked."""

import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pattern_stack.atoms.broadcast.core.counters import Counters

_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_instances: "weakref.WeakSet[Any]" = weakref.WeakSet()
_ended = Counters()
"""The totals of instances that are no more."""
_recorders: list[Callable[[float], None]] = []
_rows_waiting: "weakref.WeakKeyDictionary[Any, Callable[[], Any]]" = weakref.WeakKeyDictionary()
"""Each outbox, and the backend that it publishes with."""
_is_attached = False


def watch(instance: Any) -> Counters:
    """The counters of a new instance, which the meters read from now on. Where opentelemetry-api is installed, they belong to
    the meter provider of the process, whenever that is set."""
    counters = Counters()
    counters.recorders = _recorders
    _instances.add(instance)
    weakref.finalize(instance, _ended.add, counters).atexit = False
    _attach_once()
    return counters


def watch_rows(outbox: Any, backend: Any) -> None:
    """`outbox.rows_waiting`: how many rows its relay saw waiting last."""
    _rows_waiting[outbox] = weakref.ref(backend)


def outboxes(*backends: Any) -> list[Any]:
    """The transactional outboxes of this process that publish with one of these."""
    return [outbox for outbox, backend in list(_rows_waiting.items()) if any(backend() is one for one in backends)]


def _attach_once() -> None:
    global _is_attached
    if _is_attached:
        return
    _is_attached = True
    try:
        from opentelemetry.metrics import get_meter
    except ImportError:  # FastAPI brings it since 0.140 or so
        return
    create_meters(get_meter("pattern_stack"))


def totals() -> Counters:
    """Of every instance that this process has had."""
    whole = Counters()
    for one in (_ended, *(instance.counters for instance in list(_instances))):
        whole.add(one)
    return whole


def create_meters(meter: Any) -> None:
    """All meters of this package, on an OpenTelemetry Meter. They show this process; no channel and no user is a label."""
    from opentelemetry.metrics import Observation

    def observe(read: Callable[[], Iterable[tuple[float, dict[str, str]]]]) -> Callable[[Any], Iterator[Any]]:
        return lambda _: (Observation(value, labels) for value, labels in read())

    for name, about, read in _GAUGES:
        meter.create_observable_gauge(f"pattern_stack_{name}", [observe(read)], description=about)
    for name, about, read in _COUNTERS:
        meter.create_observable_counter(f"pattern_stack_{name}", [observe(read)], description=about)
    histogram = meter.create_histogram(
        "pattern_stack_publish_to_write_seconds",
        description="from the first event of a turn of the loop to the last write of that turn",
        explicit_bucket_boundaries_advisory=_BUCKETS,
    )
    _recorders.append(histogram.record)


Read = Callable[[], Iterable[tuple[float, dict[str, str]]]]


def _one(value: Callable[[], float]) -> Read:
    return lambda: [(value(), {})]


def _each(name: str, label: str) -> Read:
    return lambda: [(count, {label: str(key)}) for key, count in sorted(getattr(totals(), name).items())]


def _sum(value: Callable[[Any], float]) -> Read:
    return _one(lambda: sum(value(instance) for instance in list(_instances)))


def _outbox_bytes() -> float:
    waiting = (one.outbox.waiting for instance in list(_instances) for one in list(instance.connections.open))
    return max(waiting, default=0)


def _links() -> list[Any]:
    """Of instances in use. Whoever asks an instance for its link chooses it: a meter does not."""
    links = [vars(instance).get("link") for instance in list(_instances) if instance.loop_owner.is_owned]
    return [link for link in links if link]


def _link_up() -> list[tuple[float, dict[str, str]]]:
    links = _links()
    return [(float(all(link.unavailable_reason is None for link in links)), {})] if links else []


_GAUGES: list[tuple[str, str, Read]] = [
    ("connections", "open sockets and streams", _sum(lambda one: len(one.connections.open))),
    ("subscriptions", "channels of all connections together", _sum(lambda one: one.hub.subscriptions)),
    ("channels", "channels that a connection is on", _sum(lambda one: one.hub.subscribed_channels)),
    ("outbox_bytes_max", "bytes of live events that wait for the slowest connection", _one(_outbox_bytes)),
    ("link_up", "1 while every bridge in use reaches its store", _link_up),
    (
        "outbox_rows_waiting",
        "rows that the relays of this process saw waiting",
        _one(lambda: sum(one.rows_waiting for one in list(_rows_waiting))),
    ),
]
_COUNTERS: list[tuple[str, str, Read]] = [
    ("events_published_total", "events published in this process", _one(lambda: totals().published)),
    ("events_delivered_total", "event frames written to sockets", _one(lambda: totals().delivered)),
    ("delivered_bytes_total", "bytes of event frames written to sockets", _one(lambda: totals().delivered_bytes)),
    ("recoveries_total", "channels that a client wanted to recover", _each("recoveries", "outcome")),
    ("resets_total", "channels that a client was told to refetch", _each("resets", "reason")),
    ("closes_total", "connections that have ended", _each("closes", "code")),
    ("frames_refused_total", "error frames", _each("refused", "code")),
    ("slow_consumers_total", "connections closed with 4408", _one(lambda: totals().slow_consumers)),
    ("link_breaks_total", "times that a bridge lost its store and came back", _one(lambda: totals().link_breaks)),
]
