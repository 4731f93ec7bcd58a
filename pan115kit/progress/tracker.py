"""The tracker: all uploads of this process, for everybody who looks.

It holds no widget and no socket; panels, bars and servers poll it, users' callbacks are called through
:mod:`pan115kit.progress.callbacks`.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

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
        self._recorders: dict[str, ProgressRecorder] = {}
        self._latest: dict[str, str] = {}
        self._callbacks = CallbackRegistry(self._lock)
        self._version = 0

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
            self._callbacks.drop(job_id)
            if recorder is not None and self._latest.get(recorder.file_path) == job_id:
                del self._latest[recorder.file_path]
            self._version += 1

    def _drop_oldest(self) -> None:
        if len(self._recorders) <= KEPT_FINISHED:
            return
        finished = [j for j, r in self._recorders.items() if r.status.is_final]
        for job_id in finished[: len(self._recorders) - KEPT_FINISHED]:
            self.forget(job_id)

    def _changed(self, recorder: ProgressRecorder, final: bool) -> int:
        self._version += 1
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
        """The present version, and the uploads that changed after ``version`` or are moving."""
        with self._lock:
            changed = [r.snapshot() for r in self._recorders.values() if r.version > version or r.status.is_active]
            return self._version, changed

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
