"""What every upload is handed: the drive, OSS, the store, the limits; and the folders found so far."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

import httpx

from ..config import UploadConfig
from ..drive.interface import Drive
from ..drive.names import check_folder_path
from ..errors import Pan115Error, TargetError
from ..models import UploadTicket
from ..oss.bucket import OssBucket
from ..oss.sts_keys import CredentialsProvider
from ..store import Store
from .bandwidth import Bandwidth

T = TypeVar("T")


class Folders:
    """Folder path -> id, asked once for all the files that go there."""

    def __init__(self, drive: Drive) -> None:
        self._drive = drive
        self._known: dict[str, str] = {"/": "0"}
        self._locks: dict[str, asyncio.Lock] = {}

    async def id_of(self, path: str, *, create: bool) -> str:
        """The id of folder ``path``.

        Args:
            path: ``/a/b``.
            create: Make what is missing.

        Raises:
            TargetError: It is missing and may not, or cannot, be made.
        """
        path = check_folder_path(path)
        async with self._locks.setdefault(path, asyncio.Lock()):
            if path in self._known:
                return self._known[path]
            found = await (self._drive.make_folders(path) if create else self._drive.find_folder(path))
            if found is None:
                raise TargetError(
                    f"there is no folder {path} on the drive", hint="make it first, or allow create_target"
                )
            self._known[path] = found
            return found

    def forget(self, path: str) -> None:
        """Ask anew next time: the folder turned out to be gone."""
        self._known.pop(check_folder_path(path), None)
        self._known["/"] = "0"


@dataclass(slots=True, eq=False)
class Tools:
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
    folders: Folders
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random: Callable[[], float] = field(default=random.random)

    def bucket(self, name: str) -> OssBucket:
        """The OSS bucket of a ticket."""
        return OssBucket(self.http, self.credentials, name)

    def bucket_of(self, ticket: UploadTicket) -> OssBucket:
        """The OSS bucket ``ticket`` names."""
        return self.bucket(ticket.bucket)

    async def back_off(self, attempt: int) -> None:
        """Wait before try ``attempt`` of the same call."""
        await self.sleep(self.config.retry_wait(attempt, self.random()))

    async def retrying(self, call: Callable[[], Awaitable[T]], retried: Callable[[], None] = lambda: None) -> T:
        """``call`` until it works, while its errors say that a retry helps and tries are left.

        Only for calls that may be made twice (initiate, ListParts, abort): a part's fate is settled otherwise.

        Args:
            call: Makes the call.
            retried: Told before each further try.
        """
        attempt = 0
        while True:
            try:
                return await call()
            except Pan115Error as error:
                attempt += 1
                if not error.retryable or attempt > self.config.retries:
                    raise
                retried()
                await self.back_off(attempt)
