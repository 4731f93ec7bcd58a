"""Local paths that may be uploaded through the server: regular files under the folders the user allowed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from ..errors import ConfigError, FileMissingError, FileNameError, NotAFileError, Pan115Error
from ..i18n import say


class PathRefused(Pan115Error):
    """The path is not under an allowed folder; whether there is such a file is not said."""


class AllowedFolders:
    """The folders that may be uploaded from.

    Args:
        folders: Empty allows nothing.

    Raises:
        ConfigError: One of them is no folder.
    """

    def __init__(self, folders: Iterable[str | os.PathLike[str]]) -> None:
        self.folders: tuple[Path, ...] = tuple(_folder(folder) for folder in folders)

    def resolve(self, asked: str) -> str:
        """The real path of a file that may be uploaded.

        Links are followed first, so that one inside an allowed folder cannot lead out of it.

        Args:
            asked: Absolute, ``~/…``, or relative to the first allowed folder.

        Returns:
            The path without links below the allowed folder.

        Raises:
            PathRefused: It is not under an allowed folder, or none is allowed.
            FileNameError: No path at all.
            FileMissingError: There is no such file.
            NotAFileError: It is a folder or a device.
        """
        if not self.folders:
            raise PathRefused(say("server.no_folders"), hint=say("server.no_folders.hint"))
        if not asked or "\0" in asked:
            raise FileNameError(say("server.path_invalid"))
        real = Path(os.path.realpath(self.folders[0] / os.path.expanduser(asked)))
        inside = self._inside(real)
        if inside is None:
            raise PathRefused(say("server.path_refused"), hint=say("server.path_refused.hint", folders=self))
        try:
            mode = real.stat().st_mode
        except OSError as error:
            raise FileMissingError(say("file.missing", path=asked), hint=error.strerror or "") from None
        if not stat.S_ISREG(mode):
            raise NotAFileError(say("server.not_a_file", path=asked))
        return str(inside)

    def _inside(self, real: Path) -> Path | None:
        """``real`` spelled from an allowed folder as the user named it: sessions are known by their path."""
        for folder in self.folders:
            root = Path(os.path.realpath(folder))
            if real.is_relative_to(root):
                return folder / real.relative_to(root)
        return None

    def __str__(self) -> str:
        return ", ".join(str(folder) for folder in self.folders)


def _folder(given: str | os.PathLike[str]) -> Path:
    folder = Path(given).expanduser().absolute()
    if not folder.is_dir():
        raise ConfigError(say("server.not_a_folder", path=folder), hint=say("server.not_a_folder.hint"))
    return folder
