"""Names 115 takes: file names cut to length, folder paths brought into one form (protocol §6.3).  Pure."""

from __future__ import annotations

from pathlib import PurePosixPath

from ..errors import FileNameError, TargetError
from ..i18n import both

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

    Example:
        >>> shorten_file_name("电影.mkv")
        '电影.mkv'
        >>> shortened = shorten_file_name("影" * 100 + ".mkv")
        >>> shortened.endswith("影...mkv"), len(shortened.encode())
        (True, 255)
    """
    size = len(_utf8(name))
    if not name or name in (".", ".."):
        raise FileNameError("the file name is empty", hint=both("请给文件起个名字", "give the file a name"))
    if "/" in name or "\0" in name:
        hint = both("请重命名文件", "rename the file")
        raise FileNameError(f"the file name {name!r} has a slash or NUL", hint=hint)
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

    Example:
        >>> check_folder_path("影视//电影/"), check_folder_path("/")
        ('/影视/电影', '/')
    """
    if not isinstance(path, DrivePath):
        raise TargetError(
            f"the target must be a folder's path, not {path!r}",
            hint=both("例如 '/影视'，根目录是 '/'", "e.g. '/影视', or '/' for the root"),
        )
    path = str(path)
    _utf8(path)
    names = [name for name in path.split("/") if name]
    for name in names:
        _check_folder_name(name)
    if len(names) > MAX_FOLDER_LEVELS:
        raise TargetError(
            f"the target has {len(names)} levels",
            hint=both(
                f"115 的文件夹最多 {MAX_FOLDER_LEVELS} 层", f"115 nests folders at most {MAX_FOLDER_LEVELS} deep"
            ),
        )
    return "/" + "/".join(names)


def check_folder_id(folder_id: object) -> str:
    """A folder's id (cid) as 115 writes it, before it is asked for.

    Args:
        folder_id: Digits or a whole number; nothing (``""``, 0, None) is no id.

    Raises:
        TargetError: It is something else.

    Example:
        >>> check_folder_id(2429), check_folder_id("")
        ('2429', '')
    """
    text = str(folder_id or "")
    if text and not (text.isascii() and text.isdigit()):
        raise TargetError(
            f"{folder_id!r} is not a folder's id",
            hint=both("即 115 文件夹地址中的 cid", "it is the cid in the folder's address on 115"),
        )
    return text


def folder_names(path: str) -> list[str]:
    """The names along a path from :func:`check_folder_path`.

    Example:
        >>> folder_names("/a/b"), folder_names("/")
        (['a', 'b'], [])
    """
    return [name for name in path.split("/") if name]


def _check_folder_name(name: str) -> None:
    bad = next((sign for sign in _FORBIDDEN_IN_FOLDERS if sign in name), "")
    if bad:
        raise TargetError(
            f"the folder name {name!r} has a {bad}",
            hint=both('115 的文件夹名不能含 " < >', '115 refuses " < > in folder names'),
        )
    if any(ord(sign) < 0x20 or ord(sign) == 0x7F for sign in name):
        raise FileNameError(
            f"the folder name {name!r} has a control character", hint=both("请换个名字", "use another name")
        )
    if name in (".", "..") or not name.strip():
        raise TargetError(
            f"{name!r} is not a folder name",
            hint=both("请写出从根目录开始的完整路径", "give the whole path from the drive's root"),
        )
    if len(name) > MAX_FOLDER_NAME_CHARACTERS:
        raise TargetError(
            f"a folder name has {len(name)} characters",
            hint=both(
                f"115 最多允许 {MAX_FOLDER_NAME_CHARACTERS} 个字符", f"115 takes at most {MAX_FOLDER_NAME_CHARACTERS}"
            ),
        )


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise FileNameError(f"the name {text!r} is not valid Unicode", hint=both("请重命名", "rename it")) from None


def _split(name: str) -> tuple[str, str]:
    """Stem and extension (with its dot); no extension where what follows the last dot is too long to be one."""
    stem, dot, rest = name.rpartition(".")
    if not stem or not rest or len(rest.encode()) > _MAX_EXTENSION_BYTES:
        return name, ""
    return stem, dot + rest


def _cut(text: str, size: int) -> str:
    """As many whole characters of ``text`` as fit in ``size`` bytes."""
    return text.encode()[:size].decode(errors="ignore")
