"""What happens where the file is: it is hashed, ranges of it are hashed, and its bytes are sent to OSS.

:class:`Hands` is the seam between an upload's story and the machine its file lies on.  The story (:mod:`.upload`,
:mod:`.multipart`, :mod:`.single_put`) asks 115 and OSS, keeps the session and decides; the hands touch the file.
:class:`LocalHands` are those of this process.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from ..models import FileIdentity, Part, UploadTicket
from ..oss.responses import CallbackReply
from ..oss.signing import Callback
from ..progress.recorder import ProgressRecorder
from .decisions import grown_part_size, is_md5
from .hashing import md5_range, sha1_file
from .local_file import LocalFile
from .request_bodies import RequestBodies
from .transfer_stats import TransferStats
from .upload_context import UploadContext


@dataclass(frozen=True, slots=True)
class PartsToSend:
    """Which parts of which multipart upload are to be sent: plain data, no open file and no secret.

    Attributes:
        first_number: Number of the first part to send; those before it are there.
        offset: Its first byte.
        part_size: Bytes of a part.
        round_trip: Seconds that a request without content takes; what a part takes beyond it is sending.
        may_grow: Whether parts may get larger where the line idles between them.
    """

    bucket: str
    object_key: str
    upload_id: str
    first_number: int
    offset: int
    part_size: int
    round_trip: float = 0.0
    may_grow: bool = False


@dataclass(frozen=True, slots=True)
class SentPart:
    """A part that OSS has acknowledged, and the size of those that follow, in bytes."""

    part: Part
    next_part_size: int


class Hands(Protocol):
    """What an upload needs of the place where its file is."""

    name: str
    size: int
    identity: FileIdentity

    @property
    def all_sent(self) -> bool:
        """Whether the last request was handed over to its last byte, so that it may have arrived."""

    def check_unchanged(self) -> None:
        """Make sure that the file is still what it was when it was opened.

        Raises:
            FileChangedError: It is not.
        """

    async def hash(self) -> str:
        """SHA-1 of the whole file, upper-case hex, from the cache where that is safe; progress is recorded.

        Raises:
            FileChangedError: The file was changed meanwhile.
            FileUnreadableError: Reading failed.
        """

    async def hash_range(self, start: int, end: int) -> str:
        """SHA-1 of bytes ``start`` to ``end``, both inclusive (protocol.md §2.3)."""

    async def has_part(self, part: Part, offset: int) -> bool:
        """Whether ``part``, as OSS lists it, is the file's bytes from ``offset`` (laws.md 4)."""

    def send_parts(self, to_send: PartsToSend) -> AsyncGenerator[SentPart, None]:
        """Send the parts in order, one at a time; each is yielded when OSS has acknowledged it.

        The next one is sent only when the caller asks for it: by then it has written down the one before.

        Raises:
            Pan115Error: What became of the part after the last one yielded is not known, or OSS refuses it.
        """

    async def put(self, ticket: UploadTicket) -> CallbackReply:
        """Send the whole file in one request."""

    def delete(self) -> None:
        """Delete the file, if it is still what it was when it was opened (laws.md 15).

        Raises:
            FileChangedError: It is not.
            FileUnreadableError: It cannot be deleted.
        """

    def close(self) -> None:
        """Let go of the file."""


class LocalHands:
    """The hands of this process.

    Args:
        context: Shared by the uploads.
        file: The open file.
        recorder: Writes its progress.
        stats: What its upload has cost.
    """

    def __init__(
        self, context: UploadContext, file: LocalFile, recorder: ProgressRecorder, stats: TransferStats
    ) -> None:
        self._context = context
        self._file = file
        self._recorder = recorder
        self._bodies = RequestBodies(file, recorder, context.bandwidth, stats)
        self.name = file.name
        self.size = file.size
        self.identity = file.identity

    @classmethod
    def open(
        cls,
        context: UploadContext,
        path: str,
        recorder: ProgressRecorder,
        stats: TransferStats,
        *,
        beneath: str = "",
    ) -> LocalHands:
        """Open the file at ``path``, which must lie under the folder ``beneath`` where one is named.

        Raises:
            LocalFileError: It cannot be read, or is no regular file.
        """
        return cls(context, LocalFile.open(path, beneath=beneath), recorder, stats)

    @property
    def all_sent(self) -> bool:
        """As in :class:`Hands`."""
        return self._bodies.all_sent

    def check_unchanged(self) -> None:
        """As in :class:`Hands`."""
        self._file.check_unchanged()

    async def hash(self) -> str:
        """As in :class:`Hands`."""
        hashes, call = self._context.store.hashes, self._context.store.call

        async def remember(identity: FileIdentity, sha1: str) -> None:
            await call(hashes.put, identity, sha1)

        sha1 = await sha1_file(
            self._file,
            on_progress=self._recorder.set_hashed,
            cached=lambda identity: call(hashes.get, identity),
            remember=remember,
        )
        self._recorder.set_hashed(self.size)
        return sha1

    async def hash_range(self, start: int, end: int) -> str:
        """As in :class:`Hands`."""
        return await self._file.sha1_range(start, end)

    async def has_part(self, part: Part, offset: int) -> bool:
        """As in :class:`Hands`: by CRC-64, else by MD5 (protocol.md §4.7)."""
        if part.crc64 is not None:
            return await self._file.crc64_range(offset, part.size) == part.crc64
        if is_md5(part.etag):
            return await md5_range(self._file, offset, part.size) == part.etag
        return True  # nothing to compare with; 115 checks the whole file's sha1 at the end

    async def send_parts(self, to_send: PartsToSend) -> AsyncGenerator[SentPart, None]:
        """As in :class:`Hands`."""
        bucket = self._context.bucket(to_send.bucket)
        number, offset, part_size = to_send.first_number, to_send.offset, to_send.part_size
        while offset < self.size:
            length = min(part_size, self.size - offset)
            self._file.check_unchanged()
            begun = time.monotonic()
            part = await bucket.upload_part(
                to_send.object_key, to_send.upload_id, number, self._bodies.of_range(offset, length), length
            )
            sending = time.monotonic() - begun - to_send.round_trip
            offset += length
            number += 1
            if to_send.may_grow:
                part_size = grown_part_size(part_size, sending, to_send.round_trip, self.size - offset)
            yield SentPart(part, part_size)

    async def put(self, ticket: UploadTicket) -> CallbackReply:
        """As in :class:`Hands`."""
        self._file.check_unchanged()
        callback = Callback(ticket.callback, ticket.callback_var)
        body = self._bodies.of_range(0, self.size)
        return await self._context.bucket_of(ticket).put_object(ticket.object_key, body, self.size, callback)

    def delete(self) -> None:
        """As in :class:`Hands`."""
        self._file.delete()

    def close(self) -> None:
        """As in :class:`Hands`."""
        self._file.close()
