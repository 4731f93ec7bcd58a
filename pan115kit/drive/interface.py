"""The one interface of both routes to 115 (cookie, Open API), and the second-check loop they share.

Nothing above this floor knows which route is used.
"""

from __future__ import annotations

import abc
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ..errors import VerificationError
from ..models import OssToken as OssToken
from ..models import UploadTicket

#: Reads an inclusive byte range of the file and returns its SHA-1, upper-case hex (protocol §2.3).
RangeHasher = Callable[[int, int], Awaitable[str]]

#: The second check is repeated at most this often (protocol §2.3).
MAX_SECOND_CHECKS = 3


@dataclass(frozen=True, slots=True)
class Account:
    """Who uploads and what the account may do (protocol §2.1)."""

    user_id: str
    size_limit: int | None = None
    space_left: int | None = None


@dataclass(frozen=True, slots=True)
class FileClaim:
    """What is told to 115 about a file before any byte is sent."""

    file_name: str
    file_size: int
    sha1: str
    target_dir_id: str
    preid: str = ""
    """SHA-1 of the first 128 KiB, Open API only; may be empty (protocol §3.1)."""


@dataclass(frozen=True, slots=True)
class Instant:
    """115 has the content: the file is in the target folder already (秒传)."""

    file_id: str
    pick_code: str


@dataclass(frozen=True, slots=True)
class NeedsUpload:
    """115 wants the bytes."""

    ticket: UploadTicket


@dataclass(frozen=True, slots=True)
class SecondCheck:
    """115 wants proof: the SHA-1 of bytes ``start`` to ``end``, both inclusive."""

    sign_key: str
    start: int
    end: int
    pick_code: str = ""


@dataclass(frozen=True, slots=True)
class SignedRange:
    """The answer to a :class:`SecondCheck`."""

    sign_key: str
    sign_val: str
    pick_code: str = ""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file as the drive lists it."""

    file_id: str
    name: str
    size: int
    sha1: str
    pick_code: str
    parent_id: str


class Drive(abc.ABC):
    """Everything the kit asks of 115.  All methods raise :class:`~pan115kit.errors.Pan115Error` subclasses only."""

    #: ``cookie`` or ``open``
    route: str

    @abc.abstractmethod
    async def account(self) -> Account:
        """User id and limits, asked once and kept.

        Raises:
            LoginError: The credentials are not valid.
        """

    @abc.abstractmethod
    async def init_once(self, claim: FileClaim, signed: SignedRange | None) -> Instant | NeedsUpload | SecondCheck:
        """One initupload / upload/init call (protocol §2.3, §3.1)."""

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
            f"115 asked for a second check more than {MAX_SECOND_CHECKS} times",
            hint="the file may be changing; try again later",
            code=701,
            retryable=True,
        )

    @abc.abstractmethod
    async def oss_token(self) -> OssToken:
        """Fresh STS keys with their endpoint; not cached here (``oss.credentials`` does)."""

    @abc.abstractmethod
    async def resume(self, pick_code: str, claim: FileClaim) -> UploadTicket | None:
        """The ticket of an earlier init, or None where 115 no longer knows it (protocol §2.5, §3.3)."""

    @abc.abstractmethod
    async def find_folder(self, path: str) -> str | None:
        """The id of folder ``/a/b`` or None; ``/`` is ``"0"``."""

    @abc.abstractmethod
    async def make_folders(self, path: str) -> str:
        """As ``mkdir -p``: the id of folder ``/a/b``, made where missing.

        Raises:
            TargetError: A folder cannot be made.
        """

    @abc.abstractmethod
    async def find_files(self, folder_id: str, sha1: str, size: int) -> list[RemoteFile]:
        """Files directly in ``folder_id`` with this content, newest first: how a doubtful end is settled (§5)."""

    def reset(self) -> None:  # noqa: B027 - a drive without a breaker has nothing to forget
        """Forget that 115 blocked the account: the user says go on (law 12)."""

    @abc.abstractmethod
    async def close(self) -> None:
        """Close connections."""
