"""What a folder on the drive has, in as few calls as that takes: one for 1,150 entries (laws.md 14)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from ..drive.data import Entry
from ..drive.interface import PAGE, Drive

#: With fewer folders than this it is not asked whether one list of all files takes fewer calls.
_FEW_FOLDERS = 4


@dataclass(slots=True)
class ListedFolder:
    """A folder on the drive.

    Attributes:
        folder_id: Its cid.
        files: Its files by name; names are not unique.
    """

    folder_id: str
    files: dict[str, tuple[Entry, ...]] = field(default_factory=dict)

    def add(self, entry: Entry) -> None:
        """One more file."""
        self.files[entry.name] = (*self.files.get(entry.name, ()), entry)


@dataclass(slots=True)
class DriveTree:
    """Those folders below a target that somebody asked about and that are there.

    Attributes:
        target_path: The target.
        folders: By their place below it (``""`` is the target itself).
    """

    target_path: str
    folders: dict[str, ListedFolder] = field(default_factory=dict)

    @property
    def exists(self) -> bool:
        """Whether the target is there."""
        return "" in self.folders

    def files_called(self, folder: str, name: str) -> tuple[Entry, ...]:
        """The files of this name in a folder."""
        listed = self.folders.get(folder)
        return listed.files.get(name, ()) if listed is not None else ()


async def list_tree(drive: Drive, target_path: str, wanted: Iterable[str], *, target_dir_id: str = "") -> DriveTree:
    """The files of the target and of the folders below it that are ``wanted``, as far as they are there.

    Args:
        drive: Where.
        target_path: ``/a/b``.
        wanted: Folders below it: ``c``, ``c/d``, each with those it is in; ``""`` is the target itself.
        target_dir_id: The target's id, where the user named that.

    Raises:
        TargetError: ``target_dir_id`` is no folder.
        Pan115Error: 115 gives no list.
    """
    tree = DriveTree(target_path)
    root_id = target_dir_id or await drive.find_folder(target_path)
    if root_id is None:
        return tree
    tree.folders[""] = ListedFolder(root_id)
    places = {folder for folder in wanted if folder}
    inner = {folder.rpartition("/")[0] for folder in places} | {""}
    waiting = [""]
    for folder in waiting:  # grows: folders come before those in them
        if folder in inner:
            waiting += await _list_inner(drive, tree, folder, places)
    leaves = {tree.folders[folder].folder_id: folder for folder in waiting if folder not in inner}
    if not await _list_at_once(drive, tree, root_id, leaves):
        for folder_id, folder in leaves.items():
            async for entry in drive.list_folder(folder_id):
                if not entry.is_folder:
                    tree.folders[folder].add(entry)
    return tree


async def _list_inner(drive: Drive, tree: DriveTree, folder: str, places: Collection[str]) -> list[str]:
    """List a folder whose subfolders are wanted, too; which of those are there."""
    listed, below = tree.folders[folder], []
    async for entry in drive.list_folder(listed.folder_id):
        path = f"{folder}/{entry.name}" if folder else entry.name
        if not entry.is_folder:
            listed.add(entry)
        elif path in places and path not in tree.folders:  # of two folders of one name the newest counts
            tree.folders[path] = ListedFolder(entry.file_id)
            below.append(path)
    return below


async def _list_at_once(drive: Drive, tree: DriveTree, root_id: str, leaves: dict[str, str]) -> bool:
    """List the files of all ``leaves`` (id -> place) in one list of all files below; False where that is no use."""
    if len(leaves) < _FEW_FOLDERS:
        return False
    count = await drive.count_files_below(root_id)
    if -(-count // PAGE) >= len(leaves):
        return False
    seen = 0
    found: dict[str, list[Entry]] = {folder_id: [] for folder_id in leaves}
    async for entry in drive.list_files_below(root_id):
        seen += 1
        if entry.parent_id in found:
            found[entry.parent_id].append(entry)
    if seen < count:  # a list of everything may end early; one folder's does not
        return False
    for folder_id, entries in found.items():
        for entry in entries:
            tree.folders[leaves[folder_id]].add(entry)
    return True


def with_ancestors(folders: Iterable[str]) -> Iterator[str]:
    """Each folder and those it is in, each once."""
    seen: set[str] = set()
    for folder in folders:
        while folder and folder not in seen:
            seen.add(folder)
            yield folder
            folder = folder.rpartition("/")[0]
