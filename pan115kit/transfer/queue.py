"""Which upload runs now: several files at once, order, hash-ahead, pause, resume, cancel.

Commands come from any thread (:mod:`.commands`); all state lives on the engine's loop, and so does this side of the
queue.  A free slot and a runnable job always meet, because every change ends in :meth:`UploadQueue._pump`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from functools import partial

from .._base import event_loops
from ..errors import AccountBlockedError, Pan115Error, UploadCancelled
from ..i18n import both
from ..models import UploadResult, UploadStatus
from ..progress.tracker import ProgressTracker
from .commands import QueueCommands
from .jobs import Job, Stop, Waiting, choose, new_future, stronger
from .records import Books
from .upload import Upload
from .upload_context import Tools

logger = logging.getLogger("pan115kit")

#: Seconds between two points of the curve that history keeps.
SAMPLE_INTERVAL = 1.0
#: Ended jobs kept for retry; history has them all.
KEPT_JOBS = 10_000


class UploadQueue(QueueCommands):
    """All uploads of one client.

    Its arguments are those of :class:`~pan115kit.transfer.commands.QueueCommands`.
    """

    def __init__(
        self,
        tools: Tools,
        tracker: ProgressTracker,
        *,
        loop: event_loops.LoopThread | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(tools, tracker, loop=loop, clock=clock)
        self.blocked: AccountBlockedError | None = None
        self._blocks = 0  # how often 115 has blocked the account: which block holds a job
        self._sampler: asyncio.Task[None] | None = None
        self._chores: set[asyncio.Task[None]] = set()
        self._books = Books(tools, clock)

    # -- on the engine's loop ----------------------------------------------------------------------------------

    def _pump(self) -> None:
        """Fill the free slots, hash the next file meanwhile."""
        if self._closed:
            return
        if self.blocked is not None:
            self._hold_waiting(self.blocked)
            return
        jobs = self.jobs()  # a copy: other threads add to the table meanwhile
        running = sum(job.task is not None for job in jobs)
        waiting = [Waiting(j.job_id, j.priority, j.order) for j in jobs if j.waits]
        for job_id in choose(waiting, running, self._limit):
            self._start(self._jobs[job_id])
        self._hash_next()
        self._drop_oldest()

    def _start(self, job: Job) -> None:
        job.stop, job.late, job.again, job.begun, job.error = None, None, False, False, None
        job.started_at = job.started_at or self._clock()
        job.task = asyncio.get_running_loop().create_task(self._run(job), name=f"upload {job.job_id}")
        if self._sampler is None or self._sampler.done():
            self._sampler = asyncio.get_running_loop().create_task(self._sample(), name="samples")

    def _hash_next(self) -> None:
        """One file is hashed ahead while the slots are busy, so that its turn begins with bytes."""
        jobs = self.jobs()
        if any(job.hashing is not None for job in jobs):
            return
        waiting = [Waiting(j.job_id, j.priority, j.order) for j in jobs if j.waits]
        for job_id in choose(waiting, 0, 1):
            job = self._jobs[job_id]
            if job.hashed:
                return  # the next one is ready; hashing further ahead would only keep the disk busy
            job.hashed = True
            job.hashing = asyncio.get_running_loop().create_task(self._hash_ahead(job), name=f"hash {job_id}")
            # not in the task itself: one that is cancelled before its first step runs none of its lines
            job.hashing.add_done_callback(partial(self._hashed, job))

    async def _hash_ahead(self, job: Job) -> None:
        try:
            await job.upload.hash_ahead()
        except Pan115Error as error:
            # the upload itself meets and reports it when its turn comes
            logger.debug("hashing %s ahead: %s", job.recorder.file_name, error)

    def _hashed(self, job: Job, _: asyncio.Task[None]) -> None:
        job.hashing = None
        if job.task is None and job.status is UploadStatus.HASHING:
            job.recorder.set_status(UploadStatus.PENDING)
        self._pump()

    async def _run(self, job: Job) -> None:
        """One run of one job; whatever happens, it ends in a state and nobody waits for ever."""
        outcome: UploadResult | BaseException
        job.begun = True
        try:
            if job.stop is not None:
                raise asyncio.CancelledError
            if job.hashing is not None:
                await asyncio.wait([job.hashing])
            outcome = await job.upload.run()
        except asyncio.CancelledError:
            outcome = UploadCancelled(both("上传已停止", "the upload was stopped"))
        except Pan115Error as error:
            outcome = error
        except Exception as error:  # a bug of ours must not leave anyone waiting: it is told and logged whole
            logger.exception("uploading %s", job.recorder.file_name)
            outcome = error
        job.ending = True
        try:
            await self._settle(job, outcome)
        except Exception as error:  # as above
            logger.exception("ending the upload of %s", job.recorder.file_name)
            self._tell(job, UploadStatus.FAILED, error)
        finally:
            self._free(job)

    def _free(self, job: Job) -> None:
        """Its task is over; what was asked while its books were being closed comes now."""
        late, job.late = job.late, None
        retry, job.retry = job.retry, False  # asked after the late stop: a stop takes back what was asked before it
        job.task, job.ending = None, False
        if late is not None:
            self._stop(job.job_id, late)
        if retry:
            self._retry(job.job_id)
        self._pump()

    async def _settle(self, job: Job, outcome: UploadResult | BaseException) -> None:
        await self._books.sample(job)
        if isinstance(outcome, UploadResult):
            await self._ended(job, outcome.status, outcome)
        elif isinstance(outcome, UploadCancelled):
            await self._stopped(job)
        elif isinstance(outcome, AccountBlockedError):
            if self.blocked is None:
                self.blocked, self._blocks = outcome, self._blocks + 1
            await self._books.mark(job, UploadStatus.PAUSED, str(outcome))
            self._hold(job, outcome)
        else:
            await self._books.mark(job, UploadStatus.FAILED, str(outcome))
            await self._ended(job, UploadStatus.FAILED, outcome)

    async def _stopped(self, job: Job) -> None:
        if job.stop is Stop.PAUSE:
            await self._books.mark(job, UploadStatus.PAUSED)
            job.recorder.set_status(UploadStatus.PENDING if job.again else UploadStatus.PAUSED)
        elif job.stop is Stop.CANCEL:
            # law 10: the abort is on disk before it is tried
            await self._books.drop_session(job)
            self._chore(self._books.abort_remembered())
            cancelled = UploadCancelled(both("上传已取消", "the upload was cancelled"))
            await self._ended(job, UploadStatus.CANCELLED, cancelled)
        else:
            await self._books.mark(job, UploadStatus.PAUSED)
            await self._ended(job, UploadStatus.CANCELLED, UploadCancelled(_kept()))

    async def _ended(self, job: Job, status: UploadStatus, outcome: UploadResult | BaseException) -> None:
        await self._books.history(job, status, outcome)
        self._renew(job)  # before the status says that it has ended: who sees that must not get the old outcome
        if isinstance(outcome, UploadResult):
            job.recorder.set_status(status, file_id=outcome.file_id)
        else:
            job.error = outcome
            job.recorder.set_status(status, error_message=str(outcome))
        await self.tracker.flush(job.job_id)
        self._tell(job, status, outcome)

    def _tell(self, job: Job, status: UploadStatus, outcome: UploadResult | BaseException) -> None:
        """Whoever waits for the job hears how it ended."""
        self._renew(job)
        if isinstance(outcome, UploadResult):
            job.future.set_result(outcome)
            return
        job.error = outcome
        if job.status is not status:
            job.recorder.set_status(status, error_message=str(outcome))
        if not job.retry:  # who waits for a job that is retried at once waits for the retry
            job.future.set_exception(outcome)

    def _renew(self, job: Job) -> None:
        if job.future.done():  # it was held by a block, which its waiters were told
            job.future = new_future()

    # -- commands ----------------------------------------------------------------------------------------------

    def _stop(self, job_id: str, stop: Stop) -> None:
        job = self._jobs.get(job_id)
        if job is None:
            return
        job.retry = False
        if job.status.is_final:
            return
        if job.hashing is not None:
            job.hashing.cancel()
        if job.task is not None:
            self._stop_running(job, stop)
            return
        if stop is Stop.PAUSE:
            job.recorder.set_status(UploadStatus.PAUSED)
        else:
            job.stop, job.ending = stop, True
            job.task = asyncio.get_running_loop().create_task(self._end_idle(job))

    def _stop_running(self, job: Job, stop: Stop) -> None:
        job.again = False
        if job.ending:  # it may end well; if it does not (it was being paused), this comes next
            if stop is not Stop.PAUSE:
                job.late = stop
            return
        first, job.stop = job.stop is None, stronger(job.stop, stop)
        # one cancellation: a second would cut off the tidying up after the first.  A task that has not taken its
        # first step would run none of its lines, so it looks for itself.
        if first and job.begun and job.task is not None:
            job.task.cancel()

    async def _end_idle(self, job: Job) -> None:
        try:
            await self._stopped(job)
        except Exception as error:  # as in _run
            logger.exception("ending the upload of %s", job.recorder.file_name)
            self._tell(job, UploadStatus.CANCELLED, error)
        finally:
            self._free(job)

    def _resume(self, job_id: str) -> None:
        job = self._jobs.get(job_id)
        if job is None or job.status.is_final or self._closed:
            return
        if job.task is not None:
            job.again = job.stop is Stop.PAUSE
        elif job.status is UploadStatus.PAUSED:
            if job.future.done():  # it was held by a block, which its waiters were told
                job.future = new_future()
                if job.held_by == self._blocks:
                    self._unblock()  # the user says go on; once for all that this block holds
            job.recorder.set_status(UploadStatus.PENDING)
            self._pump()

    def _retry(self, job_id: str) -> None:
        job = self._jobs.get(job_id)
        if job is None or self._closed:
            return
        if job.task is not None:
            job.retry = job.ends  # as soon as it has ended
            return
        if job.status not in (UploadStatus.FAILED, UploadStatus.CANCELLED):
            return
        if job.future.done():
            job.future = new_future()
        # what the earlier try has sent was sent: one job, one tally
        job.upload = Upload(job.request, self.tools, job.recorder, self._clock, job.upload.tally)
        job.hashed, job.started_at, job.stop = False, 0.0, None
        job.recorder.set_status(UploadStatus.PENDING)
        self._pump()

    def _hold(self, job: Job, error: AccountBlockedError) -> None:
        """115 blocks the account: nothing is failed, nobody waits for ever (law 12)."""
        job.recorder.set_status(UploadStatus.PAUSED, error_message=str(error))
        job.error, job.held_by = error, self._blocks
        if not job.future.done():
            job.future.set_exception(error)

    def _hold_waiting(self, error: AccountBlockedError) -> None:
        for job in self.jobs():
            if job.waits and job.hashing is None:
                self._hold(job, error)

    def _unblock(self) -> None:
        self.blocked = None
        self.tools.drive.reset()

    # -- chores ------------------------------------------------------------------------------------------------

    async def _sample(self) -> None:
        """One point a second for every moving upload."""
        while any(job.task is not None for job in self.jobs()):
            for job in self.jobs():
                if job.status.is_active:
                    await self._books.sample(job)
            await asyncio.sleep(SAMPLE_INTERVAL)

    def start_chores(self) -> None:
        """At start: abort what earlier runs could not."""
        self._post(lambda: self._chore(self._books.abort_remembered()))

    def _chore(self, coroutine: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)

    def _drop_oldest(self) -> None:
        if len(self._jobs) > KEPT_JOBS:
            ended = [job_id for job_id, job in self._jobs.items() if job.status.is_final]
            for job_id in ended[: len(self._jobs) - KEPT_JOBS]:
                del self._jobs[job_id]

    async def close(self, grace: float = 5.0) -> None:
        """Stop everything, keep every session; on the engine's loop."""
        self._closed = True
        for job in self.jobs():
            self._stop(job.job_id, Stop.KEEP_SESSION)
        if self._sampler is not None:
            self._sampler.cancel()
        tasks = [task for job in self.jobs() for task in (job.task, job.hashing) if task is not None]
        pending = [*tasks, *self._chores, *([self._sampler] if self._sampler else [])]
        if pending:
            _, late = await asyncio.wait(pending, timeout=grace)
            for task in late:
                task.cancel()
        for job in self.jobs():
            if not job.future.done():  # its books could not be closed in time; nobody waits for ever
                job.future.set_exception(UploadCancelled(_kept()))


def _kept() -> str:
    return both("已停止，会话已保留，再次上传将从断点继续", "stopped; its session is kept: upload it again to go on")
