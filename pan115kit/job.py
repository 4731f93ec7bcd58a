"""The user's handles: one upload, or many.

A handle is safe from any thread and any event loop; the engine side (:mod:`pan115kit.transfer`) lives on one.
"""

from __future__ import annotations

import concurrent.futures
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from . import runtime
from .errors import Pan115Error
from .models import UploadResult, UploadStatus
from .progress import UploadProgress
from .text import format_bytes, say
from .transfer.folder import FolderPlan, Skipped
from .transfer.jobs import Job
from .transfer.queue import UploadQueue

if TYPE_CHECKING:
    import pandas as pd

OnInterrupt = Literal["detach", "leave"]

_UNSUCCESSFUL = (UploadStatus.FAILED, UploadStatus.CANCELLED, UploadStatus.PAUSED)


def _goes_on() -> str:
    return say(
        "已停止等待；上传仍在后台继续（job.cancel() 可取消）。",
        "Stopped waiting; the upload goes on in the background (job.cancel() stops it).",
    )


class UploadJob:
    """One upload.

    ``await job`` or :meth:`wait` gives its :class:`~pan115kit.models.UploadResult` or raises its error; ■ or Ctrl-C
    while waiting only stops the waiting.  Shown as a cell's last line it is a live panel.

    Example:
        >>> job = client.submit("movie.mkv", "/影视")       # doctest: +SKIP
        >>> job.pause(); job.resume()                       # doctest: +SKIP
        >>> result = await job                              # doctest: +SKIP
    """

    def __init__(self, queue: UploadQueue, job: Job) -> None:
        self._queue = queue
        self._job = job

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
        return self._job.status.is_final and self._job.future.done()

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
            message=error.zh,
            file_name=shot.file_name,
            file_size=shot.file_size,
            sha1=self._job.upload.sha1,
            file_path=self.file_path,
            target_path=shot.target_path,
            job_id=self.job_id,
            bytes_sent=self._job.upload.tally.bytes_sent,
            resumed=self._job.upload.tally.resumed,
            retries=self._job.upload.tally.retries,
            elapsed_seconds=shot.elapsed_seconds,
            error_message=str(error),
        )

    def wait(self, timeout: float | None = None, *, on_interrupt: OnInterrupt = "detach") -> UploadResult:
        """Block until it has ended.

        Args:
            timeout: Seconds, or None.
            on_interrupt: What ■ or Ctrl-C does: ``detach`` only stops waiting, ``leave`` stops the upload and
                keeps its session.

        Raises:
            Pan115Error: What ended it.
            UploadInterrupted: ■ or Ctrl-C.
            TimeoutError: It still runs after ``timeout``.
        """

        def interrupted() -> str:
            if on_interrupt == "detach":
                return _goes_on()
            self._queue.leave(self.job_id)
            concurrent.futures.wait([self._job.future], timeout=5)
            return say(
                f"已停止；{self.progress.file_name} 的会话已保留，再次上传将从断点继续。",
                f"Stopped; the session of {self.progress.file_name} is kept: upload it again to go on from there.",
            )

        return runtime.wait(self._job.future, timeout=timeout, on_interrupt=interrupted)

    def __await__(self) -> Generator[Any, None, UploadResult]:
        return runtime.wait_async(self._job.future, interrupted=_goes_on()).__await__()

    def pause(self) -> None:
        """Stop it where it is; nothing that arrived is lost."""
        self._queue.pause(self.job_id)

    def resume(self) -> None:
        """Let it go on."""
        self._queue.resume(self.job_id)

    def cancel(self) -> None:
        """Stop it for good and remove what OSS has of it."""
        self._queue.cancel(self.job_id)

    def retry(self) -> None:
        """After a failure or cancel: run it again, going on where it stopped."""
        self._queue.retry(self.job_id)

    def samples(self) -> pd.DataFrame:
        """Its curve at 1 Hz: ``time, uploaded_bytes, speed_mbps, phase``."""
        from .frames import samples_frame  # pandas takes a second to import

        return samples_frame(self._queue.tools.store.history.samples(self.job_id))

    def __repr__(self) -> str:
        shot = self.progress
        return (
            f"<UploadJob {shot.file_name!r} {shot.status} {shot.percentage:.0f}% of {format_bytes(shot.file_size)}>"
        )


@dataclass(frozen=True, slots=True)
class BatchReport:
    """How a batch ended: ``total = done + instant + failed + skipped``.

    Attributes:
        done: Uploaded.
        instant: 115 had the content (秒传), or the folder had the file already.
        failed: Ended with an error or unfinished (blocked by 115).
        skipped: Left out of the plan, or cancelled.
        errors: Local path -> what went wrong.

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

    def __str__(self) -> str:
        return say(
            f"共 {self.total} 个：上传 {self.done}，秒传 {self.instant}，失败 {self.failed}，跳过 {self.skipped}"
            f"（{format_bytes(self.total_bytes)}，实际发送 {format_bytes(self.bytes_sent)}）",
            f"{self.total} files: {self.done} uploaded, {self.instant} instant, {self.failed} failed, "
            f"{self.skipped} skipped ({format_bytes(self.total_bytes)}, {format_bytes(self.bytes_sent)} sent)",
        )


class UploadBatch:
    """Several uploads with one report.

    ``await batch`` or :meth:`wait` gives a :class:`BatchReport`; failures are in it, not raised.

    Example:
        >>> batch = client.submit_folder("photos/", "/照片", dry_run=True)   # doctest: +SKIP
        >>> batch.plan.total_bytes; batch.start()                            # doctest: +SKIP
        >>> report = await batch                                             # doctest: +SKIP
        >>> batch.retry_failed()                                             # doctest: +SKIP
    """

    def __init__(
        self, queue: UploadQueue, plan: FolderPlan, *, skip_existing: bool, priority: int, title: str
    ) -> None:
        self._queue = queue
        self._skip_existing = skip_existing
        self._priority = priority
        self._begun = time.monotonic()
        self.plan = plan
        self.title = title
        self.jobs: tuple[UploadJob, ...] = ()

    @property
    def started(self) -> bool:
        """False for a dry run that was not started."""
        return bool(self.jobs) or not self.plan.files

    def start(self) -> UploadBatch:
        """Queue what a dry run has planned; again is no more."""
        if not self.jobs:
            self._begun = time.monotonic()
            self.jobs = tuple(
                UploadJob(
                    self._queue,
                    self._queue.submit(
                        file.file_path,
                        file.target_path,
                        priority=self._priority,
                        skip_existing=self._skip_existing,
                    ),
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
        for job in self.jobs:
            left = None if end is None else max(0.0, end - time.monotonic())
            try:
                job.wait(left)
            except (Pan115Error, KeyboardInterrupt) as error:
                if isinstance(error, KeyboardInterrupt):
                    if on_interrupt == "leave":
                        self.leave()
                    raise
        return self.report()

    async def _join(self) -> BatchReport:
        for job in self.jobs:
            try:
                await job
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
            sent += job._job.upload.tally.bytes_sent
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

    def leave(self) -> None:
        """Stop all, keep their sessions."""
        for job in self.jobs:
            self._queue.leave(job.job_id)

    def __repr__(self) -> str:
        if not self.started:
            return f"<UploadBatch {self.title!r} planned: {len(self.plan.files)} files>"
        return f"<UploadBatch {self.title!r} {self.report()}>"
