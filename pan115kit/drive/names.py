"""Names 115 takes: file names cut to length, folder paths brought into one form (protocol.md §6.3).  Pure."""

from __future__ import annotations

from pathlib import PurePosixPath

from ..errors import FileNameError, TargetError
from ..i18n import brief, say

#: A folder on the drive as people write it.
DrivePath = str | PurePosixPath
#: A file name is at most this many UTF-8 bytes.
MAX_FILE_NAME_BYTES = 255
#: A folder name is at most this many characters.
MAX_FOLDER_NAME_CHARACTERS = 255
#: Folders nest at most this deep.
MAX_FOLDER_LEVELS = 25

_CUT_MARK = ".."
_FORBIDDEN_IN_FOLDERS = '"<>'
# A longer "extension" is a dot in prose, not an extension.
_MAX_EXTENSION_BYTES = 64


def shorten_file_name(name: str) -> str:
    """``name`` as 115 can carry it: at most 255 bytes, cut in the stem, the extension kept.

    Args:
        name: A file name without a folder.

    Returns:
        The name itself where it is short enough, else ``<start of the stem>..<extension>``.

    Raises:
        FileNameError: The name is empty, has a slash or NUL, or is not valid Unicode.
    """
    size = len(_utf8(name))
    if not name or name in (".", ".."):
        raise FileNameError(say("name.file.empty"), hint=say("name.file.empty.hint"))
    if "/" in name or "\0" in name:
        raise FileNameError(say("name.file.slash", name=repr(name)), hint=say("name.file.slash.hint"))
    if size <= MAX_FILE_NAME_BYTES:
        return name
    stem, extension = _split(name)
    room = MAX_FILE_NAME_BYTES - len(_CUT_MARK) - len(extension.encode())
    return _cut(stem, room) + _CUT_MARK + extension


def check_folder_path(path: DrivePath) -> str:
    """A target folder in one form: ``/a/b``, without doubled, leading-space or trailing slashes.

    Args:
        path: ``/影视/电影``, ``影视/电影/``, ``/`` …, or a :class:`~pathlib.PurePosixPath`.

    Returns:
        ``/`` or ``/a/b``.

    Raises:
        TargetError: A name has ``"``, ``<`` or ``>``, is ``.`` or ``..``, blank or longer than 255 characters, or
            there are more than 25 levels, or it is no path at all.
        FileNameError: The path is not valid Unicode or has a control character.
    """
    if not isinstance(path, DrivePath):
        raise TargetError(
            say("name.target.not_path", value=brief(path)),
            hint=say("name.target.not_path.hint"),
        )
    path = str(path)
    _utf8(path)
    names = [name for name in path.split("/") if name]
    for name in names:
        check_folder_name(name)
    if len(names) > MAX_FOLDER_LEVELS:
        raise TargetError(
            say("name.target.levels", levels=len(names)),
            hint=say("name.target.levels.hint", most=MAX_FOLDER_LEVELS),
        )
    return "/" + "/".join(names)


def check_folder_id(folder_id: object) -> str:
    """A folder's id (cid) as 115 writes it, before it is asked for.

    Args:
        folder_id: Digits or a whole number; nothing (``""``, 0, None) is no id.

    Raises:
        TargetError: It is something else.
    """
    text = "" if folder_id is None or (isinstance(folder_id, str | int) and not folder_id) else str(folder_id)
    if text and not (text.isascii() and text.isdigit()):
        raise TargetError(say("name.folder_id", value=brief(folder_id)), hint=say("name.folder_id.hint"))
    return text


def folder_names(path: str) -> list[str]:
    """The names along a path from :func:`check_folder_path`."""
    return [name for name in path.split("/") if name]


def check_folder_name(name: str) -> None:
    """Refuse what cannot be one folder's name.

    Raises:
        TargetError: It has ``/``, ``"``, ``<`` or ``>``, is ``.`` or ``..``, blank or longer than 255 characters.
        FileNameError: It has a control character, or is not valid Unicode.
    """
    _utf8(name)
    bad = next((sign for sign in _FORBIDDEN_IN_FOLDERS if sign in name), "")
    if bad:
        raise TargetError(
            say("name.folder.forbidden", name=repr(name), sign=bad), hint=say("name.folder.forbidden.hint")
        )
    if any(ord(sign) < 0x20 or ord(sign) == 0x7F for sign in name):
        raise FileNameError(say("name.folder.control", name=repr(name)), hint=say("name.folder.control.hint"))
    if name in (".", "..") or not name.strip() or "/" in name:
        raise TargetError(say("name.folder.none", name=repr(name)), hint=say("name.folder.none.hint"))
    if len(name) > MAX_FOLDER_NAME_CHARACTERS:
        raise TargetError(
            say("name.folder.long", characters=len(name)),
            hint=say("name.folder.long.hint", most=MAX_FOLDER_NAME_CHARACTERS),
        )


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise FileNameError(say("name.unicode", name=repr(text)), hint=say("name.unicode.hint")) from None


def _split(name: str) -> tuple[str, str]:
    """Stem and extension (with its dot); no extension where what follows the last dot is too long to be one."""
    stem, dot, rest = name.rpartition(".")
    if not stem or not rest or len(rest.encode()) > _MAX_EXTENSION_BYTES:
        return name, ""
    return stem, dot + rest


def _cut(text: str, size: int) -> str:
    """As many whole characters of ``text`` as fit in ``size`` bytes."""
    return text.encode()[:size].decode(errors="ignore")
