"""What 115 is asked and what it answers, as data."""

from __future__ import annotations

from dataclasses import dataclass

from ..models import UploadTicket


@dataclass(frozen=True, slots=True)
class Account:
    """Who uploads and what the account may do (protocol.md §2.1)."""

    user_id: str
    size_limit: int | None = None
    space_left: int | None = None


@dataclass(frozen=True, slots=True)
class FileClaim:
    """What 115 learns of a file before any byte is sent."""

    file_name: str
    file_size: int
    sha1: str
    target_dir_id: str
    preid: str = ""
    """SHA-1 of the first 128 KiB, Open API only; may be empty (protocol.md §3.1)."""


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
