"""One upload, from hash to verified result: the story, readable top to bottom.

open the file → take the session → find the folder → hash → ask 115 (instant? second check) → send → complete →
verify.  A run that finds a session of an earlier one goes on where that one stopped.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ..config import MAX_PART_SIZE, MAX_PARTS
from ..drive.interface import Account, FileClaim, Instant, NeedsUpload
from ..drive.names import shorten_file_name
from ..errors import (
    DriveError,
    FileChangedError,
    FileTooLargeError,
    NoSpaceError,
    OssError,
    Pan115Error,
    SessionBusyError,
    TargetError,
    VerificationError,
)
from ..models import FileIdentity, UploadResult, UploadSession, UploadStatus, UploadTicket
from ..progress.recorder import ProgressRecorder
from ..store import PendingAbort, session_id_for
from .decisions import WRONG_PLACE
from .hashing import sha1_file
from .local_file import LocalFile
from .multipart import Multipart, Restart
from .request_bodies import Tally, Wire
from .upload_context import Tools
from .verify import Arrived, Ending

logger = logging.getLogger("pan115kit")

#: How often an upload may begin anew in one run before its error is final.
MAX_RESTARTS = 2


@dataclass(frozen=True, slots=True)
class UploadRequest:
    """What was asked for.

    Attributes:
        file_path: Absolute local path.
        target_path: Folder on the drive.
        target_dir_id: Its id where the user named it by id; wins over ``target_path``.
        skip_existing: Do nothing where the folder has a file of this name and content already.
    """

    job_id: str
    file_path: str
    target_path: str = "/"
    target_dir_id: str = ""
    skip_existing: bool = False

    @property
    def session_id(self) -> str:
        """From path and target, so that a later run finds the session again."""
        return session_id_for(self.file_path, self.target_dir_id or self.target_path)


@dataclass(slots=True, eq=False)
class Upload:
    """The engine side of one upload; :mod:`pan115kit.job` is the user's handle of it."""

    request: UploadRequest
    tools: Tools
    recorder: ProgressRecorder
    clock: Callable[[], float] = time.time
    tally: Tally = field(default_factory=Tally)
    sha1: str = ""
    _folder_id: str = ""
    _name: str = ""
    _left_at: UploadStatus | None = None  # where an earlier run's row stood

    # -- the story ---------------------------------------------------------------------------------------------

    async def run(self) -> UploadResult:
        """Upload the file.

        Returns:
            A result whose ``success`` is True.

        Raises:
            Pan115Error: Whatever stopped it; the session is kept unless it makes no sense any more.
        """
        begun = self.clock()
        file = LocalFile.open(self.request.file_path)
        try:
            try:
                # within: a stop may come while the lease is being written
                await self._take_session(file)
                session = await self._begin_session(file)
                await self._check_account(file)
                self._folder_id = await self._find_folder()
                self.sha1 = await self._hash(file)
                session = await self._same_content_or_fresh(session)
                result = await self._deliver(file, session)
            except FileChangedError:
                # Parts sent about now may be of the old content or the new: none is trusted unseen.  They stay with
                # OSS all the same: if only the file's metadata changed, the next run finds that they are its parts.
                await self._distrust_parts()
                raise
            finally:
                await self.tools.store.call(
                    self.tools.store.leases.release, self.request.session_id, self.request.job_id
                )
        finally:
            file.close()
        return replace(result, elapsed_seconds=self.clock() - begun)

    async def hash_ahead(self) -> None:
        """Hash while others upload; what it finds is in the cache when this upload's turn comes."""
        file = LocalFile.open(self.request.file_path)
        try:
            self.recorder.describe(file_name=file.name, file_size=file.size)
            await self._hash(file)
        finally:
            file.close()

    # -- before the first byte ---------------------------------------------------------------------------------

    async def _take_session(self, file: LocalFile) -> None:
        self._name = shorten_file_name(file.name)
        self.recorder.describe(file_name=file.name, file_size=file.size, session_id=self.request.session_id)
        leases = self.tools.store.leases
        if not await self.tools.store.call(leases.acquire, self.request.session_id, self.request.job_id):
            owner = await self.tools.store.call(leases.owner, self.request.session_id)
            who = "another upload of this process" if owner and owner.pid == os.getpid() else "another process"
            raise SessionBusyError(
                f"{who} is uploading {file.name} to {self.request.target_path}",
                hint="wait for it, or cancel it there",
            )

    async def _begin_session(self, file: LocalFile) -> UploadSession:
        sessions = self.tools.store.sessions
        found = await self.tools.store.call(sessions.get, self.request.session_id)
        now = self.clock()
        self._left_at = found.status if found else None
        if found is None:
            found = UploadSession(
                self.request.session_id, self.request.file_path, file.name, file.size, created_at=now
            )
        elif found.file_size != file.size:
            await self.drop_multipart(found)
            found = replace(found, upload_id="", ticket=None, file_sha1="")
        session = replace(
            found,
            file_size=file.size,
            identity=file.identity,
            target_path=self.request.target_path,
            target_dir_id=self.request.target_dir_id or found.target_dir_id,
            status=UploadStatus.HASHING,
            job_id=self.request.job_id,
            updated_at=now,
            error_message=None,
        )
        await self.tools.store.call(sessions.save, session)
        return session

    async def _check_account(self, file: LocalFile) -> None:
        """Limits are checked before a byte is hashed, where 115 tells them."""
        try:
            account = await self.tools.drive.account()
        except DriveError as error:
            if type(error) is not DriveError or error.retryable:
                raise
            # the Open API needs no account to upload: an app that may not ask about it, may still upload
            account = Account(user_id="")
        if account.size_limit is not None and file.size > account.size_limit:
            raise FileTooLargeError(
                f"{file.name} has {file.size} bytes, the account's limit is {account.size_limit}",
                hint="115 allows 115 GiB with VIP, 5 GiB without",
            )
        if file.size > MAX_PARTS * MAX_PART_SIZE:
            raise FileTooLargeError(f"{file.name} has {file.size} bytes", hint="OSS takes at most 48.8 TiB")
        if account.space_left is not None and file.size > account.space_left:
            raise NoSpaceError(
                f"{file.name} has {file.size} bytes, the drive has {account.space_left} left",
                hint="delete something first",
            )

    async def _find_folder(self) -> str:
        if self.request.target_dir_id:
            return self.request.target_dir_id
        return await self.tools.folders.id_of(self.request.target_path, create=self.tools.config.create_target)

    async def _hash(self, file: LocalFile) -> str:
        self.recorder.set_status(UploadStatus.HASHING)
        hashes, call = self.tools.store.hashes, self.tools.store.call

        async def remember(identity: FileIdentity, sha1: str) -> None:
            await call(hashes.put, identity, sha1)

        sha1 = await sha1_file(
            file,
            on_progress=self.recorder.set_hashed,
            cached=lambda identity: call(hashes.get, identity),
            remember=remember,
        )
        self.recorder.set_hashed(file.size)
        return sha1

    async def _same_content_or_fresh(self, session: UploadSession) -> UploadSession:
        """A session of other content (the file was rewritten) is not continued."""
        if session.file_sha1 and session.file_sha1 != self.sha1:
            logger.info("%s has new content since its unfinished upload; beginning anew", session.file_name)
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

    async def _deliver(self, file: LocalFile, session: UploadSession) -> UploadResult:
        self.recorder.set_status(UploadStatus.CHECKING)
        ending = Ending(self.tools, file, self._name, self.sha1, self._folder_id, self.recorder)
        if self.request.skip_existing and (there := await ending.find(None)):
            return self._result(UploadStatus.QUICK_SUCCESS, there.file_id, there.pick_code, "文件已存在")
        ticket, upload_id = await self._earlier_ticket(session)
        asked = self._left_at in (UploadStatus.CHECKING, UploadStatus.UPLOADING)
        if ticket is None and (session.ticket is not None or asked):
            if there := await ending.find(session.ticket):
                # the earlier run had arrived; only its last line was not written
                return self._result(UploadStatus.SUCCESS, there.file_id, there.pick_code)
            await self.drop_multipart(session)
        restarts, refused = 0, None
        while True:
            if ticket is None:
                self.recorder.set_status(UploadStatus.CHECKING)
                answer = await self._init(file)
                if isinstance(answer, Instant):
                    return self._result(UploadStatus.QUICK_SUCCESS, answer.file_id, answer.pick_code)
                if refused is not None:
                    raise refused  # the same bytes would end the same way
                ticket = answer.ticket
            await self._update(ticket=ticket, upload_id=upload_id, status=UploadStatus.UPLOADING)
            self.recorder.set_status(UploadStatus.UPLOADING)
            try:
                done = await self._send(file, ending, ticket, upload_id)
                return self._result(UploadStatus.SUCCESS, done.file_id, done.pick_code or ticket.pick_code)
            except Restart as signal:
                if signal.completed and (there := await ending.find(ticket, patient=True)):
                    return self._result(UploadStatus.SUCCESS, there.file_id, there.pick_code)
                restarts += 1
                if restarts > MAX_RESTARTS:
                    raise signal.error from signal
                logger.warning("%s: beginning anew: %s", self._name, signal.error)
                self.tally.retries += 1
                self.recorder.count_retry()
            except VerificationError as error:
                file.check_unchanged()  # if the file itself is the cause, that is the clearer error
                refused = error
            await self.drop_multipart(await self._row() or session)
            ticket, upload_id = None, ""
            self.recorder.set_resumed(0)

    async def _earlier_ticket(self, session: UploadSession) -> tuple[UploadTicket | None, str]:
        """Ticket and upload_id of an earlier run that can be continued, asked anew (protocol §4.8)."""
        if session.ticket is None or not session.upload_id:
            return None, ""
        claim = FileClaim(self._name, session.file_size, self.sha1, self._folder_id)
        ticket = await self.tools.drive.resume(session.ticket.pick_code, claim)
        if ticket is None or (ticket.bucket, ticket.object_key) != (session.ticket.bucket, session.ticket.object_key):
            return None, ""
        return ticket, session.upload_id

    async def _init(self, file: LocalFile) -> Instant | NeedsUpload:
        file.check_unchanged()
        claim = FileClaim(self._name, file.size, self.sha1, self._folder_id)
        try:
            return await self.tools.drive.init(claim, file.sha1_range)
        except TargetError:
            if self.request.target_dir_id:
                raise
            # the folder may have been deleted since it was found
            self.tools.folders.forget(self.request.target_path)
            self._folder_id = await self._find_folder()
            return await self.tools.drive.init(replace(claim, target_dir_id=self._folder_id), file.sha1_range)

    async def _send(self, file: LocalFile, ending: Ending, ticket: UploadTicket, upload_id: str) -> Arrived:
        wire = Wire(file, self.recorder, self.tools.bandwidth, self.tally)
        try:
            if not upload_id and (file.size == 0 or file.size < self.tools.config.multipart_threshold):
                return await ending.put(wire, ticket)
            adapt = self.tools.config.adapts_part_size
            multipart = Multipart(self.tools, file, self.request.session_id, ticket, self.recorder, wire, adapt=adapt)
            parts = await multipart.send_all(upload_id)
            return await ending.complete(multipart, parts)
        except OssError as error:
            if error.code in WRONG_PLACE:
                raise Restart(error) from error
            raise

    # -- bookkeeping -------------------------------------------------------------------------------------------

    async def _update(self, **changes: object) -> None:
        await self.tools.store.call(self.tools.store.sessions.update, self.request.session_id, **changes)

    async def _distrust_parts(self) -> None:
        if await self._row() is not None:
            await self.tools.store.call(self.tools.store.sessions.set_parts, self.request.session_id, [])

    async def _row(self) -> UploadSession | None:
        return await self.tools.store.call(self.tools.store.sessions.get, self.request.session_id)

    async def drop_multipart(self, session: UploadSession) -> None:
        """Give up what OSS has of ``session``: written down first, so that a crash or a bad line cannot lose it."""
        sessions, call = self.tools.store.sessions, self.tools.store.call
        if session.upload_id and session.ticket is not None:
            abort = PendingAbort(
                session.upload_id, session.ticket.bucket, session.ticket.object_key, created_at=self.clock()
            )
            await call(sessions.remember_abort, abort)
            await abort_pending(self.tools, abort)
        await call(sessions.set_parts, session.session_id, [])
        await self._update(upload_id="", ticket=None, total_parts=0)

    def _result(self, status: UploadStatus, file_id: str, pick_code: str, message: str = "") -> UploadResult:
        quick = status is UploadStatus.QUICK_SUCCESS
        return UploadResult(
            success=True,
            status=status,
            message=message or ("秒传成功" if quick else "文件上传成功"),
            file_id=file_id,
            quick_upload=quick,
            file_name=self._name,
            file_size=self.recorder.file_size,
            sha1=self.sha1,
            pick_code=pick_code,
            file_path=self.request.file_path,
            target_path=self.request.target_path,
            target_dir_id=self._folder_id,
            job_id=self.request.job_id,
            bytes_sent=self.tally.bytes_sent,
            resumed=self.tally.resumed,
            retries=self.tally.retries,
        )


async def abort_pending(tools: Tools, abort: PendingAbort) -> bool:
    """Abort a multipart that nobody wants any more; where it cannot be done now it stays remembered.

    Returns:
        Whether OSS has forgotten it.
    """
    try:
        await tools.bucket(abort.bucket).abort(abort.object_key, abort.upload_id)
    except Pan115Error as error:
        logger.warning("an unfinished upload could not be aborted now and will be later: %s", error)
        return False
    await tools.store.call(tools.store.sessions.forget_abort, abort.upload_id)
    return True
