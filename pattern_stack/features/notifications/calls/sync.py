"""The calls of Notifications for plain threads."""

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from pattern_stack.features.notifications.calls.hub import Calls
from pattern_stack.features.notifications.calls.notifications import Notices
from pattern_stack.features.notifications.calls.progress import Work
from pattern_stack.features.notifications.calls.status import Overview

C = TypeVar("C", bound=Calls)
P = ParamSpec("P")
T = TypeVar("T")


def _blocking(
    method: Callable[Concatenate[C, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate["Blocking", P], T]:
    @wraps(method)
    def call(self: "Blocking", /, *args: P.args, **kwargs: P.kwargs) -> T:
        calls = cast(C, self._calls)
        return calls.broadcast.run_sync(lambda: method(calls, *args, **kwargs))

    return call


class Blocking:
    """Each call returns what it returns awaited, and raises the same. On the hub's own loop, which it would block for ever,
    it raises BroadcastError."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    send = _blocking(Notices.send)
    acknowledge = _blocking(Notices.acknowledge)
    list_notifications = _blocking(Notices.list_notifications)
    clear_notifications = _blocking(Notices.clear_notifications)
    create_alert = _blocking(Notices.create_alert)
    resolve_alert = _blocking(Notices.resolve_alert)
    list_alerts = _blocking(Notices.list_alerts)
    start_progress = _blocking(Work.start_progress)
    update_progress = _blocking(Work.update_progress)
    complete_progress = _blocking(Work.complete_progress)
    fail_progress = _blocking(Work.fail_progress)
    get_progress = _blocking(Work.get_progress)
    run_pending = _blocking(Work.run_pending)
    run_started = _blocking(Work.run_started)
    run_completed = _blocking(Work.run_completed)
    run_failed = _blocking(Work.run_failed)
    run_cancelled = _blocking(Work.run_cancelled)
    get_run = _blocking(Work.get_run)
    status = _blocking(Overview.status)
    publish_status = _blocking(Overview.publish_status)
