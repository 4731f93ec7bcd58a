"""Local files that may be uploaded through the server: regular files under the folders the user allowed.

A path is checked when it is asked for; that it still lies in its folder is seen to whenever the file is opened
(:mod:`pan115kit._base.open_beneath`).
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath

from ..errors import ConfigError, FileMissingError, FileNameError, NotAFileError, OutsideFolderError
from ..i18n import say


@dataclass(frozen=True, slots=True)
class AllowedFolder:
    """A folder that may be uploaded from.

    Attributes:
        path: As the user named it.
        hidden: Whether also its hidden files and folders may: keys, passwords and cookies are kept in such.
    """

    path: Path
    hidden: bool = True

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True, slots=True)
class AllowedPath:
    """What lies under an allowed folder.

    Attributes:
        path: Spelled from the folder as the user named it, and without links below it: sessions are known by it.
        folder: The allowed folder it lies under.
    """

    path: str
    folder: str


def default_folders() -> list[AllowedFolder]:
    """Where a notebook's own page may upload from, if nothing is said: the current and the home folder.

    Without what is hidden in them, such as ``~/.ssh``.
    """
    return [AllowedFolder(Path.cwd(), hidden=False), AllowedFolder(Path.home(), hidden=False)]


class AllowedFolders:
    """The folders that may be uploaded from.

    Args:
        folders: Empty allows nothing.

    Raises:
        ConfigError: One of them is no folder.
    """

    def __init__(self, folders: Iterable[str | os.PathLike[str] | AllowedFolder]) -> None:
        self.folders: tuple[AllowedFolder, ...] = tuple(_folder(folder) for folder in folders)

    def file(self, asked: str) -> AllowedPath:
        """A file that may be uploaded.

        Args:
            asked: Absolute, ``~/…``, or relative to the first allowed folder.

        Raises:
            OutsideFolderError: It is not under an allowed folder, or none is allowed; whether there is such a file
                is not said.
            FileNameError: No path at all.
            FileMissingError: There is no such file.
            NotAFileError: It is a folder or a device.
        """
        found = self.place(asked)
        try:
            mode = os.stat(found.path).st_mode
        except OSError as error:
            raise FileMissingError(say("file.missing", path=asked), hint=error.strerror or "") from None
        if not stat.S_ISREG(mode):
            raise NotAFileError(say("server.not_a_file", path=asked))
        return found

    def place(self, asked: str) -> AllowedPath:
        """Where a path lies, whether there is something or not.

        Links are followed first, so that one inside an allowed folder cannot lead out of it.

        Args:
            asked: As for :meth:`file`.

        Raises:
            OutsideFolderError: It is not under an allowed folder, or none is allowed.
            FileNameError: No path at all.
        """
        if not self.folders:
            raise OutsideFolderError(say("server.no_folders"), hint=say("server.no_folders.hint"))
        if not asked or "\0" in asked:
            raise FileNameError(say("server.path_invalid"))
        real = Path(os.path.realpath(self.folders[0].path / os.path.expanduser(asked)))
        for folder in self.folders:
            root = Path(os.path.realpath(folder.path))
            if real.is_relative_to(root) and (folder.hidden or not _is_hidden(root, real.relative_to(root))):
                return AllowedPath(str(folder.path / real.relative_to(root)), str(folder.path))
        raise OutsideFolderError(say("server.path_refused"), hint=say("server.path_refused.hint", folders=self))

    def shows_hidden(self, path: str) -> bool:
        """Whether hidden entries of the folder ``path`` may be uploaded.

        Args:
            path: As :meth:`place` spells it.
        """
        inside = [folder for folder in self.folders if Path(path).is_relative_to(folder.path)]
        return any(folder.hidden for folder in inside)

    def __str__(self) -> str:
        return ", ".join(str(folder) for folder in self.folders)


def is_hidden(path: str) -> bool:
    """Whether the system's own file manager hides ``path`` for its last part."""
    if os.path.basename(path).startswith("."):
        return True
    if sys.platform == "win32":
        try:
            return bool(os.stat(path).st_file_attributes & stat.FILE_ATTRIBUTE_HIDDEN)
        except OSError:
            return False  # there is nothing that could be read
    return False


def _is_hidden(root: Path, relative: PurePath) -> bool:
    """Whether ``relative`` or a folder on its way is hidden."""
    return any(is_hidden(str(root.joinpath(*relative.parts[: depth + 1]))) for depth in range(len(relative.parts)))


def _folder(given: str | os.PathLike[str] | AllowedFolder) -> AllowedFolder:
    folder = given if isinstance(given, AllowedFolder) else AllowedFolder(Path(given))
    path = folder.path.expanduser().absolute()
    if not path.is_dir():
        raise ConfigError(say("server.not_a_folder", path=path), hint=say("server.not_a_folder.hint"))
    return AllowedFolder(path, folder.hidden)
