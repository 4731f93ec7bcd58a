"""The sandbox itself: starts, stops, shows what happened, makes things go wrong."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ..errors import ConfigError
from ..i18n import say
from .faults import Fault, FaultKind
from .inventory import DriveFile, UnfinishedUpload, all_deleted, all_files, all_uploads, drive_file
from .settings import Settings
from .traffic_log import RequestRecord

if TYPE_CHECKING:
    from .server import ServerThread
    from .services import Services


class Sandbox:
    """A local 115 and OSS: real HTTP on a loopback port, no account needed.

    As strict as the real ones where uploads depend on it: signatures, order of parts, checksums, callback, life of
    the STS keys (protocol.md §4, §11).  Runs on its own thread, so it serves sync and async code alike.

    Args:
        data_dir: Where it keeps objects, the drive and credentials; what is there goes on.  None: a temporary
            folder that goes with the sandbox.
        host: Address to listen on.
        port: 0 for any free one.
        sts_life: Seconds that OSS keys live.
        latency_ms: Milliseconds every request waits.
        bandwidth: Bytes per second into OSS; None for no limit.
        **settings: See :class:`~pan115kit.sandbox.settings.Settings`.

    Raises:
        ConfigError: No such setting.

    Example:
        >>> with Sandbox() as sandbox:
        ...     sandbox.endpoint.startswith("http://127.0.0.1:"), sandbox.files()
        (True, [])
    """

    def __init__(
        self,
        data_dir: str | Path | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        sts_life: float = 3600.0,
        latency_ms: float = 0.0,
        bandwidth: float | None = None,
        **settings: Any,
    ) -> None:
        self._data_dir = Path(data_dir) if data_dir is not None else None
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._host, self._port = host, port
        try:
            self._settings = Settings(sts_life=sts_life, latency_ms=latency_ms, bandwidth=bandwidth, **settings)
        except TypeError as error:
            raise ConfigError(say("sandbox.unknown_option", error=error)) from None
        self._server: ServerThread | None = None

    def __repr__(self) -> str:
        where = self.endpoint if self._server is not None else "stopped"
        return f"<Sandbox {where}>"

    # -- life

    def start(self) -> Self:
        """Serve.

        Raises:
            ConfigError: uvicorn or starlette is not installed.
            OSError: The port is taken.
        """
        if self._server is None:
            thread_class = _server_class()
            try:
                server = thread_class(self._folder(), self._settings, self._host, self._port)
                server.start()
            except BaseException:  # also on Ctrl-C: what has begun is stopped
                self.stop()
                raise
            self._server, self._port = server, server.port
        return self

    def stop(self) -> None:
        """Cut connections and end; a temporary folder goes."""
        self._halt()
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None

    def restart(self, downtime: float = 0.0) -> None:
        """Die and come back at the same address after ``downtime`` seconds, with what was on disk.

        Example:
            >>> with Sandbox() as sandbox:
            ...     before = sandbox.cookie
            ...     sandbox.restart()
            ...     sandbox.cookie == before
            True
        """
        self._halt()
        time.sleep(downtime)
        self.start()

    def _halt(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None

    def _folder(self) -> Path:
        if self._data_dir is not None:
            return self._data_dir
        if self._temporary is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="pan115kit-sandbox-")
        return Path(self._temporary.name)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.start)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)

    @property
    def _services(self) -> Services:
        if self._server is None:
            raise ConfigError(say("sandbox.not_running"), hint="with Sandbox() as sandbox: …")
        return self._server.services

    # -- what a client needs

    @property
    def endpoint(self) -> str:
        """``http://host:port``: every 115 host and OSS."""
        return self._services.address

    @property
    def cookie(self) -> str:
        """A cookie that is logged in."""
        return self._services.drive.accounts.cookie

    @property
    def access_token(self) -> str:
        """The Open API access token handed out last."""
        return self._services.drive.accounts.tokens.access_token

    @property
    def refresh_token(self) -> str:
        """The refresh token that belongs to it."""
        return self._services.drive.accounts.tokens.refresh_token

    @property
    def ecdh_public_key(self) -> str:
        """The key for initupload's encryption: hex of X‖Y (protocol.md §2.4)."""
        return self._services.drive.cipher.public_key.hex()

    @property
    def rsa_modulus(self) -> int:
        """The modulus for the download calls' encryption, in place of 115's own (protocol-drive.md D3.2)."""
        return self._services.drive.m115.modulus

    @property
    def credentials(self) -> dict[str, str]:
        """All of it, as ``python -m pan115kit.sandbox`` prints it."""
        return {
            "endpoint": self.endpoint,
            "cookie": self.cookie,
            "access_token": self.access_token,
            "refresh_token": self.refresh_token,
            "ecdh_public_key": self.ecdh_public_key,
        }

    # -- looking

    def files(self, *, folders: bool = False) -> list[DriveFile]:
        """The drive's files, oldest first; with ``folders``, those too."""
        return all_files(self._services, folders=folders)

    def deleted(self) -> list[DriveFile]:
        """What is in the recycle bin, newest first."""
        return all_deleted(self._services)

    def read(self, path: str) -> bytes:
        """A file's bytes as OSS has them.

        Raises:
            FileNotFoundError: No such file, or one whose bytes 115 has from elsewhere (``add_instant``).
        """
        return b"".join(self._chunks(path))

    def sha1(self, path: str) -> str:
        """SHA-1 of a file's bytes as OSS has them, upper-case hex, computed now.

        Raises:
            FileNotFoundError: As :meth:`read`.
        """
        digest = hashlib.sha1()
        for chunk in self._chunks(path):
            digest.update(chunk)
        return digest.hexdigest().upper()

    def _chunks(self, path: str) -> Any:
        services = self._services
        entry = services.drive.tree.find(path)
        stored = None if entry is None or entry.is_dir else services.drive.uploads.content_of(entry)
        if stored is None:
            raise FileNotFoundError(path)
        return services.store.read(stored.segments)

    def uploads(self) -> list[UnfinishedUpload]:
        """Multipart uploads that were neither completed nor aborted, with their parts."""
        return all_uploads(self._services)

    @property
    def requests(self) -> list[RequestRecord]:
        """Every request so far, oldest first; no secrets in it."""
        return self._services.traffic.records()

    def count(self, route: str) -> int:
        """How many requests of a route of ``ROUTES`` arrived."""
        return self._services.traffic.count(route)

    def clear_requests(self) -> None:
        """Forget the requests so far."""
        self._services.traffic.clear()

    def log_text(self) -> str:
        """The traffic, one line a request: one look shows how 115 works."""
        return self._services.traffic.text()

    # -- making things go wrong

    def fault(
        self, route: str, kind: FaultKind | str, *, times: int | None = 1, after: int = 0, **details: Any
    ) -> Fault:
        """Let requests fail; see :class:`~pan115kit.sandbox.faults.FaultKind`.

        Args:
            route: A name of ``ROUTES``.
            kind: How.
            times: How many requests; None for all until :meth:`clear_faults`.
            after: How many pass first.

        Raises:
            ConfigError: No such route, kind or detail.

        Example:
            >>> with Sandbox() as sandbox:
            ...     fault = sandbox.fault("upload_part", "status", status=503, after=2)
            >>> fault.left
            1
        """
        return self._services.faults.add(route, kind, times=times, after=after, **details)

    def clear_faults(self) -> None:
        """No more faults; stalled requests go on."""
        self._services.faults.clear()

    @property
    def stalled(self) -> int:
        """How many requests hang right now because of a ``stall`` fault."""
        return self._services.faults.stalled

    def release(self) -> None:
        """Stalled requests go on."""
        self._services.faults.release()

    def set(self, **settings: Any) -> None:
        """Change settings while it runs: ``sts_life``, ``bandwidth``, ``latency_ms`` …

        Raises:
            ConfigError: No such setting.
        """
        from .control import change_settings

        change_settings(self._services.settings, settings)

    @property
    def size_limit(self) -> int:
        """Bytes of the largest file of the account."""
        return self._settings.size_limit

    @size_limit.setter
    def size_limit(self, size: int) -> None:
        self._settings.size_limit = size

    @property
    def space_left(self) -> int:
        """Bytes the drive has room for."""
        return self._settings.space_left

    @space_left.setter
    def space_left(self, size: int) -> None:
        self._settings.space_left = size

    def expire_access_token(self) -> None:
        """Access tokens have run out (40140125); the refresh token works once."""
        self._services.drive.accounts.expire_access_tokens()

    def revoke_refresh_token(self) -> None:
        """The authorisation is withdrawn (40140125, and 40140116 on refresh)."""
        self._services.drive.accounts.revoke()

    def expire_sts(self) -> None:
        """All OSS keys have run out (403 SecurityTokenExpired)."""
        self._services.drive.accounts.expire_sts()

    def log_out(self) -> None:
        """The cookie is kicked by a newer login (990001)."""
        self._services.drive.accounts.log_out()

    def login_step(self, status: str = "confirmed", uid: str | None = None) -> None:
        """What the person with the phone does to the newest QR code: scanned, confirmed, cancelled; or expired.

        Raises:
            ConfigError: Nobody is logging in, or there is no such status.
        """
        from .control import step_login

        step_login(self._services, status, uid)

    # -- what is there already

    def add_instant(self, sha1: str, size: int) -> None:
        """Let 115 know a content by hash and size alone: uploading it is instant, reading it is not possible."""
        self._services.drive.uploads.learn(sha1.upper(), size)

    def add_content(self, data: bytes) -> str:
        """Let 115 have some bytes from another user; their SHA-1.  The second check is checked against them."""
        return self._services.drive.add_content(data)

    def put(self, path: str, data: bytes) -> DriveFile:
        """Put a file into the drive, with its folders."""
        drive = self._services.drive
        folder, _, name = path.rpartition("/")
        parent_id = drive.tree.make_path(0, folder)
        sha1 = drive.add_content(data)
        entry = drive.tree.add_file(drive.tree.new_id(), parent_id, name, len(data), sha1)
        return drive_file(self._services, entry)

    def remove(self, path: str) -> None:
        """Take a file or folder out of the drive; 115 still knows the content.

        Raises:
            FileNotFoundError: No such entry.
        """
        entry = self._services.drive.tree.find(path)
        if entry is None:
            raise FileNotFoundError(path)
        self._services.drive.tree.remove(entry.file_id)


def _server_class() -> type[ServerThread]:
    try:
        from .server import ServerThread
    except ImportError as error:
        raise ConfigError(
            say("sandbox.needs_package", package=error.name or "uvicorn"), hint='pip install "pan115kit[server]"'
        ) from error
    return ServerThread
