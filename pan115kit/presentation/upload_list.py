"""The uploads that a panel or a report shows: rows, totals, the curve of speed.

Pure: no widget, no clock of its own.  Only what changed is looked at, so that a tick costs the same for ten uploads
and for a thousand.  Order, filters and search are the reader's, so the page has them (``web/upload-rows.js``).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field

from ..models import Phase, Sample, UploadSession, UploadStatus
from ..progress.rate import RateMeter
from ..progress.snapshot import UploadProgress
from ..store import LeaseOwner
from .rows import GROUP_OF, Group, Row, session_row


@dataclass(frozen=True, slots=True)
class Totals:
    """All rows but the sessions, in one line.

    Attributes:
        files: How many uploads.
        size: Bytes of all of them.
        uploaded: Bytes that are there, instant ones included.
        counts: Uploads per group.
        sizes: Uploaded bytes per group, the segments of the stacked bar; what is left is ``size - uploaded``.
        speed: Bytes per second now, over all uploads.
        hashing: Bytes per second of hashing now.
        eta: Seconds left, or None while unknown.
        elapsed: Seconds from the first upload's begin to now, or to the end of the last.
    """

    files: int
    size: int
    uploaded: int
    counts: dict[Group, int]
    sizes: dict[Group, int]
    speed: float
    hashing: float
    eta: float | None
    elapsed: float

    @property
    def percentage(self) -> float:
        """0-100, by bytes; 100 only when every file is there, so by files where bytes cannot tell."""
        by_bytes = min(100.0, 100.0 * self.uploaded / self.size) if self.size else 100.0
        if by_bytes < 100.0 or not self.files:
            return by_bytes if self.files else 0.0
        return 100.0 * self.counts.get(Group.DONE, 0) / self.files

    @property
    def ended(self) -> bool:
        """Whether nothing more happens by itself and nothing waits for the user (but failures)."""
        return has_ended(self.counts)


def has_ended(counts: dict[Group, int]) -> bool:
    """Whether nothing moves, waits or is paused."""
    return not any(counts.get(group) for group in (Group.ACTIVE, Group.WAITING, Group.PAUSED))


class Curve:
    """Speed over time in at most ``capacity`` points: when full, every other point goes and the step doubles."""

    def __init__(self, capacity: int = 120, step: float = 1.0) -> None:
        self._capacity = capacity
        self._step = step
        self.points: list[tuple[float, float]] = []

    def recall(self, samples: Iterable[Sample], shift: float) -> None:
        """Take over what history has of an upload.

        Args:
            samples: Its curve, in epoch seconds.
            shift: From epoch seconds to the board's clock.
        """
        for sample in samples:
            if sample.phase is Phase.UPLOADING:
                self.add(sample.time + shift, sample.speed_mbps * 1e6)

    def add(self, now: float, speed: float) -> None:
        """Note the speed; a point within the present step is left out."""
        if self.points and now - self.points[-1][0] < self._step:
            return
        self.points.append((now, speed))
        if len(self.points) > self._capacity:
            self.points = self.points[::2]
            self._step *= 2


@dataclass(slots=True)
class _Sums:
    """Running sums, so that totals cost nothing."""

    count: Counter[Group] = field(default_factory=Counter)
    uploaded: Counter[Group] = field(default_factory=Counter)
    size: Counter[Group] = field(default_factory=Counter)

    def add(self, shot: UploadProgress, sign: int) -> None:
        group = GROUP_OF[shot.status]
        self.count[group] += sign
        self.uploaded[group] += sign * (shot.file_size if shot.status.is_success else shot.uploaded_bytes)
        self.size[group] += sign * shot.file_size

    def left(self) -> int:
        """Bytes still to come; failed and cancelled files bring none."""
        gone = (Group.FAILED, Group.CANCELLED)
        return sum(self.size[group] - self.uploaded[group] for group in self.size if group not in gone)


class UploadList:
    """The uploads and unfinished sessions on show.

    Args:
        now: Seconds on a steady clock; every later call passes the same clock's time.
    """

    def __init__(self, now: float) -> None:
        self._jobs: dict[str, Row] = {}
        self._sessions: dict[str, Row] = {}
        self._active: dict[str, UploadProgress] = {}
        self._sums = _Sums()
        self._meter = RateMeter(now)
        self._moved = 0
        self._begun = math.inf
        self._last_end = -math.inf
        self.curve = Curve()

    def __len__(self) -> int:
        return len(self._jobs) + len(self._sessions)

    def __iter__(self) -> Iterator[Row]:
        yield from self._jobs.values()
        yield from self.free_sessions()

    # -- taking in ---------------------------------------------------------------------------------------------

    def update(self, changed: Iterable[UploadProgress], now: float) -> None:
        """Take in what changed."""
        for shot in changed:
            old = self._jobs.get(shot.job_id)
            if old is not None:
                self._sums.add(old.shot, -1)
            self._sums.add(shot, +1)
            self._moved += _moved(old.shot if old else None, shot)
            self._begun = min(self._begun, shot.created_at)
            if shot.status.is_final:
                self._last_end = max(self._last_end, _end_of(shot))
            self._jobs[shot.job_id] = Row(shot.job_id, shot)
            if shot.status.is_active:
                self._active[shot.job_id] = shot
            else:
                self._active.pop(shot.job_id, None)
        self._meter.add(now, self._moved)
        if self._active:
            self.curve.add(now, self.speed(now))

    def set_sessions(
        self, sessions: Iterable[tuple[UploadSession, LeaseOwner | None]]
    ) -> tuple[list[Row], list[str]]:
        """Take in the store's unfinished sessions.

        Returns:
            The rows that are new or different, and the keys of those that are gone.
        """
        rows = {row.key: row for row in (session_row(session, owner) for session, owner in sessions)}
        before, self._sessions = self._sessions, rows
        changed = [row for key, row in rows.items() if before.get(key) != row]
        return changed, [key for key in before if key not in rows]

    def free_sessions(self) -> list[Row]:
        """Sessions that no upload of this list works on or has failed at: those are shown as that upload."""
        if not self._sessions:
            return []
        shots = [row.shot for row in self._jobs.values() if row.shot.status is not UploadStatus.CANCELLED]
        taken = {shot.session_id for shot in shots} | {shot.job_id for shot in shots}
        places = {(shot.file_path, shot.target_path) for shot in shots if not shot.status.is_success}
        return [
            row
            for row in self._sessions.values()
            if row.session is not None
            and row.session.job_id not in taken  # an ended job's row may be a moment old
            and row.shot.session_id not in taken
            and (row.shot.file_path, row.shot.target_path) not in places
        ]

    # -- giving out --------------------------------------------------------------------------------------------

    def get(self, key: str) -> Row | None:
        """One row, or None."""
        return self._jobs.get(key) or self._sessions.get(key)

    def rows(self, groups: Container[Group]) -> list[Row]:
        """The rows of some groups, in the order they were begun."""
        return [row for row in self if row.group in groups]

    def everything(self) -> list[Row]:
        """Every row, sessions that are shown as an upload too."""
        return [*self._jobs.values(), *self._sessions.values()]

    def speed(self, now: float) -> float:
        """Bytes per second now, over all uploads.

        Many small files, each too short for a speed of its own, have one together.
        """
        counts = self._sums.count
        if not counts[Group.ACTIVE] and not counts[Group.WAITING]:
            return 0.0
        own = 1e6 * sum(s.speed_mbps for s in self._active.values() if s.status is UploadStatus.UPLOADING)
        return max(own, self._meter.speed(now))

    def totals(self, now: float, wall: float) -> Totals:
        """Everything in one line.

        Args:
            now: Seconds on the board's steady clock.
            wall: Epoch seconds.
        """
        sums, speed = self._sums, self.speed(now)
        counts = {group: count for group, count in sums.count.items() if count}
        return Totals(
            files=len(self._jobs),
            size=sum(sums.size.values()),
            uploaded=sum(sums.uploaded.values()),
            counts=counts,
            sizes={group: size for group, size in sums.uploaded.items() if size},
            speed=speed,
            hashing=1e6 * sum(s.speed_mbps for s in self._active.values() if s.status is UploadStatus.HASHING),
            eta=self._meter.eta(now, sums.left()) if speed > 0 else None,
            elapsed=self._span(has_ended(counts), wall),
        )

    def _span(self, ended: bool, wall: float) -> float:
        if not self._jobs:
            return 0.0
        return max(0.0, (self._last_end if ended else wall) - self._begun)


def _end_of(shot: UploadProgress) -> float:
    """Epoch seconds; an upload of another process may have only its seconds of work."""
    return shot.created_at + shot.elapsed_seconds if shot.ended_at is None else shot.ended_at


def _moved(old: UploadProgress | None, new: UploadProgress) -> int:
    """Bytes that went over the wire between two snapshots: what an earlier run sent, or 115 had, is not speed."""
    if new.status is UploadStatus.QUICK_SUCCESS:
        return 0
    before = old.uploaded_bytes if old is not None else new.uploaded_bytes
    if old is not None and old.resumed_bytes != new.resumed_bytes:
        before = max(before, new.resumed_bytes)
    return max(0, new.uploaded_bytes - before)
