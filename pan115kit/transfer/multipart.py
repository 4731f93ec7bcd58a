"""A multipart upload from whatever is there to a file on the drive: begin or resume, send in order, repair, complete.

115 needs OSS's ``sequential`` uploads, so the parts of one file go one after the other (protocol.md §4.3).  After any
error that leaves open what became of a part, ListParts is asked before a byte is sent again (laws.md 1, 3, 4, 5).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from ..errors import CallbackFailedError, NoSuchUploadError, Pan115Error, VerificationError
from ..i18n import say
from ..models import Part, UploadTicket
from ..oss.bucket import OssBucket
from ..oss.signing import Callback
from ..progress.recorder import ProgressRecorder
from .decisions import Plan, Remedy, Start, count_parts, part_size_for, plan_resume, remedy_for, same_part
from .hands import Hands, PartsToSend, SentPart
from .retries import Retries
from .transfer_stats import TransferStats
from .upload_context import UploadContext
from .verify import VerifiedFile, Verifier

T = TypeVar("T")
logger = logging.getLogger("pan115kit")


class Restart(Exception):
    """This upload_id is of no use any more; ``error`` says why.  Never leaves this floor.

    Attributes:
        completed: Whether OSS may have completed the object already (the upload_id vanished at the end).
    """

    def __init__(self, error: Pan115Error, *, completed: bool = False) -> None:
        super().__init__(str(error))
        self.error = error
        self.completed = completed


@dataclass(slots=True, eq=False)
class Multipart:
    """One multipart upload of one file."""

    context: UploadContext
    hands: Hands
    session_id: str
    ticket: UploadTicket
    recorder: ProgressRecorder
    stats: TransferStats
    verifier: Verifier
    upload_id: str = ""
    _round_trip: float = 0.0

    @property
    def _bucket(self) -> OssBucket:
        return self.context.bucket_of(self.ticket)

    @property
    def _key(self) -> str:
        return self.ticket.object_key

    async def upload(self, upload_id: str) -> VerifiedFile:
        """Send what OSS lacks, complete, and make sure that 115 has the file.

        Args:
            upload_id: Of an earlier run, or empty.

        Raises:
            Restart: The upload_id is dead or its parts are not ours.
            VerificationError: 115 refuses the content.
            Pan115Error: Tries are used up, or a retry would not help.
        """
        parts = await (self._resume(upload_id) if upload_id else self._initiate())
        await self._send(parts)
        return await self._complete(parts)

    # -- beginning ---------------------------------------------------------------------------------------------

    async def _initiate(self) -> list[Part]:
        begun = time.monotonic()
        self.upload_id = await self._repeat(lambda: self._bucket.initiate(self._key))
        self._round_trip = time.monotonic() - begun
        sessions = self.context.store.sessions
        part_size = part_size_for(self.hands.size, self.context.config.part_size)
        total = count_parts(self.hands.size, part_size)
        # laws.md 5: the upload_id is on disk before part 1 is sent
        await self.context.store.call(
            sessions.update, self.session_id, upload_id=self.upload_id, part_size=part_size, total_parts=total
        )
        await self.context.store.call(sessions.set_parts, self.session_id, [])
        self.recorder.set_resumed(0)
        self.recorder.set_parts(0, total)
        return []

    async def _resume(self, upload_id: str) -> list[Part]:
        """Ask all three: the server's list, our row, the file (laws.md 1)."""
        self.upload_id = upload_id
        sessions = self.context.store.sessions
        try:
            begun = time.monotonic()
            listed = await self._listed()
            self._round_trip = time.monotonic() - begun
        except NoSuchUploadError as error:
            raise Restart(error, completed=True) from error
        plan = plan_resume(self.hands.size, listed)
        if plan.start is Start.ABORT_AND_RESTART:
            raise Restart(Pan115Error(say("upload.cannot_resume", reason=say(plan.reason))))
        await self._check_unknown_parts(plan)
        logger.info("%s: resuming at byte %d with %d parts", self.hands.name, plan.offset, len(plan.parts))
        await self.context.store.call(sessions.set_parts, self.session_id, list(plan.parts))
        self.stats.resumed = self.stats.resumed or bool(plan.parts)
        self.recorder.set_resumed(plan.offset)
        return list(plan.parts)

    async def _check_unknown_parts(self, plan: Plan) -> None:
        """A part that our row does not know, or knows otherwise: the file says whether it is ours."""
        sessions = self.context.store.sessions
        known = {part.number: part for part in await self.context.store.call(sessions.parts, self.session_id)}
        offset = 0
        for part in plan.parts:
            ours = known.get(part.number)
            if (ours is None or not same_part(part, ours)) and not await self.hands.has_part(part, offset):
                raise Restart(Pan115Error(say("upload.part_not_of_file", number=part.number)))
            offset += part.size

    # -- sending -----------------------------------------------------------------------------------------------

    async def _send(self, parts: list[Part]) -> None:
        """Send what is missing; ``parts`` grows by every part that OSS acknowledges."""
        size = self.hands.size
        offset = sum(part.size for part in parts)
        part_size = part_size_for(size - offset, self.context.config.part_size, done_parts=len(parts))
        self._show(parts, offset, part_size)
        retries = self._retries()
        sending = self.hands.send_parts(self._to_send(parts, offset, part_size))
        try:
            while offset < size:
                try:
                    sent = await anext(sending)
                except Pan115Error as error:
                    part = await self._after_error(error, parts, offset, min(part_size, size - offset))
                    if part is None:
                        await retries.next(error)
                        sending = self.hands.send_parts(self._to_send(parts, offset, part_size))
                        continue
                    sent = SentPart(part, part_size)
                    sending = self.hands.send_parts(self._to_send([*parts, part], offset + part.size, part_size))
                retries = self._retries()
                await self.context.store.call(self.context.store.sessions.add_part, self.session_id, sent.part)
                parts.append(sent.part)
                offset += sent.part.size
                if sent.next_part_size != part_size:
                    part_size = sent.next_part_size
                    await self._save_total(len(parts) + count_parts(size - offset, part_size))
                self.recorder.set_uploaded(offset)
                self._show(parts, offset, part_size)
        finally:
            await sending.aclose()  # lets go of the file now, not when the garbage collector comes by

    def _to_send(self, parts: list[Part], offset: int, part_size: int) -> PartsToSend:
        may_grow = self.context.config.adapts_part_size  # only if the user named no size
        number = len(parts) + 1
        return PartsToSend(
            self.ticket.bucket, self._key, self.upload_id, number, offset, part_size, self._round_trip, may_grow
        )

    def _show(self, parts: list[Part], offset: int, part_size: int) -> None:
        self.recorder.set_parts(len(parts), len(parts) + count_parts(self.hands.size - offset, part_size))

    async def _save_total(self, total: int) -> None:
        await self.context.store.call(self.context.store.sessions.update, self.session_id, total_parts=total)

    async def _after_error(self, error: Pan115Error, parts: list[Part], offset: int, length: int) -> Part | None:
        """What became of the part that was being sent: the part, or None where OSS does not have it.

        Raises:
            Restart: OSS has something else than this upload has sent.
            Pan115Error: ``error``, where nothing can be done about it.
        """
        number = len(parts) + 1
        match remedy_for(error):
            case Remedy.GIVE_UP:
                raise error
            case Remedy.RESTART:
                raise Restart(error) from error
        logger.info("%s: part %d: %s; asking OSS what it has", self.hands.name, number, error)
        try:
            listed = await self._listed()
        except NoSuchUploadError as gone:
            raise Restart(gone) from gone
        if len(listed) not in (number - 1, number):
            raise Restart(Pan115Error(say("upload.parts_differ", there=len(listed), sent=number - 1)))
        theirs = next((part for part in listed if part.number == number), None)
        if theirs is None:
            return None
        if theirs.size == length and await self.hands.has_part(theirs, offset):
            return theirs
        raise Restart(Pan115Error(say("upload.part_not_of_file", number=number)))

    # -- completing --------------------------------------------------------------------------------------------

    async def _complete(self, parts: list[Part]) -> VerifiedFile:
        callback = Callback(self.ticket.callback, self.ticket.callback_var)
        retries = self._retries()
        while True:
            self.hands.check_unchanged()
            try:
                reply = await self._bucket.complete(self._key, self.upload_id, parts, callback)
                return await self.verifier.check(reply, self.ticket)
            except VerificationError:
                raise
            except (NoSuchUploadError, CallbackFailedError) as error:
                raise Restart(error, completed=True) from error
            except Pan115Error as error:
                match remedy_for(error):
                    case Remedy.GIVE_UP:
                        raise
                    case Remedy.RESTART:
                        raise Restart(error, completed=True) from error
                logger.info("%s: completing: %s; asking OSS", self.hands.name, error)
                await retries.next(error)
                parts = await self._parts_to_complete(error)

    async def _parts_to_complete(self, error: Pan115Error) -> list[Part]:
        """The parts of an upload that was not completed after all; else ``error`` is what went wrong."""
        try:
            listed = await self._listed()
        except NoSuchUploadError as gone:
            raise Restart(error, completed=True) from gone
        plan = plan_resume(self.hands.size, listed)
        if plan.start is not Start.COMPLETE:
            raise Restart(Pan115Error(say("upload.cannot_complete", reason=say(plan.reason))))
        return list(plan.parts)

    # -- requests that may be repeated -------------------------------------------------------------------------

    async def _listed(self) -> list[Part]:
        """What OSS has of this upload.

        Raises:
            NoSuchUploadError: The upload_id is dead.
        """
        return await self._repeat(lambda: self._bucket.list_parts(self._key, self.upload_id))

    async def _repeat(self, request: Callable[[], Awaitable[T]]) -> T:
        return await self._retries().call(request)

    def _retries(self) -> Retries:
        return self.context.retries(self.stats, self.recorder)
