"""Several uploads as one: the user's handle, and the report that adds up."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import os
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from ._base import event_loops
from ._base.text_table import Column, render_table, shorten
from .drive.data import Entry
from .errors import ConfigError, DriveError, NetworkError, Pan115Error
from .folders.ignore_rules import IgnoreRules
from .folders.local_tree import Skipped, Source
from .folders.plan import FolderPlan, PlannedFile, PlannedFolder, plan_without_looking
from .folders.planning import plan_tree, scan_sources
from .i18n import brief, format_bytes, say, visible
from .job import STOP_PATIENCE, OnInterrupt, UploadJob
from .models import UploadResult, UploadStatus
from .notebook.shown import Shown
from .progress.snapshot import UploadProgress
from .transfer.queue import UploadQueue
from .transfer.upload_options import UploadOptions

if TYPE_CHECKING:
    from .notebook.panel import Panel

T = TypeVar("T")
logger = logging.getLogger("pan115kit")

#: Files queued before the engine's loop serves its uploads again.
_AT_ONCE = 100
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

    def __init__(
        self,
        queue: UploadQueue,
        sources: Sequence[Source],
        rules: IgnoreRules,
        options: UploadOptions,
        *,
        dry_run: bool = False,
    ) -> None:
        self._queue = queue
        self._sources = sources
        self._rules = rules
        self._options = options
        self._begun = time.monotonic()
        self._started: concurrent.futures.Future[tuple[UploadJob, ...]] | None = None
        self._folders: concurrent.futures.Future[list[tuple[str, str]]] = concurrent.futures.Future()
        self.title = options.target_path
        self._panel: Panel | None = None
        self._task: asyncio.Task[FolderPlan] | None = None
        self._planned = event_loops.engine().submit(self._make_plan(asks_first=dry_run), fresh_context=True)
        if not dry_run:
            self.start()

    # -- the plan ----------------------------------------------------------------------------------------------

    @property
    def plan(self) -> FolderPlan:
        """What is to be done with each file; waits until that is known.

        Raises:
            Pan115Error: The folder cannot be looked through; in a dry run also: 115 gives no list.
        """
        return event_loops.wait(self._planned)

    @property
    def planned(self) -> bool:
        """Whether :attr:`plan` is there without waiting."""
        return self._planned.done()

    async def _make_plan(self, *, asks_first: bool) -> FolderPlan:
        self._task = asyncio.create_task(self._look(asks_first=asks_first))
        await asyncio.wait([self._task])
        return FolderPlan((), ()) if self._task.cancelled() else self._task.result()

    async def _look(self, *, asks_first: bool) -> FolderPlan:
        tree = await scan_sources(self._sources, self._rules)
        try:
            return await plan_tree(self._queue.context, tree, self._options)
        except (DriveError, NetworkError) as error:
            if asks_first:
                raise
            logger.warning("the target could not be listed, each upload asks for itself: %s", error)
            return plan_without_looking(tree, self._options.target_path)

    def abandon(self) -> None:
        """Plan no further; nothing is uploaded then.  Nothing happens to a batch that is planned."""

        def cancel() -> None:
            if self._task is not None and not self._planned.done():
                self._task.cancel()

        event_loops.engine().call(cancel)

    # -- its jobs ----------------------------------------------------------------------------------------------

    @property
    def started(self) -> bool:
        """False for a dry run that was not started."""
        return self._started is not None

    def start(self) -> UploadBatch:
        """Queue what a dry run has planned; a second call changes nothing."""
        if self._started is None:
            self._begun = time.monotonic()
            self._started = concurrent.futures.Future()
            event_loops.engine().submit(self._carry_out(self._started), fresh_context=True)
        return self

    async def _carry_out(self, started: concurrent.futures.Future[tuple[UploadJob, ...]]) -> None:
        """Queue the files, then make the folders that no file makes."""
        failed: list[tuple[str, str]] = []
        try:
            plan = await event_loops.wait_async(self._planned)
            jobs: list[UploadJob] = []
            for number, file in enumerate(plan.files):
                jobs.append(UploadJob.keep(self._queue.submit(file.file_path, self._options_of(file))))
                if number % _AT_ONCE == 0:
                    await asyncio.sleep(0)  # the loop has uploads to serve
            started.set_result(tuple(jobs))
            for folder in plan.folders:
                if folder.is_empty:
                    failed += await self._make_folder(folder)
        except BaseException as error:
            if not started.done():
                started.set_exception(error)
            raise
        finally:
            self._folders.set_result(failed)

    def _options_of(self, file: PlannedFile) -> UploadOptions:
        return replace(
            self._options,
            target_path=file.target_path,
            same_name=file.same_name,
        )

    async def _make_folder(self, folder: PlannedFolder) -> list[tuple[str, str]]:
        context = self._queue.context
        try:
            await context.folders.id_of(folder.target_path, create=context.config.create_target)
        except Pan115Error as error:
            return [(folder.file_path or folder.target_path, str(error))]
        return []

    @property
    def jobs(self) -> tuple[UploadJob, ...]:
        """An upload for each file that needs one; waits for the plan.

        Raises:
            Pan115Error: There is no plan: the folder cannot be looked through.
        """
        return () if self._started is None else event_loops.wait(self._started)

    @property
    def unchanged(self) -> tuple[UploadResult, ...]:
        """A result for each file that is there already; waits for the plan."""
        return tuple(map(_unchanged, self.plan.unchanged))

    def _jobs_now(self) -> tuple[UploadJob, ...]:
        """As :attr:`jobs`, without waiting and without an error."""
        started = self._started
        return started.result() if started is not None and started.done() and not started.exception() else ()

    def __len__(self) -> int:
        return len(self.jobs)

    def __iter__(self) -> Iterator[UploadJob]:
        return iter(self.jobs)

    def __getitem__(self, index: int) -> UploadJob:
        return self.jobs[index]

    @property
    def progress(self) -> list[UploadProgress]:
        """How each upload stands; empty before the plan is there."""
        return [job.progress for job in self._jobs_now()]

    @property
    def done(self) -> bool:
        """Whether all have ended."""
        return self._folders.done() and all(job.done for job in self._jobs_now())

    def wait(self, timeout: float | None = None, *, on_interrupt: OnInterrupt = "detach") -> BatchReport:
        """Block until all have ended (or 115 has blocked the account).

        Raises:
            TimeoutError: ``timeout`` seconds were not enough.
            UploadInterrupted: ■ or Ctrl-C; see :meth:`UploadJob.wait`.
            Pan115Error: The folder cannot be looked through.
        """
        end = None if timeout is None else time.monotonic() + timeout

        def interrupted() -> str:
            if on_interrupt == "detach":
                return say("batch.goes_on")
            self.stop()
            jobs = self._jobs_now()
            concurrent.futures.wait([job.future for job in jobs], timeout=STOP_PATIENCE)
            stopped = [job for job in jobs if job.status is UploadStatus.CANCELLED]
            kept = sum(job.progress.uploaded_parts > 0 for job in stopped)
            ended = len(jobs) - len(stopped)
            return say("batch.stopped", ended=ended, kept=kept, fresh=len(stopped) - kept)

        def wait_for(future: concurrent.futures.Future[T]) -> T:
            left = None if end is None else max(0.0, end - time.monotonic())
            return event_loops.wait(future, timeout=left, on_interrupt=interrupted)

        if self._started is None:
            return self.report()
        for job in wait_for(self._started):
            try:
                wait_for(job.future)
            except Pan115Error:
                continue  # it is in the report
        wait_for(self._folders)
        return self.report()

    async def _join(self) -> BatchReport:
        def interrupted() -> str:
            return say("batch.goes_on")

        if self._started is None:
            return self.report()
        for job in await event_loops.wait_async(self._started, interrupted=interrupted):
            try:
                await event_loops.wait_async(job.future, interrupted=interrupted)
            except Pan115Error:
                continue  # it is in the report
        await event_loops.wait_async(self._folders, interrupted=interrupted)
        return self.report()

    def __await__(self) -> Generator[Any, None, BatchReport]:
        return self._join().__await__()

    def report(self) -> BatchReport:
        """How it stands; final once :attr:`done`.  Nothing is in it before the plan is there."""
        plan = self._planned.result() if self._planned.done() and not self._planned.exception() else _NO_PLAN
        results = [_unchanged(file) for file in plan.unchanged]
        done = failed = cancelled = sent = 0
        instant = len(plan.unchanged)
        total_bytes = sum(file.file_size for file in plan.unchanged)
        errors: list[tuple[str, str]] = []
        jobs = self._jobs_now()
        for job in jobs:
            sent += job.bytes_sent
            total_bytes += job.progress.file_size
            status = job.status
            if job.done and status.is_success:
                results.append(job.result())
            instant += status is UploadStatus.QUICK_SUCCESS
            done += status is UploadStatus.SUCCESS
            cancelled += status is UploadStatus.CANCELLED
            if status is UploadStatus.FAILED or (status is UploadStatus.PAUSED and job.exception is not None):
                failed += 1
                errors.append((job.file_path, str(job.exception)))
        folders = self._folders.result() if self._folders.done() else []
        return BatchReport(
            total=len(jobs) + len(plan.unchanged) + len(plan.skipped) + len(folders),
            done=done,
            instant=instant,
            failed=failed + len(folders),
            skipped=len(plan.skipped) + cancelled,
            total_bytes=total_bytes,
            bytes_sent=sent,
            elapsed_seconds=time.monotonic() - self._begun,
            results=tuple(results),
            errors=(*errors, *folders),
            left_out=plan.skipped,
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
        self.abandon()
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
        self.abandon()
        for job in self.jobs:
            job.stop()

    def __repr__(self) -> str:
        if not self.started:
            plan = f"planned: {len(self.plan.files)} files" if self.planned else "is being planned"
            return f"<UploadBatch {self.title!r} {plan}>"
        return f"<UploadBatch {self.title!r} {self.report()}>"


#: A batch that is not planned yet, or cannot be.
_NO_PLAN = FolderPlan((), ())


def _unchanged(file: PlannedFile) -> UploadResult:
    """The result of a file that is there already."""
    there = file.same_name[0] if file.same_name else Entry("", os.path.basename(file.file_path))
    return UploadResult(
        success=True,
        status=UploadStatus.QUICK_SUCCESS,
        message=say("result.exists", lang="zh"),
        file_id=there.file_id,
        quick_upload=True,
        file_name=there.name,
        file_size=file.file_size,
        sha1=there.sha1,
        pick_code=there.pick_code,
        file_path=file.file_path,
        target_path=file.target_path,
        target_dir_id=there.parent_id,
    )


def check_several(paths: object) -> None:
    """Refuse one path where several are wanted, and what is no list of paths.

    Raises:
        ConfigError: It is one path instead of several, or a table or a dict.
    """
    if isinstance(paths, str | bytes | os.PathLike):
        raise ConfigError(say("batch.no_list", given=brief(paths)), hint=say("batch.no_list.hint"))
    if not isinstance(paths, Iterable) or isinstance(paths, Mapping) or hasattr(paths, "columns"):
        # iterating over a table or a dict gives the names of its columns
        raise ConfigError(say("batch.no_list", given=brief(paths)), hint=say("batch.no_list.table_hint"))
