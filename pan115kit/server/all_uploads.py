"""Every upload that a client may see: those of this process, then those of other processes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from ..presentation.rows import Row, row_json
from ..progress.tracker import ProgressTracker
from ..store import Store
from .json_text import encode
from .remote_uploads import RemoteUploads


@dataclass(frozen=True, slots=True)
class Changes:
    """What is new since the last look.

    Attributes:
        texts: Job id -> its upload as JSON text, for those that may have changed.
        order: Every job id, in the order of display.
    """

    texts: dict[str, str]
    order: list[str]


class AllUploads:
    """Joins the tracker's uploads and those of other processes.

    Args:
        tracker: This process's uploads.
        store: The state directory.
        clock: Seconds since the epoch.
    """

    def __init__(self, tracker: ProgressTracker, store: Store, *, clock: Callable[[], float] = time.time) -> None:
        self.tracker = tracker
        self.remote = RemoteUploads(store, lambda job_id: tracker.snapshot(job_id) is not None, clock=clock)

    async def rows(self) -> list[Row]:
        """Every upload now.

        Raises:
            StoreError: The state directory cannot be read.
        """
        await self.remote.look()
        return [*(Row(shot.job_id, shot) for shot in self.tracker.snapshots()), *self.remote.rows.values()]

    async def by_path(self, file_path: str) -> Row | None:
        """The newest upload of a local file, or None.

        Args:
            file_path: Absolute; one without its first slash is understood too (proxies like to drop it).
        """
        await self.remote.look()
        for path in _spellings(file_path):
            own = await self.tracker.get_progress(path)
            if own is not None:
                return Row(own.job_id, own)
            for row in reversed(self.remote.rows.values()):
                if row.shot.file_path == path:
                    return row
        return None

    def by_id(self, job_id: str) -> Row | None:
        """One upload, or None; other processes' as of the last look."""
        own = self.tracker.snapshot(job_id)
        return Row(job_id, own) if own is not None else self.remote.rows.get(job_id)


def _spellings(file_path: str) -> list[str]:
    return list(dict.fromkeys((os.path.abspath(file_path), os.path.abspath(f"/{file_path}"))))


class ChangeCursor:
    """One reader's place in all uploads: what changed since the step before.

    Args:
        uploads: What is read.
    """

    def __init__(self, uploads: AllUploads) -> None:
        self._uploads = uploads
        self._version = -1
        self._moving = False
        self._remote: dict[str, Row] = {}

    def step(self) -> Changes | None:
        """What changed, everything at the first step; None, at next to no cost, while nothing changes or moves."""
        tracker, remote = self._uploads.tracker, self._uploads.remote.rows
        if tracker.version == self._version and not self._moving and remote == self._remote:
            return None
        self._version, shots = tracker.changed_since(self._version)
        self._moving = any(shot.status.is_active for shot in shots)
        texts = {shot.job_id: encode(row_json(Row(shot.job_id, shot))) for shot in shots}
        for job_id, row in remote.items():
            if self._remote.get(job_id) != row:
                texts[job_id] = encode(row_json(row))
        self._remote = remote
        return Changes(texts, [*tracker.job_ids(), *remote])
