"""Where OSS keeps its bytes: parts and objects as segment files, hashed while they stream in.

An object is a list of segments, one per part, so Complete moves no byte.  The SHA-1 of a whole object is known
only if its bytes came in order (a single PUT or a ``sequential`` upload), exactly as with the real OSS
(protocol.md §4.3).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

from .database import Database
from .digest import RunningHash, StreamDigest, pump

_READ_SIZE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Segment:
    """Bytes that just came in, not yet part of anything."""

    name: str
    digest: StreamDigest


@dataclass(frozen=True, slots=True)
class Part:
    """A stored part.

    Attributes:
        md5: Upper-case hex (its ETag).
        stored_at: Epoch seconds.
    """

    number: int
    size: int
    md5: str
    crc64: int
    segment: str
    stored_at: float


@dataclass(frozen=True, slots=True)
class Upload:
    """A multipart upload that is neither completed nor aborted."""

    upload_id: str
    bucket: str
    key: str
    sequential: bool
    mime: str
    initiated_at: float


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object.

    Attributes:
        etag: Without quotes: the MD5, or ``<hex>-<parts>`` after a multipart upload.
        md5: Upper-case hex of the whole; empty when OSS cannot know it.
        sha1: Upper-case hex of the whole; empty when OSS cannot know it.
        segments: File names, in order.
    """

    bucket: str
    key: str
    size: int
    etag: str
    md5: str
    sha1: str
    crc64: int
    mime: str
    segments: tuple[str, ...]
    stored_at: float


class ObjectStore:
    """Segments on disk, what they belong to in the database.

    Args:
        folder: Where segment files live; leftovers that belong to nothing are removed at the start.
    """

    def __init__(self, folder: Path, database: Database) -> None:
        self._folder = folder
        self._database = database
        self._running: dict[str, RunningHash] = {}
        self._completing: set[str] = set()
        folder.mkdir(parents=True, exist_ok=True)
        self._remove_orphans()

    # -- bytes

    async def receive(self, chunks: AsyncIterator[bytes], before: RunningHash | None) -> Segment:
        """Stream a body to disk; one batch is hashed in a thread while the next one is read from the socket.

        Raises:
            Whatever ``chunks`` raises; nothing stays on disk then.
        """
        name, digest = secrets.token_hex(16), StreamDigest(before)
        path = self._folder / name
        done = False
        try:
            with path.open("wb") as file:
                await pump(chunks, digest, file)
            done = True
        finally:
            if not done:
                path.unlink(missing_ok=True)
        return Segment(name, digest)

    def add_bytes(self, data: bytes) -> Segment:
        """Store bytes that are already here."""
        digest = StreamDigest(RunningHash.start())
        digest.update(data)
        name = secrets.token_hex(16)
        (self._folder / name).write_bytes(data)
        return Segment(name, digest)

    def discard(self, *segments: str) -> None:
        """Remove segments nobody refers to any more."""
        for name in segments:
            (self._folder / name).unlink(missing_ok=True)

    def read(self, segments: tuple[str, ...], start: int = 0, size: int | None = None) -> Iterator[bytes]:
        """The bytes of some segments from ``start`` on."""
        left = size
        for name in segments:
            path = self._folder / name
            length = path.stat().st_size
            if start >= length:
                start -= length
                continue
            with path.open("rb") as file:
                file.seek(start)
                start = 0
                while left is None or left > 0:
                    chunk = file.read(_READ_SIZE if left is None else min(_READ_SIZE, left))
                    if not chunk:
                        break
                    left = None if left is None else left - len(chunk)
                    yield chunk

    # -- objects

    def object(self, bucket: str, key: str) -> StoredObject | None:
        """An object, or None."""
        row = self._database.row("SELECT * FROM object WHERE bucket=? AND key=?", bucket, key)
        return None if row is None else _object(row)

    def put(self, stored: StoredObject) -> None:
        """Make an object visible, in the place of an older one of the same key."""
        old = self.object(stored.bucket, stored.key)
        self._database.run(
            "INSERT OR REPLACE INTO object VALUES(?,?,?,?,?,?,?,?,?,?)",
            stored.bucket,
            stored.key,
            stored.size,
            stored.etag,
            stored.md5,
            stored.sha1,
            str(stored.crc64),
            stored.mime,
            json.dumps(stored.segments),
            stored.stored_at,
        )
        if old is not None:
            self.discard(*set(old.segments) - set(stored.segments))

    def single(self, bucket: str, key: str, mime: str, segment: Segment) -> StoredObject:
        """The object that one body makes."""
        digest = segment.digest
        return StoredObject(
            bucket=bucket,
            key=key,
            size=digest.size,
            etag=digest.md5,
            md5=digest.md5,
            sha1=digest.sha1,
            crc64=digest.crc64,
            mime=mime or "application/octet-stream",
            segments=(segment.name,),
            stored_at=time.time(),
        )

    # -- multipart uploads

    def initiate(self, bucket: str, key: str, mime: str, *, sequential: bool) -> Upload:
        """A new upload_id."""
        upload = Upload(secrets.token_hex(16).upper(), bucket, key, sequential, mime, time.time())
        self._database.run(
            "INSERT INTO upload VALUES(?,?,?,?,?,?)",
            upload.upload_id,
            bucket,
            key,
            int(sequential),
            mime,
            upload.initiated_at,
        )
        return upload

    def upload(self, upload_id: str) -> Upload | None:
        """An unfinished upload, or None."""
        row = self._database.row("SELECT * FROM upload WHERE upload_id=?", upload_id)
        return None if row is None or upload_id in self._completing else _upload(row)

    def uploads(self) -> list[Upload]:
        """All unfinished uploads, by key and upload_id."""
        return [_upload(r) for r in self._database.rows("SELECT * FROM upload ORDER BY key, upload_id")]

    def parts(self, upload_id: str, after: int = 0, limit: int = 10_000) -> list[Part]:
        """Stored parts, ascending."""
        rows = self._database.rows(
            "SELECT * FROM part WHERE upload_id=? AND number>? ORDER BY number LIMIT ?", upload_id, after, limit
        )
        return [_part(r) for r in rows]

    def last_number(self, upload_id: str) -> int:
        """The highest part number stored, 0 for none."""
        return self._database.number("SELECT max(number) FROM part WHERE upload_id=?", upload_id)

    def add_part(self, upload: Upload, number: int, segment: Segment) -> Part:
        """Make a part count, in the place of an older one of the same number."""
        digest = segment.digest
        part = Part(number, digest.size, digest.md5, digest.crc64, segment.name, time.time())
        old = self._database.row("SELECT segment FROM part WHERE upload_id=? AND number=?", upload.upload_id, number)
        self._database.run(
            "INSERT OR REPLACE INTO part VALUES(?,?,?,?,?,?,?)",
            upload.upload_id,
            number,
            part.size,
            part.md5,
            str(part.crc64),
            part.segment,
            part.stored_at,
        )
        if old is not None:
            self.discard(old["segment"])
        if digest.after is not None:
            self._running[upload.upload_id] = digest.after
        return part

    async def running(self, upload: Upload, parts: int) -> RunningHash:
        """The whole object's hashes after its first ``parts`` parts; read again from disk after a restart."""
        known = self._running.get(upload.upload_id)
        if known is not None and known.parts == parts:
            return known
        segments = tuple(p.segment for p in self.parts(upload.upload_id, limit=parts))
        digest = await asyncio.to_thread(self._rehash, segments)
        return RunningHash(parts, digest.sha1_state, digest.crc64)

    def _rehash(self, segments: tuple[str, ...]) -> StreamDigest:
        digest = StreamDigest(RunningHash.start())
        for chunk in self.read(segments):
            digest.update(chunk)
        return digest

    async def complete(self, upload: Upload, parts: list[Part]) -> StoredObject:
        """Turn the listed parts into the object; unlisted ones go.  No byte is moved."""
        segments = tuple(p.segment for p in parts)
        self._completing.add(upload.upload_id)  # from here on nobody else finds it
        try:
            if upload.sequential:
                whole = await self.running(upload, len(parts))
                sha1, crc = whole.sha1.hexdigest().upper(), whole.crc64
            else:
                sha1, crc = "", (await asyncio.to_thread(self._rehash, segments)).crc64
            md5s = b"".join(bytes.fromhex(p.md5) for p in parts)
            stored = StoredObject(
                bucket=upload.bucket,
                key=upload.key,
                size=sum(p.size for p in parts),
                etag=f"{hashlib.md5(md5s).hexdigest().upper()}-{len(parts)}",
                md5="",
                sha1=sha1,
                crc64=crc,
                mime=upload.mime,
                segments=segments,
                stored_at=time.time(),
            )
            unlisted = {p.segment for p in self.parts(upload.upload_id)} - set(segments)
            self.put(stored)
            self._forget(upload.upload_id)
            self.discard(*unlisted)
        finally:
            self._completing.discard(upload.upload_id)
        return stored

    async def md5(self, stored: StoredObject) -> str:
        """The MD5 of the whole, which OSS knows unless the parts came without order (protocol.md §4.3)."""
        if stored.md5 or not stored.sha1:
            return stored.md5
        digest = await asyncio.to_thread(self._rehash, stored.segments)
        self._database.run("UPDATE object SET md5=? WHERE bucket=? AND key=?", digest.md5, stored.bucket, stored.key)
        return digest.md5

    def abort(self, upload: Upload) -> None:
        """Drop an upload and its parts."""
        parts = self.parts(upload.upload_id)
        self._forget(upload.upload_id)
        self.discard(*(p.segment for p in parts))

    def _forget(self, upload_id: str) -> None:
        self._running.pop(upload_id, None)
        self._database.run("DELETE FROM part WHERE upload_id=?", upload_id)
        self._database.run("DELETE FROM upload WHERE upload_id=?", upload_id)

    def _remove_orphans(self) -> None:
        used = {str(r["segment"]) for r in self._database.rows("SELECT segment FROM part")}
        for row in self._database.rows("SELECT segments FROM object"):
            used.update(json.loads(row["segments"]))
        self.discard(*(p.name for p in self._folder.iterdir() if p.name not in used))


def _object(row: sqlite3.Row) -> StoredObject:
    return StoredObject(
        bucket=row["bucket"],
        key=row["key"],
        size=row["size"],
        etag=row["etag"],
        md5=row["md5"],
        sha1=row["sha1"],
        crc64=int(row["crc64"]),
        mime=row["mime"],
        segments=tuple(json.loads(row["segments"])),
        stored_at=row["stored"],
    )


def _upload(row: sqlite3.Row) -> Upload:
    return Upload(row["upload_id"], row["bucket"], row["key"], bool(row["sequential"]), row["mime"], row["initiated"])


def _part(row: sqlite3.Row) -> Part:
    return Part(row["number"], row["size"], row["md5"], int(row["crc64"]), row["segment"], row["stored"])
