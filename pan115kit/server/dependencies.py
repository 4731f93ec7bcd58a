"""What the routes work with."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from ..progress.snapshot import UploadProgress
from ..store import Store
from ..transfer.queue import UploadQueue
from ..transfer.queued_job import QueuedJob
from .all_uploads import AllUploads
from .allowed_folders import AllowedFolders
from .spool import Spool


def _version() -> str:
    try:
        return version("pan115kit")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "0"


#: The kit's release (of the installed package: the root package is above this floor).
VERSION = _version()


@dataclass(frozen=True, slots=True, eq=False)
class ServerDependencies:
    """Queue, uploads, state directory, allowed folders and spooled files of one server."""

    queue: UploadQueue
    uploads: AllUploads
    store: Store
    folders: AllowedFolders
    spool: Spool

    def folder_of(self, file_path: str) -> str:
        """The folder under which a file that an upload or session names must lie whenever it is read here.

        Raises:
            OutsideFolderError: It is under none from which may be uploaded.
        """
        return str(self.spool.folder) if self.spool.contains(file_path) else self.folders.place(file_path).folder

    def remove_when_uploaded(self, job: QueuedJob) -> None:
        """A spooled file is removed when 115 has verified it; where its upload fails it stays for a retry."""
        spool_id = self.spool.id_of(job.request.file_path)
        if spool_id is None:
            return

        async def look(shot: UploadProgress) -> None:
            if shot.status.is_success:
                await asyncio.to_thread(self.spool.remove, spool_id)

        self.uploads.tracker.watch(job.job_id, look)

    async def remove_old_files(self) -> None:
        """Remove spooled files that nobody has come back for."""
        needed = {session.file_path for session in await self.store.call(self.store.sessions.list)}
        needed |= {job.request.file_path for job in self.queue.jobs() if not job.status.is_final}
        await asyncio.to_thread(self.spool.remove_old, needed.__contains__)
