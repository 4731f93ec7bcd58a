"""What a client is made of and how long it lives: credentials, state directory, engine."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ._base import event_loops
from .config import Endpoints, UploadConfig, state_directory
from .drive import Drive, OnTokens, make_drive
from .drive.auth.credentials_file import Credentials, CredentialStore
from .drive.auth.saved_tokens import SavedTokens
from .errors import ConfigError, CredentialsError, Pan115Error
from .notebook.shown import end_panels
from .progress.tracker import ProgressTracker, get_progress_manager
from .store import Store, open_store
from .transfer.engine import Engine
from .transfer.queue import UploadQueue

if TYPE_CHECKING:
    from .server import Server

PathLike = str | os.PathLike[str]


class ClientCore:
    """Everything of :class:`~pan115kit.client.Pan115Client` that is not about uploading.

    Its arguments are described there.
    """

    def __init__(
        self,
        user_key: str | None = None,
        *,
        access_token: str | None = None,
        refresh_token: str | None = None,
        on_tokens: OnTokens | SavedTokens | None = None,
        endpoint: str | None = None,
        state_dir: PathLike | None = None,
        config: UploadConfig | None = None,
        _server_public_key: bytes | None = None,
    ) -> None:
        if user_key is None and access_token is None and refresh_token is None:
            user_key, access_token, refresh_token = _credentials_from_environment()
        self.config = config or UploadConfig.from_environment()
        self._lock = threading.Lock()
        self._pid = self._born_in = os.getpid()
        self._engine_: Engine | None = None
        self._store_: Store | None = None
        self._closed = False
        self._at_close: list[Callable[[], None]] = []
        self._served: tuple[dict[str, Any], Server] | None = None

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
            config: What uploads may do; calls are rate-limited only if it names an ``api_rate``.
            route: ``cookie`` or ``open``.
            **options: For :class:`pan115kit.sandbox.Sandbox`, e.g. ``bandwidth=5_000_000``.

        Example:
            >>> with Pan115Client.sandbox() as client:                     # doctest: +SKIP
            ...     client.upload("movie.mkv", "/影视")["success"]
            True
        """
        from .sandbox import Sandbox

        config = config or UploadConfig.from_environment()
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
                config=config.with_(api_rate=0.0) if config.limits_api_by_default else config,
                _server_public_key=bytes.fromhex(box.ecdh_public_key),
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
        cls, *, state_dir: PathLike | None = None, keyring: bool = False, config: UploadConfig | None = None
    ) -> Self:
        """A client with the credentials that a login has kept; renewed tokens are kept there too.

        Raises:
            CredentialsError: None are kept.

        Example:
            >>> client = Pan115Client.from_saved()      # doctest: +SKIP
        """
        kept = CredentialStore(state_directory(state_dir), keyring=keyring)
        found = kept.load()
        if found is None:
            raise CredentialsError(
                "no credentials are kept", hint="log in with: python -m pan115kit login --save file"
            )
        return cls._of(found, kept, state_dir=state_dir, config=config)

    @classmethod
    def _of(cls, found: Credentials, kept: CredentialStore | None, **options: Any) -> Self:
        """A client with what a login gave; renewed tokens go where the login is kept."""
        return cls(
            found.cookie or None,
            access_token=found.access_token or None,
            refresh_token=found.refresh_token or None,
            on_tokens=SavedTokens(kept, found) if kept else None,
            **options,
        )

    @classmethod
    async def login(
        cls,
        route: str = "cookie",
        *,
        app: str | None = None,
        client_id: str | None = None,
        save: str | None = None,
        endpoint: str | None = None,
        state_dir: PathLike | None = None,
        config: UploadConfig | None = None,
    ) -> Self:
        """A client of the account whose owner scans the QR code that is shown now.

        Args:
            route: ``cookie``, or ``open`` for Open API tokens.
            app: Kind of device of the cookie route (:data:`pan115kit.drive.auth.qr_login.COOKIE_APPS`).
            client_id: App of the Open API (``PAN115_CLIENT_ID``).
            save: ``file`` or ``keyring`` to keep the credentials for :meth:`from_saved`; None keeps them nowhere.
            endpoint: One address for all of 115's hosts.
            state_dir: Where sessions, history and the file of credentials live.
            config: What uploads may do.

        Raises:
            ConfigError: ``route`` or ``save`` is not known, or the keyring is not installed.
            LoginError: Cancelled on the phone, or no code was scanned in time.

        Example:
            >>> client = await Pan115Client.login(save="file")      # doctest: +SKIP
        """
        from .notebook.qr_screen import check_login, scan

        check_login(route, save)
        kept = CredentialStore(state_directory(state_dir), keyring=save == "keyring") if save else None
        found = await scan(route, app=app, client_id=client_id, endpoint=endpoint, kept=kept)
        return cls._of(found, kept, endpoint=endpoint, state_dir=state_dir, config=config)

    #: The sandbox behind :meth:`sandbox`, or None.
    local_sandbox: Any = None

    # -- parts -------------------------------------------------------------------------------------------------

    @property
    def tracker(self) -> ProgressTracker:
        """Where progress is published; every client of a process shares it."""
        return get_progress_manager()

    @property
    def parts(self) -> tuple[UploadQueue, ProgressTracker, Store]:
        """What faces (panels, servers) are made of: queue, tracker, store."""
        engine = self._engine
        return engine.queue, engine.tracker, engine.store

    def _store(self) -> Store:
        if self._closed:
            raise ConfigError("this client is closed", hint="make a new one")
        if self._store_ is None:
            self._store_ = open_store(self.state_dir)
        return self._store_

    @property
    def _engine(self) -> Engine:
        if self._closed:
            raise ConfigError("this client is closed", hint="make a new one")
        with self._lock:
            if self._engine_ is None or self._pid != os.getpid():
                if self._pid != os.getpid():  # a forked child: the parent's store is the parent's
                    self._pid, self._store_ = os.getpid(), None
                self._engine_ = Engine(self._build_drive(), self._store(), self.tracker, self.config)
                event_loops.not_at_exit(self.close)
                event_loops.at_exit(self.close)
                started = self._engine_.loop.submit(self._engine_.start(), fresh_context=True)
                if not self._engine_.loop.is_current:
                    started.result(30)
            return self._engine_

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
            roots: Local folders the page may upload from; None allows the current and the home folder.
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
            from .server import serve
        except ModuleNotFoundError as error:
            hint = "install it with: pip install 'pan115kit[server]'"
            raise ConfigError(f"the server needs {error.name}", hint=hint) from None
        asked: dict[str, Any] = {
            "host": host,
            "port": port,
            "token": token,
            "roots": [Path.cwd(), Path.home()] if roots is None else [*roots],
            "allow_remote": allow_remote,
            "allowed_hosts": [*allowed_hosts],
            "allowed_origins": [*allowed_origins],
        }
        if self._served is not None and self._served[1].running and self._served[0] == asked:
            return self._served[1]
        self._stop_serving()
        self._served = asked, serve(*self.parts, **asked)
        return self._served[1]

    def _stop_serving(self) -> None:
        if self._served is not None:
            self._served[1].stop()
            self._served = None

    # -- ending ------------------------------------------------------------------------------------------------

    @property
    def closed(self) -> bool:
        """Whether :meth:`close` was called."""
        return self._closed

    def close(self) -> None:
        """Stop uploads (their sessions are kept) and let go of everything; again is no more."""
        if self._closed:
            return
        self._closed = True
        event_loops.not_at_exit(self.close)
        self._stop_serving()
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
