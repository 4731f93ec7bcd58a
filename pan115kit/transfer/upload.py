"""One upload, from hash to verified result: the story, readable top to bottom.

open the file → take the session → find the folder → hash → ask 115 (instant? second check) → send → complete →
verify.  A run that finds a session of an earlier one goes on where that one stopped.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Self

from ..config import MAX_PART_SIZE, MAX_PARTS
from ..drive.data import Account, Entry, FileClaim, Instant, NeedsUpload
from ..drive.names import shorten_file_name
from ..errors import (
    DriveError,
    FileChangedError,
    FileTooLargeError,
    LocalFileError,
    NameTakenError,
    NoSpaceError,
    OssError,
    Pan115Error,
    SessionBusyError,
    TargetError,
    VerificationError,
)
from ..i18n import say
from ..models import After, OnConflict, UploadResult, UploadSession, UploadStatus, UploadTicket, WaitingFor
from ..progress.recorder import ProgressRecorder
from ..store import LeaseOwner, PendingAbort, session_id_for
from .conflicts import Verdict, judge, same_content
from .decisions import WRONG_PLACE
from .hands import Hands, LocalHands
from .multipart import Multipart, Restart
from .single_put import SinglePut
from .transfer_stats import TransferStats
from .upload_context import UploadContext
from .upload_options import DEFAULT_OPTIONS, UploadOptions
from .verify import VerifiedFile, Verifier

logger = logging.getLogger("pan115kit")

#: Seconds between two looks whether another process is still at the session.
OWNER_INTERVAL = 1.0
#: Seconds within which the drive's list may lack a file that an earlier run has brought there (protocol.md §5).
LIST_LAG = 60.0
#: How often an upload may begin again in one run before its error is final.
MAX_RESTARTS = 2


@dataclass(frozen=True, slots=True)
class UploadRequest:
    """What was asked for.

    Attributes:
        file_path: Absolute local path.
        options: Where it goes and how.
        session_id: From path and target.
    """

    job_id: str
    file_path: str
    options: UploadOptions = DEFAULT_OPTIONS
    session_id: str = ""

    @classmethod
    def of(cls, job_id: str, file_path: str, options: UploadOptions) -> Self:
        """A request with its session_id, so that a later run finds the session again."""
        target = options.target_dir_id or options.target_path
        return cls(job_id, file_path, options, session_id_for(file_path, target, options.file_name))


@dataclass(slots=True, eq=False)
class Upload:
    """The engine side of one upload; :mod:`pan115kit.job` is the user's handle of it."""

    request: UploadRequest
    context: UploadContext
    recorder: ProgressRecorder
    clock: Callable[[], float] = time.time
    stats: TransferStats = field(default_factory=TransferStats)
    sha1: str = ""
    _folder_id: str = ""
    _name: str = ""
    _replaced: tuple[Entry, ...] = ()  # goes to the recycle bin once the new file is verified
    _delivered: bool = True  # False where another file of its name was left as it is
    _left_at: UploadStatus | None = None  # where an earlier run's row stood
    _left_since: float = 0.0  # seconds since it was written

    # -- the story ---------------------------------------------------------------------------------------------

    async def run(self) -> UploadResult:
        """Upload the file.

        Returns:
            A result whose ``success`` is True.  Its session is still ours: it goes, and is given back, in the one
            transaction that writes the history (:meth:`HistoryStore.add`), or another process would take over the
            session of a file that is in the drive already.

        Raises:
            Pan115Error: Whatever stopped it; the session is kept unless it makes no sense any more.
        """
        begun = self.clock()
        hands = self._open_hands()
        try:
            try:
                # within: a stop may come while the lease is being written
                await self._take_session(hands)
                session = await self._begin_session(hands)
                await self._check_account(hands)
                self._folder_id = await self._find_folder()
                self.sha1 = await self._hash(hands)
                session = await self._same_content_or_fresh(session)
                result = await self._deliver(hands, session)
                await self._bin_replaced(result)
                if self._delivered and self.request.options.after is After.DELETE:
                    result = self._delete_local(hands, result)
            except FileChangedError:
                # Parts sent about now may be of the old content or the new: none is trusted unseen.  They stay with
                # OSS all the same: if only the file's metadata changed, the next run finds that they are its parts.
                await self._distrust_parts()
                raise
        except BaseException:  # also when it is stopped: the session is free for whoever goes on
            await self.context.store.call(
                self.context.store.leases.release, self.request.session_id, self.request.job_id
            )
            raise
        finally:
            hands.close()
        return replace(result, elapsed_seconds=self.clock() - begun)

    async def hash_ahead(self) -> None:
        """Hash while others upload; what it finds is in the cache when this upload's turn comes."""
        hands = self._open_hands()
        try:
            self.recorder.describe(file_name=self._shown_name(hands), file_size=hands.size)
            await self._hash(hands)
        finally:
            hands.close()

    def _open_hands(self) -> Hands:
        path, beneath = self.request.file_path, self.request.options.beneath
        return LocalHands.open(self.context, path, self.recorder, self.stats, beneath=beneath)

    def _shown_name(self, hands: Hands) -> str:
        return self.request.options.file_name or hands.name

    # -- before the first byte ---------------------------------------------------------------------------------

    async def _take_session(self, hands: Hands) -> None:
        self._name = shorten_file_name(self.request.options.file_name or hands.name)
        session_id = self.request.session_id
        self.recorder.describe(file_name=self._shown_name(hands), file_size=hands.size, session_id=session_id)
        leases, call = self.context.store.leases, self.context.store.call
        while not await call(leases.acquire, self.request.session_id, self.request.job_id):
            owner = await call(leases.owner, self.request.session_id)
            if owner is None:
                continue  # it has ended since
            if not self.request.options.wait:
                raise self._busy(hands.name, owner)
            self.recorder.set_waiting(WaitingFor.PROCESS, owner.since)
            await self.context.sleep(OWNER_INTERVAL)
        self.recorder.set_waiting(None)

    def _busy(self, name: str, owner: LeaseOwner) -> SessionBusyError:
        target = self.request.options.target_path
        if owner.pid == os.getpid() and owner.host == socket.gethostname():
            return SessionBusyError(say("upload.busy_here", name=name, target=target), hint=say("upload.busy.hint"))
        message = say("upload.busy_elsewhere", name=name, target=target, pid=owner.pid, host=owner.host)
        return SessionBusyError(message, hint=say("upload.busy_elsewhere.hint"))

    async def _begin_session(self, hands: Hands) -> UploadSession:
        sessions, options = self.context.store.sessions, self.request.options
        found = await self.context.store.call(sessions.get, self.request.session_id)
        now = self.clock()
        self._left_at = found.status if found else None
        self._left_since = now - found.updated_at if found else 0.0
        if found is None:
            found = UploadSession(
                self.request.session_id,
                self.request.file_path,
                self._shown_name(hands),
                hands.size,
                created_at=now,
            )
        elif found.file_size != hands.size:
            await self.drop_multipart(found)
            found = replace(found, upload_id="", ticket=None, file_sha1="")
        session = replace(
            found,
            file_size=hands.size,
            identity=hands.identity,
            target_path=options.target_path,
            target_dir_id=options.target_dir_id or found.target_dir_id,
            status=UploadStatus.HASHING,
            job_id=self.request.job_id,
            updated_at=now,
            error_message=None,
        )
        await self.context.store.call(sessions.save, session)
        return session

    async def _check_account(self, hands: Hands) -> None:
        """Limits are checked before a byte is hashed, where 115 tells them."""
        try:
            account = await self.context.drive.account()
        except DriveError as error:
            if type(error) is not DriveError or error.retryable:
                raise
            # the Open API needs no account to upload: an app that may not ask about it, may still upload
            account = Account(user_id="")
        size = hands.size
        if account.size_limit is not None and size > account.size_limit:
            message = say("upload.over_account_limit", name=hands.name, size=size, limit=account.size_limit)
            raise FileTooLargeError(message, hint=say("upload.over_account_limit.hint"))
        if size > MAX_PARTS * MAX_PART_SIZE:
            message = say("upload.over_oss_limit", name=hands.name, size=size)
            raise FileTooLargeError(message, hint=say("upload.over_oss_limit.hint"))
        if account.space_left is not None and size > account.space_left:
            message = say("upload.no_space", name=hands.name, size=size, left=account.space_left)
            raise NoSpaceError(message, hint=say("upload.no_space.hint"))

    async def _find_folder(self) -> str:
        options = self.request.options
        if options.target_dir_id:
            return options.target_dir_id
        return await self.context.folders.id_of(options.target_path, create=self.context.config.create_target)

    async def _hash(self, hands: Hands) -> str:
        self.recorder.set_status(UploadStatus.HASHING)
        return await hands.hash()

    async def _same_content_or_fresh(self, session: UploadSession) -> UploadSession:
        """A session of other content (the file was rewritten) is not continued."""
        if session.file_sha1 and session.file_sha1 != self.sha1:
            logger.info("%s has new content since its unfinished upload; starting again", session.file_name)
            await self.drop_multipart(session)
            session = replace(session, upload_id="", ticket=None)
        session = replace(session, file_sha1=self.sha1, target_dir_id=self._folder_id)
        await self._update(
            file_sha1=self.sha1,
            target_dir_id=self._folder_id,
            upload_id=session.upload_id,
            ticket=session.ticket,
            status=UploadStatus.CHECKING,
        )
        return session

    # -- delivery ----------------------------------------------------------------------------------------------

    async def _deliver(self, hands: Hands, session: UploadSession) -> UploadResult:
        self.recorder.set_status(UploadStatus.CHECKING)
        verifier = self._verifier(hands)
        if (settled := await self._settle_conflict()) is not None:
            return settled
        ticket, upload_id = await self._earlier_ticket(session)
        asked = self._left_at in (UploadStatus.CHECKING, UploadStatus.UPLOADING)
        if ticket is None and (session.ticket is not None or asked):
            may_lag = session.ticket is not None and self._left_since < LIST_LAG
            if found := await verifier.find(session.ticket, patient=may_lag):
                # the earlier run had arrived; only its last line was not written
                return self._result(UploadStatus.SUCCESS, found)
            await self.drop_multipart(session)
        if self.context.contents.taken(self.sha1, hands.size):
            self.recorder.set_waiting(WaitingFor.CONTENT, self.clock())
        async with self.context.contents.turn(self.sha1, hands.size):
            self.recorder.set_waiting(None)
            return await self._check_and_send(hands, verifier, session, ticket, upload_id)

    async def _settle_conflict(self) -> UploadResult | None:
        """Look at the files of the same name, if that matters; the result where nothing is to be sent.

        Raises:
            NameTakenError: Another file has the name, and the user wants no second one.
        """
        options, size = self.request.options, self.recorder.file_size
        same_name = options.same_name
        if same_name is None:
            if options.on_conflict is OnConflict.KEEP:
                return None  # 115 itself finds the same content under the same name
            same_name = await self._files_of_this_name()
        verdict = judge(same_name, self.sha1, size, options.on_conflict)
        found = same_content(same_name, self.sha1, size)
        if verdict is Verdict.EXISTS and found is not None:
            if options.after is After.DELETE and options.same_name is not None:
                found = await self._still_there(found)  # the list may be hours old: is it true now?
            there = None if found is None else VerifiedFile(found.file_id, found.pick_code)
            return None if there is None else self._result(UploadStatus.QUICK_SUCCESS, there, "result.exists")
        if verdict is Verdict.SKIP:
            self._delivered = False
            there = VerifiedFile(same_name[0].file_id, same_name[0].pick_code)
            result = self._result(UploadStatus.CANCELLED, there, "result.name_taken")
            return replace(result, success=False)  # what is there is another content
        if verdict is Verdict.ERROR:
            message = say("upload.name_taken", name=self._name, target=options.target_path)
            raise NameTakenError(message, hint=say("upload.name_taken.hint"))
        if verdict is Verdict.REPLACE:
            self._replaced = tuple(same_name)
        return None

    async def _files_of_this_name(self) -> tuple[Entry, ...]:
        entries = self.context.drive.list_folder(self._folder_id)
        return tuple([entry async for entry in entries if not entry.is_folder and entry.name == self._name])

    async def _still_there(self, entry: Entry) -> Entry | None:
        """The entry as it is now, or None where it is gone, renamed, moved or another content."""
        now = await self.context.drive.info(entry.file_id)
        if now is None or now.name != entry.name or (now.parent_id and now.parent_id != self._folder_id):
            return None
        return now if not now.sha1 or now.sha1 == entry.sha1 else None

    async def _bin_replaced(self, result: UploadResult) -> None:
        """What the new file replaces goes to the recycle bin; 115 may have answered with the old entry itself."""
        if not result.file_id:
            logger.warning("%s: its id on the drive is not known, so that nothing is replaced", self._name)
            return
        for entry in self._replaced:
            if entry.file_id != result.file_id and await self._still_there(entry) is not None:
                await self.context.drive.delete([entry.file_id])

    def _delete_local(self, hands: Hands, result: UploadResult) -> UploadResult:
        """Delete the local file, if it is still the one that was verified; else it stays, and the result says so."""
        try:
            hands.delete()
        except LocalFileError as error:
            logger.warning("%s is on the drive and stays here: %s", self._name, error)
            return replace(result, message=say("result.local_kept", why=error.message, lang="zh"))
        return result

    async def _check_and_send(
        self,
        hands: Hands,
        verifier: Verifier,
        session: UploadSession,
        ticket: UploadTicket | None,
        upload_id: str,
    ) -> UploadResult:
        """Ask 115 and send, again from the start where an upload_id turns out to be of no use."""
        restarts, refused, rehashed = 0, None, False
        while True:
            if ticket is None:
                self.recorder.set_status(UploadStatus.CHECKING)
                answer = await self._init(hands)
                if isinstance(answer, Instant):
                    there = VerifiedFile(answer.file_id, answer.pick_code)
                    return self._result(UploadStatus.QUICK_SUCCESS, there)
                if refused is not None:
                    raise refused  # the same bytes would end the same way
                ticket, verifier = answer.ticket, self._verifier(hands)  # the folder may have another id by now
            await self._update(ticket=ticket, upload_id=upload_id, status=UploadStatus.UPLOADING)
            self.recorder.set_status(UploadStatus.UPLOADING)
            try:
                return self._result(UploadStatus.SUCCESS, await self._send(hands, verifier, ticket, upload_id))
            except Restart as restart:
                if restart.completed and (found := await verifier.find(ticket, patient=True)):
                    return self._result(UploadStatus.SUCCESS, found)
                restarts += 1
                if restarts > MAX_RESTARTS:
                    raise restart.error from restart
                logger.warning("%s: starting again: %s", self._name, restart.error)
                self.stats.retries += 1
                self.recorder.count_retry()
            except VerificationError as error:
                hands.check_unchanged()  # if the file itself is the cause, that is the clearer error
                announced = self.sha1
                await self._hash_again(hands)
                # other content than was announced is worth a try of its own; the same would end the same way
                refused = error if self.sha1 == announced or rehashed else None
                rehashed = True
            await self.drop_multipart(await self._row() or session)
            ticket, upload_id = None, ""
            self.recorder.set_resumed(0)

    async def _hash_again(self, hands: Hands) -> None:
        """A hash from the cache may be of older content: a write through a memory map can escape the file's times."""
        await self.context.store.call(self.context.store.hashes.forget, hands.identity)
        self.sha1 = await self._hash(hands)
        await self._update(file_sha1=self.sha1)

    def _verifier(self, hands: Hands) -> Verifier:
        return Verifier(self.context.drive, self._folder_id, self._name, hands.size, self.sha1, self.context.sleep)

    async def _earlier_ticket(self, session: UploadSession) -> tuple[UploadTicket | None, str]:
        """Ticket and upload_id of an earlier run that can be continued, asked of 115 again (protocol.md §4.8)."""
        if session.ticket is None or not session.upload_id:
            return None, ""
        claim = FileClaim(self._name, session.file_size, self.sha1, self._folder_id)
        ticket = await self.context.drive.resume(session.ticket.pick_code, claim)
        if ticket is None or (ticket.bucket, ticket.object_key) != (session.ticket.bucket, session.ticket.object_key):
            return None, ""
        return ticket, session.upload_id

    async def _init(self, hands: Hands) -> Instant | NeedsUpload:
        hands.check_unchanged()
        claim = FileClaim(self._name, hands.size, self.sha1, self._folder_id)
        try:
            return await self.context.drive.init(claim, hands.hash_range)
        except TargetError:
            if self.request.options.target_dir_id:
                raise
            # the folder may have been deleted since it was found
            self.context.folders.forget(self.request.options.target_path)
            self._folder_id = await self._find_folder()
            return await self.context.drive.init(replace(claim, target_dir_id=self._folder_id), hands.hash_range)

    async def _send(self, hands: Hands, verifier: Verifier, ticket: UploadTicket, upload_id: str) -> VerifiedFile:
        try:
            if not upload_id and (hands.size == 0 or hands.size < self.context.config.multipart_threshold):
                retries = self.context.retries(self.stats, self.recorder)
                return await SinglePut(hands, ticket, self.recorder, retries, verifier).upload()
            multipart = Multipart(
                self.context, hands, self.request.session_id, ticket, self.recorder, self.stats, verifier
            )
            return await multipart.upload(upload_id)
        except OssError as error:
            if error.code in WRONG_PLACE:
                raise Restart(error) from error
            raise

    # -- the session on disk -----------------------------------------------------------------------------------

    async def _update(self, **changes: object) -> None:
        await self.context.store.call(self.context.store.sessions.update, self.request.session_id, **changes)

    async def _distrust_parts(self) -> None:
        if await self._row() is not None:
            await self.context.store.call(self.context.store.sessions.set_parts, self.request.session_id, [])

    async def _row(self) -> UploadSession | None:
        return await self.context.store.call(self.context.store.sessions.get, self.request.session_id)

    async def drop_multipart(self, session: UploadSession) -> None:
        """Give up what OSS has of ``session``: written down first, so that a crash or a bad line cannot lose it."""
        sessions, call = self.context.store.sessions, self.context.store.call
        if session.upload_id and session.ticket is not None:
            abort = PendingAbort(
                session.upload_id, session.ticket.bucket, session.ticket.object_key, created_at=self.clock()
            )
            await call(sessions.remember_abort, abort)
            await abort_pending(self.context, abort)
        await call(sessions.set_parts, session.session_id, [])
        await self._update(upload_id="", ticket=None, total_parts=0)

    def _result(self, status: UploadStatus, file: VerifiedFile, message: str = "") -> UploadResult:
        quick = status is UploadStatus.QUICK_SUCCESS
        # spec.md fixes these words, whatever the user's language
        words = say(message or ("result.quick" if quick else "result.uploaded"), lang="zh")
        return UploadResult(
            success=True,
            status=status,
            message=words,
            file_id=file.file_id,
            quick_upload=quick,
            file_name=self._name,
            file_size=self.recorder.file_size,
            sha1=self.sha1,
            pick_code=file.pick_code,
            file_path=self.request.file_path,
            target_path=self.request.options.target_path,
            target_dir_id=self._folder_id,
            job_id=self.request.job_id,
            bytes_sent=self.stats.bytes_sent,
            resumed=self.stats.resumed,
            retries=self.stats.retries,
        )


async def abort_pending(context: UploadContext, abort: PendingAbort) -> bool:
    """Abort a multipart that nobody wants any more; where it cannot be done now it stays remembered.

    Returns:
        Whether OSS has forgotten it.
    """
    try:
        await context.bucket(abort.bucket).abort(abort.object_key, abort.upload_id)
    except Pan115Error as error:
        logger.warning("an unfinished upload could not be aborted now and will be later: %s", error)
        return False
    await context.store.call(context.store.sessions.forget_abort, abort.upload_id)
    return True
