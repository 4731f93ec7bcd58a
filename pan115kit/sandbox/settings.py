"""What can be changed while the sandbox runs."""

from __future__ import annotations

from dataclasses import dataclass

from ..config import GIB, MIB


@dataclass(slots=True)
class Settings:
    """Everything that can be changed while the sandbox runs.

    Attributes:
        sts_life: Seconds that new STS keys live (protocol.md §2.2: 3600).
        access_token_life: Seconds that new access tokens live (protocol.md §1.2: 7200).
        latency_ms: Milliseconds every request waits before it is looked at.
        bandwidth: Bytes per second into OSS, over all connections together; None for no limit.
        size_limit: Bytes of the largest file of the account (protocol.md §2.1).
        space_left: Bytes the drive still has room for.
        second_check_size: Files of at least this many bytes are asked for the SHA-1 of a range (protocol.md §2.3).
        min_app_version: initupload answers "please upgrade" below it.
        callback_timeout: Seconds OSS waits for the callback (protocol.md §4.9: 5).
        qr_polls: Status polls until a QR login counts as confirmed; None: only :meth:`Sandbox.login_step` does.
        qr_long_poll: Seconds a status poll is held when nothing changes by itself.
        object_as_url: init answers with a full URL as ``object``, which p115oss needs to keep the port
            (protocol.md §11.3).
        folder_limit: Entries a folder may have (protocol.md §6.3).
    """

    sts_life: float = 3600.0
    access_token_life: float = 7200.0
    latency_ms: float = 0.0
    bandwidth: float | None = None
    size_limit: int = 115 * GIB
    space_left: int = 10 * 1024 * GIB
    second_check_size: int = MIB
    min_app_version: str = "27.0.0"
    callback_timeout: float = 5.0
    qr_polls: int | None = 3
    qr_long_poll: float = 30.0
    object_as_url: bool = False
    folder_limit: int = 50_000
