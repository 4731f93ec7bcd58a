"""The queue's record of one upload."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from dataclasses import dataclass

from ..models import UploadResult, UploadStatus
from ..progress.recorder import ProgressRecorder
from .job_state import JobState
from .transfer_stats import TransferStats
from .upload import Upload, UploadRequest

#: Guards who waits for all jobs, and their futures; held for a few instructions only.
_waits_lock = threading.Lock()


class JobWait:
    """A call that waits for a job, and stops it when it is cancelled, if nobody else wants it."""

    __slots__ = ("_job", "_left")

    def __init__(self, job: QueuedJob) -> None:
        self._job = job
        self._left = False
        with _waits_lock:
            job.waiters += 1

    def leave(self) -> bool:
        """The call waits no longer; whether nobody else wants the job.  A second time changes nothing."""
        with _waits_lock:
            if self._left:
                return False
            self._left = True
            self._job.waiters -= 1
            return self._job.waiters == 0 and not self._job.kept


@dataclass(slots=True, eq=False)
class QueuedJob:
    """One upload of the queue.

    Attributes:
        state: Where it stands; changed by the queue alone, as job_state.py says.
        task: What works on it, from its start until its end is written down.
        run: The upload itself, which a stop cancels.
        hashing: Its file is being hashed before its turn.
        hashed: Whether that has been tried.
        held_by: Which of 115's blocks holds it.
        waiters: How many calls wait for it that would stop it when they are cancelled.
        kept: Whether somebody holds its handle: then no cancelled wait stops it.
        error: What ended or holds it.
    """

    request: UploadRequest
    recorder: ProgressRecorder
    order: int
    upload: Upload
    created_at: float
    state: JobState = JobState.WAITING
    task: asyncio.Task[None] | None = None
    run: asyncio.Task[UploadResult] | None = None
    hashing: asyncio.Task[None] | None = None
    hashed: bool = False
    held_by: int = 0
    started_at: float = 0.0
    error: BaseException | None = None
    waiters: int = 0
    kept: bool = False
    _outcome: UploadResult | BaseException | None = None
    _future: concurrent.futures.Future[UploadResult] | None = None

    @property
    def job_id(self) -> str:
        """Unique; also the key of its history and samples."""
        return self.request.job_id

    @property
    def status(self) -> UploadStatus:
        """What faces show of it."""
        return self.recorder.status

    @property
    def stats(self) -> TransferStats:
        """What it has cost so far, all its runs together."""
        return self.upload.stats

    @property
    def sha1(self) -> str:
        """Of its file, upper-case hex; empty until known."""
        return self.upload.sha1

    # -- its outcome -------------------------------------------------------------------------------------------

    @property
    def future(self) -> concurrent.futures.Future[UploadResult]:
        """Ends with the result or the error; a job that runs again has a new one.  From any thread.

        Made when somebody asks for it: a future takes more memory than all else of a waiting job.
        """
        with _waits_lock:
            if self._future is None:
                self._future = concurrent.futures.Future()
                # only the queue ends it: who stops waiting for it must not cancel it for the others
                self._future.set_running_or_notify_cancel()
                if self._outcome is not None:
                    _end(self._future, self._outcome)
            return self._future

    @property
    def answered(self) -> bool:
        """Whether who waits for it is answered: it has ended, or 115's block holds it."""
        return self._outcome is not None

    def answer(self, outcome: UploadResult | BaseException) -> None:
        """Answer whoever waits, and whoever will; a second answer changes nothing."""
        with _waits_lock:
            if self._outcome is not None:
                return
            self._outcome, future = outcome, self._future
        if future is not None:
            _end(future, outcome)

    def await_again(self) -> None:
        """It runs again: from now on, who waits for it waits for its next end."""
        with _waits_lock:
            if self._outcome is not None:
                self._outcome = self._future = None


def _end(future: concurrent.futures.Future[UploadResult], outcome: UploadResult | BaseException) -> None:
    if isinstance(outcome, UploadResult):
        future.set_result(outcome)
    else:
        future.set_exception(outcome)
