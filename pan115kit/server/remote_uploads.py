"""Uploads that other processes run in the same state directory, read from what they persist.

A session with a living lease that is not ours is being uploaded by another process; its last sample says how far and
how fast (each process writes one a second).  When it ends, its line in the history says how.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from dataclasses import replace

from ..models import HistoryEntry, Phase, Sample, UploadSession, UploadStatus
from ..presentation.rows import Row, process_name, session_progress
from ..progress.snapshot import UploadProgress
from ..store import LeaseOwner, Store

#: Seconds between two looks; other processes write once a second.
LOOK_INTERVAL = 1.0
#: A sample older than this many seconds says nothing about the speed now.
FRESH_SAMPLE = 5.0
#: Seconds for which an upload that nobody holds any more may be about to write down how it ended.
END_PATIENCE = 3.0
#: Ended uploads of other processes that stay in the list.
KEPT_ENDED = 200


def is_remote(owner: LeaseOwner, pid: int, host: str) -> bool:
    """Whether a lease belongs to another process than ``pid`` on ``host``."""
    return (owner.pid, owner.host) != (pid, host)


def running_progress(session: UploadSession, owner: LeaseOwner, sample: Sample | None, now: float) -> UploadProgress:
    """What session, lease and last sample say together.

    Args:
        session: Its row.
        owner: Who runs it, since when.
        sample: Its last sample, if any of this run.
        now: Seconds since the epoch.
    """
    if sample is not None and sample.time < owner.since:
        sample = None  # an earlier run's
    uploaded, hashed, speed = session.bytes_done, 0, 0.0
    if sample is not None:
        if sample.phase is Phase.UPLOADING:
            uploaded = max(uploaded, sample.uploaded_bytes)
        else:
            hashed = sample.uploaded_bytes
        speed = sample.speed_mbps if now - sample.time <= FRESH_SAMPLE else 0.0
    if session.status is not UploadStatus.HASHING:
        hashed = session.file_size
    uploaded = min(uploaded, session.file_size)
    moving = session.status is UploadStatus.UPLOADING and speed > 0
    return replace(
        session_progress(session),
        uploaded_bytes=uploaded,
        hashed_bytes=min(hashed, session.file_size),
        speed_mbps=speed,
        eta_seconds=(session.file_size - uploaded) / (speed * 1e6) if moving else None,
        elapsed_seconds=max(0.0, now - owner.since),
        created_at=owner.since,
    )


def ended_progress(last: UploadProgress, entry: HistoryEntry) -> UploadProgress:
    """How an upload of another process ended.

    Args:
        last: How it was last seen.
        entry: Its line in the history.
    """
    success = entry.status.is_success
    return replace(
        last,
        file_name=entry.file_name,
        file_size=entry.file_size,
        status=entry.status,
        target_path=entry.target_path,
        uploaded_bytes=entry.file_size if success else last.uploaded_bytes,
        hashed_bytes=entry.file_size,
        uploaded_parts=last.total_parts if success else last.uploaded_parts,
        speed_mbps=0.0,
        eta_seconds=0.0 if success else None,
        elapsed_seconds=entry.elapsed_seconds,
        retries=entry.retries,
        error_message=entry.error_message,
        file_id=entry.file_id or None,
        is_quick_upload=entry.quick_upload,
    )


class RemoteUploads:
    """Reads the uploads of other processes from a state directory.

    Args:
        store: The state directory.
        is_ours: Whether a job is one of this process.
        clock: Seconds since the epoch.
    """

    def __init__(
        self, store: Store, is_ours: Callable[[str], bool], *, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._is_ours = is_ours
        self._clock = clock
        self._me = os.getpid(), socket.gethostname()
        self._next_look = 0.0
        self._running: dict[str, Row] = {}
        self._ended: dict[str, Row] = {}
        self._released_since: dict[str, float] = {}  # nobody holds it, though its session says that it moves

    @property
    def rows(self) -> dict[str, Row]:
        """Job id -> row, as of the last look; ended ones first."""
        return self._ended | self._running

    async def look(self, *, now: bool = False) -> None:
        """Look again, unless the last look was less than a second ago.

        Args:
            now: Look in any case.

        Raises:
            StoreError: The state directory cannot be read.
        """
        begun = self._clock()
        if begun < self._next_look and not now:
            return
        self._next_look = begun + LOOK_INTERVAL
        found, ended, released = await self._store.call(self._read)
        for job_id, entry in ended.items():
            before = self._running[job_id]
            self._ended[job_id] = replace(before, shot=ended_progress(before.shot, entry))
        self._released_since = {job_id: self._released_since.get(job_id, begun) for job_id in released}
        awaited = {job_id for job_id, since in self._released_since.items() if begun - since < END_PATIENCE}
        self._running = found | {job_id: self._running[job_id] for job_id in awaited}
        for job_id in list(self._ended)[: max(0, len(self._ended) - KEPT_ENDED)]:
            del self._ended[job_id]
        for job_id in found.keys() & self._ended.keys():
            del self._ended[job_id]
        # a slow disk, or very many uploads: never more than a few percent of the store's time
        self._next_look = max(self._next_look, begun + 20 * (self._clock() - begun))

    def _read(self) -> tuple[dict[str, Row], dict[str, HistoryEntry], list[str]]:
        """On the store's thread: which run now, how those ended that ran a moment ago, whose end is awaited."""
        found: dict[str, Row] = {}
        for session_id, owner in self._store.leases.owners().items():
            if not is_remote(owner, *self._me):
                continue
            session = self._store.sessions.get(session_id)
            if session and session.status.is_active and session.job_id and not self._is_ours(session.job_id):
                sample = self._store.history.last_sample(session.job_id)
                shot = running_progress(session, owner, sample, self._clock())
                found[session.job_id] = Row(session.job_id, shot, process=process_name(owner))
        gone = self._running.keys() - found.keys()
        # a session is given back a moment before its end is in the history
        released = [job_id for job_id in gone if self._seems_to_move(job_id)]
        entries = {job_id: self._store.history.get(job_id) for job_id in gone}
        ended = {job_id: entry for job_id, entry in entries.items() if entry is not None}
        return found, ended, [job_id for job_id in released if job_id not in ended]

    def _seems_to_move(self, job_id: str) -> bool:
        session = self._store.sessions.get(self._running[job_id].shot.session_id)
        return session is not None and session.job_id == job_id and session.status.is_active
