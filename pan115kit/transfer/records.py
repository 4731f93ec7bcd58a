"""What is written down when an upload moves or ends: history, samples, what becomes of its session."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from ..errors import StoreError
from ..models import HistoryEntry, UploadResult, UploadStatus
from .queued_job import QueuedJob
from .upload import abort_pending
from .upload_context import UploadContext

logger = logging.getLogger("pan115kit")


class UploadRecords:
    """Writes down how uploads go and end.

    What is on the drive is there even if that cannot be written down: a store that fails here is named in the log and
    changes no result.

    Args:
        context: Shared by the uploads.
        clock: Epoch seconds.
    """

    def __init__(self, context: UploadContext, clock: Callable[[], float]) -> None:
        self._context = context
        self._clock = clock

    async def sample(self, job: QueuedJob) -> None:
        """One point of the curve."""
        await self._write(self._context.store.history.add_samples, job.job_id, [job.recorder.sample()])

    async def mark(self, job: QueuedJob, status: UploadStatus, message: str | None = None) -> None:
        """The session stays, and says why it stands still; not where another upload is working on it."""
        await self._write(self._context.store.sessions.mark, job.request.session_id, status, message)

    async def drop_session(self, job: QueuedJob) -> None:
        """Cancelled: what OSS has is remembered as to be aborted, and with that the session goes."""
        # a session that another process has taken over meanwhile is its own (SessionBusyError is a StoreError)
        await self._write(self._context.store.sessions.discard, job.request.session_id)

    async def abort_remembered(self) -> None:
        """Abort what was given up and could not be aborted then."""
        for abort in await self._context.store.call(self._context.store.sessions.pending_aborts):
            await abort_pending(self._context, abort)

    async def history(self, job: QueuedJob, status: UploadStatus, outcome: UploadResult | BaseException) -> None:
        """One row of history; a session that has done its work goes with it."""
        result = outcome if isinstance(outcome, UploadResult) else None
        entry = HistoryEntry(
            job_id=job.job_id,
            file_path=job.request.file_path,
            file_name=job.recorder.file_name,
            file_size=job.recorder.file_size,
            sha1=job.sha1,
            target_path=job.request.options.target_path,
            status=status,
            quick_upload=bool(result and result.quick_upload),
            bytes_sent=job.stats.bytes_sent,
            resumed=job.stats.resumed,
            retries=job.stats.retries,
            started_at=job.started_at or job.created_at,
            finished_at=self._clock(),
            elapsed_seconds=job.recorder.snapshot().elapsed_seconds,
            file_id=result.file_id if result else "",
            pick_code=result.pick_code if result else "",
            error_message=None if isinstance(outcome, UploadResult) else str(outcome),
        )
        if result is None:
            await self._write(self._context.store.history.add, entry)
        elif not await self._write(partial(self._context.store.history.add, closes=job.request.session_id), entry):
            await self._write(self._context.store.leases.release, job.request.session_id, job.job_id)

    async def _write(self, function: Callable[..., object], *arguments: object) -> bool:
        try:
            await self._context.store.call(function, *arguments)
        except StoreError as error:
            logger.warning("the state of an upload could not be written down: %s", error)
            return False
        return True
