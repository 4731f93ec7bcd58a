"""``Pan115Client``: what a cell or a script holds.

The core is async and runs on the kit's own loop (:mod:`pan115kit._base.event_loops`); everything here is a thin way
to it that works in a script, in a running loop, in a notebook kernel, from any thread and after a fork.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ._base import event_loops
from .batch import UploadBatch, plan_files
from .core import ClientCore, PathLike
from .drive.interface import Account
from .drive.names import DrivePath, check_folder_path
from .errors import ConfigError, Pan115Error
from .folders.plan import FolderPlan, plan_folder
from .job import UploadJob
from .models import UploadResult, UploadSession
from .notebook.progress_display import Watcher, begin, show, watcher
from .notebook.shown import Shown, register_formatters

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from .notebook.panel import Panel

register_formatters()


class Pan115Client(ClientCore, Shown):
    """Uploads to one 115 account.

    Args:
        user_key: The account's cookie, ``UID=…; CID=…; SEID=…`` (``PAN115_COOKIE``).
        access_token: Open API token instead of a cookie (``PAN115_ACCESS_TOKEN``).
        refresh_token: Renews it (``PAN115_REFRESH_TOKEN``).
        on_tokens: Called with every new pair ``(access_token, refresh_token)`` before it is used; keep them.
        endpoint: One address for all of 115's hosts (``PAN115_ENDPOINT``), e.g. of a sandbox.
        state_dir: Where sessions and history live (``PAN115_STATE_DIR``).
        config: What uploads may do.

    Raises:
        CredentialsError: No credentials, two kinds at once, or of the wrong shape; nothing was sent.
        StoreError: The state directory cannot be used.

    Example:
        >>> client = Pan115Client(user_key="UID=1_A1_2; CID=ab; SEID=cd", state_dir="/tmp/pan115kit-doc")
        >>> client.route
        'cookie'
        >>> client.close()
    """

    _panel: Panel | None = None

    # -- uploading ---------------------------------------------------------------------------------------------

    async def upload_file(
        self,
        file_path: PathLike,
        target_path: DrivePath = "/",
        *,
        target_dir_id: str | int = "",
        priority: int = 0,
        skip_existing: bool = False,
        progress: str | Watcher = "none",
        check: bool = True,
    ) -> UploadResult:
        """Upload one file and wait for it, from any event loop.

        An interrupted upload of the same file to the same place goes on where it stopped.

        Args:
            file_path: Local file.
            target_path: Folder on the drive, e.g. ``/影视/电影``; made where missing.
            target_dir_id: The folder's id (cid) instead of its path.
            priority: Higher starts earlier.
            skip_existing: Do nothing where the folder has this name and content already.
            progress: ``auto``, ``panel``, ``tqdm``, ``none``, or a function of one snapshot.
            check: Raise what went wrong; with False it is in the result, ``success`` False.

        Returns:
            The result; also ``result["success"]``.

        Raises:
            Pan115Error: What went wrong.

        Example:
            >>> result = await client.upload_file("movie.mkv", "/影视/电影/2025")   # doctest: +SKIP
        """
        watch = watcher(progress)
        job = self._submit(file_path, target_path, target_dir_id, priority, skip_existing, watch)
        try:
            with self.show(progress, [job]):
                return await job
        except Pan115Error as error:
            if check:
                raise
            return job.failure(error)

    def upload(
        self,
        file_path: PathLike,
        target_path: DrivePath = "/",
        *,
        target_dir_id: str | int = "",
        priority: int = 0,
        skip_existing: bool = False,
        progress: str | Watcher = "auto",
        check: bool = True,
    ) -> UploadResult:
        """As :meth:`upload_file`, without await: blocks, with a bar.

        ■ or Ctrl-C stops the upload and keeps its session.

        Raises:
            Pan115Error: What went wrong.
            UploadInterrupted: ■ or Ctrl-C.

        Example:
            >>> client.upload("movie.mkv", "/影视")        # doctest: +SKIP
        """
        watch = watcher(progress)
        job = self._submit(file_path, target_path, target_dir_id, priority, skip_existing, watch)
        try:
            with self.show(progress, [job]):
                return job.wait(on_interrupt="leave")
        except Pan115Error as error:
            if check:
                raise
            return job.failure(error)

    def submit(
        self,
        file_path: PathLike,
        target_path: DrivePath = "/",
        *,
        target_dir_id: str | int = "",
        priority: int = 0,
        skip_existing: bool = False,
        progress: str | Watcher = "none",
    ) -> UploadJob:
        """Start one upload and return at once; as a cell's last line the job is a live panel.

        Args:
            progress: As for :meth:`upload_file`; what is shown stays until the upload has ended.

        Example:
            >>> job = client.submit("movie.mkv", "/影视")    # doctest: +SKIP
        """
        watch = watcher(progress)
        job = self._submit(file_path, target_path, target_dir_id, priority, skip_existing, watch)
        if isinstance(progress, str):
            begin(progress, self._engine.queue, [job.job_id])
        return job

    def submit_many(
        self,
        file_paths: Iterable[PathLike],
        target_path: DrivePath = "/",
        *,
        priority: int = 0,
        skip_existing: bool = False,
    ) -> UploadBatch:
        """Start several files into one folder and return at once.

        Example:
            >>> batch = client.submit_many(["a.bin", "b.bin"], "/备份")    # doctest: +SKIP
        """
        folder = check_folder_path(target_path)
        return self._batch(plan_files(file_paths, folder), folder, priority, skip_existing).start()

    def submit_folder(
        self,
        folder: PathLike,
        target_path: DrivePath = "/",
        *,
        dry_run: bool = False,
        priority: int = 0,
        skip_existing: bool = True,
    ) -> UploadBatch:
        """Upload a folder's content into ``target_path``, subfolders included.

        Args:
            folder: Local folder.
            target_path: Its counterpart on the drive.
            dry_run: Only plan: look at ``batch.plan``, then ``batch.start()``.
            skip_existing: Count files as done that are there with this name and content already.

        Returns:
            The batch; its report adds up: total = done + instant + failed + skipped.

        Raises:
            LocalFileError: ``folder`` is missing or not a folder.

        Example:
            >>> report = await client.submit_folder("photos/", "/照片")    # doctest: +SKIP
        """
        plan = plan_folder(folder, target_path)
        batch = self._batch(plan, check_folder_path(target_path), priority, skip_existing)
        return batch if dry_run else batch.start()

    def _submit(
        self,
        file_path: PathLike,
        target_path: DrivePath,
        target_dir_id: str | int,
        priority: int,
        skip_existing: bool,
        watch: Watcher | None,
    ) -> UploadJob:
        queue = self._engine.queue
        job = queue.submit(
            file_path,
            check_folder_path(target_path),
            target_dir_id=target_dir_id,
            priority=priority,
            skip_existing=skip_existing,
            watch=watch,
        )
        return UploadJob(queue, job)

    def _batch(self, plan: FolderPlan, title: str, priority: int, skip_existing: bool) -> UploadBatch:
        return UploadBatch(self._engine.queue, plan, skip_existing=skip_existing, priority=priority, title=title)

    def result_of(self, job: UploadJob) -> UploadResult:
        """How an ended job ended, without raising: ``success`` is False for a failure.

        Args:
            job: Ended, or held because 115 blocks the account.
        """
        try:
            return job.result()
        except Pan115Error as error:
            return job.failure(error)

    def show(self, progress: str | Watcher, jobs: Sequence[UploadJob]) -> contextlib.AbstractContextManager[None]:
        """Show uploads while a ``with`` block lasts.

        Args:
            progress: ``auto``, ``panel``, ``tqdm`` or ``none``.
            jobs: What to show.

        Raises:
            ConfigError: ``progress`` is none of these.
        """
        if callable(progress) or progress == "none":
            return contextlib.nullcontext()
        return show(progress, self._engine.queue, [job.job_id for job in jobs])

    # -- all uploads -------------------------------------------------------------------------------------------

    def jobs(self) -> list[UploadJob]:
        """Every upload of this client, oldest first."""
        queue = self._engine.queue
        return [UploadJob(queue, job) for job in queue.jobs()]

    def pause_all(self) -> None:
        """Pause everything."""
        self._engine.queue.pause_all()

    def resume_all(self) -> None:
        """Let everything paused go on, also after 115 had blocked the account."""
        self._engine.queue.resume_all()

    def cancel_all(self) -> None:
        """Cancel everything that has not ended."""
        self._engine.queue.cancel_all()

    @property
    def max_concurrent_uploads(self) -> int:
        """Files at once; can be set while uploads run."""
        return self._engine.queue.limit

    @max_concurrent_uploads.setter
    def max_concurrent_uploads(self, value: int) -> None:
        self._engine.queue.limit = value

    @property
    def bandwidth_limit(self) -> int | None:
        """Bytes per second over all uploads, or None; can be set while uploads run."""
        return self._engine.bandwidth.limit

    @bandwidth_limit.setter
    def bandwidth_limit(self, value: int | None) -> None:
        self.config.with_(bandwidth_limit=value)  # the same check as everywhere
        engine = self._engine
        engine.loop.call(setattr, engine.bandwidth, "limit", value)

    # -- sessions and history ----------------------------------------------------------------------------------

    def sessions(self) -> pd.DataFrame:
        """Unfinished uploads, of earlier runs and other processes too.

        Columns: :func:`pan115kit.presentation.dataframes.sessions_frame`.

        Example:
            >>> client.sessions()[["file_name", "progress", "status"]]    # doctest: +SKIP
        """
        from .presentation.dataframes import sessions_table  # pandas takes a second to import

        return sessions_table(self._store().sessions.columns())

    def history(self, limit: int | None = None) -> pd.DataFrame:
        """Ended uploads, newest first; columns: :func:`pan115kit.presentation.dataframes.history_frame`.

        Args:
            limit: At most so many rows.
        """
        from .presentation.dataframes import history_frame

        return history_frame(self._store().history.list(limit))

    def samples(self, job: UploadJob | str) -> pd.DataFrame:
        """The curve of one upload at 1 Hz: ``time, uploaded_bytes, speed_mbps, phase``.

        Args:
            job: A job or a ``job_id`` from :meth:`history`.
        """
        from .presentation.dataframes import samples_frame

        return samples_frame(self._store().history.samples(job if isinstance(job, str) else job.job_id))

    def resume(self, session: str | UploadSession) -> UploadJob:
        """Go on with an unfinished upload of an earlier run.

        Args:
            session: Its ``session_id`` from :meth:`sessions`.

        Raises:
            ConfigError: There is no such session.
        """
        row = session if isinstance(session, UploadSession) else self._store().sessions.get(session)
        if row is None:
            raise ConfigError(f"there is no session {session}", hint="look at client.sessions()")
        queue = self._engine.queue
        return UploadJob(queue, queue.resume_session(row))

    def resume_unfinished(self) -> list[UploadJob]:
        """Go on with every unfinished upload that nobody works on."""
        running = {job._job.request.session_id for job in self.jobs() if not job.status.is_final}
        taken = self._store().leases.owners()
        return [
            self.resume(row)
            for row in self._store().sessions.list()
            if row.session_id not in running and row.session_id not in taken
        ]

    def clean_sessions(self, days: float = 7.0) -> int:
        """Give up sessions untouched for ``days``; what they left on OSS is aborted.

        Returns:
            How many.
        """
        from .store.resume_manager import UploadResumeManager

        engine = self._engine
        manager = UploadResumeManager.of(engine.store)
        removed = event_loops.wait(engine.loop.submit(manager.clean_expired_sessions(days)))
        engine.queue.start_chores()
        return removed

    def plot_history(self) -> Figure:
        """Bytes uploaded per day as a matplotlib figure."""
        from .presentation.plots import plot_history

        return plot_history(self.history())

    # -- showing -----------------------------------------------------------------------------------------------

    def panel(self, *, rows: int = 10) -> Panel:
        """Every upload of this client and every unfinished session of its state directory, live, with buttons.

        Args:
            rows: Per page; the rest is counted, and reached by page and filter.

        Example:
            >>> client.panel()      # doctest: +SKIP
        """
        from .notebook.panel import Panel

        if self._panel is None or self._panel.closed or self._panel.page_size != rows:
            queue, _, store = self.parts
            self._panel = Panel(queue, rows=rows, store=store)
        return self._panel

    async def account(self) -> Account:
        """Who is logged in, and the account's limits.

        Raises:
            LoginError: The credentials are not valid.
        """
        engine = self._engine
        return await event_loops.wait_async(engine.loop.submit(engine.drive.account()))
