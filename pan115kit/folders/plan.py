"""Local tree x listings x options -> what is to be done with each file, and why.  Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from ..drive.data import Entry
from ..drive.names import MAX_FOLDER_LEVELS, folder_names
from ..i18n import say
from ..models import After, OnConflict
from ..transfer.conflicts import Verdict, judge, same_content
from .listing import DriveTree
from .local_tree import LocalEntry, LocalTree, Skipped

if TYPE_CHECKING:
    import pandas as pd

#: Files of at least this size (bytes) are asked for a range's SHA-1, which is a second call (protocol.md §2.3).
RANGE_PROOF_FROM = 1024 * 1024
#: Calls to 115 before the first file: the account, STS keys.
_FIRST_CALLS = 2


class Action(StrEnum):
    """What is to be done."""

    UPLOAD = "upload"
    REPLACE = "replace"
    """Upload; what has the name goes to the recycle bin then."""
    SKIP = "skip"
    DELETE = "delete"
    """It is on the drive already: the local file goes (``after="delete"``)."""
    MAKE_FOLDER = "make_folder"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """One file and what is to be done with it.

    Attributes:
        target_path: Folder on the drive.
        file_size: Bytes.
        reason: In the user's language.
        same_name: The files of its name that are there; None where nobody has looked.
    """

    file_path: str
    target_path: str
    file_size: int
    action: Action = Action.UPLOAD
    reason: str = ""
    same_name: tuple[Entry, ...] | None = None


@dataclass(frozen=True, slots=True)
class PlannedFolder:
    """A folder that is to be made.

    Attributes:
        file_path: Its counterpart here; empty for the target itself.
        is_empty: No file of the plan will make it.
    """

    file_path: str
    target_path: str
    is_empty: bool = False


@dataclass(frozen=True, slots=True)
class FolderPlan:
    """What uploading a folder, or several files, would do.

    Attributes:
        files: What is to be done, one by one.
        skipped: Left out, with the reason.
        unchanged: There already with this content; nothing is done.
        folders: To be made, each before those in it.
        api_rate: Calls per second to 115 that are allowed; 0 for no limit.
        api_burst: Calls that may go at once before that.

    Example:
        >>> FolderPlan((PlannedFile("/a/b", "/x", 3),), ()).total_bytes
        3
    """

    files: tuple[PlannedFile, ...]
    skipped: tuple[Skipped, ...]
    unchanged: tuple[PlannedFile, ...] = ()
    folders: tuple[PlannedFolder, ...] = ()
    api_rate: float = field(default=0.0, compare=False)
    api_burst: int = field(default=1, compare=False)

    @property
    def total_bytes(self) -> int:
        """Bytes of all files that are to be uploaded, as far as 115 does not have them."""
        return sum(file.file_size for file in self.files if file.action in (Action.UPLOAD, Action.REPLACE))

    @property
    def total(self) -> int:
        """Files that something is done with, unchanged ones, and those left out."""
        return len(self.files) + len(self.unchanged) + len(self.skipped)

    @property
    def calls(self) -> int:
        """Forecast of the calls to 115 that carrying the plan out takes; what listing took is not in it."""
        calls = len(self.folders) + sum(map(_calls, self.files))
        return calls + _FIRST_CALLS if any(file.action is not Action.ERROR for file in self.files) else calls

    @property
    def seconds(self) -> float:
        """Forecast of the seconds that :attr:`calls` take at the set rate; sending the bytes may take longer."""
        return max(0, self.calls - self.api_burst) / self.api_rate if self.api_rate else 0.0

    def frame(self) -> pd.DataFrame:
        """The plan as a DataFrame: ``path, action, reason, size, target_path``; folders first, by action then."""
        import pandas as pd

        rows = list(self._rows())
        texts = pd.StringDtype("python")
        columns = list(zip(*rows, strict=True)) if rows else [(), (), (), (), ()]
        return pd.DataFrame(
            {
                "path": pd.array(list(columns[0]), dtype=texts),
                "action": pd.array(list(columns[1]), dtype=texts),
                "reason": pd.array(list(columns[2]), dtype=texts),
                "size": pd.array(list(columns[3]), dtype="Int64"),
                "target_path": pd.array(list(columns[4]), dtype=texts),
            }
        )

    def _rows(self) -> Iterator[tuple[str, str, str, int | None, str]]:
        for folder in self.folders:
            yield folder.file_path, str(Action.MAKE_FOLDER), say("plan.new_folder"), None, folder.target_path
        for file in (*self.files, *self.unchanged):
            yield file.file_path, str(file.action), file.reason, file.file_size, file.target_path
        for left in self.skipped:
            action = Action.ERROR if left.missed else Action.SKIP
            yield left.file_path, str(action), left.reason, None, ""


def _calls(file: PlannedFile) -> int:
    if file.action is Action.ERROR:
        return 0
    if file.action is Action.DELETE:
        return 1  # is it still there?
    init = 2 if file.file_size >= RANGE_PROOF_FROM else 1
    return init + (2 * len(file.same_name or ()) if file.action is Action.REPLACE else 0)


def plan_without_looking(tree: LocalTree, target_path: str) -> FolderPlan:
    """The plan where 115 was not asked: every file's upload asks for itself."""
    plan = make_plan(tree, DriveTree(target_path), {}, on_conflict=OnConflict.KEEP, after=After.KEEP)
    files = (replace(file, reason="", same_name=None) for file in plan.files)
    return FolderPlan(tuple(files), plan.skipped, folders=tuple(folder for folder in plan.folders if folder.is_empty))


def to_hash(tree: LocalTree, there: DriveTree) -> list[LocalEntry]:
    """Files whose content decides: the drive has one of this name and size."""
    return [
        file
        for file in tree.files
        if any(entry.size == file.size for entry in there.files_called(file.folder, file.name))
    ]


def make_plan(
    tree: LocalTree,
    there: DriveTree,
    sums: Mapping[str, str],
    *,
    on_conflict: OnConflict,
    after: After,
    api_rate: float = 0.0,
    api_burst: int = 1,
) -> FolderPlan:
    """What is to be done with each file of ``tree``.

    Args:
        tree: What is here.
        there: What is on the drive.
        sums: SHA-1 of the files of :func:`to_hash`, by path; one that is missing is taken for another content.
        on_conflict: What happens where another content has the name.
        after: What becomes of local files that are on the drive.
        api_rate: Calls per second to 115, for the forecast.
        api_burst: Calls that may go at once, for the forecast.
    """
    files: list[PlannedFile] = []
    unchanged: list[PlannedFile] = []
    left_out = list(tree.left_out)
    reasons = _Reasons()
    targets = _Targets(there.target_path)
    taken: dict[tuple[str, str], str] = {}
    for file in tree.files:
        target = targets.of(file.folder)
        first = taken.setdefault((file.folder, file.name), file.file_path)
        if target is None:
            left_out.append(Skipped(file.file_path, say("skipped.too_deep", most=MAX_FOLDER_LEVELS)))
        elif first != file.file_path:
            left_out.append(Skipped(file.file_path, say("skipped.same_target", path=first)))
        else:
            planned = _plan_file(file, target, there, sums.get(file.file_path, ""), on_conflict, after, reasons)
            if isinstance(planned, Skipped):
                left_out.append(planned)
            else:
                (unchanged if planned.action is Action.SKIP else files).append(planned)
    folders = _new_folders(tree, there, targets, files)
    return FolderPlan(tuple(files), tuple(left_out), tuple(unchanged), folders, api_rate, api_burst)


def _plan_file(
    file: LocalEntry,
    target: str,
    there: DriveTree,
    sha1: str,
    on_conflict: OnConflict,
    after: After,
    reasons: _Reasons,
) -> PlannedFile | Skipped:
    same_name = there.files_called(file.folder, file.name)
    match judge(same_name, sha1, file.size, on_conflict):
        case Verdict.EXISTS:
            action = Action.DELETE if after is After.DELETE else Action.SKIP
            reason, found = reasons.exists, same_content(same_name, sha1, file.size)
            same_name = (found,) if found is not None else ()
        case Verdict.SKIP:
            return Skipped(file.file_path, reasons.name_taken, missed=False)
        case Verdict.ERROR:
            action, reason = Action.ERROR, reasons.name_taken
        case Verdict.REPLACE:
            action, reason = Action.REPLACE, reasons.changed
        case Verdict.UPLOAD:
            action, reason = Action.UPLOAD, reasons.second if same_name else reasons.new
    return PlannedFile(file.file_path, target, file.size, action, reason, same_name)


class _Reasons:
    """The reasons of one plan, each made once: a hundred thousand files share them."""

    def __init__(self) -> None:
        self.exists = say("plan.exists")
        self.name_taken = say("plan.name_taken")
        self.changed = say("plan.changed")
        self.second = say("plan.second")
        self.new = say("plan.new")


class _Targets:
    """Folders on the drive by their place below the target, each made once."""

    def __init__(self, target_path: str) -> None:
        self._base = target_path
        self._levels = len(folder_names(target_path))
        self._known: dict[str, str] = {}

    def of(self, folder: str) -> str | None:
        """The folder's path, or None where 115 does not nest so deep."""
        if folder and self._levels + folder.count("/") + 1 > MAX_FOLDER_LEVELS:
            return None
        if folder not in self._known:
            self._known[folder] = _below(self._base, folder)
        return self._known[folder]


def _below(target_path: str, folder: str) -> str:
    return f"{target_path.rstrip('/')}/{folder}" if folder else target_path


def _new_folders(
    tree: LocalTree, there: DriveTree, targets: _Targets, files: list[PlannedFile]
) -> tuple[PlannedFolder, ...]:
    with_files = {file.target_path for file in files if file.action is not Action.ERROR}
    wanted = dict(tree.folders)
    for file in tree.files:
        if targets.of(file.folder) in with_files:
            for folder in ancestors(file.folder):
                wanted.setdefault(folder, "")
    if not there.exists:
        wanted = {"": "", **wanted}
    missing = [folder for folder in sorted(wanted, key=folder_names) if folder not in there.folders]
    made_on_the_way = {above for path in with_files for above in _and_above(path)}
    planned = []
    for folder in missing:
        target = targets.of(folder)
        if target is not None and (folder or wanted.keys() - {""} or files):
            planned.append(PlannedFolder(wanted[folder], target, target not in made_on_the_way))
    return tuple(planned)


def ancestors(folder: str) -> Iterator[str]:
    """``a/b/c`` -> ``a``, ``a/b``, ``a/b/c``; nothing for ``""``."""
    names = folder_names(folder)
    return ("/".join(names[:depth]) for depth in range(1, len(names) + 1))


def _and_above(path: str) -> Iterator[str]:
    return (f"/{folder}" for folder in ancestors(path))
