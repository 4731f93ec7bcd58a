"""The queue's record of one upload."""

from __future__ import annotations

import asyncio
import concurrent.futures
from dataclasses import dataclass

from ..models import UploadResult, UploadStatus
from ..progress.recorder import ProgressRecorder
from .job_state import JobState
from .transfer_stats import TransferStats
from .upload import Upload, UploadRequest


def new_future() -> concurrent.futures.Future[UploadResult]:
    """A future that only the queue ends: who stops waiting for it must not cancel it for the others."""
    future: concurrent.futures.Future[UploadResult] = concurrent.futures.Future()
    future.set_running_or_notify_cancel()
    return future


@dataclass(slots=True, eq=False)
class QueuedJob:
    """One upload of the queue.

    Attributes:
        future: Ends with the result or the error; a job that runs again gets a new one.
        state: Where it stands; changed by the queue alone, as job_state.py says.
        task: What works on it, from its start until its end is written down.
        run: The upload itself, which a stop cancels.
        hashing: Its file is being hashed before its turn.
        hashed: Whether that has been tried.
        held_by: Which of 115's blocks holds it.
        error: What ended or holds it.
    """

    request: UploadRequest
    recorder: ProgressRecorder
    order: int
    future: concurrent.futures.Future[UploadResult]
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
