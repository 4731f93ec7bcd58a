"""The part loop: read ahead, send in order, repair (laws 1, 3, 4, 5, 6).

115 needs OSS's ``sequential`` uploads, so the parts of one file go one after the other (protocol §4.3).  After any
error that leaves a part's fate open, ListParts is asked before a byte is sent again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from ..errors import NoSuchUploadError, Pan115Error
from ..models import Part, UploadTicket
from ..oss.bucket import Callback, CallbackReply, OssBucket
from ..progress.recorder import ProgressRecorder
from .decisions import (
    Plan,
    Remedy,
    Start,
    count_parts,
    grown_part_size,
    is_md5,
    part_size_for,
    plan_resume,
    remedy_for,
    same_part,
)
from .hashing import md5_range
from .local_file import LocalFile
from .request_bodies import Wire
from .upload_context import Tools

T = TypeVar("T")
logger = logging.getLogger("pan115kit")


class Restart(Exception):
    """This upload_id is of no use any more; ``error`` says why.  A signal inside this floor, never shown."""

    def __init__(self, error: Pan115Error, *, completed: bool = False) -> None:
        super().__init__(str(error))
        self.error = error
        #: Whether OSS may have completed the object already (the upload_id vanished at the end).
        self.completed = completed


@dataclass(slots=True, eq=False)
class Multipart:
    """One multipart upload of one file, from whatever is there to all parts there.

    Attributes:
        adapt: Whether part sizes may grow where the line idles between parts (only if the user named no size).
    """

    tools: Tools
    file: LocalFile
    session_id: str
    ticket: UploadTicket
    recorder: ProgressRecorder
    wire: Wire
    adapt: bool = False
    upload_id: str = ""
    _round_trip: float = 0.0

    @property
    def _bucket(self) -> OssBucket:
        return self.tools.bucket_of(self.ticket)

    @property
    def _key(self) -> str:
        return self.ticket.object_key

    async def send_all(self, upload_id: str) -> list[Part]:
        """Make sure OSS has every part.

        Args:
            upload_id: Of an earlier run, or empty.

        Returns:
            All parts, in order.

        Raises:
            Restart: The upload_id is dead or its parts are not ours.
            Pan115Error: Tries are used up, or a retry would not help.
        """
        parts, offset = await self._begin(upload_id)
        if self.tools.config.sequential:
            return await self._in_order(parts, offset)
        return await self._in_parallel(parts)

    # -- beginning ---------------------------------------------------------------------------------------------

    async def _begin(self, upload_id: str) -> tuple[list[Part], int]:
        if upload_id:
            self.upload_id = upload_id
            return await self._resume()
        begun = time.monotonic()
        self.upload_id = await self._retrying(
            lambda: self._bucket.initiate(self._key, sequential=self.tools.config.sequential)
        )
        self._round_trip = time.monotonic() - begun
        sessions = self.tools.store.sessions
        part_size = part_size_for(self.file.size, self.tools.config.part_size)
        # law 5: the upload_id is on disk before part 1 is sent
        await self.tools.store.call(
            sessions.update,
            self.session_id,
            upload_id=self.upload_id,
            part_size=part_size,
            total_parts=count_parts(self.file.size, part_size),
        )
        await self.tools.store.call(sessions.set_parts, self.session_id, [])
        self.recorder.set_resumed(0)
        self.recorder.set_parts(0, count_parts(self.file.size, part_size))
        return [], 0

    async def _resume(self) -> tuple[list[Part], int]:
        """Ask all three truths: the server's list, our row, the file (law 1)."""
        sessions = self.tools.store.sessions
        try:
            begun = time.monotonic()
            listed = await self.listed()
            self._round_trip = time.monotonic() - begun
        except NoSuchUploadError as error:
            raise Restart(error, completed=True) from error
        plan = plan_resume(self.file.size, listed) if self.tools.config.sequential else _loose_plan(listed)
        if plan.start is Start.ABORT_AND_RESTART:
            raise Restart(Pan115Error(f"the unfinished upload cannot be continued: {plan.reason}"))
        known = {part.number: part for part in await self.tools.store.call(sessions.parts, self.session_id)}
        for part in plan.parts:
            ours = known.get(part.number)
            if ours is None or not same_part(part, ours):
                await self._check_against_file(plan, part)
        logger.info("%s: going on at byte %d: %s", self.file.name, plan.offset, plan.reason)
        await self.tools.store.call(sessions.set_parts, self.session_id, list(plan.parts))
        self.wire.tally.resumed = self.wire.tally.resumed or bool(plan.parts)
        self.recorder.set_resumed(sum(part.size for part in plan.parts))
        return list(plan.parts), plan.offset

    async def _check_against_file(self, plan: Plan, part: Part) -> None:
        """A part our row does not know: the file says whether it is ours."""
        offset = sum(p.size for p in plan.parts if p.number < part.number)
        if not self.tools.config.sequential:
            offset = (part.number - 1) * part_size_for(self.file.size, self.tools.config.part_size)
        if not await self._is_of_file(part, offset):
            raise Restart(Pan115Error(f"part {part.number} on OSS is not from this file"))

    async def _is_of_file(self, part: Part, offset: int) -> bool:
        """Whether OSS's part is the file's bytes from ``offset``: by CRC-64, else by MD5 (law 4, protocol §4.7)."""
        if part.crc64 is not None:
            return await self.file.crc64_range(offset, part.size) == part.crc64
        if is_md5(part.etag):
            return await md5_range(self.file, offset, part.size) == part.etag
        return True  # nothing to compare with; 115 checks the whole file's sha1 at the end

    # -- sending -----------------------------------------------------------------------------------------------

    async def _in_order(self, parts: list[Part], offset: int) -> list[Part]:
        size = self.file.size
        part_size = part_size_for(size - offset, self.tools.config.part_size, done_parts=len(parts))
        self.recorder.set_parts(len(parts), len(parts) + count_parts(size - offset, part_size))
        while offset < size:
            length = min(part_size, size - offset)
            begun = time.monotonic()
            part = await self._send(len(parts) + 1, offset, length)
            taken = time.monotonic() - begun
            await self.tools.store.call(self.tools.store.sessions.add_part, self.session_id, part)
            parts.append(part)
            offset += length
            if self.adapt:
                grown = grown_part_size(part_size, taken - self._round_trip, self._round_trip, size - offset)
                if grown != part_size:
                    part_size = grown
                    await self._tell_total(len(parts) + count_parts(size - offset, part_size))
            self.recorder.set_uploaded(offset)
            self.recorder.set_parts(len(parts), len(parts) + count_parts(size - offset, part_size))
        return parts

    async def _tell_total(self, total: int) -> None:
        await self.tools.store.call(self.tools.store.sessions.update, self.session_id, total_parts=total)

    async def _in_parallel(self, parts: list[Part]) -> list[Part]:
        """Plain OSS only: several parts at once, any order, a sent part may be overwritten."""
        size = self.file.size
        part_size = part_size_for(size, self.tools.config.part_size)
        total = count_parts(size, part_size)
        done = {p.number: p for p in parts if p.size == min(part_size, size - (p.number - 1) * part_size)}
        gate = asyncio.Semaphore(self.tools.config.parts_in_flight)
        self.recorder.set_parts(len(done), total)

        async def send(number: int) -> None:
            offset = (number - 1) * part_size
            async with gate:
                part = await self._send(number, offset, min(part_size, size - offset))
                await self.tools.store.call(self.tools.store.sessions.add_part, self.session_id, part)
                done[number] = part
                self.recorder.set_uploaded(sum(p.size for p in done.values()))
                self.recorder.set_parts(len(done), total)

        try:
            async with asyncio.TaskGroup() as group:
                for number in range(1, total + 1):
                    if number not in done:
                        group.create_task(send(number))
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return [done[number] for number in sorted(done)]

    async def _send(self, number: int, offset: int, length: int) -> Part:
        """Send one part until OSS has it; its fate is asked, never guessed (law 4)."""
        attempt = 0
        while True:
            self.file.check_unchanged()
            try:
                return await self._bucket.upload_part(
                    self._key, self.upload_id, number, self.wire.body(offset, length), length
                )
            except Pan115Error as error:
                remedy = remedy_for(error)
                if remedy is Remedy.GIVE_UP:
                    raise
                if remedy is Remedy.RESTART:
                    raise Restart(error) from error
                logger.info("%s: part %d: %s; asking OSS what it has", self.file.name, number, error)
                there = await self._ask(number, offset, length)
                if there is not None:
                    return there
                attempt += 1
                if attempt > self.tools.config.retries:
                    raise
                self._count_retry()
                await self.tools.back_off(attempt)

    async def _ask(self, number: int, offset: int, length: int) -> Part | None:
        """What OSS has of part ``number``: the part if it is ours, None if it is not there.

        Raises:
            Restart: OSS has something else than this upload has sent.
        """
        try:
            listed = await self.listed()
        except NoSuchUploadError as error:
            raise Restart(error) from error
        if self.tools.config.sequential and len(listed) not in (number - 1, number):
            raise Restart(Pan115Error(f"OSS has {len(listed)} parts where {number - 1} were sent"))
        theirs = next((part for part in listed if part.number == number), None)
        if theirs is None:
            return None
        if theirs.size == length and await self._is_of_file(theirs, offset):
            return theirs
        if self.tools.config.sequential:
            raise Restart(Pan115Error(f"part {number} on OSS differs from the file"))
        return None

    def _count_retry(self) -> None:
        self.wire.tally.retries += 1
        self.recorder.count_retry()

    async def _retrying(self, call: Callable[[], Awaitable[T]]) -> T:
        return await self.tools.retrying(call, self._count_retry)

    async def listed(self) -> list[Part]:
        """What OSS has of this upload.

        Raises:
            NoSuchUploadError: The upload_id is dead.
        """
        return await self._retrying(lambda: self._bucket.list_parts(self._key, self.upload_id))

    # -- ending ------------------------------------------------------------------------------------------------

    async def complete_once(self, parts: list[Part]) -> CallbackReply:
        """Complete, once; the file is looked at a last time before."""
        self.file.check_unchanged()
        callback = Callback(self.ticket.callback, self.ticket.callback_var)
        return await self._bucket.complete(self._key, self.upload_id, parts, callback)


def _loose_plan(listed: list[Part]) -> Plan:
    """Without order any listed part counts (plain OSS)."""
    return Plan(Start.CONTINUE, tuple(listed), 0, f"{len(listed)} parts are there")
