"""The queue's records, and the pure choice of what runs next."""

from __future__ import annotations

import asyncio
import concurrent.futures
import enum
from collections.abc import Iterable
from dataclasses import dataclass

from ..models import UploadResult, UploadStatus
from ..progress.recorder import ProgressRecorder
from .upload import Upload, UploadRequest


class Stop(enum.Enum):
    """Why a running upload was told to stop."""

    PAUSE = "pause"
    CANCEL = "cancel"
    KEEP_SESSION = "keep session"  # stop here: Ctrl-C, close, exit


_STRENGTH = (Stop.PAUSE, Stop.KEEP_SESSION, Stop.CANCEL)


def stronger(first: Stop | None, second: Stop) -> Stop:
    """Of two stops the one that goes further: closing must not turn a cancel into a session that is kept.

    Example:
        >>> stronger(Stop.CANCEL, Stop.KEEP_SESSION).name, stronger(None, Stop.PAUSE).name
        ('CANCEL', 'PAUSE')
    """
    return second if first is None else max(first, second, key=_STRENGTH.index)


def new_future() -> concurrent.futures.Future[UploadResult]:
    """A future that only the queue ends: who stops waiting for it must not cancel it for the others.

    Example:
        >>> new_future().cancel()
        False
    """
    future: concurrent.futures.Future[UploadResult] = concurrent.futures.Future()
    future.set_running_or_notify_cancel()
    return future


@dataclass(frozen=True, slots=True)
class Waiting:
    """What the choice looks at."""

    job_id: str
    priority: int
    order: int


def choose(waiting: Iterable[Waiting], running: int, limit: int) -> list[str]:
    """Which jobs start now: the highest priority first, then the oldest, as many as there are free slots.

    Example:
        >>> choose([Waiting("a", 0, 1), Waiting("b", 5, 2), Waiting("c", 0, 0)], running=1, limit=3)
        ['b', 'c']
    """
    ranked = sorted(waiting, key=lambda job: (-job.priority, job.order))
    return [job.job_id for job in ranked[: max(0, limit - running)]]


@dataclass(slots=True, eq=False)
class Job:
    """The queue's record of one upload."""

    request: UploadRequest
    recorder: ProgressRecorder
    priority: int
    order: int
    future: concurrent.futures.Future[UploadResult]
    upload: Upload
    created_at: float
    task: asyncio.Task[None] | None = None
    hashing: asyncio.Task[None] | None = None
    hashed: bool = False
    stop: Stop | None = None
    late: Stop | None = None  # asked while its books were being closed
    again: bool = False  # resumed while it was being paused
    retry: bool = False  # retried while it was ending
    begun: bool = False  # its task has taken its first step
    ending: bool = False  # its books are being closed: too late to stop it
    held_by: int = 0  # which of 115's blocks holds it
    started_at: float = 0.0
    error: BaseException | None = None

    @property
    def job_id(self) -> str:
        """Unique; also the key of its history and samples."""
        return self.request.job_id

    @property
    def status(self) -> UploadStatus:
        """Where it stands."""
        return self.recorder.status

    @property
    def ends(self) -> bool:
        """Whether it runs, but not for long: it was told to stop for good, or its books are being closed."""
        return self.task is not None and (self.ending or self.stop in (Stop.KEEP_SESSION, Stop.CANCEL))

    @property
    def waits(self) -> bool:
        """Whether it could start now."""
        return self.task is None and self.status in (UploadStatus.PENDING, UploadStatus.HASHING)
