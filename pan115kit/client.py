"""``Pan115Client``: what a cell or a script holds.

The truth is async and runs on the kit's own loop (:mod:`pan115kit.runtime`); everything here is a thin way to it that
works in a script, in a running loop, in a notebook kernel, from any thread and after a fork.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Self

import pandas as pd

from . import runtime
from .config import Endpoints, UploadConfig, state_directory
from .drive import Drive, OnTokens, make_drive
from .drive.base import Account
from .drive.names import check_folder_path
from .errors import ConfigError, CredentialsError, Pan115Error
from .frames import history_frame, samples_frame, sessions_frame
from .job import UploadBatch, UploadJob
from .models import UploadResult, UploadSession, UploadStatus
from .progress import UploadProgress
from .store import Store, open_store
from .tracker import ProgressTracker, get_progress_manager
from .transfer.engine import Engine
from .transfer.folder import FolderPlan, PlannedFile, plan_folder

PathLike = str | os.PathLike[str]
#: Called with progress snapshots, live.
Watcher = Callable[[UploadProgress], Any]


class Pan115Client:
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

    def __init__(
        self,
        user_key: str | None = None,
        *,
        access_token: str | None = None,
        refresh_token: str | None = None,
        on_tokens: OnTokens | None = None,
        endpoint: str | None = None,
        state_dir: PathLike | None = None,
        config: UploadConfig | None = None,
        _server_public_key: bytes | None = None,
    ) -> None:
        if user_key is None and access_token is None and refresh_token is None:
            user_key, access_token, refresh_token = _credentials_from_environment()
        self.config = config or UploadConfig.from_environment()
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._engine_: Engine | None = None
        self._store_: Store | None = None
        self._closed = False
        self._at_close: list[Callable[[], None]] = []

        def build_drive() -> Drive:
            return make_drive(
                cookie=user_key,
                access_token=access_token,
                refresh_token=refresh_token,
                on_tokens=on_tokens,
                endpoints=Endpoints.from_environment(endpoint),
                config=self.config,
                server_public_key=_server_public_key,
            )

        self._build_drive = build_drive
        self.route = build_drive().route  # credentials of a wrong shape are told here and now
        self.state_dir = state_directory(state_dir)
        self._store()

    @classmethod
    def sandbox(
        cls,
        *,
        state_dir: PathLike | None = None,
        config: UploadConfig | None = None,
        route: str = "cookie",
        **options: Any,
    ) -> Self:
        """A client of a local 115 + OSS that runs in this process: no account, no network.

        Args:
            state_dir: Where its sessions live; a temporary folder, removed at :meth:`close`, if None.
            config: What uploads may do; without one, calls are not rate-limited.
            route: ``cookie`` or ``open``.
            **options: For :class:`pan115kit.sandbox.Sandbox`, e.g. ``bandwidth=5_000_000``.

        Example:
            >>> with Pan115Client.sandbox() as client:                     # doctest: +SKIP
            ...     client.upload("movie.mkv", "/影视")["success"]
            True
        """
        from .sandbox import Sandbox

        box = Sandbox(**options)
        box.start()
        temporary = None if state_dir else tempfile.mkdtemp(prefix="pan115kit-")
        try:
            credentials: dict[str, Any] = (
                {"user_key": box.cookie}
                if route == "cookie"
                else {"access_token": box.access_token, "refresh_token": box.refresh_token}
            )
            client = cls(
                **credentials,
                endpoint=box.endpoint,
                state_dir=state_dir or temporary,
                config=config or UploadConfig.from_environment(api_rate=0.0),
                _server_public_key=bytes.fromhex(box.ecdh_public_key),
            )
        except Pan115Error:
            box.stop()
            raise
        client.local_sandbox = box
        client._at_close.append(box.stop)
        if temporary:
            client._at_close.append(lambda: shutil.rmtree(temporary, ignore_errors=True))
        return client

    #: The sandbox behind :meth:`sandbox`, or None.
    local_sandbox: Any = None

    # -- parts -------------------------------------------------------------------------------------------------

    @property
    def tracker(self) -> ProgressTracker:
        """Where progress is published; every client of a process shares it."""
        return get_progress_manager()

    def _store(self) -> Store:
        if self._store_ is None:
            self._store_ = open_store(self.state_dir)
        return self._store_

    @property
    def _engine(self) -> Engine:
        if self._closed:
            raise ConfigError("this client is closed", hint="make a new one")
        with self._lock:
            if self._engine_ is None or self._pid != os.getpid():
                self._pid, self._store_ = os.getpid(), None
                self._engine_ = Engine(self._build_drive(), self._store(), self.tracker, self.config)
                runtime.at_exit(self.close)
                started = self._engine_.loop.submit(self._engine_.start(), fresh_context=True)
                if not self._engine_.loop.is_current:
                    started.result(30)
            return self._engine_

    # -- uploading ---------------------------------------------------------------------------------------------

    async def upload_file(
        self,
        file_path: PathLike,
        target_path: str = "/",
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
        watch = progress if callable(progress) else None
        job = self._submit(file_path, target_path, target_dir_id, priority, skip_existing, watch)
        try:
            with self._shown(progress, [job]):
                return await job
        except Pan115Error as error:
            if check:
                raise
            return self._failed(job, error)

    def upload(
        self,
        file_path: PathLike,
        target_path: str = "/",
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
        watch = progress if callable(progress) else None
        job = self._submit(file_path, target_path, target_dir_id, priority, skip_existing, watch)
        try:
            with self._shown(progress, [job]):
                return job.wait(on_interrupt="leave")
        except Pan115Error as error:
            if check:
                raise
            return self._failed(job, error)

    def submit(
        self,
        file_path: PathLike,
        target_path: str = "/",
        *,
        target_dir_id: str | int = "",
        priority: int = 0,
        skip_existing: bool = False,
        progress: Watcher | None = None,
    ) -> UploadJob:
        """Start one upload and return at once; as a cell's last line the job is a live panel.

        Example:
            >>> job = client.submit("movie.mkv", "/影视")    # doctest: +SKIP
        """
        return self._submit(file_path, target_path, target_dir_id, priority, skip_existing, progress)

    def submit_many(
        self,
        file_paths: Iterable[PathLike],
        target_path: str = "/",
        *,
        priority: int = 0,
        skip_existing: bool = False,
    ) -> UploadBatch:
        """Start several files into one folder and return at once.

        Example:
            >>> batch = client.submit_many(["a.bin", "b.bin"], "/备份")    # doctest: +SKIP
        """
        folder = check_folder_path(target_path)
        files = tuple(_planned(path, folder) for path in file_paths)
        return self._batch(FolderPlan(files, ()), folder, priority, skip_existing).start()

    def submit_folder(
        self,
        folder: PathLike,
        target_path: str = "/",
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
        target_path: str,
        target_dir_id: str | int,
        priority: int,
        skip_existing: bool,
        watch: Watcher | None,
    ) -> UploadJob:
        queue = self._engine.queue
        job = queue.submit(
            file_path,
            check_folder_path(target_path),
            target_dir_id=str(target_dir_id or ""),
            priority=priority,
            skip_existing=skip_existing,
            watch=watch,
        )
        return UploadJob(queue, job)

    def _batch(self, plan: FolderPlan, title: str, priority: int, skip_existing: bool) -> UploadBatch:
        return UploadBatch(self._engine.queue, plan, skip_existing=skip_existing, priority=priority, title=title)

    def _failed(self, job: UploadJob, error: Pan115Error) -> UploadResult:
        shot = job.progress
        return UploadResult(
            success=False,
            status=shot.status if shot.status is not UploadStatus.PENDING else UploadStatus.FAILED,
            message=error.zh,
            file_name=shot.file_name,
            file_size=shot.file_size,
            file_path=job.file_path,
            target_path=shot.target_path,
            job_id=job.job_id,
            elapsed_seconds=shot.elapsed_seconds,
            error_message=str(error),
        )

    def _shown(self, progress: str | Watcher, jobs: list[UploadJob]) -> contextlib.AbstractContextManager[None]:
        if callable(progress) or progress == "none":
            return contextlib.nullcontext()
        from .notebook.bars import show

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

        Columns: :func:`pan115kit.frames.sessions_frame`.

        Example:
            >>> client.sessions()[["file_name", "progress", "status"]]    # doctest: +SKIP
        """
        return sessions_frame(self._store().sessions.list())

    def history(self, limit: int | None = None) -> pd.DataFrame:
        """Ended uploads, newest first; columns: :func:`pan115kit.frames.history_frame`.

        Args:
            limit: At most so many rows.
        """
        return history_frame(self._store().history.list(limit))

    def samples(self, job: UploadJob | str) -> pd.DataFrame:
        """The curve of one upload at 1 Hz: ``time, uploaded_bytes, speed_mbps, phase``.

        Args:
            job: A job or a ``job_id`` from :meth:`history`.
        """
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
        leases = self._store().leases
        return [
            self.resume(row)
            for row in self._store().sessions.list()
            if row.session_id not in running and leases.owner(row.session_id) is None
        ]

    def clean_sessions(self, days: float = 7.0) -> int:
        """Give up sessions untouched for ``days``; what they left on OSS is aborted.

        Returns:
            How many.
        """
        from .store.resume_manager import UploadResumeManager

        engine = self._engine
        manager = UploadResumeManager.of(engine.store)
        removed = runtime.wait(engine.loop.submit(manager.clean_expired_sessions(days)))
        engine.queue.start_chores()
        return removed

    async def account(self) -> Account:
        """Who is logged in, and the account's limits.

        Raises:
            LoginError: The credentials are not valid.
        """
        engine = self._engine
        return await runtime.wait_async(engine.loop.submit(engine.drive.account()))

    # -- ending ------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Stop uploads (their sessions are kept) and let go of everything; again is no more."""
        if self._closed:
            return
        self._closed = True
        with self._lock:
            engine, self._engine_ = self._engine_, None
        if engine is not None and self._pid == os.getpid() and engine.loop.alive:
            closing = engine.loop.submit(engine.close(), fresh_context=True)
            if not engine.loop.is_current:
                closing.result(15)
        if self._store_ is not None:
            self._store_.close()
            self._store_ = None
        for function in self._at_close:
            function()

    async def aclose(self) -> None:
        """As :meth:`close`, without blocking the caller's loop."""
        import asyncio

        await asyncio.to_thread(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        where = " sandbox" if self.local_sandbox is not None else ""
        return f"<Pan115Client{where} route={self.route} state_dir={str(self.state_dir)!r}>"


def _credentials_from_environment() -> tuple[str | None, str | None, str | None]:
    cookie, access, refresh = (
        os.environ.get(name) or None for name in ("PAN115_COOKIE", "PAN115_ACCESS_TOKEN", "PAN115_REFRESH_TOKEN")
    )
    if cookie and (access or refresh):
        raise CredentialsError(
            "PAN115_COOKIE and PAN115_ACCESS_TOKEN are both set", hint="unset one, or pass credentials as arguments"
        )
    if not (cookie or access or refresh):
        raise CredentialsError(
            "no credentials",
            hint="pass user_key=, or access_token= and refresh_token=, or set PAN115_COOKIE; "
            "Pan115Client.sandbox() needs none",
        )
    return cookie, access, refresh


def _planned(path: PathLike, folder: str) -> PlannedFile:
    try:
        size = os.stat(path).st_size
    except OSError:
        size = 0  # the upload itself tells what is wrong
    return PlannedFile(str(Path(path).expanduser().absolute()), folder, size)
