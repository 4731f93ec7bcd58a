"""Is the file on the drive?  115's word for it, compared with ours (laws.md 2).

An end in doubt (the reply was lost, OSS could not tell 115) is settled by asking 115 for the file, never guessed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ..drive.data import Entry
from ..drive.interface import Drive
from ..errors import VerificationError
from ..i18n import say
from ..models import UploadTicket
from ..oss.responses import CallbackReply

#: Seconds before each further look at the drive: its list may lag by seconds (protocol.md §5).
LOOKS = (0.5, 1.0, 1.5, 2.0)


@dataclass(frozen=True, slots=True)
class VerifiedFile:
    """115 has confirmed the file with our sha1 and size."""

    file_id: str
    pick_code: str


@dataclass(slots=True, eq=False)
class Verifier:
    """Knows what one upload must become, and looks for it.

    Attributes:
        drive: Where.
        folder_id: In which folder.
        file_name: Under which name.
        file_size: Bytes.
        sha1: Upper-case hex.
        sleep: Waits that many seconds.
    """

    drive: Drive
    folder_id: str
    file_name: str
    file_size: int
    sha1: str
    sleep: Callable[[float], Awaitable[None]]

    async def find(self, ticket: UploadTicket | None, *, patient: bool = False) -> VerifiedFile | None:
        """The file in its folder on the drive, or None.

        Args:
            ticket: Of the upload in question: its pick_code says for sure that it is this one.
            patient: Look again for some seconds, because the drive's list may lag.
        """
        for wait in (0.0, *LOOKS) if patient else (0.0,):
            if wait:
                await self.sleep(wait)
            found = self._of_this_upload(
                await self.drive.find_files(self.folder_id, self.sha1, self.file_size), ticket
            )
            if found is not None:
                return VerifiedFile(found.file_id, found.pick_code or (ticket.pick_code if ticket else ""))
        return None

    def _of_this_upload(self, files: list[Entry], ticket: UploadTicket | None) -> Entry | None:
        same_code = (file for file in files if ticket is not None and file.pick_code == ticket.pick_code)
        same_name = (file for file in files if file.name == self.file_name)
        return next(same_code, None) or next(same_name, None)

    async def check(self, reply: CallbackReply, ticket: UploadTicket) -> VerifiedFile:
        """Compare 115's answer to the callback with what was sent (protocol.md §5).

        Raises:
            VerificationError: It has another sha1 or size, or cannot be found where it should be.
        """
        if reply.sha1 and reply.file_size is not None:
            if reply.sha1.upper() != self.sha1 or reply.file_size != self.file_size:
                raise VerificationError(
                    say(
                        "upload.recorded_differs",
                        name=self.file_name,
                        their_sha1=reply.sha1,
                        their_size=reply.file_size,
                        sha1=self.sha1,
                        size=self.file_size,
                    ),
                    hint=say("upload.recorded_differs.hint"),
                )
            return VerifiedFile(reply.file_id, reply.pick_code or ticket.pick_code)
        found = await self.find(ticket, patient=True)
        if found is None:
            raise VerificationError(
                say("upload.confirmed_not_listed", name=self.file_name), hint=say("upload.confirmed_not_listed.hint")
            )
        return found
