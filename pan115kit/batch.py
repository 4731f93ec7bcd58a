"""Several uploads as one: the user's handle, and the report that adds up."""

from __future__ import annotations

import concurrent.futures
import os
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ._base import event_loops
from ._base.local_paths import local_path, size_or_zero
from ._base.text_table import Column, render_table, shorten
from .errors import ConfigError, Pan115Error
from .folders.plan import FolderPlan, PlannedFile, Skipped
from .i18n import brief, format_bytes, say, visible
from .job import STOP_PATIENCE, OnInterrupt, UploadJob
from .models import UploadResult, UploadStatus
from .notebook.shown import Shown
from .progress.snapshot import UploadProgress
from .transfer.queue import UploadQueue
from .transfer.upload_options import UploadOptions

if TYPE_CHECKING:
    from .notebook.panel import Panel


#: Failures that a report shows with their reasons; the rest is counted.
SHOWN_FAILURES = 10
#: Cells of a failed file's path in a report; its reason is shown whole.
_PATH_WIDTH = 40


@dataclass(frozen=True, slots=True, repr=False)
class BatchReport:
    """How a batch ended: ``total = done + instant + failed + skipped``.

    Attributes:
        done: Uploaded.
        instant: 115 had the content (秒传), or the folder had the file already.
        failed: Ended with an error or unfinished (blocked by 115).
        skipped: Left out of the plan, or cancelled.
        errors: Local path -> what went wrong.

    As a cell's last line it is one line, and a table of the first failures; ``results`` has every file.

    Example:
        >>> report = BatchReport(total=3, done=1, instant=1, failed=0, skipped=1, total_bytes=10, bytes_sent=4)
        >>> report.success, report.adds_up
        (True, True)
    """

    total: int
    done: int
    instant: int
    failed: int
    skipped: int
    total_bytes: int = 0
    bytes_sent: int = 0
    elapsed_seconds: float = 0.0
    results: tuple[UploadResult, ...] = ()
    errors: tuple[tuple[str, str], ...] = ()
    left_out: tuple[Skipped, ...] = ()

    @property
    def success(self) -> bool:
        """Whether nothing failed."""
        return self.failed == 0

    @property
    def adds_up(self) -> bool:
        """Whether every file is accounted for."""
        return self.total == self.done + self.instant + self.failed + self.skipped

    def __repr__(self) -> str:
        if not self.errors:
            return str(self)
        columns = (Column(say("column.file")), Column(say("column.error")))
        rows = [(shorten(visible(path), _PATH_WIDTH), error) for path, error in self.errors[:SHOWN_FAILURES]]
        lines = [str(self), render_table(columns, rows)]
        if len(self.errors) > SHOWN_FAILURES:
            lines.append(say("batch.report.more", count=len(self.errors) - SHOWN_FAILURES))
        return "\n".join(lines)

    def __str__(self) -> str:
        return say(
            "batch.report",
            total=self.total,
            done=self.done,
            instant=self.instant,
            failed=self.failed,
            skipped=self.skipped,
            bytes=format_bytes(self.total_bytes),
            sent=format_bytes(self.bytes_sent),
        )


class UploadBatch(Shown):
    """Several uploads with one report.

    ``await batch`` or :meth:`wait` gives a :class:`BatchReport`; failures are in it, not raised.

    Example:
        >>> batch = client.submit_folder("photos/", "/照片", dry_run=True)   # doctest: +SKIP
        >>> batch.plan.total_bytes; batch.start()                            # doctest: +SKIP
        >>> report = await batch                                             # doctest: +SKIP
        >>> batch.retry_failed()                                             # doctest: +SKIP
    """

    def __init__(self, queue: UploadQueue, plan: FolderPlan, options: UploadOptions) -> None:
        self._queue = queue
        self._options = options
        self._begun = time.monotonic()
        self.plan = plan
        self.title = options.target_path
        self.jobs: tuple[UploadJob, ...] = ()
        self._panel: Panel | None = None

    @property
    def started(self) -> bool:
        """False for a dry run that was not started."""
        return bool(self.jobs) or not self.plan.files

    def start(self) -> UploadBatch:
        """Queue what a dry run has planned; a second call changes nothing."""
        if not self.jobs:
            self._begun = time.monotonic()
            self.jobs = tuple(
                UploadJob.keep(
                    self._queue.submit(file.file_path, replace(self._options, target_path=file.target_path))
                )
                for file in self.plan.files
            )
        return self

    def __len__(self) -> int:
        return len(self.jobs)

    def __iter__(self) -> Iterator[UploadJob]:
        return iter(self.jobs)

    def __getitem__(self, index: int) -> UploadJob:
        return self.jobs[index]

    @property
    def progress(self) -> list[UploadProgress]:
        """How each upload stands."""
        return [job.progress for job in self.jobs]

    @property
    def done(self) -> bool:
        """Whether all have ended."""
        return all(job.done for job in self.jobs)

    def wait(self, timeout: float | None = None, *, on_interrupt: OnInterrupt = "detach") -> BatchReport:
        """Block until all have ended (or 115 has blocked the account).

        Raises:
            TimeoutError: ``timeout`` seconds were not enough.
            UploadInterrupted: ■ or Ctrl-C; see :meth:`UploadJob.wait`.
        """
        end = None if timeout is None else time.monotonic() + timeout

        def interrupted() -> str:
            if on_interrupt == "detach":
                return say("batch.goes_on")
            self.stop()
            concurrent.futures.wait([job.future for job in self.jobs], timeout=STOP_PATIENCE)
            stopped = [job for job in self.jobs if job.status is UploadStatus.CANCELLED]
            kept = sum(job.progress.uploaded_parts > 0 for job in stopped)
            ended = len(self.jobs) - len(stopped)
            return say("batch.stopped", ended=ended, kept=kept, fresh=len(stopped) - kept)

        for job in self.jobs:
            left = None if end is None else max(0.0, end - time.monotonic())
            try:
                event_loops.wait(job.future, timeout=left, on_interrupt=interrupted)
            except Pan115Error:
                continue  # it is in the report
        return self.report()

    async def _join(self) -> BatchReport:
        for job in self.jobs:
            try:
                await event_loops.wait_async(job.future, interrupted=lambda: say("batch.goes_on"))
            except Pan115Error:
                continue  # it is in the report
        return self.report()

    def __await__(self) -> Generator[Any, None, BatchReport]:
        return self._join().__await__()

    def report(self) -> BatchReport:
        """How it stands; final once :attr:`done`."""
        done = instant = failed = cancelled = sent = 0
        results: list[UploadResult] = []
        errors: list[tuple[str, str]] = []
        for job in self.jobs:
            sent += job.bytes_sent
            status = job.status
            if job.done and status.is_success:
                results.append(job.result())
            instant += status is UploadStatus.QUICK_SUCCESS
            done += status is UploadStatus.SUCCESS
            cancelled += status is UploadStatus.CANCELLED
            if status is UploadStatus.FAILED or (status is UploadStatus.PAUSED and job.exception is not None):
                failed += 1
                errors.append((job.file_path, str(job.exception)))
        return BatchReport(
            total=len(self.jobs) + len(self.plan.skipped),
            done=done,
            instant=instant,
            failed=failed,
            skipped=len(self.plan.skipped) + cancelled,
            total_bytes=sum(job.progress.file_size for job in self.jobs),
            bytes_sent=sent,
            elapsed_seconds=time.monotonic() - self._begun,
            results=tuple(results),
            errors=tuple(errors),
            left_out=self.plan.skipped,
        )

    def retry_failed(self) -> UploadBatch:
        """Run what failed again; returns itself, to be awaited or shown again."""
        for job in self.jobs:
            if job.status is UploadStatus.FAILED:
                job.retry()
            elif job.status is UploadStatus.PAUSED and job.exception is not None:
                job.resume()
        return self

    def pause(self) -> None:
        """Pause all."""
        for job in self.jobs:
            job.pause()

    def resume(self) -> None:
        """Let all go on."""
        for job in self.jobs:
            job.resume()

    def cancel(self) -> None:
        """Cancel all."""
        for job in self.jobs:
            job.cancel()

    def panel(self) -> Panel:
        """Its live panel; the same one in every cell that shows it."""
        if self._panel is None or self._panel.closed:
            from .notebook.panel import Panel

            job_ids = [job.job_id for job in self.jobs]
            panel = Panel(self._queue, job_ids, title=self.title, note=lambda: str(self.report()), many=True)
            if not self.started:
                return panel
            self._panel = panel
        return self._panel

    def _static_html(self) -> str | None:
        if self.started:
            return None
        from .notebook.report import plan_report

        return plan_report(self.title, self.plan)

    def stop(self) -> None:
        """Stop all, keep their sessions."""
        for job in self.jobs:
            job.stop()

    def __repr__(self) -> str:
        if not self.started:
            return f"<UploadBatch {self.title!r} planned: {len(self.plan.files)} files>"
        return f"<UploadBatch {self.title!r} {self.report()}>"


def plan_files(file_paths: Iterable[str | os.PathLike[str]], target_path: str) -> FolderPlan:
    """Several files into one folder, as a plan.

    Raises:
        ConfigError: It is one path instead of several, or one of them is no path.

    Example:
        >>> plan_files(["/no/such.bin"], "/备份").files[0].target_path
        '/备份'
    """
    if isinstance(file_paths, str | bytes | os.PathLike):
        raise ConfigError(say("batch.no_list", given=brief(file_paths)), hint=say("batch.no_list.hint"))
    if not isinstance(file_paths, Iterable) or isinstance(file_paths, Mapping) or hasattr(file_paths, "columns"):
        # iterating over a table or a dict gives the names of its columns
        raise ConfigError(say("batch.no_list", given=brief(file_paths)), hint=say("batch.no_list.table_hint"))
    # a file named twice is uploaded once
    return FolderPlan(tuple(dict.fromkeys(_planned(path, target_path) for path in file_paths)), ())


def _planned(path: str | os.PathLike[str], target_path: str) -> PlannedFile:
    place = local_path(path)
    return PlannedFile(place, target_path, size_or_zero(place))
