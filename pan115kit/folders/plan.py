"""A folder as a list of uploads: what would be uploaded where, and what is left out and why."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .._base.local_paths import local_path, missing_path_hint
from ..drive.names import DrivePath, check_folder_path
from ..errors import FileMissingError, NotAFileError, Pan115Error
from ..i18n import say


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """One file of a folder and where it goes."""

    file_path: str
    target_path: str
    file_size: int


@dataclass(frozen=True, slots=True)
class Skipped:
    """One entry of a folder that is not uploaded.

    Attributes:
        missed: Whether it is content that somebody will miss on the drive, not a FIFO or a link to a folder.
    """

    file_path: str
    reason: str
    missed: bool = True


@dataclass(frozen=True, slots=True)
class FolderPlan:
    """What uploading a folder would do.

    Example:
        >>> FolderPlan((PlannedFile("/a/b", "/x", 3),), ()).total_bytes
        3
    """

    files: tuple[PlannedFile, ...]
    skipped: tuple[Skipped, ...]

    @property
    def total_bytes(self) -> int:
        """Bytes of all planned files."""
        return sum(file.file_size for file in self.files)

    @property
    def total(self) -> int:
        """Planned and skipped entries."""
        return len(self.files) + len(self.skipped)


def plan_folder(folder: str | os.PathLike[str], target_path: DrivePath) -> FolderPlan:
    """Look through ``folder``; nothing is sent.

    Args:
        folder: Local folder; its content goes into ``target_path``, its subfolders become subfolders there.
            Links to files are followed, links to folders are left out (they may be loops).
        target_path: Folder on the drive.

    Returns:
        Files in a stable order, and what is left out with the reason.

    Raises:
        FileMissingError: There is no such folder.
        NotAFileError: It is not a folder.
        TargetError: ``target_path`` is not a valid folder path.

    Example:
        >>> plan_folder(".", "/x").total >= 0
        True
    """
    root = Path(local_path(folder))
    if not root.exists():
        raise FileMissingError(say("folder.missing", path=root), hint=missing_path_hint(root))
    if not root.is_dir():
        raise NotAFileError(say("folder.not_a_folder", path=root), hint=say("folder.not_a_folder.hint"))
    base = check_folder_path(target_path)
    files: list[PlannedFile] = []
    skipped: list[Skipped] = []
    for entry in _walk(root, skipped):
        planned = _plan_entry(entry, root, base)
        if isinstance(planned, PlannedFile):
            files.append(planned)
        else:
            skipped.append(planned)
    return FolderPlan(tuple(files), tuple(skipped))


def _walk(root: Path, skipped: list[Skipped]) -> Iterator[Path]:
    def refused(error: OSError) -> None:
        skipped.append(Skipped(str(error.filename), say("skipped.unreadable", why=error.strerror)))

    for folder, subfolders, names in os.walk(root, onerror=refused):
        subfolders.sort()
        for name in list(subfolders):
            path = Path(folder, name)
            if path.is_symlink():
                skipped.append(Skipped(str(path), say("skipped.link_to_folder"), missed=False))
        for name in sorted(names):
            yield Path(folder, name)


def _plan_entry(path: Path, root: Path, base: str) -> PlannedFile | Skipped:
    try:
        facts = path.stat()
    except OSError as error:
        return Skipped(str(path), say("skipped.unreadable", why=error.strerror))
    if not stat.S_ISREG(facts.st_mode):
        return Skipped(str(path), say("skipped.not_regular"), missed=False)
    if not os.access(path, os.R_OK):
        return Skipped(str(path), say("skipped.no_permission"))
    inner = path.parent.relative_to(root).as_posix()
    try:
        path.name.encode()
        target = check_folder_path(base if inner == "." else f"{base.rstrip('/')}/{inner}")
    except UnicodeEncodeError:
        return Skipped(str(path), say("skipped.not_unicode"))
    except Pan115Error as error:
        return Skipped(str(path), str(error))
    return PlannedFile(str(path), target, facts.st_size)
