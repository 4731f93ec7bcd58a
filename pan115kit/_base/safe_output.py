"""Streams for people, which may be missing, closed, full, or read by nobody any more.

What is shown beside the work (bars, notes) must never cost the work: a program started with ``2>&-``, or piped into
a ``head`` that has seen enough, uploads as well as any other.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sys
from collections.abc import Callable
from typing import TextIO, TypeVar

from ..i18n import say

_Answer = TypeVar("_Answer")


class SafeStream:
    """A text stream that may be written to whatever becomes of it.

    Once it cannot be written (its reader has gone, the disk is full, it is closed or was never there), nothing is
    written any more.  tqdm would fail there with its lock held, and whoever draws after that would wait for ever.

    Args:
        stream: None where a program has none (``pythonw``, ``2>&-``).
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self.encoding = getattr(stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        """Write, unless that has failed before.

        Returns:
            How many characters were written.
        """
        # an odd sign on a log in an old encoding is escaped, not the end of the bars
        fit = text.encode(self.encoding, "backslashreplace").decode(self.encoding)
        return self._try(lambda stream: stream.write(fit)) or 0

    def flush(self) -> None:
        """Flush, unless that has failed before."""
        self._try(lambda stream: getattr(stream, "flush", bool)())

    def isatty(self) -> bool:
        """Whether somebody watches."""
        return bool(self._try(lambda stream: getattr(stream, "isatty", bool)()))

    def fileno(self) -> int:
        """Where tqdm asks how wide the terminal is.

        Raises:
            OSError: It is no file.
        """
        if self._stream is None:
            raise io.UnsupportedOperation("fileno")
        return self._stream.fileno()

    def writes_to(self, stream: object) -> bool:
        """Whether it is this stream that is written to, and still is."""
        return self._stream is not None and self._stream is stream

    def _try(self, function: Callable[[TextIO], _Answer]) -> _Answer | None:
        if self._stream is None:
            return None
        try:
            return function(self._stream)
        except (OSError, ValueError):  # ValueError: it is closed
            self._stream = None
            return None


class OutputError(Exception):
    """Stdout cannot be written."""

    def __init__(self, error: OSError | ValueError) -> None:
        super().__init__(str(error))
        self._error = error

    @property
    def user_message(self) -> str:
        """One line for people; empty where the reader (``head``, ``less``) has seen enough, which is no mistake."""
        if isinstance(self._error, BrokenPipeError):
            return ""
        why = getattr(self._error, "strerror", None) or str(self._error)
        return say("cli.error", error=say("output.cannot_write", why=why))


def prepare() -> None:
    """Make the standard streams fit for any name, at the start of a program."""
    if sys.stderr is None:  # 2>&-: print(file=None) would write to stdout instead
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115  (open as long as the process)
    for stream in (sys.stdout, sys.stderr):
        # names may be anything, and a terminal may be set to an old encoding: odd signs are escaped, not an error
        if isinstance(stream, io.TextIOWrapper) and not stream.closed:
            stream.reconfigure(errors="backslashreplace")


def print_err(text: str) -> None:
    """A line on stderr, which is not worth an error where it cannot be written."""
    stderr = SafeStream(sys.stderr)
    stderr.write(f"{text}\n")
    stderr.flush()


def print_out(text: str) -> None:
    """A line on stdout, at once: another program may be reading.

    Raises:
        OutputError: It cannot be written.
    """
    try:
        print(text, flush=True)  # noqa: T201  (this is the place for it)
    except (OSError, ValueError) as error:  # ValueError: it is closed
        raise OutputError(error) from None


def out_width() -> int | None:
    """Cells of a line of the terminal that stdout is; None where it is a file or a pipe."""
    return shutil.get_terminal_size().columns if SafeStream(sys.stdout).isatty() else None


def finish() -> OutputError | None:
    """Write what Python still holds for stdout and stderr, at the end of a program.

    What cannot be written is dropped: else Python would fail over it again at exit, with a traceback.

    Returns:
        Why stdout did not get all that was meant for it, or None if it did.
    """
    failed = _flushed(sys.stdout)
    _flushed(sys.stderr)
    return failed


def _flushed(stream: TextIO | None) -> OutputError | None:
    if stream is None:
        return None
    try:
        stream.flush()
    except (OSError, ValueError) as error:
        with contextlib.suppress(OSError, ValueError), open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())
        return OutputError(error)
    return None
