"""A running sandbox and drives on it, for the tests of ``pan115kit.drive``."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import pytest

from pan115kit.config import Endpoints, UploadConfig
from pan115kit.drive import Credentials, Drive, FileClaim, Instant, NeedsUpload, make_drive
from pan115kit.sandbox import Sandbox

T = TypeVar("T")
CONFIG = UploadConfig(api_rate=0, retries=2, retry_base=0.01, retry_cap=0.05, connect_timeout=120, read_timeout=120)
SMALL = b"hello 115"
LARGE = os.urandom(2 << 20)


@pytest.fixture(name="sandbox")
def sandbox_fixture() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture(name="route", params=["cookie", "open"])
def route_fixture(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def drive_at(sandbox: Sandbox, route: str, **options: Any) -> Drive:
    options.setdefault("config", CONFIG)
    options.setdefault("server_public_key", bytes.fromhex(sandbox.ecdh_public_key))
    options.setdefault("download_modulus", sandbox.rsa_modulus)
    on_tokens = options.pop("on_tokens", None)
    credentials = (
        Credentials(sandbox.cookie)
        if route == "cookie"
        else Credentials(access_token=sandbox.access_token, refresh_token=sandbox.refresh_token, on_tokens=on_tokens)
    )
    return make_drive(credentials, endpoints=Endpoints.at(sandbox.endpoint), **options)


def run(drive: Drive, story: Callable[[Drive], Awaitable[T]]) -> T:
    async def main() -> T:
        try:
            return await story(drive)
        finally:
            await drive.close()

    return asyncio.run(main())


def sha1(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest().upper()


def claim(data: bytes, name: str = "影片 1&2.mkv", folder: str = "0") -> FileClaim:
    return FileClaim(name, len(data), sha1(data), folder)


def hasher(data: bytes) -> Callable[[int, int], Awaitable[str]]:
    async def hash_range(start: int, end: int) -> str:
        return sha1(data[start : end + 1])

    return hash_range


def init(data: bytes, **claimed: str) -> Callable[[Drive], Awaitable[Instant | NeedsUpload]]:
    return lambda drive: drive.init(claim(data, **claimed), hasher(data))
