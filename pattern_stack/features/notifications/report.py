"""Progress of a plain thread: a block that advances, or an iterable whose items are the steps."""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sized
from types import TracebackType
from typing import Any, Self, TypeVar

from pattern_stack.features.notifications.bodies import ProgressStart
from pattern_stack.features.notifications.calls.sync import SyncCalls
from pattern_stack.features.notifications.debouncer import Debouncer
from pattern_stack.features.notifications.errors import InvalidReport
from pattern_stack.features.notifications.models import merged, validated

T = TypeVar("T")


class Report:
    """`with notifications.progress("import", total=100) as p: p.advance(step_name="orders")`, in a plain thread.

    At most `rate` events a second. The last state of a burst is published in the background, and always before the block
    ends. `advance` never blocks on an unreachable store; leaving the block then raises BroadcastUnavailable.

    A block that ends publishes 100 %, "Completed". A block that raises publishes its last state, then "Failed" at the same
    percentage with `error` and `error_type` in the metadata. Both remove the record. A run of the same name is not ended.
    Threads may share a report. In a coroutine, await `update_progress` instead: here the calls block.
    """

    def __init__(
        self,
        calls: SyncCalls,
        session_id: str,
        total: int,
        *,
        step_name: str = "",
        metadata: Mapping[str, Any] | None = None,
        rate: float = 10,
    ) -> None:
        if not rate > 0:
            raise InvalidReport(f"rate must be more than 0 events a second, not {rate}")
        self.session_id = session_id
        self.total = total
        self.current_step = 0
        self._calls = calls
        self._step_name = step_name
        self._metadata = merged({}, metadata)
        self._lock = threading.Lock()
        self._debouncer = Debouncer(self._update, rate)

    def advance(
        self, steps: int = 1, *, step_name: str | None = None, metadata: Mapping[str, Any] | None = None
    ) -> None:
        """So many more steps are done. None keeps the step's name; the keys of `metadata` are added.

        Raises InvalidReport, without a change, if the step would not be in 0 to total, or a value is not allowed;
        ProgressNotFound if the record is gone.
        """
        with self._lock:
            step = self.current_step + steps
            if not isinstance(step, int) or not 0 <= step <= self.total:
                raise InvalidReport(f"current_step must be 0 to {self.total}, not {step}")
            if step_name is not None or metadata is not None:
                self._describe(self._step_name if step_name is None else step_name, merged(self._metadata, metadata))
            self.current_step = step
        self._debouncer.trigger()

    def _describe(self, step_name: str, metadata: dict[str, Any]) -> None:
        """Checked here, not when it is published: then it could be too late to say which call was wrong."""
        checked = validated(ProgressStart, total_steps=self.total, step_name=step_name, metadata=metadata)
        self._step_name, self._metadata = checked.step_name, checked.metadata

    def _update(self) -> None:
        with self._lock:
            state = self.current_step, self._step_name, self._metadata
        self._calls.update_progress(self.session_id, *state)

    def __enter__(self) -> Self:
        self._calls.start_progress(self.session_id, self.total, self._step_name, self._metadata)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._debouncer.flush()
            self._calls.complete_progress(self.session_id)
            return
        try:
            self._debouncer.flush()
            self._fail({"error": _text(error), "error_type": type(error).__name__})
        except Exception as unpublished:
            error.add_note(f"and its end could not be reported: {unpublished!r}")

    def _fail(self, reason: dict[str, Any]) -> None:
        try:
            self._calls.fail_progress(self.session_id, reason)
        except InvalidReport:  # the metadata would exceed its bound
            self._calls.fail_progress(self.session_id)


def _text(error: BaseException) -> str:
    return str(error)[:1000].encode(errors="replace").decode()


def reported(calls: SyncCalls, items: Iterable[T], session_id: str, total: int | None, rate: float) -> Iterator[T]:
    """The items; each is a step that is done when the next item is asked for.

    The end of the items publishes "Completed". An error in the iterable publishes "Failed", and so does leaving the loop
    early, by `break` or an exception: when Python closes the iterator, which CPython usually does at once.
    Raises InvalidReport if `total` is None and `items` has no length. No items publish nothing.
    """
    if total is None:
        if not isinstance(items, Sized):
            raise InvalidReport(f"total must be given: {type(items).__name__} has no length")
        total = len(items)
    if not total:
        return iter(items)
    return _steps(Report(calls, session_id, total, rate=rate), items)


def _steps(report: Report, items: Iterable[T]) -> Iterator[T]:
    with report:
        for item in items:
            yield item
            report.advance()
