"""Hashes of bytes on their way to disk: MD5 and CRC-64 of each body, SHA-1 where order allows it
(protocol.md §4.3).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import BinaryIO

from fastcrc import crc64

#: Bytes gathered before a worker thread hashes and writes them.
_BATCH = 1024 * 1024
#: A body this short is hashed on the spot: a thread would cost more.
_SMALL = 64 * 1024


@dataclass(frozen=True, slots=True)
class RunningHash:
    """The state of a whole object's hashes after some of its parts; only order makes one possible."""

    parts: int
    sha1: hashlib._Hash
    crc64: int

    @classmethod
    def start(cls) -> RunningHash:
        """Before the first byte."""
        return cls(0, hashlib.sha1(), 0)


class StreamDigest:
    """MD5 and CRC-64 of one body, and the whole object's hashes carried on where order allows it.

    Args:
        before: The whole object's hashes before this body; None when the body stands alone.
    """

    def __init__(self, before: RunningHash | None) -> None:
        self._before = before
        self._sha1 = before.sha1.copy() if before is not None else None
        self._whole_crc64 = before.crc64 if before is not None else 0
        self._md5 = hashlib.md5()
        self.crc64 = 0
        self.size = 0

    def update(self, data: bytes) -> None:
        """Add bytes."""
        self.update_body(data)
        self.update_whole(data)

    def update_body(self, data: bytes) -> None:
        """This body's half of :meth:`update`; the halves may run in two threads."""
        self._md5.update(data)
        self.crc64 = crc64.xz(data, self.crc64)
        self.size += len(data)

    def update_whole(self, data: bytes) -> None:
        """The whole object's half of :meth:`update`."""
        if self._sha1 is not None:
            self._sha1.update(data)
            self._whole_crc64 = crc64.xz(data, self._whole_crc64)

    @property
    def md5(self) -> str:
        """Upper-case hex of this body, as OSS's ETag."""
        return self._md5.hexdigest().upper()

    @property
    def sha1(self) -> str:
        """Upper-case hex of the whole so far; empty when order did not allow it."""
        return self._sha1.hexdigest().upper() if self._sha1 is not None else ""

    @property
    def sha1_state(self) -> hashlib._Hash:
        """The SHA-1 so far, to go on with."""
        assert self._sha1 is not None
        return self._sha1

    @property
    def after(self) -> RunningHash | None:
        """The whole object's hashes with this body."""
        if self._before is None or self._sha1 is None:
            return None
        return RunningHash(self._before.parts + 1, self._sha1, self._whole_crc64)


async def pump(chunks: AsyncIterator[bytes], digest: StreamDigest, file: BinaryIO) -> None:
    """Stream a body to a file; two threads hash and write one batch while the next one comes in."""
    batch: list[bytes] = []
    size = 0
    working: asyncio.Future[tuple[None, None]] | None = None

    def write(data: bytes) -> None:
        digest.update_whole(data)
        file.write(data)

    def start(data: bytes) -> asyncio.Future[tuple[None, None]]:
        # MD5 takes about as long as all the rest together.
        return asyncio.gather(asyncio.to_thread(digest.update_body, data), asyncio.to_thread(write, data))

    try:
        async for chunk in chunks:
            batch.append(chunk)
            size += len(chunk)
            if size >= _BATCH:
                if working is not None:
                    await asyncio.shield(working)
                working = start(b"".join(batch))
                batch, size = [], 0
    finally:
        if working is not None:  # never close the file under the workers
            await working
    rest = b"".join(batch)
    if size > _SMALL:
        await start(rest)
    else:
        digest.update_body(rest)
        write(rest)


def base64_md5(hex_md5: str) -> str:
    """As Content-MD5 writes it."""
    return base64.b64encode(bytes.fromhex(hex_md5)).decode()


def is_base64_md5(text: str) -> bool:
    """Is it a well-formed Content-MD5?"""
    try:
        return len(base64.b64decode(text, validate=True)) == 16
    except binascii.Error:
        return False
