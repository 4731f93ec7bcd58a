"""One client's working parts, put together; they live on the engine's loop."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from .._base import event_loops
from ..config import Endpoints, UploadConfig
from ..drive.interface import Drive
from ..oss.sts_keys import CredentialsProvider
from ..oss.transport import make_http_client
from ..progress.tracker import ProgressTracker
from ..store import Store
from ..store.resume_manager import UploadResumeManager
from .bandwidth import Bandwidth
from .content_files import CONTENT_FOLDER, clean
from .network_watch import Address, NetworkWatch, address_of
from .queue import UploadQueue
from .target_folders import TargetFolders
from .upload_context import UploadContext

logger = logging.getLogger("pan115kit")


class Engine:
    """Drive, OSS, store and queue of one client.

    Args:
        drive: A route to 115.
        store: The state directory.
        tracker: Where progress is published.
        config: What uploads may do.
        endpoints: Where 115's hosts are; asked whether there is a network.
        account: Tells one account of this process from another.
        loop: The loop thread it lives on.
        clock: Epoch seconds.
    """

    def __init__(
        self,
        drive: Drive,
        store: Store,
        tracker: ProgressTracker,
        config: UploadConfig,
        *,
        endpoints: Endpoints | None = None,
        account: str = "",
        loop: event_loops.LoopThread | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.drive = drive
        self.store = store
        self.tracker = tracker
        self.config = config
        self.loop = loop or event_loops.engine()
        self.http = make_http_client(config)
        self.bandwidth = Bandwidth(config.bandwidth_limit)
        credentials = CredentialsProvider(drive.oss_token, clock=clock)
        hosts = endpoints or Endpoints.from_environment()

        def addresses() -> list[Address]:
            return [address_of(url) for url in (hosts.upload, hosts.web, hosts.pro, *credentials.endpoints())]

        self.context = UploadContext(
            drive=drive,
            http=self.http,
            credentials=credentials,
            store=store,
            config=config,
            bandwidth=self.bandwidth,
            folders=TargetFolders(drive),
            network=NetworkWatch(addresses, clock=clock),
            account=account,
        )
        self.queue = UploadQueue(self.context, tracker, loop=self.loop, clock=clock)

    async def start(self) -> None:
        """Clean what has expired; what it leaves on OSS is aborted by the queue's chores, beside the uploads."""
        if self.config.session_days:
            removed = await UploadResumeManager.of(self.store).clean_expired_sessions(self.config.session_days)
            if removed:
                logger.info("gave up %d unfinished uploads untouched for %g days", removed, self.config.session_days)
        if (self.store.directory / CONTENT_FOLDER).is_dir():
            in_use = {session.file_path for session in await self.store.call(self.store.sessions.list)}
            await asyncio.to_thread(clean, self.store.directory, in_use)
        if await self.store.call(self.store.sessions.pending_aborts):
            self.queue.start_chores()

    async def close(self) -> None:
        """Stop all uploads, keep their sessions, close connections."""
        await self.queue.close()
        await self.http.aclose()
        await self.drive.close()
