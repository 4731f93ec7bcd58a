"""Everything the kit asks of 115, on either route; only what is on the wire differs between them.

Nothing above this floor knows which route is used.
"""

from __future__ import annotations

import abc
import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from .._base.drive_codes import Code
from ..config import Endpoints, UploadConfig
from ..errors import (
    AccountBlockedError,
    DriveError,
    DriveProtocolError,
    FileTooLargeError,
    LoginError,
    NetworkError,
    TargetError,
    VerificationError,
)
from ..i18n import format_bytes, say
from ..models import OssToken, UploadTicket
from .auth.credentials import Route
from .data import Account, FileClaim, Instant, NeedsUpload, RemoteFile, SecondCheck, SignedRange
from .http_client import ApiClient, is_http_status, may_have_arrived
from .names import check_folder_path, folder_names, shorten_file_name
from .responses import read_init

#: Reads an inclusive byte range of the file and returns its SHA-1, upper-case hex (protocol.md §2.3).
RangeHasher = Callable[[int, int], Awaitable[str]]

#: The second check is repeated at most this often (protocol.md §2.3).
MAX_SECOND_CHECKS = 3
#: Entries of a folder asked for at once; 115 gives no more (protocol.md §6).
PAGE = 1150
#: The target of an upload: area 1, folder id (protocol.md §2.3).
TARGET_PREFIX = "U_1_"


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries of a folder, newest first."""

    files: list[RemoteFile]
    folders: dict[str, str] = field(default_factory=dict)
    entries: int = 0
    total: int = 0


class Drive(abc.ABC):
    """115 over one :class:`~pan115kit.drive.http_client.ApiClient`; a route fills in the calls.

    All methods raise :class:`~pan115kit.errors.Pan115Error` subclasses only.
    """

    route: Route

    def __init__(self, api: ApiClient, *, endpoints: Endpoints, config: UploadConfig) -> None:
        self._api = api
        self._at = endpoints
        self._config = config
        self._account: Account | None = None
        self._account_lock = asyncio.Lock()
        self._folder_lock = asyncio.Lock()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {self._at.upload}>"

    # -- the account -------------------------------------------------------------------------------------------

    async def account(self) -> Account:
        """User id and limits, asked once and kept.

        Raises:
            LoginError: The credentials are not valid.
        """
        async with self._account_lock:
            if self._account is None:
                self._account = await self._api.retrying(self._ask_account)
            return self._account

    def reset(self) -> None:
        """Forget that 115 blocked the account: the user says go on (laws.md 12)."""
        self._api.reset()

    async def close(self) -> None:
        """Close connections."""
        await self._api.close()

    # -- an upload's calls -------------------------------------------------------------------------------------

    async def init(self, claim: FileClaim, hash_range: RangeHasher) -> Instant | NeedsUpload:
        """Ask for instant upload, proving the range 115 names as often as it asks (at most three times).

        Raises:
            VerificationError: 115 still asks after :data:`MAX_SECOND_CHECKS` answers.
        """
        signed: SignedRange | None = None
        for _ in range(MAX_SECOND_CHECKS + 1):
            answer = await self.init_once(claim, signed)
            if not isinstance(answer, SecondCheck):
                return answer
            value = await hash_range(answer.start, answer.end)
            signed = SignedRange(answer.sign_key, value, answer.pick_code)
        raise VerificationError(
            say("drive.second_checks", times=MAX_SECOND_CHECKS),
            hint=say("refusal.range_proof.hint"),
            code=Code.RANGE_WANTED.value,
            retryable=True,
        )

    async def init_once(self, claim: FileClaim, signed: SignedRange | None) -> Instant | NeedsUpload | SecondCheck:
        """One initupload / upload/init call (protocol.md §2.3, §3.1)."""
        claim = replace(claim, file_name=shorten_file_name(claim.file_name))
        proof = signed
        in_doubt = clock_blamed = False

        async def attempt() -> Instant | NeedsUpload | SecondCheck:
            nonlocal proof, in_doubt, clock_blamed
            if in_doubt and (found := await self._already_there(claim)) is not None:
                return found
            in_doubt = answered = False
            try:
                reply = await self._ask_init(claim, proof)
                answered = True
                return read_init(reply, claim)
            except (NetworkError, DriveError) as error:
                # An instant upload whose reply is lost has made its file: asking again would make a second one.
                in_doubt = not answered and may_have_arrived(error)
                refused = proof is not None and isinstance(error, VerificationError)
                if error.code == Code.SIGNATURE_INVALID and self._api.clock_is_wrong:
                    # The same is said of a slow look-up, so it is asked once more, with 115's time; then it is final.
                    error.hint = self._api.clock_hint()
                    error.retryable = not clock_blamed
                    clock_blamed = True
                if refused or error.code == Code.SIGNATURE_INVALID:
                    proof = None  # from the beginning, so that 115 names a range again (protocol.md §2.3)
                if not refused:
                    raise
            return await attempt()

        return await self._api.retrying(attempt)

    @abc.abstractmethod
    async def oss_token(self) -> OssToken:
        """Fresh STS keys with their endpoint; not cached here (``oss.sts_keys`` does)."""

    async def resume(self, pick_code: str, claim: FileClaim) -> UploadTicket | None:
        """The ticket of an earlier init, or None where 115 no longer knows it (protocol.md §2.5, §3.3)."""
        try:
            return await self._api.retrying(lambda: self._resume(pick_code, claim))
        except (LoginError, AccountBlockedError, DriveProtocolError):
            raise
        except DriveError as error:
            # Only 115's own no ends a session; a passing fault or a gateway's status must not cost its parts.
            if error.retryable or is_http_status(error.code):
                raise
            return None

    # -- folders and files ------------------------------------------------------------------------------------

    async def find_folder(self, path: str) -> str | None:
        """The id of folder ``/a/b`` or None; ``/`` is ``"0"``."""
        path = check_folder_path(path)
        if path == "/":
            return "0"
        return await self._api.retrying(lambda: self._folder_id(path))

    async def make_folders(self, path: str) -> str:
        """As ``mkdir -p``: the id of folder ``/a/b``, made where missing.

        Raises:
            TargetError: A folder cannot be made.
        """
        path = check_folder_path(path)
        # One at a time: files of one batch want the same new folder at the same moment.
        async with self._folder_lock:
            found = await self.find_folder(path)
            if found is not None:
                return found
            made = await self._api.retrying(lambda: self._make_at_once(path))
            return made if made is not None else await self._make_levels(path)

    async def find_files(self, folder_id: str, sha1: str, size: int) -> list[RemoteFile]:
        """Files directly in ``folder_id`` with this content, newest first: how a doubtful end is settled (§5)."""
        found: list[RemoteFile] = []
        offset = 0
        while True:
            page = await self._list(folder_id, offset)
            found += [file for file in page.files if file.sha1 == sha1.upper() and file.size == size]
            offset += page.entries
            if page.entries == 0 or offset >= page.total:
                return found

    # -- parts of the above ------------------------------------------------------------------------------------

    async def _already_there(self, claim: FileClaim) -> Instant | None:
        """The file, if it is among the newest of its folder already."""
        page = await self._page(claim.target_dir_id, 0)
        wanted = (claim.file_name, claim.sha1.upper(), claim.file_size)
        match = next((file for file in page.files if (file.name, file.sha1, file.size) == wanted), None)
        return None if match is None else Instant(match.file_id, match.pick_code)

    async def _make_levels(self, path: str) -> str:
        parent = "0"
        names = folder_names(path)
        for depth, name in enumerate(names, 1):
            here = "/" + "/".join(names[:depth])
            parent = await self.find_folder(here) or await self._make_level(parent, name, here)
        return parent

    async def _make_level(self, parent_id: str, name: str, path: str) -> str:
        try:
            return await self._api.retrying(lambda: self._add_folder(parent_id, name))
        except TargetError as error:
            if error.code != Code.FOLDER_EXISTS:
                raise
        # Somebody made it meanwhile, or a first try's reply was lost: 115 does not say its id (protocol.md §6.1).
        found = await self.find_folder(path) or await self._folder_in(parent_id, name)
        if found is None:
            raise TargetError(say("drive.folder_impossible", path=path), code=Code.FOLDER_EXISTS.value)
        return found

    async def _folder_in(self, parent_id: str, name: str) -> str | None:
        offset = 0
        while True:
            page = await self._list(parent_id, offset)
            if name in page.folders:
                return page.folders[name]
            offset += page.entries
            if page.entries == 0 or offset >= page.total:
                return None

    async def _list(self, folder_id: str, offset: int) -> Page:
        return await self._api.retrying(lambda: self._page(folder_id, offset))

    # -- the calls of a route; each is one attempt, repeated by what calls it ----------------------------------

    @abc.abstractmethod
    async def _ask_account(self) -> Account: ...

    @abc.abstractmethod
    async def _ask_init(self, claim: FileClaim, signed: SignedRange | None) -> dict[str, Any]: ...

    @abc.abstractmethod
    async def _resume(self, pick_code: str, claim: FileClaim) -> UploadTicket | None: ...

    @abc.abstractmethod
    async def _folder_id(self, path: str) -> str | None: ...

    @abc.abstractmethod
    async def _add_folder(self, parent_id: str, name: str) -> str:
        """Make one folder; a TargetError of code 20004 where the name is taken."""

    @abc.abstractmethod
    async def _page(self, folder_id: str, offset: int) -> Page: ...

    async def _make_at_once(self, path: str) -> str | None:
        """Make all levels in one call, where the route has such a call."""
        return None


def check_size(claim: FileClaim, limit: int | None) -> None:
    """Refuse here what 115 would refuse after the whole file was sent (protocol.md §2.1).

    Raises:
        FileTooLargeError: The file is over the account's limit.
    """
    if limit is not None and claim.file_size > limit:
        raise FileTooLargeError(
            say("drive.file_too_large", file=claim.file_name, size=format_bytes(claim.file_size)),
            hint=say("drive.file_too_large.hint", size=format_bytes(limit)),
        )


def check_echo(answered: object, asked: str) -> None:
    """An unknown folder id lists the root (protocol.md §6.1): its files are not the ones asked for.

    Raises:
        TargetError: 115 listed another folder.
    """
    if str(answered) != asked:
        raise TargetError(say("drive.folder_gone"), hint=say("refusal.folder_gone.hint"))
