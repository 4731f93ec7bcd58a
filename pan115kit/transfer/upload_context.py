"""What every upload is handed: the drive, OSS, the store and the limits of one client."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import httpx

from ..config import UploadConfig
from ..drive.interface import Drive
from ..models import UploadTicket
from ..oss.bucket import OssBucket
from ..oss.sts_keys import CredentialsProvider
from ..progress.recorder import ProgressRecorder
from ..store import Store
from .bandwidth import Bandwidth
from .retries import Retries
from .target_folders import TargetFolders
from .transfer_stats import TransferStats


@dataclass(slots=True, eq=False)
class UploadContext:
    """Shared by all uploads of one client.

    Attributes:
        sleep: Waits that many seconds (tests pass their own).
        random: A number in [0, 1) for the jitter of retries.
    """

    drive: Drive
    http: httpx.AsyncClient
    credentials: CredentialsProvider
    store: Store
    config: UploadConfig
    bandwidth: Bandwidth
    folders: TargetFolders
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random: Callable[[], float] = field(default=random.random)

    def bucket(self, name: str) -> OssBucket:
        """The OSS bucket of that name."""
        return OssBucket(self.http, self.credentials, name)

    def bucket_of(self, ticket: UploadTicket) -> OssBucket:
        """The OSS bucket that ``ticket`` names."""
        return self.bucket(ticket.bucket)

    def retries(self, stats: TransferStats, recorder: ProgressRecorder) -> Retries:
        """The tries of one request of one upload."""

        def count() -> None:
            stats.retries += 1
            recorder.count_retry()

        async def wait(attempt: int) -> None:
            await self.sleep(self.config.retry_wait(attempt, self.random()))

        return Retries(self.config.retries, wait, count)
