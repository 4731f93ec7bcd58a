"""The services of a sandbox, put together: 115, OSS, and what both stand on."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from .database import Database
from .drive.service import DriveService
from .faults import Faults
from .keys import CallbackKey
from .object_store import ObjectStore
from .oss.callback import CallbackSender
from .oss.service import OssService
from .settings import Settings
from .traffic_log import TrafficLog


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that a sandbox runs.

    Attributes:
        address: ``http://host:port`` of the sandbox.
    """

    address: str
    settings: Settings
    database: Database
    traffic: TrafficLog
    faults: Faults
    store: ObjectStore
    drive: DriveService
    oss: OssService

    @classmethod
    def create(cls, folder: Path, settings: Settings, address: str) -> Services:
        """All services on a data directory; what it holds goes on."""
        folder.mkdir(parents=True, exist_ok=True)
        database = Database(folder / "sandbox.sqlite3")
        callback_key = CallbackKey(database.once("callback_secret", lambda: secrets.token_hex(32)))
        store = ObjectStore(folder / "blobs", database)
        drive = DriveService.create(address, settings, database, store, callback_key)
        settings.space_left -= drive.tree.used()
        accounts = drive.accounts
        sender = CallbackSender(address, callback_key)
        return cls(
            address=address,
            settings=settings,
            database=database,
            traffic=TrafficLog(),
            faults=Faults(),
            store=store,
            drive=drive,
            oss=OssService(store, accounts.find_sts, accounts.form_key, sender, settings),
        )

    async def close(self) -> None:
        """Drop kept connections."""
        await self.oss.close()
