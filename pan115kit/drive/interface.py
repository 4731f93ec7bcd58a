"""Everything the kit asks of 115, on either route; only what is on the wire differs between them.

Nothing above this floor knows which route is used.
"""

from __future__ import annotations

import abc
import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from .._base.drive_codes import GONE, Code
from ..config import Endpoints, UploadConfig
from ..errors import (
    AccountBlockedError,
    DriveError,
    DriveProtocolError,
    FileNameError,
    FileTooLargeError,
    LoginError,
    NetworkError,
    TargetError,
    VerificationError,
)
from ..i18n import format_bytes, say
from ..models import OssToken, UploadTicket
from .auth.credentials import Route
from .data import (
    Account,
    DownloadLink,
    Entry,
    FileClaim,
    Instant,
    NeedsUpload,
    SecondCheck,
    SignedRange,
    Space,
    SubtreeCounts,
)
from .download import RemoteReader
from .http_client import ApiClient, is_http_status, may_have_arrived
from .names import check_folder_name, check_folder_path, folder_names, shorten_file_name
from .paging import every_entry
from .responses import read_init
from .rows import ROOT, Page

T = TypeVar("T")

#: Reads an inclusive byte range of the file and returns its SHA-1, upper-case hex (protocol.md §2.3).
RangeHasher = Callable[[int, int], Awaitable[str]]

#: The second check is repeated at most this often (protocol.md §2.3).
MAX_SECOND_CHECKS = 3
#: Entries of a folder asked for at once; 115 gives no more (protocol.md §6).
PAGE = 1150
#: 115 gives no more of a search (protocol-drive.md D5).
SEARCH_WINDOW = 10_000
#: Ids in one call that changes something; 115 takes more, other clients send 200 to 1,000 (protocol-drive.md D4.2).
CHANGE_BATCH = 500
#: The target of an upload: area 1, folder id (protocol.md §2.3).
TARGET_PREFIX = "U_1_"


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
        self._change_lock = asyncio.Lock()

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

    async def find_files(self, folder_id: str, sha1: str, size: int) -> list[Entry]:
        """Whole files directly in ``folder_id`` with this content, newest first: they decide a doubtful end (§5)."""
        wanted = (sha1.upper(), size)
        return [
            entry
            async for entry in self.list_folder(folder_id)
            if not entry.is_folder and entry.complete and (entry.sha1, entry.size) == wanted
        ]

    def list_folder(self, folder_id: str = ROOT) -> AsyncIterator[Entry]:
        """What is directly in a folder, newest first where 115 keeps that order; a call for every 1,150 entries.

        Raises:
            TargetError: There is no such folder (115 lists the root instead).
            RateLimitedError: 115 answered with nothing at all, also after retries.
            DriveError: The folder changes again and again while it is listed.
        """
        return every_entry(lambda offset: self._list(folder_id, offset))

    def list_files_below(self, folder_id: str = ROOT) -> AsyncIterator[Entry]:
        """All files below a folder at any depth, without the folders; a call for every 1,150 files.

        Raises:
            TargetError, RateLimitedError, DriveError: As :meth:`list_folder`.
        """
        return every_entry(lambda offset: self._list(folder_id, offset, below=True))

    async def walk(self, folder_id: str = ROOT) -> AsyncIterator[tuple[str, Entry]]:
        """Everything below a folder, with its path from there (``a/b.txt``); at least a call for each folder.

        A folder comes before what is in it.

        Raises:
            TargetError, RateLimitedError, DriveError: As :meth:`list_folder`.
        """
        waiting, seen = deque([("", folder_id)]), {folder_id}
        while waiting:
            above, parent_id = waiting.popleft()
            async for entry in self.list_folder(parent_id):
                path = above + entry.name
                yield path, entry
                if entry.is_folder and entry.file_id not in seen:
                    seen.add(entry.file_id)
                    waiting.append((f"{path}/", entry.file_id))

    async def count_entries(self, folder_id: str = ROOT) -> int:
        """How many entries a folder has, by 115's count.

        Raises:
            TargetError: There is no such folder.
        """
        return (await self._list(folder_id, 0, 1)).total

    async def count_files_below(self, folder_id: str = ROOT) -> int:
        """How many files :meth:`list_files_below` will give, by 115's count.

        Raises:
            TargetError: There is no such folder.
        """
        return (await self._list(folder_id, 0, limit=1, below=True)).total

    async def count_below(self, folder_id: str) -> SubtreeCounts:
        """What is below a folder at any depth; 115 needs seconds to minutes for a large one.

        Raises:
            TargetError: There is no such folder, or it is the root, which 115 does not count.
        """
        return await self._api.retrying(lambda: self._ask_counts(folder_id))

    async def info(self, file_id: str) -> Entry | None:
        """The file or folder of this id; None where there is none, or where it is in the recycle bin."""
        try:
            found = await self._api.retrying(lambda: self._ask_info(file_id))
            if found is None:
                # An answer without anything is 115's "there is none", and also what it says under load: it is only
                # believed once 115 has answered something that cannot be empty.
                await self.count_entries()
                found = await self._api.retrying(lambda: self._ask_info(file_id))
        except DriveError as error:
            if error.code in GONE or error.code == Code.PARAMETER:
                return None
            raise
        return found

    async def search(self, text: str, folder_id: str = ROOT) -> AsyncIterator[Entry]:
        """Files and folders below ``folder_id`` whose name has ``text``, or whose SHA-1 it is (40 hex digits).

        115's index lags behind, so that a missing entry proves nothing, and it gives at most 10,000.
        """
        if not text.strip():
            return

        async def page(offset: int) -> Page:
            return await self._api.retrying(
                lambda: self._ask_search(text, folder_id, offset, min(PAGE, SEARCH_WINDOW - offset))
            )

        async for entry in every_entry(page, window=SEARCH_WINDOW):
            yield entry

    async def find_sha1(self, sha1: str, folder_id: str = ROOT) -> list[Entry]:
        """Files below ``folder_id`` with this SHA-1 that 115's index knows already."""
        return [entry async for entry in self.search(sha1.upper(), folder_id) if entry.sha1 == sha1.upper()]

    async def space(self) -> Space:
        """How much room there is."""
        return await self._api.retrying(self._ask_space)

    async def download_link(self, entry: Entry) -> DownloadLink:
        """Where the bytes of a file are.

        Raises:
            TargetError: It is a folder.
            DriveError: 115 gives none.
        """
        return await self._api.retrying(lambda: self._ask_link(entry))

    def open(self, entry: Entry) -> RemoteReader:
        """Read byte ranges of a file.

        Raises:
            TargetError: It is a folder.
        """
        if entry.is_folder:
            raise TargetError(say("drive.link.folder", name=entry.name))
        return RemoteReader(entry, lambda: self._ask_link(entry), self._api)

    # -- changes, never two at once (laws.md 16) ----------------------------------------------------------------

    async def make_folder(self, parent_id: str, name: str) -> str:
        """The id of the folder ``name`` in ``parent_id``, made if it is not there.

        Raises:
            TargetError: It cannot be made.
        """
        check_folder_name(name)
        try:
            return await self._change(lambda: self._add_folder(parent_id, name))
        except TargetError as error:
            if error.code != Code.FOLDER_EXISTS:
                raise
        found = await self._folder_in(parent_id, name)
        if found is None:
            raise TargetError(say("drive.folder_impossible", path=name), code=Code.FOLDER_EXISTS.value)
        return found

    async def delete(self, file_ids: Iterable[str]) -> None:
        """Move files and folders to the recycle bin; what is gone already is fine.

        115 goes on with a folder after its answer; the next change waits for that.  Under load it says yes without
        doing anything (protocol-drive.md D0.14): whoever must be sure lists the folder.

        Raises:
            DriveError: 115 refuses.
        """
        for batch in _batches(file_ids):
            try:
                await self._change(partial(self._ask_delete, batch))
            except DriveError as error:
                if error.code not in GONE:
                    raise
                if len(batch) > 1:  # which one, and what of the others, 115 does not say
                    for file_id in batch:
                        await self.delete([file_id])

    async def move(self, file_ids: Iterable[str], target_id: str) -> None:
        """Move files and folders into a folder; their ids stay, a taken name is numbered (``a(1).txt``).

        Raises:
            TargetError: There is no such folder.  115 itself would move them out of sight.
        """
        await self.count_entries(target_id)
        for batch in _batches(file_ids):
            await self._change(partial(self._ask_move, batch, target_id))

    async def copy(self, file_ids: Iterable[str], target_id: str) -> None:
        """Copy files and folders into another folder; a taken name is numbered (``a(1).txt``).

        The copies have ids of their own, which 115 does not say; a folder's copy appears after the answer.

        Raises:
            TargetError: There is no such folder.
            NetworkError, DriveError: No answer came.  It is not asked again, since that could copy twice.
        """
        await self.count_entries(target_id)

        async def once(batch: list[str]) -> None:
            try:
                await self._ask_copy(batch, target_id)
            except (NetworkError, DriveError) as error:
                if may_have_arrived(error):
                    error.retryable = False
                    error.hint = say("drive.copy.in_doubt")
                raise

        for batch in _batches(file_ids):
            await self._change(partial(once, batch))

    async def rename(self, entry: Entry, name: str) -> str:
        """Give a file or folder another name.

        Returns:
            The name it has now: a taken one is numbered (``a(1).txt``).

        Raises:
            FileNameError: The name is none, or has another extension, which 115 would put behind it.
        """
        name = shorten_file_name(name)
        if not entry.is_folder and _extension(name) != _extension(entry.name):
            raise FileNameError(
                say("drive.rename.extension", name=repr(entry.name), wanted=repr(name)),
                hint=say("drive.rename.extension.hint"),
            )
        if name == entry.name:
            return name
        final = await self._change(lambda: self._ask_rename(entry.file_id, name))
        if final:
            return final
        now = await self.info(entry.file_id)
        if now is None:
            raise TargetError(say("refusal.entry_gone"), hint=say("refusal.entry_gone.hint"))
        return now.name

    # -- parts of the above ------------------------------------------------------------------------------------

    async def _already_there(self, claim: FileClaim) -> Instant | None:
        """The file, if it is among the newest of its folder already."""
        page = await self._page(claim.target_dir_id, 0, PAGE)
        if page.newest_first or page.rows >= page.total:
            entries = page.entries
        else:  # the folder keeps an order of its own: it may be anywhere
            entries = await self.find_files(claim.target_dir_id, claim.sha1, claim.file_size)
        wanted = (claim.file_name, claim.sha1.upper(), claim.file_size)
        files = (entry for entry in entries if not entry.is_folder and entry.complete)
        match = next((file for file in files if (file.name, file.sha1, file.size) == wanted), None)
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
        async for entry in self.list_folder(parent_id):
            if entry.is_folder and entry.name == name:
                return entry.file_id
        return None

    async def _list(self, folder_id: str, offset: int, limit: int = 0, *, below: bool = False) -> Page:
        return await self._api.retrying(lambda: self._page(folder_id, offset, limit or PAGE, below=below))

    async def _change(self, attempt: Callable[[], Awaitable[T]]) -> T:
        async with self._change_lock:
            return await self._api.retrying(attempt)

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
    async def _page(self, folder_id: str, offset: int, limit: int, *, below: bool = False) -> Page:
        """Rows of a folder; with ``below`` the files of its whole subtree."""

    @abc.abstractmethod
    async def _ask_info(self, file_id: str) -> Entry | None: ...

    @abc.abstractmethod
    async def _ask_counts(self, folder_id: str) -> SubtreeCounts: ...

    @abc.abstractmethod
    async def _ask_search(self, text: str, folder_id: str, offset: int, limit: int) -> Page: ...

    @abc.abstractmethod
    async def _ask_space(self) -> Space: ...

    @abc.abstractmethod
    async def _ask_link(self, entry: Entry) -> DownloadLink: ...

    @abc.abstractmethod
    async def _ask_delete(self, file_ids: list[str]) -> None: ...

    @abc.abstractmethod
    async def _ask_move(self, file_ids: list[str], target_id: str) -> None: ...

    @abc.abstractmethod
    async def _ask_copy(self, file_ids: list[str], target_id: str) -> None: ...

    @abc.abstractmethod
    async def _ask_rename(self, file_id: str, name: str) -> str:
        """The name it has now, or ``""`` where 115 does not say."""

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


def _batches(file_ids: Iterable[str]) -> Iterator[list[str]]:
    ids = list(dict.fromkeys(file_ids))
    return (ids[at : at + CHANGE_BATCH] for at in range(0, len(ids), CHANGE_BATCH))


def _extension(name: str) -> str:
    stem, _, extension = name.rpartition(".")
    return extension if stem else ""
