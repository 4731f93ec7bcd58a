"""The user's handle of one upload.

A handle is safe from any thread and any event loop; the engine side (:mod:`pan115kit.transfer`) lives on one.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Literal

from ._base import event_loops
from .errors import Pan115Error
from .i18n import format_bytes, say
from .models import UploadResult, UploadStatus
from .notebook.shown import Shown
from .progress.snapshot import UploadProgress
from .transfer.queue import Submitted, UploadQueue
from .transfer.queued_job import JobWait, QueuedJob

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from .notebook.panel import Panel

OnInterrupt = Literal["detach", "stop"]

#: Seconds that an interrupted wait gives an upload to stop, so that what is said then is true.
STOP_PATIENCE = 5.0
_UNSUCCESSFUL = (UploadStatus.FAILED, UploadStatus.CANCELLED, UploadStatus.PAUSED)


class UploadJob(Shown):
    """One upload.

    ``await job`` or :meth:`wait` gives its :class:`~pan115kit.models.UploadResult` or raises its error; ■ or Ctrl-C
    while waiting only stops the waiting.  Shown as a cell's last line it is a live panel.

    Example:
        >>> job = client.submit("movie.mkv", "/影视")       # doctest: +SKIP
        >>> job.pause(); job.resume()                       # doctest: +SKIP
        >>> result = await job                              # doctest: +SKIP
    """

    def __init__(self, queue: UploadQueue, job: QueuedJob) -> None:
        self._queue = queue
        self._job = job
        self._panel: Panel | None = None

    @classmethod
    def keep(cls, submitted: Submitted) -> UploadJob:
        """A handle that somebody holds: a cancelled ``await client.upload_file(...)`` of the same file leaves it."""
        submitted.job.kept = True
        return cls(*submitted)

    @property
    def future(self) -> concurrent.futures.Future[UploadResult]:
        """For :func:`concurrent.futures.wait` and its kin; cancel with :meth:`cancel`."""
        return self._job.future

    @property
    def job_id(self) -> str:
        """Its key in history and samples."""
        return self._job.job_id

    @property
    def file_path(self) -> str:
        """The local file."""
        return self._job.request.file_path

    @property
    def progress(self) -> UploadProgress:
        """How it stands at this moment."""
        return self._job.recorder.snapshot()

    @property
    def status(self) -> UploadStatus:
        """Where it stands."""
        return self._job.status

    @property
    def done(self) -> bool:
        """Whether it has ended, well or not."""
        return self._job.status.is_final and self._job.answered

    @property
    def bytes_sent(self) -> int:
        """Bytes put on the wire so far, repeats included."""
        return self._job.stats.bytes_sent

    @property
    def exception(self) -> BaseException | None:
        """What ended it, or None."""
        return self._job.error

    def result(self, timeout: float | None = 0.0) -> UploadResult:
        """The result if it has ended.

        Raises:
            TimeoutError: It has not ended within ``timeout`` seconds.
            Pan115Error: What ended it.
        """
        return self.wait(timeout)

    def failure(self, error: Pan115Error) -> UploadResult:
        """``error`` as a result whose ``success`` is False."""
        shot = self.progress
        return UploadResult(
            success=False,
            status=shot.status if shot.status in _UNSUCCESSFUL else UploadStatus.FAILED,
            message=error.kind(),
            file_name=shot.file_name,
            file_size=shot.file_size,
            sha1=self._job.sha1,
            file_path=self.file_path,
            target_path=shot.target_path,
            job_id=self.job_id,
            bytes_sent=self._job.stats.bytes_sent,
            resumed=self._job.stats.resumed,
            retries=self._job.stats.retries,
            elapsed_seconds=shot.elapsed_seconds,
            error_message=str(error),
        )

    def wait(self, timeout: float | None = None, *, on_interrupt: OnInterrupt = "detach") -> UploadResult:
        """Block until it has ended.

        Args:
            timeout: Seconds, or None.
            on_interrupt: What ■ or Ctrl-C does: ``detach`` only stops waiting, ``stop`` stops the upload and
                keeps its session.

        Raises:
            Pan115Error: What ended it.
            UploadInterrupted: ■ or Ctrl-C.
            TimeoutError: It still runs after ``timeout``.
        """

        def interrupted() -> str:
            if on_interrupt == "detach":
                return say("job.goes_on")
            self.stop()
            concurrent.futures.wait([self._job.future], timeout=STOP_PATIENCE)
            return self.stopped_message()

        return event_loops.wait(self._job.future, timeout=timeout, on_interrupt=interrupted)

    def __await__(self) -> Generator[Any, None, UploadResult]:
        return event_loops.wait_async(self._job.future, interrupted=lambda: say("job.goes_on")).__await__()

    def result_or_stop(self) -> UploadResult:
        """Block until it has ended; ■ or Ctrl-C stops it and keeps its session, unless somebody else wants it.

        Raises:
            Pan115Error: What ended it.
            UploadInterrupted: ■ or Ctrl-C.
        """
        wait = JobWait(self._job)

        def interrupted() -> str:
            if not wait.leave():
                return say("job.goes_on")
            self.stop()
            concurrent.futures.wait([self._job.future], timeout=STOP_PATIENCE)
            return self.stopped_message()

        try:
            return event_loops.wait(self._job.future, on_interrupt=interrupted)
        finally:
            wait.leave()

    async def result_or_cancel(self) -> UploadResult:
        """Wait until it has ended; cancelling this stops it and keeps its session, unless somebody else wants it.

        Raises:
            Pan115Error: What ended it.
            CancelledError: The awaiting task was cancelled; the upload has stopped by then.
        """
        wait, stopped = JobWait(self._job), False

        def interrupted() -> str:
            return self.stopped_message() if stopped else say("job.goes_on")

        try:
            return await event_loops.wait_async(self._job.future, interrupted=interrupted)
        except asyncio.CancelledError:
            if wait.leave():
                stopped = True
                self.stop()
                with contextlib.suppress(TimeoutError, Pan115Error):
                    await asyncio.wait_for(event_loops.wait_async(self._job.future), STOP_PATIENCE)
            raise
        finally:
            wait.leave()

    def stopped_message(self) -> str:
        """What a stop has left, in one line: whether the same upload goes on there or begins from the start."""
        shot = self.progress
        key = "job.stopped" if shot.uploaded_parts else "job.stopped_at_start"
        return say(key, name=shot.file_name)

    def pause(self) -> None:
        """Stop it where it is; nothing that arrived is lost."""
        self._queue.pause(self.job_id)

    def resume(self) -> None:
        """Let it go on.

        Raises:
            ConfigError: Its client is closed.
        """
        self._queue.check_open()
        self._queue.resume(self.job_id)

    def cancel(self) -> None:
        """Stop it for good and remove what OSS has of it."""
        self._queue.cancel(self.job_id)

    def stop(self) -> None:
        """Stop it and keep its session: the same upload again goes on from there."""
        self._queue.stop(self.job_id)

    def retry(self) -> None:
        """After a failure or cancel: run it again, going on where it stopped.

        Raises:
            ConfigError: Its client is closed.
        """
        self._queue.check_open()
        self._queue.retry(self.job_id)

    def samples(self) -> pd.DataFrame:
        """Its curve at 1 Hz: ``time, uploaded_bytes, speed_mbps, phase``."""
        from .presentation.dataframes import samples_frame  # pandas takes a second to import

        return samples_frame(self._queue.store.history.samples(self.job_id))

    def plot(self) -> Figure:
        """Its speed over time as a matplotlib figure."""
        from .presentation.plots import plot_samples

        return plot_samples(self.samples(), title=self.progress.file_name)

    def panel(self) -> Panel:
        """Its live panel; the same one in every cell that shows it."""
        if self._panel is None or self._panel.closed:
            from .notebook.panel import Panel

            self._panel = Panel(self._queue, [self.job_id])
        return self._panel

    def __repr__(self) -> str:
        shot = self.progress
        return (
            f"<UploadJob {shot.file_name!r} {shot.status} {shot.percentage:.0f}% of {format_bytes(shot.file_size)}>"
        )
