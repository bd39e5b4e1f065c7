"""The calls of Notifications for plain threads."""

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from pattern_stack.features.notifications.service import Notifications

P = ParamSpec("P")
T = TypeVar("T")


def _blocking(
    method: Callable[Concatenate[Notifications, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate["Blocking", P], T]:
    @wraps(method)
    def call(self: "Blocking", /, *args: P.args, **kwargs: P.kwargs) -> T:
        service = self._service
        return service.broadcast.run_sync(lambda: method(service, *args, **kwargs))

    return call


class Blocking:
    """Each call returns what it returns awaited, and raises the same. On the hub's own loop it raises BroadcastError."""

    def __init__(self, service: Notifications) -> None:
        self._service = service

    send = _blocking(Notifications.send)
    acknowledge = _blocking(Notifications.acknowledge)
    list_notifications = _blocking(Notifications.list_notifications)
    clear_notifications = _blocking(Notifications.clear_notifications)
    create_alert = _blocking(Notifications.create_alert)
    resolve_alert = _blocking(Notifications.resolve_alert)
    list_alerts = _blocking(Notifications.list_alerts)
    start_progress = _blocking(Notifications.start_progress)
    update_progress = _blocking(Notifications.update_progress)
    complete_progress = _blocking(Notifications.complete_progress)
    fail_progress = _blocking(Notifications.fail_progress)
    get_progress = _blocking(Notifications.get_progress)
    run_pending = _blocking(Notifications.run_pending)
    run_started = _blocking(Notifications.run_started)
    run_completed = _blocking(Notifications.run_completed)
    run_failed = _blocking(Notifications.run_failed)
    run_cancelled = _blocking(Notifications.run_cancelled)
    get_run = _blocking(Notifications.get_run)
    status = _blocking(Notifications.status)
    publish_status = _blocking(Notifications.publish_status)
