"""The last lines of an upload's story: history, samples, what becomes of its session."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from ..errors import StoreError
from ..models import HistoryEntry, UploadResult, UploadStatus
from .jobs import Job
from .upload import abort_pending
from .upload_context import Tools

logger = logging.getLogger("pan115kit")


class Books:
    """Writes down how uploads go and end.

    What is on the drive is there even if that cannot be written down: a store that fails here is told in the log and
    changes no result.

    Args:
        tools: Shared by the uploads.
        clock: Epoch seconds.
    """

    def __init__(self, tools: Tools, clock: Callable[[], float]) -> None:
        self._tools = tools
        self._clock = clock

    async def sample(self, job: Job) -> None:
        """One point of the curve."""
        await self._write(self._tools.store.history.add_samples, job.job_id, [job.recorder.sample()])

    async def mark(self, job: Job, status: UploadStatus, message: str | None = None) -> None:
        """The session stays, and says why it stands still; not where another upload is working on it."""
        await self._write(self._tools.store.sessions.mark, job.request.session_id, status, message)

    async def drop_session(self, job: Job) -> None:
        """Cancelled: what OSS has is remembered as to be aborted, and with that the session goes."""
        # a session that another process has taken over meanwhile is its own (SessionBusyError is a StoreError)
        await self._write(self._tools.store.sessions.discard, job.request.session_id)

    async def abort_remembered(self) -> None:
        """Abort what was given up and could not be aborted then."""
        for abort in await self._tools.store.call(self._tools.store.sessions.pending_aborts):
            await abort_pending(self._tools, abort)

    async def history(self, job: Job, status: UploadStatus, outcome: UploadResult | BaseException) -> None:
        """One row of history; a session that has done its work goes with it."""
        done = outcome if isinstance(outcome, UploadResult) else None
        tally = job.upload.tally
        entry = HistoryEntry(
            job_id=job.job_id,
            file_path=job.request.file_path,
            file_name=job.recorder.file_name,
            file_size=job.recorder.file_size,
            sha1=job.upload.sha1,
            target_path=job.request.target_path,
            status=status,
            quick_upload=bool(done and done.quick_upload),
            bytes_sent=tally.bytes_sent,
            resumed=tally.resumed,
            retries=tally.retries,
            started_at=job.started_at or job.created_at,
            finished_at=self._clock(),
            elapsed_seconds=job.recorder.snapshot().elapsed_seconds,
            file_id=done.file_id if done else "",
            pick_code=done.pick_code if done else "",
            error_message=None if isinstance(outcome, UploadResult) else str(outcome),
        )
        closes = job.request.session_id if done else ""
        await self._write(partial(self._tools.store.history.add, closes=closes), entry)

    async def _write(self, function: Callable[..., object], *arguments: object) -> None:
        try:
            await self._tools.store.call(function, *arguments)
        except StoreError as error:
            logger.warning("the state of an upload could not be written down: %s", error)
