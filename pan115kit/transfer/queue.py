"""All uploads of one client: several files at once, in order, the next one hashed meanwhile.

What a command or an event makes of a job is :mod:`.job_state`'s table; this module carries it out.  All state lives
on the engine's loop; commands come from any thread and are posted to it.  A free slot and a waiting job always meet,
because every change ends in :meth:`UploadQueue._pump`.  No change costs more with 100,000 jobs than with ten.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, NamedTuple

from .._base import event_loops
from .._base.local_paths import local_path, size_or_zero
from ..drive.names import check_folder_id, check_folder_path
from ..errors import AccountBlockedError, ConfigError, NetworkError, Pan115Error, UploadCancelled
from ..i18n import say
from ..models import UploadResult, UploadSession, UploadStatus
from ..progress.snapshot import UploadProgress
from ..progress.tracker import ProgressTracker
from ..store import Store, session_id_for
from .job_state import TO_RETRY, JobEvent, JobState, next_state
from .queued_job import QueuedJob
from .records import UploadRecords
from .running_jobs import RunningJobs
from .upload import Upload, UploadRequest
from .upload_context import UploadContext
from .upload_options import DEFAULT_OPTIONS, UploadOptions
from .waiting_list import WaitingList

logger = logging.getLogger("pan115kit")

#: Seconds between two points of the curve that history keeps.
SAMPLE_INTERVAL = 1.0
#: Seconds that what is cut off at close has to let go of its files and connections.
CUT_OFF_GRACE = 1.0
#: Ended jobs kept for retry; history has them all.
KEPT_JOBS = 10_000

#: What faces show of a job that rests, or whose end is written down.
_SHOWN: Mapping[JobState, UploadStatus] = {
    JobState.WAITING: UploadStatus.PENDING,
    JobState.PAUSED: UploadStatus.PAUSED,
    JobState.PAUSING: UploadStatus.PAUSED,
    JobState.RESUMING: UploadStatus.PENDING,
    JobState.FAILING: UploadStatus.FAILED,
    JobState.FAILING_TO_RETRY: UploadStatus.FAILED,
    JobState.STOPPING: UploadStatus.CANCELLED,
    JobState.STOPPING_TO_RETRY: UploadStatus.CANCELLED,
    JobState.CANCELLING: UploadStatus.CANCELLED,
    JobState.CANCELLING_TO_RETRY: UploadStatus.CANCELLED,
}


class Submitted(NamedTuple):
    """A job, and the queue it is in: that of another client where it was joined."""

    queue: UploadQueue
    job: QueuedJob


class UploadQueue:
    """All uploads of one client.

    Args:
        context: Shared by the uploads.
        tracker: Where progress is published.
        loop: The engine's loop thread.
        clock: Epoch seconds.
    """

    def __init__(
        self,
        context: UploadContext,
        tracker: ProgressTracker,
        *,
        loop: event_loops.LoopThread | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.context = context
        self.tracker = tracker
        self.blocked: AccountBlockedError | None = None
        self._loop = loop or event_loops.engine()
        self._clock = clock
        self._records = UploadRecords(context, clock)
        self._jobs: dict[str, QueuedJob] = {}
        self._orders = itertools.count()
        self._submitted: deque[QueuedJob] = deque()  # by other threads, not yet seen by the loop
        self._running_here = _running.setdefault(str(context.store.directory), RunningJobs())
        self._waiting = WaitingList()
        self._busy: dict[str, QueuedJob] = {}  # those with a task, the longest running first
        self._running = 0  # slots in use
        self._ended: dict[str, None] = {}  # the oldest first
        self._hashing: QueuedJob | None = None
        self._limit = context.config.max_concurrent_uploads
        self._closed = False
        self._waking = False
        self._blocks = 0  # how often 115 has blocked the account: which block holds a job
        self._sampler: asyncio.Task[None] | None = None
        self._chores: set[asyncio.Task[None]] = set()

    # -- commands, from any thread -----------------------------------------------------------------------------

    def submit(
        self,
        file_path: str | os.PathLike[str],
        options: UploadOptions = DEFAULT_OPTIONS,
        *,
        watch: Callable[[UploadProgress], object] | None = None,
    ) -> Submitted:
        """Queue one file.

        Args:
            file_path: Local path.
            options: Where it goes and how.
            watch: Called with progress snapshots.

        Returns:
            The job, or the one that is at this file and place already, also if another client of this process has
            started it; its ``future`` ends with an :class:`UploadResult` or the error.

        Raises:
            ConfigError: The queue is closed, or ``file_path`` is no path.
            FileNameError: ``file_path`` is empty.
        """
        self.check_open()
        path = local_path(file_path)
        request = UploadRequest.of(uuid.uuid4().hex, path, options)
        with self._running_here.lock:
            running = self._running_here.get(request.session_id)
            joins = running is not None and self._may_join(running)
            submitted = running if running is not None and joins else Submitted(self, self._new_job(request))
        if joins:  # outside: the loop may want the lock while we wait for it
            submitted.queue.join(submitted.job)
        if watch is not None:
            self.tracker.watch(submitted.job.job_id, watch)
        return submitted

    def _may_join(self, running: Submitted) -> bool:
        return not running.job.state.is_final and running.queue.context.account == self.context.account

    def _new_job(self, request: UploadRequest) -> QueuedJob:
        path = request.file_path
        recorder = self.tracker.open(
            request.job_id,
            path,
            request.options.file_name or os.path.basename(path),
            size_or_zero(path),
            request.options.target_path,
        )
        upload = Upload(request, self.context, recorder, self._clock)
        job = QueuedJob(request, recorder, next(self._orders), upload, self._clock())
        self._jobs[job.job_id] = job
        self._running_here.add(request.session_id, Submitted(self, job))
        self._submitted.append(job)
        if not self._waking:  # ten thousand files queued at once are looked at once
            self._waking = True
            self._post(self._take_submitted)
        return job

    def join(self, job: QueuedJob) -> None:
        """The same file to the same place was asked for again: a job that rests or is ending goes on."""
        self._post_and_wait(self._join, job)

    def _join(self, job: QueuedJob) -> None:
        self._command(job.job_id, JobEvent.RESUME)
        self._command(job.job_id, JobEvent.RETRY)

    def resume_session(self, session: UploadSession, *, beneath: str = "") -> Submitted:
        """Go on with an unfinished session of an earlier run.

        Args:
            session: As it is on disk.
            beneath: Local folder under which its file must lie; empty: anywhere.
        """
        own_name = session.file_name == os.path.basename(session.file_path)
        name = "" if own_name else session.file_name
        by_path = session_id_for(session.file_path, session.target_path, name) == session.session_id
        options = UploadOptions(
            check_folder_path(session.target_path),
            "" if by_path else check_folder_id(session.target_dir_id),
            beneath=beneath,
            file_name=name,
        )
        return self.submit(session.file_path, options)

    def check_open(self) -> None:
        """Raises :class:`~pan115kit.errors.ConfigError` once the queue is closed."""
        if self._closed:
            raise ConfigError(say("client.closed"), hint=say("client.closed.hint"))

    @property
    def store(self) -> Store:
        """Where sessions and history are kept."""
        return self.context.store

    def jobs(self) -> list[QueuedJob]:
        """All jobs of this process, oldest first."""
        return list(self._jobs.values())

    def get(self, job_id: str) -> QueuedJob | None:
        """One job, or None."""
        return self._jobs.get(job_id)

    def pause(self, job_id: str) -> None:
        """Stop one upload where it is; its slot is free at once.  Nothing happens to an ended one."""
        self._post(self._command, job_id, JobEvent.PAUSE)

    def resume(self, job_id: str) -> None:
        """Let a paused upload go on where it stopped."""
        self._post_and_wait(self._command, job_id, JobEvent.RESUME)

    def cancel(self, job_id: str) -> None:
        """Stop one upload for good; what OSS has of it is aborted."""
        self._post(self._command, job_id, JobEvent.CANCEL)

    def stop(self, job_id: str) -> None:
        """Stop one upload and keep its session, so that the next run goes on there."""
        self._post(self._command, job_id, JobEvent.STOP)

    def retry(self, job_id: str) -> None:
        """Run a failed or cancelled upload again, from where its session stands; one that is just ending, then."""
        self._post_and_wait(self._command, job_id, JobEvent.RETRY)

    def pause_all(self) -> None:
        """Pause everything that runs or waits."""
        self._post(self._command_all, JobEvent.PAUSE)

    def resume_all(self) -> None:
        """Let everything paused go on; also after 115 had blocked the account."""
        self._post_and_wait(self._resume_all)

    def cancel_all(self) -> None:
        """Cancel everything that has not ended."""
        self._post(self._command_all, JobEvent.CANCEL)

    @property
    def limit(self) -> int:
        """How many uploads run at once; may be changed while they do."""
        return self._limit

    @limit.setter
    def limit(self, value: int) -> None:
        self._limit = self.context.config.with_(max_concurrent_uploads=value).max_concurrent_uploads
        self._post(self._pump)

    def _post(self, function: Callable[..., None], *arguments: object) -> None:
        self._loop.call(function, *arguments)

    def _post_and_wait(self, function: Callable[..., None], *arguments: object) -> None:
        """For commands that renew a job's future: who awaits the job next must see the new one."""
        if self._loop.is_current:
            function(*arguments)
            return
        done = threading.Event()

        def run() -> None:
            try:
                function(*arguments)
            finally:
                done.set()

        self._loop.call(run)
        done.wait(5)

    # -- on the engine's loop: what a command or event makes of a job ------------------------------------------

    def _take_submitted(self) -> None:
        self._waking = False  # before the look: a job added from now on wakes the loop again
        while self._submitted:
            job = self._submitted.popleft()
            if job.state is JobState.WAITING and job.job_id in self._jobs:
                self._waiting.add(job.job_id, job.request.options.priority, job.order)
        self._pump()

    def _command(self, job_id: str, event: JobEvent) -> None:
        job = self._jobs.get(job_id)
        if job is None or (self._closed and event in (JobEvent.RESUME, JobEvent.RETRY)):
            return
        if event is JobEvent.RESUME and job.state is JobState.HELD and job.held_by == self._blocks:
            self._unblock()  # the user says go on; once for all that this block holds
        self._apply(job, event)
        self._pump()

    def _command_all(self, event: JobEvent) -> None:
        for job in self.jobs():
            self._apply(job, event)
        self._pump()

    def _resume_all(self) -> None:
        if not self._closed:
            self._unblock()
            self._command_all(JobEvent.RESUME)

    def _apply(self, job: QueuedJob, event: JobEvent) -> None:
        """Change the state as the table says, and do what entering the new one asks for."""
        before, after = job.state, next_state(job.state, event)
        if after is before:
            return
        job.state = after
        self._waiting.discard(job.job_id)
        if job.hashing is not None and after is not JobState.RUNNING:
            job.hashing.cancel()
        if after.is_final:
            self._running_here.discard(job.request.session_id, Submitted(self, job))
        if after is JobState.WAITING:
            self._enter_waiting(job, again=before.is_final or before in TO_RETRY)
        elif after is JobState.PAUSED and before is JobState.WAITING:
            job.recorder.set_status(UploadStatus.PAUSED)
        elif after is JobState.HELD:
            self._hold(job)
        elif before is JobState.RUNNING and job.run is not None:
            job.run.cancel()  # nothing happens to one that has ended
        elif before.rests and after is not JobState.RUNNING and not after.rests:
            self._begin_task(job, self._finish(job, UploadCancelled(say("upload.stopped"))))

    def _enter_waiting(self, job: QueuedJob, *, again: bool) -> None:
        job.await_again()  # whoever waited knows how it ended, or that it is held
        if again:
            # what the earlier run has sent was sent: one job, one account of it
            job.upload = Upload(job.request, self.context, job.recorder, self._clock, job.stats)
            job.hashed, job.started_at, job.error = False, 0.0, None
            self._running_here.add(job.request.session_id, Submitted(self, job))
        self._ended.pop(job.job_id, None)
        job.recorder.set_status(UploadStatus.PENDING)
        self._waiting.add(job.job_id, job.request.options.priority, job.order)

    def _hold(self, job: QueuedJob) -> None:
        """115 blocks the account: nothing is failed, nobody waits for ever (laws.md 12)."""
        error = self.blocked or job.error
        assert error is not None
        job.recorder.set_status(UploadStatus.PAUSED, error_message=str(error))
        job.error, job.held_by = error, self._blocks
        job.answer(error)

    def _unblock(self) -> None:
        self.blocked = None
        self.context.drive.reset()
        self._pump()

    # -- which job runs ----------------------------------------------------------------------------------------

    def _pump(self) -> None:
        """Fill the free slots, hash the next file meanwhile."""
        if self._closed:
            return
        if self.blocked is not None:
            self._hold_waiting()
            return
        self._fill_slots(self._limit)
        self._hash_next()

    def _fill_slots(self, limit: int) -> None:
        while self._running < limit and (job_id := self._waiting.pop()) is not None:
            self._start(self._jobs[job_id])

    def _start(self, job: QueuedJob) -> None:
        job.error = None
        job.started_at = job.started_at or self._clock()
        self._apply(job, JobEvent.START)
        self._begin_task(job, self._work(job))
        if self._sampler is None or self._sampler.done():
            self._sampler = asyncio.get_running_loop().create_task(self._sample(), name="samples")

    def _begin_task(self, job: QueuedJob, work: Coroutine[object, object, None]) -> None:
        self._busy[job.job_id] = job
        self._running += 1
        job.task = asyncio.get_running_loop().create_task(work, name=f"upload {job.job_id}")
        # not in the task itself: one that is cancelled before its first step runs none of its lines
        job.task.add_done_callback(partial(self._task_ended, job))

    def _task_ended(self, job: QueuedJob, task: asyncio.Task[None]) -> None:
        self._running -= 1
        if job.task is task:  # else the job has begun its next run already
            job.task = job.run = None
            del self._busy[job.job_id]
        if job.state.is_final:
            self._ended[job.job_id] = None
            self._drop_oldest()
        self._pump()

    def _hold_waiting(self) -> None:
        hashing = self._hashing
        while (job_id := self._waiting.pop()) is not None:
            if hashing is None or job_id != hashing.job_id:
                self._apply(self._jobs[job_id], JobEvent.BLOCK)
        if hashing is not None and hashing.state is JobState.WAITING:  # held when it is hashed
            self._waiting.add(hashing.job_id, hashing.request.options.priority, hashing.order)

    def _hash_next(self) -> None:
        """One file is hashed ahead while the slots are busy, so that its turn begins with bytes."""
        job_id = self._waiting.first() if self._hashing is None else None
        if job_id is None or self._jobs[job_id].hashed:
            return  # where the next one is ready, hashing further ahead would only keep the disk busy
        job = self._hashing = self._jobs[job_id]
        job.hashed = True
        job.hashing = asyncio.get_running_loop().create_task(self._hash_ahead(job), name=f"hash {job_id}")
        job.hashing.add_done_callback(partial(self._hashing_ended, job))

    async def _hash_ahead(self, job: QueuedJob) -> None:
        try:
            await job.upload.hash_ahead()
        except Pan115Error as error:
            # the upload itself meets and reports it when its turn comes
            logger.debug("hashing %s ahead: %s", job.recorder.file_name, error)

    def _hashing_ended(self, job: QueuedJob, _: asyncio.Task[None]) -> None:
        job.hashing = self._hashing = None
        if job.state is JobState.WAITING and job.status is UploadStatus.HASHING:
            job.recorder.set_status(UploadStatus.PENDING)
        self._pump()

    # -- one run of one job ------------------------------------------------------------------------------------

    async def _work(self, job: QueuedJob) -> None:
        """Upload the file and write down how that ended; whatever happens, nobody waits for ever."""
        if job.hashing is not None:
            await asyncio.wait([job.hashing])
        outcome: UploadResult | BaseException = UploadCancelled(say("upload.stopped"))
        event = JobEvent.HALT
        if job.state is JobState.RUNNING:
            job.run = asyncio.get_running_loop().create_task(self._run(job), name=f"run {job.job_id}")
            await asyncio.wait([job.run])
            event, outcome = self._outcome(job, job.run)
        self._apply(job, event)
        await self._finish(job, outcome)

    async def _run(self, job: QueuedJob) -> UploadResult:
        while True:
            try:
                return await job.upload.run()
            except NetworkError as error:
                if not await self.context.outage_is_over(error, job.recorder):
                    raise

    def _outcome(
        self, job: QueuedJob, run: asyncio.Task[UploadResult]
    ) -> tuple[JobEvent, UploadResult | BaseException]:
        if run.cancelled():
            return JobEvent.HALT, UploadCancelled(say("upload.stopped"))
        error = run.exception()
        if error is None:
            return JobEvent.SUCCEED, run.result()
        if isinstance(error, AccountBlockedError):
            if self.blocked is None:
                self.blocked, self._blocks = error, self._blocks + 1
            return JobEvent.BLOCK, error
        if not isinstance(error, Pan115Error):  # a bug of ours must not leave anyone waiting: it is logged whole
            logger.error("uploading %s", job.recorder.file_name, exc_info=error)
        return JobEvent.FAIL, error

    async def _finish(self, job: QueuedJob, outcome: UploadResult | BaseException) -> None:
        """Write down how a job ended, and tell whoever waits for it."""
        while True:
            state = job.state
            try:
                outcome = await self._write_end(job, state, outcome)
            except Exception:  # a bug of ours, as above: the job ends all the same
                logger.exception("ending the upload of %s", job.recorder.file_name)
                self._show_end(job, state, outcome)
            if _SAME_END.get(job.state, job.state) is _SAME_END.get(state, state):
                break  # else a command has changed how it ends: that is written down, too
        told_later = job.state in TO_RETRY  # who waits for a job that is retried at once waits for the retry
        job.error = None if isinstance(outcome, UploadResult) else outcome
        self._apply(job, JobEvent.RECORDED)
        if job.state.is_final and not told_later:
            job.answer(outcome)

    async def _write_end(
        self, job: QueuedJob, state: JobState, outcome: UploadResult | BaseException
    ) -> UploadResult | BaseException:
        """Write down one end of a job and show it.

        Returns:
            What whoever waits for it gets.
        """
        await self._records.sample(job)
        match state:
            case JobState.PAUSING | JobState.RESUMING:
                await self._records.mark(job, UploadStatus.PAUSED)
                if job.state in (JobState.PAUSING, JobState.RESUMING):
                    job.recorder.set_status(_SHOWN[job.state])
                return outcome
            case JobState.HOLDING:
                await self._records.mark(job, UploadStatus.PAUSED, str(outcome))
                return outcome
            case JobState.FAILING | JobState.FAILING_TO_RETRY:
                await self._records.mark(job, UploadStatus.FAILED, str(outcome))
            case JobState.CANCELLING | JobState.CANCELLING_TO_RETRY:
                # the abort is on disk before it is tried
                await self._records.drop_session(job)
                self._start_chore(self._records.abort_remembered())
                outcome = UploadCancelled(say("upload.cancelled"))
            case JobState.STOPPING | JobState.STOPPING_TO_RETRY:
                await self._records.mark(job, UploadStatus.PAUSED)
                outcome = UploadCancelled(say("upload.stopped_kept"))
        await self._records.history(job, _status(state, outcome), outcome)
        self._show_end(job, state, outcome)
        await self.tracker.flush(job.job_id)
        return outcome

    def _show_end(self, job: QueuedJob, state: JobState, outcome: UploadResult | BaseException) -> None:
        job.await_again()  # it was held; before the status shows the end: who sees that must not get the old answer
        if isinstance(outcome, UploadResult):
            job.recorder.set_status(outcome.status, file_id=outcome.file_id)
        else:
            job.error = outcome
            job.recorder.set_status(_status(state, outcome), error_message=str(outcome))

    # -- chores ------------------------------------------------------------------------------------------------

    async def _sample(self) -> None:
        """One point a second for every moving upload."""
        while self._busy:
            for job in list(self._busy.values()):
                if job.status.is_active:
                    await self._records.sample(job)
            await asyncio.sleep(SAMPLE_INTERVAL)

    def start_chores(self) -> None:
        """At start: abort what earlier runs could not."""
        self._post(lambda: self._start_chore(self._records.abort_remembered()))

    def _start_chore(self, coroutine: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)

    def _drop_oldest(self) -> None:
        while len(self._ended) > KEPT_JOBS:
            job_id = next(iter(self._ended))
            del self._ended[job_id], self._jobs[job_id]

    def _stop_unstarted(self, job: QueuedJob) -> None:
        """Nothing of it needs to be written down: a hundred thousand that wait must not hold up the end."""
        if job.hashing is not None:
            job.hashing.cancel()
        job.state = next_state(next_state(job.state, JobEvent.STOP), JobEvent.RECORDED)
        self._running_here.discard(job.request.session_id, Submitted(self, job))
        job.error = UploadCancelled(say("upload.stopped_waiting"))
        job.recorder.set_status(UploadStatus.CANCELLED, error_message=str(job.error))
        job.answer(job.error)

    def _tasks(self) -> set[asyncio.Task[Any]]:
        """Everything that is at work."""
        jobs = [*self._busy.values(), *([self._hashing] if self._hashing else [])]
        tasks = [task for job in jobs for task in (job.task, job.run, job.hashing)]
        return {task for task in (*tasks, *self._chores, self._sampler) if task is not None and not task.done()}

    async def close(self, grace: float = 5.0) -> None:
        """Stop everything, keep every session; on the engine's loop.

        Args:
            grace: Seconds for tidying up; what takes longer is cut off.
        """
        self._closed = True
        for job in self.jobs():
            if job.started_at or job.task is not None or job.state.is_final:
                self._apply(job, JobEvent.STOP)
            else:
                self._stop_unstarted(job)
        if self._sampler is not None:
            self._sampler.cancel()
        end = asyncio.get_running_loop().time() + grace
        while pending := self._tasks():  # again and again: one that ends may begin a chore
            left = end - asyncio.get_running_loop().time()
            if left <= 0:
                for task in pending:
                    task.cancel()
                await asyncio.wait(pending, timeout=CUT_OFF_GRACE)
                break
            await asyncio.wait(pending, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        for job in self.jobs():
            if not job.answered:  # its end could not be written down in time; nobody waits for ever
                job.answer(UploadCancelled(say("upload.stopped_kept")))


#: States whose end is written down in the same way.
_SAME_END: Mapping[JobState, JobState] = {
    JobState.RESUMING: JobState.PAUSING,
    JobState.STOPPING_TO_RETRY: JobState.STOPPING,
    JobState.CANCELLING_TO_RETRY: JobState.CANCELLING,
    JobState.FAILING_TO_RETRY: JobState.FAILING,
}


def _status(state: JobState, outcome: UploadResult | BaseException) -> UploadStatus:
    return outcome.status if isinstance(outcome, UploadResult) else _SHOWN[state]


#: By state directory: every client of this process that uses it.
_running: dict[str, RunningJobs[Submitted]] = {}
