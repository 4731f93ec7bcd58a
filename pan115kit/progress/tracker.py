"""The tracker: all uploads of this process, for everybody who looks.

It holds no widget and no socket; panels, bars and servers poll it, users' callbacks are called through
:mod:`pan115kit.progress.callbacks`.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable
from operator import attrgetter

from .._base.local_paths import local_path
from ..models import UploadStatus
from .callbacks import CallbackRegistry, ProgressCallback
from .recorder import ProgressRecorder
from .snapshot import UploadProgress

#: Finished uploads kept for display; the history has them all.
KEPT_FINISHED = 10_000


class ProgressTracker:
    """All uploads of this process (specification: ``UploadProgressManager``).

    Safe from any thread and any event loop.  :func:`get_progress_manager` gives the one everybody shares.

    Example:
        >>> tracker = ProgressTracker()
        >>> recorder = tracker.open("job-1", "/tmp/a.bin", "a.bin", 10)
        >>> recorder.set_uploaded(5)
        >>> tracker.snapshot("job-1").percentage
        50.0
    """

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._lock = threading.RLock()
        self._clock = clock
        self._wall_clock = wall_clock
        self._recorders: dict[str, ProgressRecorder] = {}  # the first begun first
        self._by_change: dict[str, ProgressRecorder] = {}  # the last changed last
        self._active: dict[str, ProgressRecorder] = {}
        self._finished: dict[str, None] = {}  # the first that ended first
        self._latest: dict[str, str] = {}
        self._callbacks = CallbackRegistry(self._lock)
        self._version = 0
        self._orders = itertools.count()

    # -- written by the uploads ------------------------------------------------------------------------------------

    def open(
        self, job_id: str, file_path: str, file_name: str, file_size: int, target_path: str = "/"
    ) -> ProgressRecorder:
        """Begin to track an upload.

        Args:
            job_id: Unique in this process.
            file_path: Absolute local path.
            file_name: As shown.
            file_size: Bytes; 0 until known.
            target_path: Folder on the drive.
        """
        with self._lock:
            recorder = ProgressRecorder(
                job_id,
                file_path,
                file_name,
                file_size,
                target_path,
                lock=self._lock,
                clock=self._clock,
                wall_clock=self._wall_clock,
                changed=self._changed,
                order=next(self._orders),
            )
            self._recorders[job_id] = recorder
            self._latest[file_path] = job_id
            self._drop_oldest()
            recorder.set_status(UploadStatus.PENDING)
            return recorder

    def forget(self, job_id: str) -> None:
        """Stop showing an upload."""
        with self._lock:
            recorder = self._recorders.pop(job_id, None)
            for found in (self._by_change, self._active, self._finished):
                found.pop(job_id, None)
            self._callbacks.drop(job_id)
            if recorder is not None and self._latest.get(recorder.file_path) == job_id:
                del self._latest[recorder.file_path]
            self._version += 1

    def _drop_oldest(self) -> None:
        while len(self._recorders) > KEPT_FINISHED and self._finished:
            self.forget(next(iter(self._finished)))

    def _changed(self, recorder: ProgressRecorder, final: bool) -> int:
        self._version += 1
        job_id, status = recorder.job_id, recorder.status
        if job_id in self._recorders:
            self._by_change.pop(job_id, None)
            self._by_change[job_id] = recorder
            if status.is_active:
                self._active[job_id] = recorder
            else:
                self._active.pop(job_id, None)
            if status.is_final:
                self._finished[job_id] = None
            else:
                self._finished.pop(job_id, None)
        if not self._callbacks.empty:
            self._callbacks.notify(recorder, urgent=final)
        return self._version

    # -- read by whoever shows them --------------------------------------------------------------------------------

    @property
    def version(self) -> int:
        """Grows with every change of any upload: unchanged means nothing to paint (but for running clocks)."""
        return self._version

    def snapshot(self, job_id: str) -> UploadProgress | None:
        """One upload now, or None if it is not tracked."""
        with self._lock:
            recorder = self._recorders.get(job_id)
            return recorder.snapshot() if recorder else None

    def snapshots(self) -> list[UploadProgress]:
        """All uploads now, in the order they were begun."""
        with self._lock:
            return [recorder.snapshot() for recorder in self._recorders.values()]

    def job_ids(self) -> list[str]:
        """Every tracked upload's id, in the order they were begun; costs nothing beside :meth:`snapshots`."""
        with self._lock:
            return [*self._recorders]

    def changed_since(self, version: int) -> tuple[int, list[UploadProgress]]:
        """The present version, and what changed after ``version`` or is moving, the first begun first."""
        with self._lock:
            found = dict(self._active)
            for job_id, recorder in reversed(self._by_change.items()):
                if recorder.version <= version:
                    break
                found[job_id] = recorder
            return self._version, [r.snapshot() for r in sorted(found.values(), key=attrgetter("order"))]

    async def get_progress(self, file_path: str | os.PathLike[str]) -> UploadProgress | None:
        """The newest upload of a local file, or None (specification's name)."""
        with self._lock:
            job_id = self._latest.get(local_path(file_path))
            return self.snapshot(job_id) if job_id else None

    async def list_progresses(self) -> dict[str, UploadProgress]:
        """Local path -> its newest upload (specification's name)."""
        with self._lock:
            return {path: self._recorders[job_id].snapshot() for path, job_id in self._latest.items()}

    # -- callbacks ---------------------------------------------------------------------------------------------

    def register_callback(self, file_path: str | os.PathLike[str], callback: ProgressCallback) -> None:
        """Call ``callback(progress)`` while this file is uploaded, now or later (specification's name).

        Args:
            file_path: The local file; it need not be uploading yet.
            callback: A plain or coroutine function.  It runs on a thread of the kit's own, at most every 200 ms,
                one call at a time; the last state is always delivered.  What it raises is logged, and the upload
                goes on.
        """
        key = local_path(file_path)
        with self._lock:
            self._callbacks.subscribe(key, callback, self._recorders.get(self._latest.get(key, "")))

    def unregister_callback(self, file_path: str | os.PathLike[str], callback: ProgressCallback) -> None:
        """Undo :meth:`register_callback`; unknown pairs are ignored."""
        self._callbacks.unsubscribe(local_path(file_path), callback)

    def watch(self, job_id: str, callback: ProgressCallback) -> Callable[[], None]:
        """As :meth:`register_callback` for one job; returns the function that undoes it."""
        with self._lock:
            self._callbacks.subscribe(job_id, callback, self._recorders.get(job_id))
        return lambda: self._callbacks.unsubscribe(job_id, callback)

    async def flush(self, job_id: str, timeout: float = 5.0) -> None:
        """Wait (at most ``timeout`` seconds) until every callback has seen the newest state of ``job_id``."""
        with self._lock:
            recorder = self._recorders.get(job_id)
        if recorder is not None:
            await self._callbacks.flush(recorder, timeout)


UploadProgressManager = ProgressTracker

_shared: ProgressTracker | None = None


def get_progress_manager() -> ProgressTracker:
    """The tracker that every client of this process writes to (specification's name).

    Example:
        >>> get_progress_manager() is get_progress_manager()
        True
    """
    global _shared
    if _shared is None:
        _shared = ProgressTracker()
    return _shared


def _after_fork_in_child() -> None:
    global _shared
    _shared = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
