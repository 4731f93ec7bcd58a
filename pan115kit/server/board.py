"""Everything a client may see now: the uploads of this process, then those of other processes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from ..progress.snapshot import UploadProgress
from ..progress.tracker import ProgressTracker
from ..store import Store
from .elsewhere import Elsewhere, OtherProcesses
from .encoding import encode, upload_object


@dataclass(frozen=True, slots=True)
class Changes:
    """What is new since the last look.

    Attributes:
        texts: Job id -> its upload as JSON text, for those that may have changed.
        order: Every job id, in the order of display.
    """

    texts: dict[str, str]
    order: list[str]


class Board:
    """Joins the tracker's uploads and those of other processes.

    Args:
        tracker: This process's uploads.
        store: The state directory.
        clock: Seconds since the epoch.
    """

    def __init__(self, tracker: ProgressTracker, store: Store, *, clock: Callable[[], float] = time.time) -> None:
        self.tracker = tracker
        self.others = OtherProcesses(store, lambda job_id: tracker.snapshot(job_id) is not None, clock=clock)

    async def uploads(self) -> list[tuple[UploadProgress, str | None]]:
        """Every upload now, and the process that runs it where that is another one.

        Raises:
            StoreError: The state directory cannot be read.
        """
        await self.others.look()
        own = [(shot, None) for shot in self.tracker.snapshots()]
        return [*own, *((other.progress, other.process) for other in self.others.uploads.values())]

    async def by_path(self, file_path: str) -> tuple[UploadProgress, str | None] | None:
        """The newest upload of a local file, or None.

        Args:
            file_path: Absolute; one without its first slash is understood too (proxies like to drop it).
        """
        await self.others.look()
        for path in _spellings(file_path):
            own = await self.tracker.get_progress(path)
            if own is not None:
                return own, None
            for other in reversed(self.others.uploads.values()):
                if other.progress.file_path == path:
                    return other.progress, other.process
        return None

    def by_id(self, job_id: str) -> tuple[UploadProgress, str | None] | None:
        """One upload, or None; other processes' as of the last look."""
        own = self.tracker.snapshot(job_id)
        if own is not None:
            return own, None
        other = self.others.uploads.get(job_id)
        return (other.progress, other.process) if other else None


def _spellings(file_path: str) -> list[str]:
    return list(dict.fromkeys((os.path.abspath(file_path), os.path.abspath(f"/{file_path}"))))


class Watch:
    """One reader's place in a board: what changed since the step before.

    Args:
        board: What is watched.
    """

    def __init__(self, board: Board) -> None:
        self._board = board
        self._version = -1
        self._moving = False
        self._others: dict[str, Elsewhere] = {}

    def step(self) -> Changes | None:
        """What changed, everything at the first step; None, at next to no cost, while nothing changes or moves."""
        tracker, others = self._board.tracker, self._board.others.uploads
        if tracker.version == self._version and not self._moving and others == self._others:
            return None
        self._version, shots = tracker.changed_since(self._version)
        self._moving = any(shot.status.is_active for shot in shots)
        texts = {shot.job_id: encode(upload_object(shot)) for shot in shots}
        for job_id, other in others.items():
            if self._others.get(job_id) != other:
                texts[job_id] = encode(upload_object(other.progress, other.process))
        self._others = others
        return Changes(texts, [*tracker.job_ids(), *others])
