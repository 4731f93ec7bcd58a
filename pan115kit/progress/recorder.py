"""Where an upload writes its progress: one recorder each, written by the upload alone.

Panels, bars, servers and users' callbacks read frozen :class:`~pan115kit.progress.snapshot.UploadProgress` snapshots
from the :class:`~pan115kit.progress.tracker.ProgressTracker`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from ..models import Phase, Sample, UploadStatus, WaitingFor
from .rate import RateMeter
from .snapshot import UploadProgress


@dataclass(slots=True)
class _State:
    """What the recorder changes; everything shown is derived from it."""

    status: UploadStatus = UploadStatus.PENDING
    uploaded: int = 0  # the true figure: may fall when a part is sent again
    shown: int = 0  # what is shown: never falls
    resumed: int = 0
    hashed: int = 0
    total_parts: int = 0
    uploaded_parts: int = 0
    retries: int = 0
    error_message: str | None = None
    file_id: str | None = None
    session_id: str = ""
    waiting_for: WaitingFor | None = None
    waiting_since: float = 0.0
    worked: float = 0.0  # seconds of work before the present stretch
    ended_at: float | None = None
    stretch: float | None = None  # when the present stretch of work began
    version: int = 0


class ProgressRecorder:
    """Writes the progress of one upload.  Thread-safe; every change is visible at once.

    Made by :meth:`~pan115kit.progress.tracker.ProgressTracker.open`.

    Args:
        lock: Guards every recorder of one tracker.
        clock: Steady seconds; elapsed time and speed come from it.
        wall_clock: Epoch seconds; stamps come from it.
        order: Grows from one upload to the next.
        changed: Called under the lock after every change, with whether it was the last; returns the new version.
    """

    __slots__ = (
        "_clock",
        "_lock",
        "_meter_",
        "_on_change",
        "_state",
        "_wall_clock",
        "created_at",
        "file_name",
        "file_path",
        "file_size",
        "job_id",
        "order",
        "target_path",
    )

    def __init__(
        self,
        job_id: str,
        file_path: str,
        file_name: str,
        file_size: int,
        target_path: str,
        *,
        lock: threading.RLock,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
        changed: Callable[[ProgressRecorder, bool], int],
        order: int = 0,
    ) -> None:
        self._lock = lock
        self._clock = clock
        self._wall_clock = wall_clock
        self._on_change = changed
        self.job_id = job_id
        self.order = order
        self.file_path = file_path
        self.file_name = file_name
        self.file_size = file_size
        self.target_path = target_path
        self.created_at = wall_clock()
        self._state = _State()
        self._meter_: RateMeter | None = None  # a waiting upload needs none, and there may be 100,000 of them

    @property
    def status(self) -> UploadStatus:
        """The status now."""
        return self._state.status

    @property
    def _meter(self) -> RateMeter:
        if self._meter_ is None:
            self._meter_ = RateMeter(self._clock())
        return self._meter_

    @property
    def version(self) -> int:
        """Grows with every change."""
        return self._state.version

    def describe(self, *, file_name: str | None = None, file_size: int | None = None, session_id: str = "") -> None:
        """Fill in what is known only once the file is open."""
        with self._lock:
            self.file_name = file_name or self.file_name
            self.file_size = self.file_size if file_size is None else file_size
            self._state.session_id = session_id or self._state.session_id
            self._changed()

    def set_status(
        self, status: UploadStatus, *, error_message: str | None = None, file_id: str | None = None
    ) -> None:
        """Enter ``status``; the meter starts from zero, because what it counts changes."""
        with self._lock:
            state, now = self._state, self._clock()
            if status.is_active and state.stretch is None:
                state.stretch = now
            elif not status.is_active and state.stretch is not None:
                state.worked += now - state.stretch
                state.stretch = None
            if status is not state.status and (status.is_active or self._meter_ is not None):
                self._meter.reset(now, state.hashed if status is UploadStatus.HASHING else state.uploaded)
            state.status = status
            state.ended_at = self._wall_clock() if status.is_final else None
            state.error_message = error_message
            state.file_id = file_id or state.file_id
            if status.is_success:
                state.uploaded = state.shown = self.file_size
                state.uploaded_parts = state.total_parts
            self._changed(final=status.is_final)

    def set_waiting(self, reason: WaitingFor | None, since: float = 0.0) -> None:
        """It waits for something else than its turn, or no longer.

        Args:
            reason: What for; None where it goes on.
            since: Epoch seconds.
        """
        with self._lock:
            state, now = self._state, self._clock()
            if reason is state.waiting_for:
                return
            state.waiting_for, state.waiting_since = reason, since
            if state.status.is_active:  # waiting is no work, and what came before it says nothing about the speed now
                if reason is None:
                    state.stretch = now
                    self._meter.reset(now, state.hashed if state.status is UploadStatus.HASHING else state.uploaded)
                elif state.stretch is not None:
                    state.worked += now - state.stretch
                    state.stretch = None
            self._changed()

    def set_hashed(self, done: int) -> None:
        """``done`` bytes of the file are hashed."""
        with self._lock:
            self._state.hashed = done
            if self._state.status is UploadStatus.HASHING:
                self._meter.add(self._clock(), done)
            self._changed()

    def set_parts(self, done: int, total: int) -> None:
        """``done`` of ``total`` parts are acknowledged."""
        with self._lock:
            self._state.uploaded_parts, self._state.total_parts = done, total
            self._changed()

    def set_resumed(self, done: int) -> None:
        """``done`` bytes are there from an earlier run (or none, after a fresh start): they are not speed."""
        with self._lock:
            state = self._state
            state.resumed = state.uploaded = done
            state.shown = max(state.shown, done)
            self._meter.reset(self._clock(), done)
            self._changed()

    def set_uploaded(self, done: int) -> None:
        """``done`` bytes are acknowledged or on the wire."""
        with self._lock:
            state = self._state
            state.uploaded = min(done, self.file_size)
            state.shown = max(state.shown, state.uploaded)
            self._meter.add(self._clock(), state.uploaded)
            self._changed()

    def count_retry(self) -> None:
        """A call is made again."""
        with self._lock:
            self._state.retries += 1
            self._changed()

    def snapshot(self) -> UploadProgress:
        """The upload at this moment."""
        with self._lock:
            state, now = self._state, self._clock()
            moving = state.status in (UploadStatus.HASHING, UploadStatus.UPLOADING)
            remaining = self.file_size - state.uploaded
            eta = self._meter.eta(now, remaining) if state.status is UploadStatus.UPLOADING else None
            return UploadProgress(
                job_id=self.job_id,
                file_path=self.file_path,
                file_name=self.file_name,
                file_size=self.file_size,
                status=state.status,
                target_path=self.target_path,
                session_id=state.session_id,
                uploaded_bytes=state.shown,
                resumed_bytes=state.resumed,
                hashed_bytes=state.hashed,
                total_parts=state.total_parts,
                uploaded_parts=state.uploaded_parts,
                speed_mbps=self._meter.speed(now) / 1e6 if moving else 0.0,
                eta_seconds=0.0 if state.status.is_success else eta,
                elapsed_seconds=state.worked + (now - state.stretch if state.stretch is not None else 0.0),
                retries=state.retries,
                waiting_for=state.waiting_for,
                waiting_seconds=max(0.0, self._wall_clock() - state.waiting_since) if state.waiting_for else 0.0,
                error_message=state.error_message,
                file_id=state.file_id,
                is_quick_upload=state.status is UploadStatus.QUICK_SUCCESS,
                created_at=self.created_at,
                ended_at=state.ended_at,
                version=state.version,
            )

    def sample(self) -> Sample:
        """One point of the curve that history keeps."""
        shot = self.snapshot()
        done = shot.hashed_bytes if shot.phase is Phase.HASHING else shot.uploaded_bytes
        return Sample(self._wall_clock(), done, shot.speed_mbps, shot.phase)

    def _changed(self, *, final: bool = False) -> None:
        self._state.version = self._on_change(self, final)
