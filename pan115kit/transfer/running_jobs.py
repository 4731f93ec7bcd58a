"""The uploads of this process by session: starting what already runs joins it (laws.md 11)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from .queued_job import QueuedJob

#: Where an upload's session lives, and which: (state directory, session_id).
JobKey = tuple[str, str]


class RunningJobs:
    """Which job works on which session, over all clients of this process."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._jobs: WeakValueDictionary[JobKey, QueuedJob] = WeakValueDictionary()

    def get(self, key: JobKey) -> QueuedJob | None:
        """The job that works on this session, or None."""
        return self._jobs.get(key)

    def add(self, key: JobKey, job: QueuedJob) -> None:
        """``job`` works on this session from now on."""
        with self.lock:
            self._jobs[key] = job

    def discard(self, key: JobKey, job: QueuedJob) -> None:
        """``job`` has ended."""
        with self.lock:
            if self._jobs.get(key) is job:
                del self._jobs[key]


#: Of this process.
running_jobs = RunningJobs()
