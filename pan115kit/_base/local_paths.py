"""Local paths as people give them, in the one form that uploads, sessions and progress know them by."""

from __future__ import annotations

import os

from ..errors import ConfigError, FileNameError
from ..i18n import both


def local_path(path: object) -> str:
    """The absolute path of a local file or folder.

    Args:
        path: A text, a :class:`pathlib.Path`, or bytes as ``os.listdir(b".")`` gives them.  ``~`` is the home folder,
            unless there is something of this very name.

    Raises:
        ConfigError: It is none of these.
        FileNameError: It is empty.

    Example:
        >>> local_path("/a/./b.bin"), local_path("~/b.bin") == os.path.join(os.path.expanduser("~"), "b.bin")
        ('/a/b.bin', True)
    """
    if not isinstance(path, str | bytes | os.PathLike):
        raise ConfigError(
            f"a local path must be a text or a Path, not {path!r}",
            hint=both("请给出一个文件或文件夹", "name one file or folder"),
        )
    text = os.fsdecode(path)
    if not text:
        raise FileNameError("the path is empty", hint=both("请给出一个文件或文件夹", "name one file or folder"))
    if text.startswith("~") and not os.path.lexists(text):
        text = os.path.expanduser(text)
    return os.path.abspath(text)


def size_or_zero(path: str | os.PathLike[str]) -> int:
    """Bytes of a file; 0 where that cannot be known: what is wrong with it is told by its upload, clearly.

    Example:
        >>> size_or_zero("no such file")
        0
    """
    try:
        return os.stat(path).st_size
    except (OSError, ValueError):  # ValueError: it has a NUL
        return 0
