"""The same calls, for plain threads."""

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from pattern_stack.features.notifications.calls.hub import HubCalls
from pattern_stack.features.notifications.calls.notifications import NotificationCalls
from pattern_stack.features.notifications.calls.progress import ProgressCalls
from pattern_stack.features.notifications.calls.status import StatusCalls

C = TypeVar("C", bound=HubCalls)
P = ParamSpec("P")
T = TypeVar("T")


def _blocking(
    method: Callable[Concatenate[C, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate["SyncCalls", P], T]:
    @wraps(method)
    def call(self: "SyncCalls", /, *args: P.args, **kwargs: P.kwargs) -> T:
        calls = cast(C, self._calls)
        return calls.broadcast.run_sync(lambda: method(calls, *args, **kwargs))

    return call


class SyncCalls:
    """Each call blocks its thread, returns what the call of the same name returns when awaited, and raises the same.

    On the hub's own loop, which it would block for ever, it raises BroadcastError.
    """

    def __init__(self, calls: HubCalls) -> None:
        self._calls = calls

    send = _blocking(NotificationCalls.send)
    acknowledge = _blocking(NotificationCalls.acknowledge)
    list_notifications = _blocking(NotificationCalls.list_notifications)
    clear_notifications = _blocking(NotificationCalls.clear_notifications)
    create_alert = _blocking(NotificationCalls.create_alert)
    resolve_alert = _blocking(NotificationCalls.resolve_alert)
    list_alerts = _blocking(NotificationCalls.list_alerts)
    start_progress = _blocking(ProgressCalls.start_progress)
    update_progress = _blocking(ProgressCalls.update_progress)
    complete_progress = _blocking(ProgressCalls.complete_progress)
    fail_progress = _blocking(ProgressCalls.fail_progress)
    get_progress = _blocking(ProgressCalls.get_progress)
    run_pending = _blocking(ProgressCalls.run_pending)
    run_started = _blocking(ProgressCalls.run_started)
    run_completed = _blocking(ProgressCalls.run_completed)
    run_failed = _blocking(ProgressCalls.run_failed)
    run_cancelled = _blocking(ProgressCalls.run_cancelled)
    get_run = _blocking(ProgressCalls.get_run)
    status = _blocking(StatusCalls.status)
    publish_status = _blocking(StatusCalls.publish_status)
