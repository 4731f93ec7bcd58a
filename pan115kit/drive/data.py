"""What 115 is asked and what it answers, as data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

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


class EntryKind(StrEnum):
    """What an entry of a folder is."""

    FILE = "file"
    FOLDER = "folder"


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or folder as the drive lists it.

    Attributes:
        file_id: Its id, also a folder's (there 115 says ``cid``).
        size: Bytes; 0 for folders.
        sha1: Upper-case hex; empty for folders.
        pick_code: Names it in downloads and events.
        parent_id: Id of the folder it is in; ``"0"`` is the root.
        modified: Seconds since the epoch, 0 where 115 did not say.
        complete: False where the upload of this file has not ended.
        censored: True where 115 does not hand it out.
    """

    file_id: str
    name: str
    size: int = 0
    sha1: str = ""
    pick_code: str = ""
    parent_id: str = ""
    kind: EntryKind = EntryKind.FILE
    modified: float = 0.0
    complete: bool = True
    censored: bool = False

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.kind is EntryKind.FOLDER


@dataclass(frozen=True, slots=True)
class Space:
    """How much the account may keep and keeps, in bytes."""

    total: int
    used: int
    left: int


@dataclass(frozen=True, slots=True)
class SubtreeCounts:
    """What is below a folder, at any depth.

    Attributes:
        size: Bytes, or None where 115 only says it rounded.
    """

    files: int
    folders: int
    size: int | None = None


@dataclass(frozen=True, slots=True, repr=False)
class DownloadLink:
    """Where a file's bytes are, for a while.  Its repr shows only the host: whoever has the URL has the file.

    Attributes:
        url: Signed; bound to ``user_agent`` and, where the link says so, to ``cookie`` (protocol-drive.md D3.3).
        user_agent: Of the call that asked for it; the file is asked for with the very same.
        cookie: What came with the answer, for the host of the file only.
        expires_at: Seconds since the epoch, or None where the link does not say.
    """

    url: str
    user_agent: str
    cookie: str = ""
    expires_at: float | None = None

    def __repr__(self) -> str:
        return f"<DownloadLink at {urlsplit(self.url).hostname}>"
