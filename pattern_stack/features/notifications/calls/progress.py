"""The calls about progress and runs."""

from collections.abc import Callable, Mapping
from typing import Any

from pattern_stack.atoms.broadcast import on_the_hub
from pattern_stack.features.notifications.calls.hub import HubCalls
from pattern_stack.features.notifications.core import progress, runs
from pattern_stack.features.notifications.errors import ProgressNotFound, RunNotFound
from pattern_stack.features.notifications.models import Progress, Run
from pattern_stack.features.notifications.records import found, whole_record


class ProgressCalls(HubCalls):
    """A session has one progress and one run at most. Their events go to the session's channel only."""

    # -- progress

    @on_the_hub
    async def start_progress(
        self,
        session_id: str,
        total_steps: int,
        step_name: str = "",
        metadata: Mapping[str, Any] | None = None,
        *,
        origin: str | None = None,
    ) -> Progress:
        """Keep and publish a progress at step 0. It replaces the progress that the session may have."""

        def change(before: Progress | None) -> Progress:
            return progress.started(session_id, total_steps, step_name, metadata, self._clock())

        return await self._records.change(Progress, session_id, change, whole_record("progress-update"), origin)

    @on_the_hub
    async def update_progress(
        self,
        session_id: str,
        current_step: int,
        step_name: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        origin: str | None = None,
    ) -> Progress:
        """Move to a step, and publish it. None keeps the step's name; the keys of `metadata` are added.

        Raises ProgressNotFound, and InvalidReport if the step is not in 0 to total_steps.
        """
        return await self._move(
            session_id, lambda before: progress.moved(before, current_step, step_name, metadata, self._clock()), origin
        )

    @on_the_hub
    async def complete_progress(self, session_id: str, *, origin: str | None = None) -> Progress:
        """Publish 100 % under the name "Completed", and remove the record. Raises ProgressNotFound."""
        return await self._move(
            session_id, lambda before: progress.completed(before, self._clock()), origin, remove=True
        )

    @on_the_hub
    async def fail_progress(
        self, session_id: str, metadata: Mapping[str, Any] | None = None, *, origin: str | None = None
    ) -> Progress:
        """Publish the current step under the name "Failed", and remove the record. Raises ProgressNotFound."""
        return await self._move(
            session_id, lambda before: progress.failed(before, metadata, self._clock()), origin, remove=True
        )

    async def _move(
        self, session_id: str, move: Callable[[Progress], Progress], origin: str | None, *, remove: bool = False
    ) -> Progress:
        def change(before: Progress | None) -> Progress:
            return move(found(before, _no_progress(session_id)))

        return await self._records.change(
            Progress, session_id, change, whole_record("progress-update"), origin, remove=remove
        )

    @on_the_hub
    async def get_progress(self, session_id: str) -> Progress:
        """The progress as it was last published. Raises ProgressNotFound."""
        return found(await self._records.get(Progress, session_id), _no_progress(session_id))

    # -- runs

    @on_the_hub
    async def run_pending(self, session_id: str, metadata: Mapping[str, Any] | None = None) -> Run:
        """Announce a run that is to start later. Snapshots show it; no event is published. Raises RunFinished."""
        return await self._records.change(
            Run, session_id, lambda before: runs.pending(before, session_id, metadata, self._clock()), lambda _: None
        )

    @on_the_hub
    async def run_started(
        self, session_id: str, metadata: Mapping[str, Any] | None = None, *, origin: str | None = None
    ) -> Run:
        """Start a run, and publish `session-started`. If it runs already, its start time stays, and `metadata` is merged.

        Raises RunFinished if the run has ended.
        """
        return await self._records.change(
            Run,
            session_id,
            lambda before: runs.started(before, session_id, metadata, self._clock()),
            whole_record("session-started"),
            origin,
        )

    @on_the_hub
    async def run_completed(self, session_id: str, results: Any = None, *, origin: str | None = None) -> Run:
        """End a run, and publish `session-completed`. `results` is JSON of at most 64 KiB. Raises RunNotFound, RunFinished."""
        return await self._end(session_id, "completed", origin, results=results)

    @on_the_hub
    async def run_failed(
        self, session_id: str, error_message: str, error_type: str, *, origin: str | None = None
    ) -> Run:
        """End a run, and publish `session-failed`. The message has at most 10,000 characters, the type at most 200.

        Raises RunNotFound, RunFinished.
        """
        return await self._end(session_id, "failed", origin, error_message=error_message, error_type=error_type)

    @on_the_hub
    async def run_cancelled(self, session_id: str, *, origin: str | None = None) -> Run:
        """End a run, and publish `session-cancelled`. Raises RunNotFound, RunFinished."""
        return await self._end(session_id, "cancelled", origin)

    async def _end(self, session_id: str, state: runs.End, origin: str | None, **outcome: Any) -> Run:
        def change(before: Run | None) -> Run:
            return runs.ended(before, session_id, state, self._clock(), **outcome)

        return await self._records.change(Run, session_id, change, whole_record(f"session-{state}"), origin)

    @on_the_hub
    async def get_run(self, session_id: str) -> Run:
        """The run as it was last published. Raises RunNotFound."""
        return found(await self._records.get(Run, session_id), RunNotFound(f"there is no run {session_id}"))

    async def snapshot(self, session_id: str) -> dict[str, Any]:
        """The state that a subscriber of the session's channel gets first. Called on the hub's loop.

        {session_id, progress, run}; progress and run are None if there is none.
        """
        progress = await self._records.get(Progress, session_id)
        run = await self._records.get(Run, session_id)
        return {"session_id": session_id, "progress": progress and progress.payload, "run": run and run.payload}


def _no_progress(session_id: str) -> ProgressNotFound:
    return ProgressNotFound(f"there is no progress of {session_id}")
