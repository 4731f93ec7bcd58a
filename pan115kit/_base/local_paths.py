"""Local paths as people give them, in the one form that uploads, sessions and progress know them by."""

from __future__ import annotations

import os

from ..errors import ConfigError, FileNameError
from ..i18n import brief, say


def local_path(path: object) -> str:
    """The absolute path of a local file or folder.

    Args:
        path: A text, a :class:`pathlib.Path`, or bytes as ``os.listdir(b".")`` gives them.  ``~`` is the home folder,
            unless there is something of this very name.

    Raises:
        ConfigError: It is none of these.
        FileNameError: It is empty.
    """
    if not isinstance(path, str | bytes | os.PathLike):
        raise ConfigError(say("path.not_a_path", value=brief(path)), hint=say("path.name_one"))
    text = os.fsdecode(path)
    if not text:
        raise FileNameError(say("path.empty"), hint=say("path.name_one"))
    if text.startswith("~") and not os.path.lexists(text):
        text = os.path.expanduser(text)
    return os.path.abspath(text)


def size_or_zero(path: str | os.PathLike[str]) -> int:
    """Bytes of a file; 0 where that cannot be known: its upload says what is wrong with it."""
    try:
        return os.stat(path).st_size
    except (OSError, ValueError):  # ValueError: it has a NUL
        return 0
