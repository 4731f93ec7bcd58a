"""The specification's ``UploadResumeManager``: list, look at, delete and clean resumable uploads.

Example:
    >>> import asyncio, tempfile
    >>> async def main(directory):
    ...     manager = UploadResumeManager(directory)
    ...     for session in await manager.list_sessions():
    ...         print(f"{session.file_path}: {session.get_progress():.2f}%")
    ...     removed = await manager.clean_expired_sessions(days=7)
    ...     manager.close()
    ...     return removed
    >>> with tempfile.TemporaryDirectory() as name:
    ...     asyncio.run(main(name))
    0
"""

from __future__ import annotations

import os
import threading
from typing import Self

from ..config import state_directory
from ..models import UploadSession
from .store import Store, open_store


class UploadResumeManager:
    """Manage resumable uploads from any event loop.

    Args:
        storage_dir: The state directory; None takes the configured one (``PAN115_STATE_DIR``).

    Example:
        >>> UploadResumeManager("./custom/upload_sessions").storage_dir.name
        'upload_sessions'
    """

    def __init__(self, storage_dir: str | os.PathLike[str] | None = None) -> None:
        self.storage_dir = state_directory(storage_dir)
        self._store: Store | None = None
        self._lent = False
        self._lock = threading.Lock()

    @classmethod
    def of(cls, store: Store) -> Self:
        """A manager of a store that is open already and stays its owner's to close.

        Example:
            >>> import asyncio, tempfile
            >>> with tempfile.TemporaryDirectory() as name, open_store(name) as store:
            ...     asyncio.run(UploadResumeManager.of(store).list_sessions())
            []
        """
        manager = cls(store.directory)
        manager._store = store
        manager._lent = True
        return manager

    async def list_sessions(self) -> list[UploadSession]:
        """All resumable uploads, the one touched last first.

        Raises:
            StoreError: The state directory cannot be used.
        """
        store = self._opened()
        return await store.call(store.sessions.list)

    async def get_session(self, session_id: str) -> UploadSession | None:
        """One resumable upload, or None."""
        store = self._opened()
        return await store.call(store.sessions.get, session_id)

    async def delete_session(self, session_id: str) -> bool:
        """Forget a resumable upload.  What OSS holds of it is aborted at the next opportunity.

        Returns:
            Whether there was one.

        Raises:
            SessionBusyError: It is being uploaded right now; cancel the upload instead.
        """
        store = self._opened()
        return await store.call(store.sessions.discard, session_id)

    async def clean_expired_sessions(self, days: float = 7) -> int:
        """Forget resumable uploads untouched for more than ``days`` days, but none that is running.

        Returns:
            How many were removed.

        Raises:
            ConfigError: ``days`` is negative.
        """
        store = self._opened()
        return await store.call(store.sessions.discard_expired, days)

    def close(self) -> None:
        """Let go of the state directory; the next call opens it again."""
        with self._lock:
            store, lent = self._store, self._lent
            self._store, self._lent = None, False
        if store is not None and not lent:
            store.close()

    def _opened(self) -> Store:
        with self._lock:
            if self._store is None:
                self._store = open_store(self.storage_dir)
            return self._store


_managers: dict[str, UploadResumeManager] = {}


def get_resume_manager() -> UploadResumeManager:
    """The manager of the configured state directory, one per process.

    Example:
        >>> get_resume_manager() is get_resume_manager()
        True
    """
    directory = state_directory()
    return _managers.setdefault(str(directory), UploadResumeManager(directory))
