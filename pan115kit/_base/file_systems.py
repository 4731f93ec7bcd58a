"""What a path lies on: not every file system locks, maps memory or keeps times as a local disk does."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def file_system_at(path: str | os.PathLike[str]) -> str:
    """The type of the file system a path lies on, as Linux names it; an empty string where that is not known."""
    if sys.platform != "linux":
        return ""
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""
    return file_system_of(os.path.realpath(path), mounts)


def file_system_of(path: str, mountinfo: str) -> str:
    """The type of the file system a path lies on.

    Args:
        path: Absolute, without symbolic links.
        mountinfo: The text of ``/proc/self/mountinfo``.
    """
    best, found = -1, ""
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        fields, kind = left.split(), right.split()
        if len(fields) < 5 or not kind:
            continue
        mount = _unescape(fields[4]).rstrip("/")
        if (path == mount or path.startswith(mount + "/")) and len(mount) >= best:
            best, found = len(mount), kind[0]
    return found


def _unescape(text: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text
