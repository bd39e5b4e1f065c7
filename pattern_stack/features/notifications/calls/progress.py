"""Progress and runs: how the work of a session stands."""

from collections.abc import Callable, Mapping
from typing import Any

from pattern_stack.atoms.broadcast import on_the_hub
from pattern_stack.features.notifications.calls.hub import HubCalls
from pattern_stack.features.notifications.core import progress, runs
from pattern_stack.features.notifications.errors import ProgressNotFound, RunNotFound
from pattern_stack.features.notifications.models import Progress, Run
from pattern_stack.features.notifications.records import found, whole


class ProgressCalls(HubCalls):
    """One progress and one run a session, told to whoever watches it and to nobody else."""

    # -- progress

    @on_the_hub
    async def start_progress(
        self, session_id: str, total_steps: int, step_name: str = "", metadata: Mapping[str, Any] | None = None
    ) -> Progress:
        """At step 0. It takes the place of a progress that the session had."""

        def change(before: Progress | None) -> Progress:
            return progress.begun(session_id, total_steps, step_name, metadata, self._clock())

        return await self._records.change(Progress, session_id, change, whole("progress-update"))

    @on_the_hub
    async def update_progress(
        self,
        session_id: str,
        current_step: int,
        step_name: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Progress:
        """A name that is not given stays; metadata is merged. Raises ProgressNotFound, and InvalidReport past either end."""
        return await self._move(
            session_id, lambda there: progress.moved(there, current_step, step_name, metadata, self._clock())
        )

    @on_the_hub
    async def complete_progress(self, session_id: str) -> Progress:
        """Tells of 100 %, "Completed"; the record is gone then. Raises ProgressNotFound."""
        return await self._move(session_id, lambda there: progress.completed(there, self._clock()), last=True)

    @on_the_hub
    async def fail_progress(self, session_id: str, metadata: Mapping[str, Any] | None = None) -> Progress:
        """Tells that it stopped where it is, "Failed"; the record is gone then. Raises ProgressNotFound."""
        return await self._move(session_id, lambda there: progress.failed(there, metadata, self._clock()), last=True)

    async def _move(self, session_id: str, move: Callable[[Progress], Progress], *, last: bool = False) -> Progress:
        def change(before: Progress | None) -> Progress:
            return move(found(before, ProgressNotFound(f"there is no progress of {session_id}")))

        return await self._records.change(Progress, session_id, change, whole("progress-update"), last=last)

    @on_the_hub
    async def get_progress(self, session_id: str) -> Progress:
        there = await self._records.get(Progress, session_id)
        return found(there, ProgressNotFound(f"there is no progress of {session_id}"))

    # -- runs

    @on_the_hub
    async def run_pending(self, session_id: str, metadata: Mapping[str, Any] | None = None) -> Run:
        """It is known, and waits to be started. No event tells of it; snapshots do. Raises RunFinished."""
        return await self._records.change(
            Run, session_id, lambda before: runs.pending(before, session_id, metadata, self._clock()), lambda _: None
        )

    @on_the_hub
    async def run_started(self, session_id: str, metadata: Mapping[str, Any] | None = None) -> Run:
        """Raises RunFinished: a run that has ended does not begin again."""
        return await self._records.change(
            Run,
            session_id,
            lambda before: runs.started(before, session_id, metadata, self._clock()),
            whole("session-started"),
        )

    @on_the_hub
    async def run_completed(self, session_id: str, results: Any = None) -> Run:
        """Raises RunNotFound or RunFinished, as the other ends do."""
        return await self._end(session_id, "completed", results=results)

    @on_the_hub
    async def run_failed(self, session_id: str, error_message: str, error_type: str) -> Run:
        return await self._end(session_id, "failed", error_message=error_message, error_type=error_type)

    @on_the_hub
    async def run_cancelled(self, session_id: str) -> Run:
        return await self._end(session_id, "cancelled")

    async def _end(self, session_id: str, state: runs.End, **how: Any) -> Run:
        def change(before: Run | None) -> Run:
            return runs.ended(before, session_id, state, self._clock(), **how)

        return await self._records.change(Run, session_id, change, whole(f"session-{state}"))

    @on_the_hub
    async def get_run(self, session_id: str) -> Run:
        there = await self._records.get(Run, session_id)
        return found(there, RunNotFound(f"there is no run {session_id}"))

    async def snapshot(self, session_id: str) -> dict[str, Any]:
        """What whoever joins its channel is told first: {session_id, progress or None, run or None}. On the hub's loop."""
        progress = await self._records.get(Progress, session_id)
        run = await self._records.get(Run, session_id)
        return {"session_id": session_id, "progress": progress and progress.payload, "run": run and run.payload}
