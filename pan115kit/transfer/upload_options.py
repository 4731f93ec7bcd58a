"""What may be asked of an upload beside its file: one value, passed whole from the faces to the upload."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from ..drive.names import DrivePath, check_folder_id, check_folder_path
from ..errors import ConfigError
from ..i18n import brief, say


@dataclass(frozen=True, slots=True)
class UploadOptions:
    """Where a file goes and how it is treated.

    Attributes:
        target_path: Folder on the drive, made where missing.
        target_dir_id: Its id (cid) where the user named it by id; wins over ``target_path``.
        priority: Higher starts earlier.
        skip_existing: Count as done where the folder has a file of this name and content already.
        wait: Where another process is at this file and place, wait for it instead of failing.
        beneath: Local folder under which the file must lie whenever it is opened, no link followed; for files that
            somebody else has named.  Empty: anywhere.
    """

    target_path: str = "/"
    target_dir_id: str = ""
    priority: float = 0
    skip_existing: bool = False
    wait: bool = False
    beneath: str = ""

    @classmethod
    def of(
        cls,
        target_path: DrivePath = "/",
        *,
        target_dir_id: str | int = "",
        priority: float = 0,
        skip_existing: bool = False,
        wait: bool = False,
        beneath: str = "",
    ) -> Self:
        """Options as a user gives them.

        Raises:
            ConfigError: ``priority`` is no number.
            TargetError: The folder's path or id is not one.
        """
        # one priority that cannot be compared with the others would stop the whole queue
        if not isinstance(priority, int | float) or priority != priority:
            message = say("upload.priority", priority=brief(priority))
            raise ConfigError(message, hint=say("upload.priority.hint"))
        folder, folder_id = check_folder_path(target_path), check_folder_id(target_dir_id)
        return cls(folder, folder_id, priority, bool(skip_existing), bool(wait), beneath)


DEFAULT_OPTIONS = UploadOptions()
