"""The drive and the unfinished uploads as plain data, for tests, demos and the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .drive.tree import ROOT, Entry

if TYPE_CHECKING:
    from .services import Services


@dataclass(frozen=True, slots=True)
class DriveFile:
    """A file (or folder) of the sandbox's drive.

    Attributes:
        path: ``/folder/name``; ``?/name`` below a folder that is not there (protocol-drive.md D0.9).
        sha1: Upper-case hex; empty for folders.
        size: Bytes.
        file_id: 19 digits, as text.
    """

    path: str
    sha1: str
    size: int
    file_id: str
    pick_code: str
    is_dir: bool

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class UnfinishedPart:
    """A stored part.

    Attributes:
        etag: MD5, upper-case hex.
    """

    number: int
    size: int
    etag: str


@dataclass(frozen=True, slots=True)
class UnfinishedUpload:
    """A multipart upload that was neither completed nor aborted.

    Attributes:
        name: The file it is for; empty when no init asked for it.
        expected: Bytes of the whole file; -1 when unknown.
    """

    upload_id: str
    bucket: str
    object: str
    sequential: bool
    name: str
    expected: int
    parts: tuple[UnfinishedPart, ...]

    @property
    def stored(self) -> int:
        """Bytes that are there."""
        return sum(p.size for p in self.parts)


def drive_file(services: Services, entry: Entry) -> DriveFile:
    """An entry as plain data."""
    path = services.drive.tree.path(entry.file_id)
    return DriveFile(path, entry.sha1, entry.size, str(entry.file_id), entry.pick_code, entry.is_dir)


def all_files(services: Services, *, folders: bool = True) -> list[DriveFile]:
    """Every entry of the drive, oldest first; below a folder that is not there its path begins with ``?/``."""
    entries = services.drive.tree.all()
    by_id = {e.file_id: e for e in entries}
    paths: dict[int, str] = {ROOT: ""}

    def path(file_id: int) -> str:
        if file_id not in paths:
            entry = by_id.get(file_id)
            paths[file_id] = "?" if entry is None else f"{path(entry.parent_id)}/{entry.name}"
        return paths[file_id]

    return [
        DriveFile(path(e.file_id), e.sha1, e.size, str(e.file_id), e.pick_code, e.is_dir)
        for e in entries
        if folders or not e.is_dir
    ]


def all_deleted(services: Services) -> list[DriveFile]:
    """What stands in the recycle bin, newest first; the path is that of its folder, where it is still there."""
    tree = services.drive.tree
    return [
        DriveFile(
            f"{tree.path(e.parent_id).rstrip('/')}/{e.name}", e.sha1, e.size, str(e.file_id), e.pick_code, e.is_dir
        )
        for e in tree.in_bin()
    ]


def all_uploads(services: Services) -> list[UnfinishedUpload]:
    """Every unfinished upload."""
    found = []
    for upload in services.store.uploads():
        row = services.database.row("SELECT name, size FROM ticket WHERE object=?", upload.key)
        parts = tuple(UnfinishedPart(p.number, p.size, p.md5) for p in services.store.parts(upload.upload_id))
        name, size = (row["name"], row["size"]) if row is not None else ("", -1)
        found.append(
            UnfinishedUpload(upload.upload_id, upload.bucket, upload.key, upload.sequential, name, size, parts)
        )
    return found
