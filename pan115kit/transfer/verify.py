"""How an upload ends: the last request, and the truth about it (law 2).

An end in doubt (the reply was lost, OSS could not tell 115) is settled by asking 115 for the file, never guessed.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from ..drive.interface import RemoteFile
from ..errors import CallbackFailedError, NoSuchUploadError, Pan115Error, VerificationError
from ..models import Part, UploadTicket
from ..oss.bucket import Callback, CallbackReply
from ..progress.recorder import ProgressRecorder
from .decisions import Remedy, Start, is_final_no, plan_resume, remedy_for
from .local_file import LocalFile
from .multipart import Multipart, Restart
from .request_bodies import Wire
from .upload_context import Tools

logger = logging.getLogger("pan115kit")

#: Seconds before each further look at the drive: its list may lag by seconds (protocol §5).
LOOKS = (0.5, 1.0, 1.5, 2.0)


@dataclass(frozen=True, slots=True)
class Arrived:
    """115 has confirmed the file with our sha1 and size."""

    file_id: str
    pick_code: str


@dataclass(slots=True, eq=False)
class Ending:
    """The end of one upload."""

    tools: Tools
    file: LocalFile
    file_name: str
    sha1: str
    folder_id: str
    recorder: ProgressRecorder

    async def find(self, ticket: UploadTicket | None, *, patient: bool = False) -> RemoteFile | None:
        """The file in its folder on the drive, or None.

        Args:
            ticket: Of the upload in question: its pick_code says for sure that it is this one.
            patient: Look again for some seconds, because the drive's list may lag.
        """
        looks = (0.0, *LOOKS) if patient else (0.0,)
        for wait in looks:
            if wait:
                await self.tools.sleep(wait)
            files = await self.tools.drive.find_files(self.folder_id, self.sha1, self.file.size)
            for there in files:
                if ticket is not None and there.pick_code == ticket.pick_code:
                    return there
            for there in files:
                if there.name == self.file_name:
                    return there
        return None

    async def put(self, wire: Wire, ticket: UploadTicket) -> Arrived:
        """A small file in one request.

        Raises:
            VerificationError: 115 refuses the content.
            Pan115Error: Tries are used up, or a retry would not help.
        """
        bucket = self.tools.bucket_of(ticket)
        callback = Callback(ticket.callback, ticket.callback_var)
        attempt = 0
        while True:
            self.file.check_unchanged()
            try:
                reply = await bucket.put_object(
                    ticket.object_key, wire.body(0, self.file.size), self.file.size, callback
                )
                return await self.verified(reply, ticket)
            except VerificationError:
                raise
            except Pan115Error as error:
                in_doubt = not is_final_no(error) and (wire.all_sent or isinstance(error, CallbackFailedError))
                if in_doubt and (there := await self.find(ticket, patient=wire.all_sent)):
                    return Arrived(there.file_id, there.pick_code)
                # after a 203 the same PUT may be made again (protocol §4.7)
                helps = error.retryable or isinstance(error, CallbackFailedError)
                attempt += 1
                if not helps or attempt > self.tools.config.retries:
                    raise
                wire.tally.retries += 1
                self.recorder.count_retry()
                self.recorder.set_uploaded(0)
                await self.tools.back_off(attempt)

    async def complete(self, multipart: Multipart, parts: list[Part]) -> Arrived:
        """Complete a multipart upload.

        Raises:
            Restart: The upload_id is gone; ``completed`` says whether the file may be there.
            VerificationError: 115 refuses the content.
            Pan115Error: Tries are used up, or a retry would not help.
        """
        attempt = 0
        while True:
            try:
                return await self.verified(await multipart.complete_once(parts), multipart.ticket)
            except VerificationError:
                raise
            except (NoSuchUploadError, CallbackFailedError) as error:
                raise Restart(error, completed=True) from error
            except Pan115Error as error:
                remedy = remedy_for(error)
                if remedy is Remedy.GIVE_UP:
                    raise
                if remedy is Remedy.RESTART:
                    raise Restart(error, completed=True) from error
                logger.info("%s: completing: %s; asking OSS", self.file_name, error)
                attempt += 1
                if attempt > self.tools.config.retries:
                    raise
                wire = multipart.wire
                wire.tally.retries += 1
                self.recorder.count_retry()
                await self.tools.back_off(attempt)
                parts = await self._still_open(multipart, error)

    async def _still_open(self, multipart: Multipart, error: Pan115Error) -> list[Part]:
        """The parts of an upload that was not completed after all; else ``error`` is what went wrong."""
        try:
            listed = await multipart.listed()
        except NoSuchUploadError as gone:
            raise Restart(error, completed=True) from gone
        plan = plan_resume(self.file.size, listed)
        if plan.start is not Start.COMPLETE:
            raise Restart(Pan115Error(f"OSS cannot complete the upload: {plan.reason}"))
        return list(plan.parts)

    async def verified(self, reply: CallbackReply, ticket: UploadTicket) -> Arrived:
        """115's word for it, compared with ours (protocol §5).

        Raises:
            VerificationError: It has another sha1 or size, or cannot be found where it should be.
        """
        if reply.sha1 and reply.file_size is not None:
            if reply.sha1.upper() != self.sha1 or reply.file_size != self.file.size:
                raise VerificationError(
                    f"115 recorded {self.file_name} with sha1 {reply.sha1} and {reply.file_size} bytes, "
                    f"it has {self.sha1} and {self.file.size}",
                    hint="upload it again",
                )
            return Arrived(reply.file_id, reply.pick_code or ticket.pick_code)
        there = await self.find(ticket, patient=True)
        if there is None:
            raise VerificationError(
                f"115 confirmed {self.file_name} but does not list it",
                hint="look at the folder, then upload it again",
            )
        return Arrived(there.file_id, there.pick_code)
