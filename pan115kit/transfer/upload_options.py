"""What may be asked of an upload beside its file: one value, passed whole from the faces to the upload."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from typing import Self, TypeVar

from ..drive.data import Entry
from ..drive.names import DrivePath, check_folder_id, check_folder_path, shorten_file_name
from ..errors import ConfigError, TargetError
from ..i18n import brief, say
from ..models import After, OnConflict

Choice = TypeVar("Choice", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class UploadOptions:
    """Where a file goes and how it is treated.

    Attributes:
        target_path: Folder on the drive, made where missing.
        target_dir_id: Its id (cid) where the user named it by id; wins over ``target_path``.
        priority: Higher starts earlier.
        wait: Where another process is at this file and place, wait for it instead of failing.
        beneath: Local folder under which the file must lie whenever it is opened, no link followed; for files that
            somebody else has named.  Empty: anywhere.
        on_conflict: What happens where the folder has another content under this name.
        after: What becomes of the local file.
        file_name: Its name on the drive; empty: its own.
        same_name: Files of this name in the target folder, as a plan has listed them; None where nobody has looked.
    """

    target_path: str = "/"
    target_dir_id: str = ""
    priority: float = 0
    wait: bool = False
    beneath: str = ""
    on_conflict: OnConflict = OnConflict.KEEP
    after: After = After.KEEP
    file_name: str = ""
    same_name: tuple[Entry, ...] | None = None

    @classmethod
    def of(
        cls,
        target_path: DrivePath = "/",
        *,
        target_dir_id: str | int = "",
        priority: float = 0,
        wait: bool = False,
        beneath: str = "",
        on_conflict: str = OnConflict.KEEP,
        after: str = After.KEEP,
        file_name: str = "",
    ) -> Self:
        """Options as a user gives them.

        Raises:
            ConfigError: ``priority`` is no number, or ``on_conflict`` or ``after`` is not known.
            TargetError: The folder's path or id is not one, or looks like a path of Windows.
            FileNameError: ``file_name`` cannot be a name on the drive.
        """
        # one priority that cannot be compared with the others would stop the whole queue
        if not isinstance(priority, int | float) or priority != priority:
            message = say("upload.priority", priority=brief(priority))
            raise ConfigError(message, hint=say("upload.priority.hint"))
        folder, folder_id = check_folder_path(target_path), check_folder_id(target_dir_id)
        check_separators(target_path)
        return cls(
            folder,
            folder_id,
            priority,
            bool(wait),
            beneath,
            _choice("on_conflict", OnConflict, on_conflict),
            _choice("after", After, after),
            shorten_file_name(file_name) if file_name else "",
        )


DEFAULT_OPTIONS = UploadOptions()


def _choice(name: str, kind: type[Choice], value: object) -> Choice:
    for choice in kind:
        if value == choice:
            return choice
    choices = ", ".join(f'"{choice}"' for choice in kind)
    raise ConfigError(
        say("upload.choice", name=name, value=brief(value)), hint=say("upload.choice.hint", choices=choices)
    )


def check_separators(target_path: DrivePath) -> None:
    r"""Ask about ``影视\电影``, which 115 would make as one folder of that name.

    A :class:`~pathlib.PurePosixPath` means what it says.

    Raises:
        TargetError: A text has a backslash.
    """
    if isinstance(target_path, str) and "\\" in target_path:
        meant = brief(target_path.replace("\\", "/"))
        raise TargetError(
            say("target.backslash", path=brief(target_path)), hint=say("target.backslash.hint", meant=meant)
        )


def check_not_the_file(target_path: DrivePath, file_path: object, file_name: str = "") -> None:
    """Ask about a target that ends in the file's own name: the folder it goes to is what is wanted.

    A trailing slash or a :class:`~pathlib.PurePosixPath` says that a folder of this name is meant.

    Raises:
        TargetError: The target's last name is the file's.
    """
    if not isinstance(target_path, str) or not isinstance(file_path, str | bytes | os.PathLike):
        return
    name = file_name or os.path.basename(os.fsdecode(file_path))
    above, _, last = target_path.rpartition("/")
    if last == name and "." in name.strip("."):
        meant = {"folder": brief(above or "/"), "itself": brief(f"{target_path}/")}
        raise TargetError(say("target.own_name", path=brief(target_path)), hint=say("target.own_name.hint", **meant))
