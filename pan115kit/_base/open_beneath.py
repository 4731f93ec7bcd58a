"""Open a file that must lie beneath a folder, whatever became of the folders between since its path was checked."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable
from pathlib import PurePath

from ..errors import OutsideFolderError
from ..i18n import say

_WALKS = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW") and hasattr(os, "O_DIRECTORY")


def open_beneath(folder: str, path: str, flags: int, check: Callable[[os.stat_result], None]) -> int:
    """Open the file ``path`` without following a link below ``folder``.

    Where the system can, each folder is opened from the one above it, so that a link which is put in the way at any
    moment is not followed.  On Windows the file is opened first, and then asked where it is.

    Args:
        folder: May itself be a link, or lie behind one.
        path: Absolute, ``folder`` and what is below it.
        flags: As of :func:`os.open`.
        check: Raises if what is there must not be opened; where the system can, asked before it is.

    Returns:
        A file descriptor.

    Raises:
        OutsideFolderError: ``path`` is not below ``folder``, or a link is in the way.
        OSError: It cannot be opened.
    """
    names = _names_below(folder, path) or _names_below(os.path.realpath(folder), path)
    if not names or ".." in names:
        raise outside(path)
    return _open_walking(folder, names, path, flags, check) if _WALKS else _open_and_ask(folder, path, flags, check)


def _names_below(folder: str, path: str) -> tuple[str, ...]:
    """The parts of ``path`` after ``folder``; empty where it does not lie there."""
    whole = PurePath(path)
    return whole.relative_to(folder).parts if whole.is_relative_to(folder) else ()


def outside(path: str) -> OutsideFolderError:
    """The error for a path that leads out of its folder."""
    return OutsideFolderError(say("file.outside", path=path))


def _open_walking(
    folder: str, names: tuple[str, ...], path: str, flags: int, check: Callable[[os.stat_result], None]
) -> int:
    look = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY  # a folder need not be readable to be passed
    here = os.open(folder, look)
    try:
        for name in names[:-1]:
            if not stat.S_ISDIR(_look(name, here, path).st_mode):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
            below = os.open(name, look | os.O_NOFOLLOW, dir_fd=here)
            os.close(here)
            here = below
        check(_look(names[-1], here, path))
        return os.open(names[-1], flags | os.O_NOFOLLOW, dir_fd=here)
    finally:
        os.close(here)


def _look(name: str, here: int, path: str) -> os.stat_result:
    """What ``name`` is; a link that is put there after this look is stopped by ``O_NOFOLLOW`` all the same."""
    status = os.stat(name, dir_fd=here, follow_symlinks=False)
    if stat.S_ISLNK(status.st_mode):
        raise outside(path)
    return status


def _open_and_ask(folder: str, path: str, flags: int, check: Callable[[os.stat_result], None]) -> int:
    descriptor = os.open(path, flags)
    try:
        real = PurePath(os.path.normcase(_final_path(descriptor, path)))
        if not real.is_relative_to(os.path.normcase(os.path.realpath(folder))):
            raise outside(path)
        check(os.fstat(descriptor))
    except BaseException:  # also on Ctrl-C: nobody else can close it
        os.close(descriptor)
        raise
    return descriptor


def _final_path(descriptor: int, path: str) -> str:
    """Where an open file is, without links."""
    if sys.platform == "win32":
        import ctypes
        import msvcrt
        from ctypes import wintypes

        ask = ctypes.WinDLL("kernel32", use_last_error=True).GetFinalPathNameByHandleW
        ask.argtypes = (wintypes.HANDLE, wintypes.LPWSTR, wintypes.DWORD, wintypes.DWORD)
        ask.restype = wintypes.DWORD
        handle = msvcrt.get_osfhandle(descriptor)
        buffer = ctypes.create_unicode_buffer(32_768)
        length = ask(handle, buffer, len(buffer), 0)
        if not 0 < length < len(buffer):
            raise ctypes.WinError(ctypes.get_last_error())
        found = buffer.value
        if found.startswith("\\\\?\\UNC\\"):
            return "\\" + found[7:]
        return found.removeprefix("\\\\?\\")
    return os.path.realpath(path)
