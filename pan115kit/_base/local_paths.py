"""Local paths as people give them, in the one form that uploads, sessions and progress know them by."""

from __future__ import annotations

import os
import re
import unicodedata

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
        several = isinstance(path, list | tuple | set | frozenset) or hasattr(path, "columns")
        hint = say("path.several") if several else say("path.name_one")
        raise ConfigError(say("path.not_a_path", value=brief(path)), hint=hint)
    text = os.fsdecode(path)
    if not text:
        raise FileNameError(say("path.empty"), hint=say("path.name_one"))
    if text.startswith("~") and not os.path.lexists(text):
        text = os.path.expanduser(text)
    return os.path.abspath(text)


def missing_path_hint(path: str | os.PathLike[str]) -> str:
    """What to do about a path where there is nothing, as far as the path itself shows it; else an empty text.

    Args:
        path: As :func:`local_path` gives it; it is looked for under the other Unicode forms of its name.
    """
    text = os.fspath(path)
    if re.search(r"(^|[\\/])file:[\\/]", text, re.IGNORECASE):
        return say("path.hint.url")
    if os.sep == "/" and re.search(r"(^|/)[A-Za-z]:(\\|$)", text):
        return say("path.hint.windows")
    if re.search(r"\$\{?\w+|%\w+%", text):
        return say("path.hint.variable")
    if re.search(r"[*?]|\[[^\]]+\]", text):
        return say("path.hint.pattern")
    for form in ("NFC", "NFD"):
        other = unicodedata.normalize(form, text)
        if other != text and os.path.lexists(other):
            return say("path.hint.unicode_form", form=form)
    return ""


def size_or_zero(path: str | os.PathLike[str]) -> int:
    """Bytes of a file; 0 where that cannot be known: its upload says what is wrong with it."""
    try:
        return os.stat(path).st_size
    except (OSError, ValueError):  # ValueError: it has a NUL
        return 0
