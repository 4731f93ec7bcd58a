"""What every upload is handed: the drive, OSS, the store and the limits of one client."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import httpx

from ..config import UploadConfig
from ..drive.interface import Drive
from ..errors import NetworkError, Pan115Error
from ..models import UploadTicket, WaitingFor
from ..oss.bucket import OssBucket
from ..oss.sts_keys import CredentialsProvider
from ..progress.recorder import ProgressRecorder
from ..store import Store
from .bandwidth import Bandwidth
from .content_turns import ContentTurns
from .network_watch import Network, NetworkWatch
from .retries import Retries
from .target_folders import TargetFolders
from .transfer_stats import TransferStats


@dataclass(slots=True, eq=False)
class UploadContext:
    """Shared by all uploads of one client.

    Attributes:
        account: Tells one account of this process from another.
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
    network: NetworkWatch
    contents: ContentTurns = field(default_factory=ContentTurns)
    account: str = ""
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

        async def outage_is_over(error: Pan115Error) -> bool:
            return await self.outage_is_over(error, recorder)

        return Retries(self.config.retries, wait, count, outage_is_over)

    async def outage_is_over(self, error: BaseException, recorder: ProgressRecorder) -> bool:
        """Wait out an outage of the network, and show that (laws.md 18).

        Args:
            error: What a request ended with.
            recorder: Shows why its upload waits.

        Returns:
            Whether there was an outage that is over; False where there is none, or patience is at its end.
        """
        if not isinstance(error, NetworkError) or not error.retryable:
            return False

        def waiting(since: float) -> None:
            recorder.set_waiting(WaitingFor.NETWORK, since)

        try:
            return await self.network.wait(self.config.network_patience, waiting) is Network.BACK
        finally:
            recorder.set_waiting(None)
