"""Is everything on the drive that is here?  By listing and SHA-1; nothing is downloaded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from ..drive.data import Entry
from ..drive.interface import Drive
from ..errors import TargetError
from ..i18n import say
from ..transfer.conflicts import same_content
from ..transfer.upload_context import UploadContext
from .ignore_rules import IgnoreRules
from .local_tree import LocalEntry, LocalTree, Source
from .planning import hash_files, scan_sources, waiting_out


class FileState(StrEnum):
    """How a file here and on the drive compare."""

    SAME = "same"
    CHANGED = "changed"
    MISSING = "missing"
    """It is only here."""
    EXTRA = "extra"
    """It is only on the drive."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One file here and on the drive.

    Attributes:
        path: From the folder, with ``/``; its name as the drive has it.
        local_size: Bytes; None where it is not here.
        drive_size: Bytes; None where it is not on the drive.
        local_sha1: Upper-case hex; empty where the sizes decide already.
        drive_sha1: Upper-case hex.
    """

    path: str
    state: FileState
    local_size: int | None = None
    drive_size: int | None = None
    local_sha1: str = ""
    drive_sha1: str = ""


async def verify_folder(
    context: UploadContext, sources: list[Source], rules: IgnoreRules, target_path: str
) -> list[Comparison]:
    """Compare local folders with the folder that they are uploaded to.

    Raises:
        LocalFileError: A folder cannot be looked through.
        Pan115Error: 115 gives no list.
    """
    tree = await scan_sources(sources, rules)
    there = await waiting_out(context, lambda: _files_below(context.drive, target_path))
    sums = await hash_files(context.store, _to_hash(tree, there))
    return sorted(compare(tree, there, sums), key=lambda row: row.path)


async def _files_below(drive: Drive, target_path: str) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    folder_id = await drive.find_folder(target_path)
    if folder_id is not None:
        async for path, entry in drive.walk(folder_id):
            if not entry.is_folder:
                found.setdefault(path, []).append(entry)
    return found


def _place(file: LocalEntry) -> str:
    return f"{file.folder}/{file.name}" if file.folder else file.name


def _to_hash(tree: LocalTree, there: Mapping[str, Iterable[Entry]]) -> list[LocalEntry]:
    return [file for file in tree.files if any(e.size == file.size for e in there.get(_place(file), ()))]


def compare(tree: LocalTree, there: Mapping[str, list[Entry]], sums: Mapping[str, str]) -> Iterator[Comparison]:
    """Each file that is here or there.  Pure.

    Args:
        tree: What is here.
        there: Files of the drive by path; names are not unique.
        sums: SHA-1 of local files, by local path, where the sizes are equal.
    """
    seen: set[str] = set()
    for file in tree.files:
        place = _place(file)
        seen.add(place)
        entries, sha1 = there.get(place, []), sums.get(file.file_path, "")
        if not entries:
            yield Comparison(place, FileState.MISSING, file.size)
            continue
        same = same_content(entries, sha1, file.size) if sha1 else None
        shown = same or entries[0]
        state = FileState.CHANGED if same is None else FileState.SAME
        yield Comparison(place, state, file.size, shown.size, sha1, shown.sha1)
    for left in tree.left_out:
        if left.missed:  # it could not even be read: it is not known to be there
            yield Comparison(left.file_path, FileState.MISSING)
    for place, entries in there.items():
        if place not in seen:
            yield Comparison(place, FileState.EXTRA, None, entries[0].size, "", entries[0].sha1)


async def list_path(drive: Drive, path: str, *, recursive: bool = False) -> list[tuple[str, Entry]]:
    """What is in a folder, or the files of this very path; each with its whole path.

    Args:
        drive: Where.
        path: ``/a/b``.
        recursive: Also what is below, at least one call for each folder.

    Raises:
        TargetError: There is nothing of this path.
    """
    base = path.rstrip("/")
    folder_id = await drive.find_folder(path)
    if folder_id is not None:
        if recursive:
            return [(f"{base}/{below}", entry) async for below, entry in drive.walk(folder_id)]
        return [(f"{base}/{entry.name}", entry) async for entry in drive.list_folder(folder_id)]
    above, _, name = base.rpartition("/")
    parent_id = await drive.find_folder(above or "/")
    found = [] if parent_id is None else [e async for e in drive.list_folder(parent_id) if e.name == name]
    if not found:
        raise TargetError(say("drive.no_path", path=path), hint=say("drive.no_path.hint"))
    return [(path, entry) for entry in found]
