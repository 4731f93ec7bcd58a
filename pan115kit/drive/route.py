"""What the cookie route and the Open API route share: everything but the words on the wire."""

from __future__ import annotations

import abc
import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

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
from ..i18n import format_bytes
from ..models import UploadTicket
from .http_client import ApiClient, is_http_status, may_have_arrived
from .interface import Account, Drive, FileClaim, Instant, NeedsUpload, RemoteFile, SecondCheck, SignedRange
from .names import check_folder_path, folder_names, shorten_file_name
from .responses import SIG_INVALID, read_init

#: Entries of a folder asked for at once; 115 gives no more (protocol §6).
PAGE = 1150
#: The target of an upload: area 1, folder id (protocol §2.3).
TARGET_PREFIX = "U_1_"
FOLDER_EXISTS = 20004


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries of a folder, newest first."""

    files: list[RemoteFile]
    folders: dict[str, str] = field(default_factory=dict)
    entries: int = 0
    total: int = 0


class RouteDrive(Drive):
    """A drive over one :class:`~pan115kit.drive.http_client.ApiClient`; the routes fill in the calls."""

    def __init__(self, api: ApiClient, *, endpoints: Endpoints, config: UploadConfig) -> None:
        self._api = api
        self._at = endpoints
        self._config = config
        self._account: Account | None = None
        self._account_lock = asyncio.Lock()
        self._folder_lock = asyncio.Lock()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {self._at.upload}>"

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

    # -- the Drive interface -----------------------------------------------------------------------------------

    async def account(self) -> Account:
        async with self._account_lock:
            if self._account is None:
                self._account = await self._api.retrying(self._ask_account)
            return self._account

    async def init_once(self, claim: FileClaim, signed: SignedRange | None) -> Instant | NeedsUpload | SecondCheck:
        claim = replace(claim, file_name=shorten_file_name(claim.file_name))
        proof = signed
        in_doubt = False

        async def attempt() -> Instant | NeedsUpload | SecondCheck:
            nonlocal proof, in_doubt
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
                if refused or error.code == SIG_INVALID:
                    proof = None  # from the beginning, so that 115 names a range again (protocol §2.3)
                if not refused:
                    raise
            return await attempt()

        return await self._api.retrying(attempt)

    async def resume(self, pick_code: str, claim: FileClaim) -> UploadTicket | None:
        try:
            return await self._api.retrying(lambda: self._resume(pick_code, claim))
        except (LoginError, AccountBlockedError, DriveProtocolError):
            raise
        except DriveError as error:
            # Only 115's own no ends a session; a passing fault or a gateway's status must not cost its parts.
            if error.retryable or is_http_status(error.code):
                raise
            return None

    async def find_folder(self, path: str) -> str | None:
        path = check_folder_path(path)
        if path == "/":
            return "0"
        return await self._api.retrying(lambda: self._folder_id(path))

    async def make_folders(self, path: str) -> str:
        path = check_folder_path(path)
        # One at a time: files of one batch want the same new folder at the same moment.
        async with self._folder_lock:
            found = await self.find_folder(path)
            if found is not None:
                return found
            made = await self._api.retrying(lambda: self._make_at_once(path))
            return made if made is not None else await self._make_levels(path)

    async def find_files(self, folder_id: str, sha1: str, size: int) -> list[RemoteFile]:
        found: list[RemoteFile] = []
        offset = 0
        while True:
            page = await self._list(folder_id, offset)
            found += [file for file in page.files if file.sha1 == sha1.upper() and file.size == size]
            offset += page.entries
            if page.entries == 0 or offset >= page.total:
                return found

    def reset(self) -> None:
        self._api.reset()

    async def close(self) -> None:
        await self._api.close()

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
            if error.code != FOLDER_EXISTS:
                raise
        # Somebody made it meanwhile, or a first try's reply was lost: 115 does not say its id (protocol §6.1).
        found = await self.find_folder(path) or await self._folder_in(parent_id, name)
        if found is None:
            raise TargetError(f"the folder {path} can neither be made nor found", code=FOLDER_EXISTS)
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


def check_size(claim: FileClaim, limit: int | None) -> None:
    """Refuse here what 115 would refuse after the whole file was sent (protocol §2.1).

    Raises:
        FileTooLargeError: The file is over the account's limit.

    Example:
        >>> check_size(FileClaim("a", 9, "", "0"), 9)
    """
    if limit is not None and claim.file_size > limit:
        raise FileTooLargeError(
            f"{claim.file_name} has {format_bytes(claim.file_size)}",
            hint=f"this account may upload files of at most {format_bytes(limit)}",
        )


def check_echo(answered: object, asked: str) -> None:
    """An unknown folder id lists the root (protocol §6.1): its files are not the ones asked for.

    Raises:
        TargetError: 115 listed another folder.

    Example:
        >>> check_echo(12, "12")
    """
    if str(answered) != asked:
        raise TargetError("the target folder does not exist any more", hint="make it again or name another one")
