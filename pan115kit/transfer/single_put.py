"""A small file in one request (PutObject), until 115 has it."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from ..errors import CallbackFailedError, FileChangedError, Pan115Error, VerificationError
from ..models import UploadTicket
from ..progress.recorder import ProgressRecorder
from .decisions import is_final_no
from .hands import Hands
from .retries import Retries
from .verify import VerifiedFile, Verifier

logger = logging.getLogger("pan115kit")


@dataclass(slots=True, eq=False)
class SinglePut:
    """One PutObject of one file."""

    hands: Hands
    ticket: UploadTicket
    recorder: ProgressRecorder
    retries: Retries
    verifier: Verifier

    async def upload(self) -> VerifiedFile:
        """Send the file until 115 confirms it.

        Raises:
            VerificationError: 115 refuses the content.
            Pan115Error: Tries are used up, or a retry would not help.
        """
        while True:
            self.hands.check_unchanged()
            try:
                done = await self.verifier.check(await self.hands.put(self.ticket), self.ticket)
                self._warn_if_changed()
                return done
            except VerificationError:
                raise
            except Pan115Error as error:
                not_told = isinstance(error, CallbackFailedError)
                arrived = self.hands.all_sent
                in_doubt = not is_final_no(error) and (arrived or not_told)
                if in_doubt and (found := await self.verifier.find(self.ticket, patient=arrived)):
                    return found
                # after a 203 the same PUT may be made again (protocol.md §4.7)
                if not (error.retryable or not_told):
                    raise
                await self.retries.next(error)
                self.recorder.set_uploaded(0)

    def _warn_if_changed(self) -> None:
        """What was announced is on the drive; if the file has new content since, its user should know."""
        try:
            self.hands.check_unchanged()
        except FileChangedError as error:
            logger.warning("%s was uploaded as it was before; upload it again: %s", self.hands.name, error)
