"""``Pan115Client``: what a cell or a script holds.

The core is async and runs on the kit's own loop (:mod:`pan115kit._base.event_loops`); everything here is a thin way
to it that works in a script, in a running loop, in a notebook kernel, from any thread and after a fork.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO, Self, cast

from ._base import event_loops
from ._base.must_await import MustAwait
from .batch import UploadBatch, check_several
from .config import Endpoints, UploadConfig, state_directory
from .drive import Account, Credentials, Drive, OnTokens, Route, make_drive
from .drive.auth.credentials_file import CredentialStore
from .drive.auth.logins import LoginOptions
from .drive.auth.saved_tokens import environment_credentials, kept_in, saved_or_raise
from .drive.names import DrivePath, check_folder_path
from .errors import ConfigError, CredentialsError, Pan115Error
from .folders.ignore_rules import IgnoreRules
from .folders.local_tree import Source, sources_of
from .folders.verify import list_path, verify_folder
from .i18n import brief, say
from .job import UploadJob
from .models import After, UploadResult, UploadSession
from .notebook.progress_display import Watcher, begin, show, watcher
from .notebook.shown import Shown, end_panels, register_formatters
from .progress.tracker import ProgressTracker, get_progress_manager
from .store import Store, open_store
from .transfer.content_files import is_content, keep_content
from .transfer.engine import Engine
from .transfer.queue import UploadQueue
from .transfer.upload_options import UploadOptions, check_not_the_file

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from .notebook.panel import Panel
    from .server import Server

PathLike = str | os.PathLike[str]
#: What can be uploaded without being a file: bytes, or what ``read`` gives.
Content = bytes | bytearray | memoryview | BinaryIO

register_formatters()


class Pan115Client(Shown):
    """Uploads to one 115 account.

    Without credentials the environment decides: ``PAN115_COOKIE``, or the tokens, or ``PAN115_PROFILE``, which names
    a saved login.

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

    #: The sandbox behind :meth:`sandbox`, or None.
    local_sandbox: Any = None
    _panel: Panel | None = None

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
        _credentials: Credentials | None = None,
        _server_public_key: bytes | None = None,
        _download_modulus: int | None = None,
    ) -> None:
        if _credentials is not None:
            credentials = _credentials
        elif user_key is None and access_token is None and refresh_token is None:
            credentials = _environment_credentials(state_dir)
        else:
            credentials = Credentials(
                "" if user_key is None else user_key,
                "" if access_token is None else access_token,
                "" if refresh_token is None else refresh_token,
                on_tokens=on_tokens,
            )
        self.config = UploadConfig.or_default(config)
        self._lock = threading.Lock()
        self._pid = self._born_in = os.getpid()
        self._engine_: Engine | None = None
        self._store_: Store | None = None
        self._closed = False
        self._at_close: list[Callable[[], None]] = []
        self._served: tuple[dict[str, Any], Server] | None = None
        self._batches: weakref.WeakSet[UploadBatch] = weakref.WeakSet()

        self._account = credentials.account_key()
        self._endpoints = Endpoints.from_environment(endpoint)

        def build_drive() -> Drive:
            return make_drive(
                credentials,
                endpoints=self._endpoints,
                config=self.config,
                server_public_key=_server_public_key,
                download_modulus=_download_modulus,
            )

        self._build_drive = build_drive
        self.route = str(build_drive().route)  # credentials of a wrong shape are refused here and now
        self.state_dir = state_directory(state_dir)
        _ = self.store  # a state directory that cannot be used is reported here and now

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
            config: What uploads may do; calls are rate-limited only if it names an ``api_rate``.
            route: ``cookie`` or ``open``.
            **options: For :class:`pan115kit.sandbox.Sandbox`, e.g. ``bandwidth=5_000_000``.

        Example:
            >>> with Pan115Client.sandbox() as client:                     # doctest: +SKIP
            ...     client.upload("movie.mkv", "/影视")["success"]
            True
        """
        from .sandbox import Sandbox

        config = UploadConfig.or_default(config)
        by_cookie = Route.named(route) is Route.COOKIE
        box = Sandbox(**options)
        box.start()
        temporary = None if state_dir else tempfile.mkdtemp(prefix="pan115kit-")
        try:
            tokens = Credentials(access_token=box.access_token, refresh_token=box.refresh_token)
            client = cls(
                _credentials=Credentials(box.cookie) if by_cookie else tokens,
                endpoint=box.endpoint,
                state_dir=state_dir or temporary,
                config=config.with_(api_rate=0.0) if config.limits_api_by_default else config,
                _server_public_key=bytes.fromhex(box.ecdh_public_key),
                _download_modulus=box.rsa_modulus,
            )
        except Pan115Error:
            box.stop()
            raise
        client.local_sandbox = box
        client._at_close.append(box.stop)
        if temporary:
            client._at_close.append(lambda: shutil.rmtree(temporary, ignore_errors=True))
        event_loops.at_exit(client.close)
        return client

    @classmethod
    def from_saved(
        cls,
        profile: str | None = None,
        *,
        state_dir: PathLike | None = None,
        keyring: bool | None = None,
        config: UploadConfig | None = None,
    ) -> Self:
        """A client with the credentials that a login has kept; renewed tokens are kept there too.

        Args:
            profile: Which of several logins, as :meth:`login` was given it; ``PAN115_PROFILE`` if None, and without
                that the one that was saved without a name.
            state_dir: Where the file of credentials lies, sessions and history too.
            keyring: True for the system's keyring, False for the file; the file first if None.
            config: What uploads may do.

        Raises:
            CredentialsError: None are kept.
            ConfigError: The keyring is asked for and there is none, or ``profile`` is no name.

        Example:
            >>> client = Pan115Client.from_saved("work")      # doctest: +SKIP
        """
        found = saved_or_raise(state_dir, profile, keyring=keyring)
        return cls(_credentials=found, state_dir=state_dir, config=config)

    @classmethod
    async def login(
        cls,
        route: str = "cookie",
        *,
        app: str | None = None,
        client_id: str | None = None,
        save: str | None = None,
        profile: str | None = None,
        endpoint: str | None = None,
        state_dir: PathLike | None = None,
        config: UploadConfig | None = None,
    ) -> Self:
        """A client of the account whose owner scans the QR code that is shown now.

        Args:
            route: ``cookie``, or ``open`` for Open API tokens.
            app: Kind of device of the cookie route (:data:`pan115kit.drive.auth.cookie_login.COOKIE_APPS`).
            client_id: App of the Open API (``PAN115_CLIENT_ID``).
            save: ``file`` or ``keyring`` to keep the credentials for :meth:`from_saved`; None keeps them nowhere.
            profile: A name to keep them under, so that several logins stand side by side (``PAN115_PROFILE``).
            endpoint: One address for all of 115's hosts.
            state_dir: Where sessions, history and the file of credentials live.
            config: What uploads may do.

        Raises:
            ConfigError: ``route`` or ``save`` is not known, or the keyring is not installed.
            LoginError: Cancelled on the phone, or no code was scanned in time.

        Example:
            >>> client = await Pan115Client.login(save="file", profile="work")      # doctest: +SKIP
        """
        from .notebook.qr_screen import check_login, scan

        check_login(route, save)
        kept = CredentialStore(state_dir, keyring=save == "keyring", profile=profile) if save else None
        found = await scan(route, LoginOptions(app=app, client_id=client_id, endpoint=endpoint), kept=kept)
        found = kept_in(kept, found) if kept else found
        return cls(_credentials=found, endpoint=endpoint, state_dir=state_dir, config=config)

    # -- uploading ---------------------------------------------------------------------------------------------

    def upload_file(
        self,
        file_path: PathLike | Content,
        target_path: DrivePath = "/",
        *,
        target_dir_id: str | int = "",
        priority: int = 0,
        on_conflict: str = "keep",
        after: str = "keep",
        rename: str = "",
        file_name: str = "",
        wait: bool = False,
        progress: str | Watcher = "none",
        check: bool = True,
    ) -> Coroutine[Any, Any, UploadResult]:
        """Upload one file and wait for it, from any event loop.

        An interrupted upload of the same file to the same place goes on where it stopped; one that runs already in
        this process is joined.  Cancelling the task that awaits this (also ``asyncio.timeout``, a ``TaskGroup``, ■)
        stops the upload and keeps its session, unless somebody else waits for it or holds its handle.

        Args:
            file_path: Local file; or bytes, or a file object opened for reading bytes, with ``file_name``.  These are
                kept in the state directory until they are on the drive, so that the same call again goes on.
            target_path: Folder on the drive, e.g. ``/影视/电影``; made where missing.
            target_dir_id: The folder's id (cid) instead of its path.
            priority: Higher starts earlier.
            on_conflict: Where the folder has another content under this name: ``keep`` both, ``skip`` the upload
                (``success`` is False then), ``replace`` what is there (it goes to the recycle bin after the new file
                is verified), or ``error``.  The same content under the same name is a success without sending.
            after: ``delete`` removes the local file once it is verified on the drive.
            rename: Its name on the drive instead of its own.
            file_name: The name of bytes or of a file object on the drive.
            wait: Where another process is at this file and place, wait for it instead of failing.
            progress: ``auto``, ``panel``, ``tqdm``, ``none``, or a function of one snapshot.
            check: Raise what went wrong; with False it is in the result, ``success`` False.

        Returns:
            To be awaited: the result; also ``result["success"]``.  Without ``await`` nothing is done, and a warning
            says so.

        Raises:
            Pan115Error: What went wrong.

        Example:
            >>> result = await client.upload_file("movie.mkv", "/影视/电影/2025")   # doctest: +SKIP
        """

        async def upload_file() -> UploadResult:
            options = UploadOptions.of(
                target_path,
                target_dir_id=target_dir_id,
                priority=priority,
                wait=wait,
                on_conflict=on_conflict,
                after=after,
                file_name=rename,
            )
            check_not_the_file(target_path, file_path, rename or file_name)
            place, options = await asyncio.to_thread(self._as_file, file_path, file_name, options)
            job = UploadJob(*self.queue.submit(place, options, watch=watcher(progress)))
            try:
                with self.show(progress, [job]):
                    return await job.result_or_cancel()
            except Pan115Error as error:
                if check:
                    raise
                return job.failure(error)

        return MustAwait(upload_file(), f"client.upload_file({brief(file_path)}, ...)")

    def upload(
        self,
        file_path: PathLike | Content,
        target_path: DrivePath = "/",
        *,
        target_dir_id: str | int = "",
        priority: int = 0,
        on_conflict: str = "keep",
        after: str = "keep",
        rename: str = "",
        file_name: str = "",
        wait: bool = False,
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
        options = UploadOptions.of(
            target_path,
            target_dir_id=target_dir_id,
            priority=priority,
            wait=wait,
            on_conflict=on_conflict,
            after=after,
            file_name=rename,
        )
        check_not_the_file(target_path, file_path, rename or file_name)
        place, options = self._as_file(file_path, file_name, options)
        job = UploadJob(*self.queue.submit(place, options, watch=watcher(progress)))
        try:
            with self.show(progress, [job]):
                return job.result_or_stop()
        except Pan115Error as error:
            if check:
                raise
            return job.failure(error)

    def submit(
        self,
        file_path: PathLike | Content,
        target_path: DrivePath = "/",
        *,
        target_dir_id: str | int = "",
        priority: int = 0,
        on_conflict: str = "keep",
        after: str = "keep",
        rename: str = "",
        file_name: str = "",
        wait: bool = False,
        progress: str | Watcher = "none",
    ) -> UploadJob:
        """Start one upload and return at once; as a cell's last line the job is a live panel.

        Args:
            progress: As for :meth:`upload_file`; what is shown stays until the upload has ended.

        Example:
            >>> job = client.submit("movie.mkv", "/影视")    # doctest: +SKIP
        """
        options = UploadOptions.of(
            target_path,
            target_dir_id=target_dir_id,
            priority=priority,
            wait=wait,
            on_conflict=on_conflict,
            after=after,
            file_name=rename,
        )
        check_not_the_file(target_path, file_path, rename or file_name)
        place, options = self._as_file(file_path, file_name, options)
        job = UploadJob.keep(self.queue.submit(place, options, watch=watcher(progress)))
        if isinstance(progress, str):
            begin(progress, self.queue, [job.job_id])
        return job

    def _as_file(
        self, source: PathLike | Content, file_name: str, options: UploadOptions
    ) -> tuple[PathLike, UploadOptions]:
        """Content as a file in the state directory, which goes when it is on the drive; a path as it is.

        Raises:
            ConfigError: Content without a name, or a path with ``file_name``.
        """
        if not is_content(source, file_name):
            if file_name:
                raise ConfigError(say("content.path_with_name"), hint=say("content.path_with_name.hint"))
            return cast(PathLike, source), options
        place = keep_content(self.state_dir, source, file_name or options.file_name)
        return place, replace(options, after=After.DELETE, file_name="")

    def submit_many(
        self,
        paths: Iterable[PathLike],
        target_path: DrivePath = "/",
        *,
        include: str | Iterable[str] = (),
        exclude: str | Iterable[str] = (),
        on_conflict: str = "keep",
        after: str = "keep",
        dry_run: bool = False,
        priority: int = 0,
    ) -> UploadBatch:
        """Start several files into one folder and return at once; folders and globs too, as :meth:`submit_folder`.

        Raises:
            ConfigError: It is one path instead of several, or an argument makes no sense.
            FileMissingError: Nothing fits a glob.
            TargetError: ``target_path`` is no folder's path.

        Example:
            >>> batch = client.submit_many(["a.bin", "b.bin"], "/备份")    # doctest: +SKIP
            >>> batch = client.submit_many(["notes/**/*.md", "photos"], "/备份")    # doctest: +SKIP
        """
        check_several(paths)
        options = UploadOptions.of(target_path, priority=priority, on_conflict=on_conflict, after=after)
        rules = IgnoreRules.of(include=include, exclude=exclude)
        return self._batch(sources_of(paths), rules, options, dry_run=dry_run)

    def submit_folder(
        self,
        folder: PathLike | Iterable[PathLike],
        target_path: DrivePath = "/",
        *,
        include: str | Iterable[str] = (),
        exclude: str | Iterable[str] = (),
        on_conflict: str = "keep",
        after: str = "keep",
        dry_run: bool = False,
        priority: int = 0,
    ) -> UploadBatch:
        """Upload a folder's content into ``target_path``, subfolders and empty ones included; returns at once.

        It plans by listing the target, one call for 1,150 entries: what is there with this name and content costs
        neither a byte nor a call of its own, so that a second run of an unchanged folder asks for lists only.

        Args:
            folder: Local folder, or several, or globs: ``photos/**/*.jpg`` is what ``photos`` has of ``*.jpg``.
            target_path: Its counterpart on the drive.
            include: Patterns as in a ``.gitignore``: only files that one of them names are uploaded.
            exclude: Patterns of what is left out, like those in a ``.pan115ignore`` file of any folder; ``!name``
                takes in what another one leaves out.  ``.DS_Store``, ``Thumbs.db``, ``.git``, ``__pycache__`` and
                ``.ipynb_checkpoints`` are left out anyway.
            on_conflict: Where another content has the name: ``keep`` both, ``skip`` the file, ``replace`` what is
                there (it goes to the recycle bin after the new file is verified), or ``error``.
            after: ``delete`` removes each local file that is verified on the drive.
            dry_run: Only plan: look at ``batch.plan.frame()``, ``batch.plan.calls``, then ``batch.start()``.
            priority: Higher starts earlier.

        Returns:
            The batch; its report adds up: total = done + instant + failed + skipped.

        Raises:
            LocalFileError: ``folder`` is missing or not a folder.
            ConfigError: An argument makes no sense.
            TargetError: ``target_path`` is no folder's path.

        Example:
            >>> report = await client.submit_folder("photos/", "/照片")    # doctest: +SKIP
        """
        options = UploadOptions.of(target_path, priority=priority, on_conflict=on_conflict, after=after)
        rules = IgnoreRules.of(include=include, exclude=exclude)
        return self._batch(sources_of(folder, folders_only=True), rules, options, dry_run=dry_run)

    def _batch(
        self, sources: Sequence[Source], rules: IgnoreRules, options: UploadOptions, *, dry_run: bool
    ) -> UploadBatch:
        batch = UploadBatch(self.queue, sources, rules, options, dry_run=dry_run)
        self._batches.add(batch)
        return batch

    def result_of(self, job: UploadJob) -> UploadResult:
        """How an ended job ended, without raising: ``success`` is False for a failure.

        Args:
            job: Ended, or held because 115 blocks the account.

        Raises:
            ConfigError: It is no job.
            TimeoutError: It has not ended.
        """
        if not isinstance(job, UploadJob):
            raise ConfigError(say("client.not_a_job", value=brief(job)), hint=say("client.not_a_job.hint"))
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
        return show(progress, self.queue, [job.job_id for job in jobs])

    # -- what is on the drive ----------------------------------------------------------------------------------

    def ls(self, path: DrivePath = "/", *, recursive: bool = False) -> pd.DataFrame:
        """What is in a folder of the drive; one call for 1,150 entries.

        Columns: :func:`pan115kit.presentation.dataframes.entries_frame`.

        Args:
            path: Folder, or one file.
            recursive: Also what is below, at least one call for each folder.

        Raises:
            TargetError: There is nothing of this path.

        Example:
            >>> client.ls("/照片", recursive=True)["size"].sum()    # doctest: +SKIP
        """
        from .presentation.dataframes import entries_frame

        engine, folder = self._engine, check_folder_path(path)
        listing = list_path(engine.drive, folder, recursive=recursive)
        return entries_frame(event_loops.wait(engine.loop.submit(listing)))

    def verify(
        self,
        folder: PathLike | Iterable[PathLike],
        target_path: DrivePath = "/",
        *,
        include: str | Iterable[str] = (),
        exclude: str | Iterable[str] = (),
    ) -> pd.DataFrame:
        """Compare a folder with the one on the drive that it was uploaded to, by listing and SHA-1.

        Nothing is downloaded, and a file that was hashed before and has not changed is not read again.  Columns:
        :func:`pan115kit.presentation.dataframes.comparison_frame`.

        Args:
            folder: As for :meth:`submit_folder`, as are the rest.
            target_path: Its counterpart on the drive.
            include: Patterns; only files that one of them names are compared.
            exclude: Patterns of what is left out.

        Raises:
            LocalFileError: ``folder`` is missing or not a folder.

        Example:
            >>> found = client.verify("photos/", "/照片")    # doctest: +SKIP
            >>> found[found["state"] != "same"]             # doctest: +SKIP
        """
        from .presentation.dataframes import comparison_frame

        options = UploadOptions.of(target_path)
        rules = IgnoreRules.of(include=include, exclude=exclude)
        engine, sources = self._engine, sources_of(folder, folders_only=True)
        comparing = verify_folder(engine.context, sources, rules, options.target_path)
        return comparison_frame(event_loops.wait(engine.loop.submit(comparing)))

    # -- all uploads -------------------------------------------------------------------------------------------

    def jobs(self) -> list[UploadJob]:
        """Every upload of this client, oldest first."""
        queue = self.queue
        return [UploadJob(queue, job) for job in queue.jobs()]

    def pause_all(self) -> None:
        """Pause everything."""
        self.queue.pause_all()

    def resume_all(self) -> None:
        """Let everything paused go on, also after 115 had blocked the account."""
        self.queue.resume_all()

    def cancel_all(self) -> None:
        """Cancel everything that has not ended."""
        self.queue.cancel_all()

    @property
    def max_concurrent_uploads(self) -> int:
        """Files at once; can be set while uploads run."""
        return self.queue.limit

    @max_concurrent_uploads.setter
    def max_concurrent_uploads(self, value: int) -> None:
        self.queue.limit = value

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

        return sessions_table(self.store.sessions.columns())

    def history(self, limit: int | None = None) -> pd.DataFrame:
        """Ended uploads, newest first; columns: :func:`pan115kit.presentation.dataframes.history_frame`.

        Args:
            limit: At most so many rows.
        """
        from .presentation.dataframes import history_frame

        return history_frame(self.store.history.list(limit))

    def samples(self, job: UploadJob | str) -> pd.DataFrame:
        """The curve of one upload at 1 Hz: ``time, uploaded_bytes, speed_mbps, phase``.

        Args:
            job: A job or a ``job_id`` from :meth:`history`.

        Raises:
            ConfigError: It is neither, or no upload has this id.
        """
        from .presentation.dataframes import samples_frame

        if not isinstance(job, UploadJob | str):
            raise ConfigError(say("client.not_a_job", value=brief(job)), hint=say("client.not_a_job.hint"))
        job_id = job if isinstance(job, str) else job.job_id
        history = self.store.history
        samples = history.samples(job_id)
        if not samples and self.tracker.snapshot(job_id) is None and history.get(job_id) is None:
            raise ConfigError(say("client.no_upload", job_id=brief(job_id)), hint=say("client.no_upload.hint"))
        return samples_frame(samples)

    def resume(self, session: str | UploadSession) -> UploadJob:
        """Go on with an unfinished upload of an earlier run.

        Args:
            session: Its ``session_id`` from :meth:`sessions`.

        Raises:
            ConfigError: There is no such session.
        """
        row = session if isinstance(session, UploadSession) else None
        if isinstance(session, str):
            row = self.store.sessions.get(session)
        if row is None:
            raise ConfigError(say("client.no_session", session=brief(session)), hint=say("client.no_session.hint"))
        queue = self.queue
        return UploadJob.keep(queue.resume_session(row))

    def resume_unfinished(self) -> list[UploadJob]:
        """Go on with every unfinished upload that nobody works on."""
        running = {job._job.request.session_id for job in self.jobs() if not job.status.is_final}
        taken = self.store.leases.owners()
        return [
            self.resume(row)
            for row in self.store.sessions.list()
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
            self._panel = Panel(self.queue, rows=rows, store=self.store)
        return self._panel

    async def account(self) -> Account:
        """Who is logged in, and the account's limits.

        Raises:
            LoginError: The credentials are not valid.
        """
        engine = self._engine
        return await event_loops.wait_async(engine.loop.submit(engine.drive.account()))

    def serve(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        token: str | None = None,
        roots: Iterable[PathLike] | None = None,
        allow_remote: bool = False,
        allowed_hosts: Iterable[str] = (),
        allowed_origins: Iterable[str] = (),
    ) -> Server:
        """REST, WebSocket and a live page over this client's uploads, beside the kernel or script.

        As a cell's last line it is a link.  Asked again in the same way it is the same server; asked in another way,
        the earlier one is stopped.

        Args:
            host: Where to listen.
            port: 0 takes a free one.
            token: None takes ``PAN115_SERVER_TOKEN``, else a random one.
            roots: Local folders the page may upload from; None allows the current and the home folder,
                without what is hidden in them (``~/.ssh``).
            allow_remote: Needed for a ``host`` that others can reach.
            allowed_hosts: Further names the server goes by, e.g. behind a proxy.
            allowed_origins: Origins of other pages that may use it.

        Raises:
            ConfigError: The port is taken, an argument makes no sense, or the extra ``server`` is not installed.

        Example:
            >>> server = client.serve()         # doctest: +SKIP
            >>> server.link                     # doctest: +SKIP
            >>> server.stop()                   # doctest: +SKIP
        """
        try:
            from .server import default_folders, serve
        except ModuleNotFoundError as error:
            message = say("client.needs_package", package=error.name)
            raise ConfigError(message, hint=say("client.needs_package.hint")) from None
        asked: dict[str, Any] = {
            "host": host,
            "port": port,
            "token": token,
            "roots": default_folders() if roots is None else [*roots],
            "allow_remote": allow_remote,
            "allowed_hosts": [*allowed_hosts],
            "allowed_origins": [*allowed_origins],
        }
        if self._served is not None and self._served[1].running and self._served[0] == asked:
            return self._served[1]
        self._stop_serving()
        self._served = asked, serve(self.queue, self.tracker, self.store, **asked)
        return self._served[1]

    def _stop_serving(self) -> None:
        if self._served is not None:
            self._served[1].stop()
            self._served = None

    # -- parts -------------------------------------------------------------------------------------------------

    @property
    def tracker(self) -> ProgressTracker:
        """Where progress is published; every client of a process shares it."""
        return get_progress_manager()

    @property
    def queue(self) -> UploadQueue:
        """Its uploads, for faces (panels, servers); they read progress from :attr:`tracker`."""
        return self._engine.queue

    @property
    def store(self) -> Store:
        """Where its sessions and history are kept."""
        if self._closed:
            raise ConfigError(say("client.closed"), hint=say("client.closed.hint"))
        if self._store_ is None:
            self._store_ = open_store(self.state_dir)
        return self._store_

    @property
    def _engine(self) -> Engine:
        if self._closed:
            raise ConfigError(say("client.closed"), hint=say("client.closed.hint"))
        with self._lock:
            if self._engine_ is None or self._pid != os.getpid():
                if self._pid != os.getpid():  # a forked child: the parent's store is the parent's
                    self._pid, self._store_ = os.getpid(), None
                self._engine_ = Engine(
                    self._build_drive(),
                    self.store,
                    self.tracker,
                    self.config,
                    endpoints=self._endpoints,
                    account=self._account,
                )
                event_loops.not_at_exit(self.close)
                event_loops.at_exit(self.close)
                started = self._engine_.loop.submit(self._engine_.start(), fresh_context=True)
                if not self._engine_.loop.is_current:
                    started.result(30)
            return self._engine_

    # -- ending ------------------------------------------------------------------------------------------------

    @property
    def closed(self) -> bool:
        """Whether :meth:`close` was called."""
        return self._closed

    def close(self) -> None:
        """Stop uploads (their sessions are kept) and let go of everything; a second call changes nothing."""
        if self._closed:
            return
        self._closed = True
        event_loops.not_at_exit(self.close)
        self._stop_serving()
        for batch in list(self._batches):
            batch.abandon()
        with self._lock:
            engine, self._engine_ = self._engine_, None
        if engine is not None and self._pid == os.getpid() and engine.loop.alive:
            closing = engine.loop.submit(engine.close(), fresh_context=True)
            if not engine.loop.is_current:
                closing.result(15)
            end_panels(engine.queue)
        if self._store_ is not None:
            self._store_.close()
            self._store_ = None
        if self._born_in == os.getpid():  # a forked child must not stop its parent's sandbox
            for function in self._at_close:
                function()

    async def aclose(self) -> None:
        """As :meth:`close`, without blocking the caller's loop."""
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


def _environment_credentials(state_dir: PathLike | None) -> Credentials:
    found = environment_credentials(state_dir)
    if found is None:
        raise CredentialsError(say("client.no_credentials"), hint=say("client.no_credentials.hint"))
    return found
