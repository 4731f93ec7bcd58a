"""What the files of the same name in the target folder mean for an upload.  Pure."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from ..drive.data import Entry
from ..models import OnConflict


class Verdict(StrEnum):
    """What is to be done with a file."""

    UPLOAD = "upload"
    EXISTS = "exists"
    """The folder has it: same name, same content."""
    SKIP = "skip"
    REPLACE = "replace"
    ERROR = "error"


_VERDICTS = {
    OnConflict.KEEP: Verdict.UPLOAD,
    OnConflict.SKIP: Verdict.SKIP,
    OnConflict.REPLACE: Verdict.REPLACE,
    OnConflict.ERROR: Verdict.ERROR,
}


def same_content(same_name: Iterable[Entry], sha1: str, size: int) -> Entry | None:
    """The whole file among ``same_name`` that has this content, or None."""
    return next((entry for entry in same_name if entry.complete and (entry.sha1, entry.size) == (sha1, size)), None)


def judge(same_name: Iterable[Entry], sha1: str, size: int, on_conflict: OnConflict) -> Verdict:
    """What is to be done with a file.

    Args:
        same_name: The files of its name in the target folder.
        sha1: Its content, upper-case hex.
        size: Bytes.
        on_conflict: What the user wants where another content has the name.
    """
    files = tuple(same_name)
    if not files:
        return Verdict.UPLOAD
    if same_content(files, sha1, size) is None:
        return _VERDICTS[on_conflict]
    # after a replacement that was cut short both are there: the old ones are still to go
    return Verdict.REPLACE if on_conflict is OnConflict.REPLACE and len(files) > 1 else Verdict.EXISTS
