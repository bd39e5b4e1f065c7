"""Progress out of a plain thread: a block that advances, or an iterable that is gone through."""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sized
from types import TracebackType
from typing import Any, Self, TypeVar

from pattern_stack.features.notifications.bodies import ProgressStart
from pattern_stack.features.notifications.calls.sync import SyncCalls
from pattern_stack.features.notifications.debouncer import Debouncer
from pattern_stack.features.notifications.errors import InvalidReport
from pattern_stack.features.notifications.metadata import merged
from pattern_stack.features.notifications.models import valid

T = TypeVar("T")


class Report:
    """`with notifications.progress("import", total=100) as p: p.advance(step_name="orders")`, in a plain thread.

    At most `rate` events a second; the last state of a burst is told a moment later, in the background, and always before
    the block ends. A store that is away holds up nobody but the block's end, which raises BroadcastUnavailable then.
    A block that ends tells of 100 %, "Completed". One that raises does not: its last state is told, then "Failed" at the
    same percentage, with `error` and `error_type` in the metadata, and the record is gone; a run of that
    name is left to whoever started it. Threads may share it. Not for a coroutine: there, await `update_progress`.
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
            raise InvalidReport(f"rate: it is more than 0 a second, not {rate}")
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
        """So many steps are done. InvalidReport past either end and for what cannot be reported: nothing is changed then.
        ProgressNotFound where the record is gone."""
        with self._lock:
            step = self.current_step + steps
            if not isinstance(step, int) or not 0 <= step <= self.total:
                raise InvalidReport(f"current_step: it is 0 to {self.total}, not {step}")
            if step_name is not None or metadata is not None:
                self._describe(self._step_name if step_name is None else step_name, merged(self._metadata, metadata))
            self.current_step = step
        self._debouncer.touch()

    def _describe(self, step_name: str, metadata: dict[str, Any]) -> None:
        """Here, and not when it is told: that may be a moment later, and nobody could tell whose fault it was."""
        told = valid(ProgressStart, total_steps=self.total, step_name=step_name, metadata=metadata)
        self._step_name, self._metadata = told.step_name, told.metadata

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
        except Exception as untold:
            error.add_note(f"and its end could not be reported: {untold!r}")

    def _fail(self, why: dict[str, Any]) -> None:
        try:
            self._calls.fail_progress(self.session_id, why)
        except InvalidReport:  # the metadata has no room for it
            self._calls.fail_progress(self.session_id)


def _text(error: BaseException) -> str:
    return str(error)[:1000].encode(errors="replace").decode()


def tracked(calls: SyncCalls, items: Iterable[T], session_id: str, total: int | None, rate: float) -> Iterator[T]:
    """The end of the items tells of 100 %. What the iterable raises ends it as Failed, and so does leaving the loop early,
    by `break` or by an exception: once Python closes the iterator, which CPython does at once as a rule."""
    if total is None:
        if not isinstance(items, Sized):
            raise InvalidReport(f"total: {type(items).__name__} has no length, so the total has to be given")
        total = len(items)
    if not total:
        return iter(items)
    return _steps(Report(calls, session_id, total, rate=rate), items)


def _steps(report: Report, items: Iterable[T]) -> Iterator[T]:
    with report:
        for item in items:
            yield item
            report.advance()
