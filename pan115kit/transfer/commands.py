"""What faces and users may ask of the queue, from any thread; each only posts to the engine's loop."""

from __future__ import annotations

import abc
import itertools
import os
import threading
import time
import uuid
from collections.abc import Callable

from .._base import event_loops
from .._base.local_paths import local_path, size_or_zero
from ..drive.names import check_folder_id
from ..errors import ConfigError
from ..models import UploadSession
from ..progress.recorder import ProgressRecorder
from ..progress.snapshot import UploadProgress
from ..progress.tracker import ProgressTracker
from ..store import session_id_for
from .jobs import Job, Stop, new_future
from .upload import Upload, UploadRequest
from .upload_context import Tools


class QueueCommands(abc.ABC):
    """The queue as everybody but the engine sees it.

    Args:
        tools: Shared by the uploads.
        tracker: Where progress is published.
        loop: The engine's loop thread.
        clock: Epoch seconds.
    """

    def __init__(
        self,
        tools: Tools,
        tracker: ProgressTracker,
        *,
        loop: event_loops.LoopThread | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.tools = tools
        self.tracker = tracker
        self._loop = loop or event_loops.engine()
        self._clock = clock
        self._jobs: dict[str, Job] = {}
        self._orders = itertools.count()
        self._limit = tools.config.max_concurrent_uploads
        self._closed = False
        self._waking = False

    def submit(
        self,
        file_path: str | os.PathLike[str],
        target_path: str = "/",
        *,
        target_dir_id: str | int = "",
        priority: int = 0,
        skip_existing: bool = False,
        watch: Callable[[UploadProgress], object] | None = None,
    ) -> Job:
        """Queue one file.

        Args:
            file_path: Local path.
            target_path: Folder on the drive; made where missing.
            target_dir_id: The folder's id instead of its path.
            priority: Higher starts earlier.
            skip_existing: Count as done where the folder has this name and content already.
            watch: Called with progress snapshots.

        Returns:
            The job; its ``future`` ends with an :class:`UploadResult` or the error.

        Raises:
            ConfigError: The queue is closed, ``file_path`` is no path, or ``priority`` no number.
            FileNameError: ``file_path`` is empty.
            TargetError: ``target_dir_id`` is not a folder's id.
        """
        self.check_open()
        path, folder_id = local_path(file_path), check_folder_id(target_dir_id)
        priority = _checked(priority)
        request = UploadRequest(uuid.uuid4().hex, path, target_path, folder_id, skip_existing)
        if watch is not None:
            self.tracker.watch(request.job_id, watch)
        recorder = self.tracker.open(request.job_id, path, os.path.basename(path), size_or_zero(path), target_path)
        return self._add(request, recorder, priority)

    def _add(self, request: UploadRequest, recorder: ProgressRecorder, priority: int) -> Job:
        upload = Upload(request, self.tools, recorder, self._clock)
        job = Job(request, recorder, priority, next(self._orders), new_future(), upload, self._clock())
        self._jobs[job.job_id] = job
        if not self._waking:  # ten thousand files queued at once are looked at once
            self._waking = True
            self._post(self._wake)
        return job

    def resume_session(self, session: UploadSession) -> Job:
        """Go on with an unfinished session of an earlier run."""
        by_path = session_id_for(session.file_path, session.target_path) == session.session_id
        return self.submit(
            session.file_path, session.target_path, target_dir_id="" if by_path else session.target_dir_id
        )

    def check_open(self) -> None:
        """Raises :class:`~pan115kit.errors.ConfigError` once the queue is closed."""
        if self._closed:
            raise ConfigError("this client is closed", hint="make a new one")

    def jobs(self) -> list[Job]:
        """All jobs of this process, oldest first."""
        return list(self._jobs.values())

    def get(self, job_id: str) -> Job | None:
        """One job, or None."""
        return self._jobs.get(job_id)

    def pause(self, job_id: str) -> None:
        """Stop one upload where it is; its slot is free at once.  Nothing happens to an ended one."""
        self._post(self._stop, job_id, Stop.PAUSE)

    def resume(self, job_id: str) -> None:
        """Let a paused upload go on where it stopped."""
        self._post_and_wait(self._resume, job_id)

    def cancel(self, job_id: str) -> None:
        """Stop one upload for good; what OSS has of it is aborted."""
        self._post(self._stop, job_id, Stop.CANCEL)

    def leave(self, job_id: str) -> None:
        """Stop one upload and keep its session, so that the next run goes on there."""
        self._post(self._stop, job_id, Stop.KEEP_SESSION)

    def retry(self, job_id: str) -> None:
        """Run a failed or cancelled upload again, from where its session stands; one that is just ending, then."""
        self._post_and_wait(self._retry, job_id)

    def pause_all(self) -> None:
        """Pause everything that runs or waits."""
        for job in self.jobs():
            self.pause(job.job_id)

    def resume_all(self) -> None:
        """Let everything paused go on; also after 115 had blocked the account."""
        self._post(self._unblock)
        for job in self.jobs():
            self.resume(job.job_id)

    def cancel_all(self) -> None:
        """Cancel everything that has not ended."""
        for job in self.jobs():
            self.cancel(job.job_id)

    def prioritize(self, job_id: str, priority: int) -> None:
        """Let a waiting upload start earlier (or later).

        Raises:
            ConfigError: ``priority`` is no number.
        """
        priority = _checked(priority)

        def change() -> None:
            if (job := self._jobs.get(job_id)) is not None:
                job.priority = priority

        self._post(change)

    @property
    def limit(self) -> int:
        """Files at once."""
        return self._limit

    @limit.setter
    def limit(self, value: int) -> None:
        self.tools.config.with_(max_concurrent_uploads=value)  # the same check as everywhere
        self._limit = value
        self._post(self._pump)

    def _wake(self) -> None:
        self._waking = False  # before the look: a job added from now on wakes anew
        self._pump()

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

    # -- what the engine's side does with them, on its loop ----------------------------------------------------

    @abc.abstractmethod
    def _pump(self) -> None: ...

    @abc.abstractmethod
    def _stop(self, job_id: str, stop: Stop) -> None: ...

    @abc.abstractmethod
    def _resume(self, job_id: str) -> None: ...

    @abc.abstractmethod
    def _retry(self, job_id: str) -> None: ...

    @abc.abstractmethod
    def _unblock(self) -> None: ...


def _checked(priority: int) -> int:
    """One priority that cannot be compared with the others would stop the whole queue."""
    if not isinstance(priority, int | float) or priority != priority:
        raise ConfigError(f"priority must be a number, not {priority!r}", hint="higher starts earlier; 0 is usual")
    return priority
