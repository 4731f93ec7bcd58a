"""Bytes and file objects that are uploaded: kept as files in the state directory until they are on the drive."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from ..drive.names import shorten_file_name
from ..errors import ConfigError, StoreError
from ..i18n import brief, say

#: Below the state directory.
CONTENT_FOLDER = "content"
#: Bytes read from a file object at once.
_PIECE = 1024 * 1024
#: Seconds after which a file that no session names is forgotten: nobody goes on with it.
_FORGOTTEN_AFTER = 86_400.0


def is_content(source: object, file_name: str) -> bool:
    """Whether ``source`` is content rather than a path: a file object, or bytes with a name (``os.listdir(b".")``
    gives paths as bytes).
    """
    if isinstance(source, bytes):
        return bool(file_name)
    return isinstance(source, bytearray | memoryview) or callable(getattr(source, "read", None))


def keep_content(state_dir: Path, source: Any, file_name: str) -> Path:
    """Keep content as a file named after it, so that the same call again goes on with the same upload; blocking.

    Args:
        state_dir: The state directory.
        source: Bytes, or a file object opened for reading bytes, read from where it stands to its end.
        file_name: The name on the drive.

    Raises:
        ConfigError: No name is given, or the file object gives text.
        FileNameError: It cannot be a name.
        StoreError: The state directory cannot be written to.
    """
    if not file_name:
        raise ConfigError(say("content.no_name"), hint=say("content.no_name.hint"))
    name = shorten_file_name(file_name)
    folder = state_dir / CONTENT_FOLDER
    digest = hashlib.sha1(usedforsecurity=False)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=folder)
        try:
            with os.fdopen(descriptor, "wb") as file:
                for piece in _pieces(source):
                    digest.update(piece)
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())  # the name says what the content is, after a power failure too
            place = folder / digest.hexdigest() / name
            place.parent.mkdir(mode=0o700, exist_ok=True)
            if place.exists():  # perhaps its upload is running: it stays the file that it is
                os.unlink(temporary)
            else:
                os.replace(temporary, place)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        message = say("content.not_written", folder=folder, why=error.strerror or error)
        raise StoreError(message, hint=say("content.not_written.hint")) from None
    return place


def _pieces(source: Any) -> Iterator[bytes | memoryview]:
    if isinstance(source, bytes | bytearray | memoryview):
        yield memoryview(source).cast("B")
        return
    while piece := source.read(_PIECE):
        if not isinstance(piece, bytes | bytearray | memoryview):
            raise ConfigError(say("content.text", value=brief(source)), hint=say("content.text.hint"))
        yield memoryview(piece)


def clean(state_dir: Path, in_use: Collection[str], *, now: float | None = None) -> None:
    """Remove what no session names, a day after it was written: its upload ended without it.

    Args:
        state_dir: The state directory.
        in_use: Paths that sessions name.
        now: Epoch seconds.
    """
    moment = time.time() if now is None else now
    for place in (state_dir / CONTENT_FOLDER).glob("*"):
        for file in place.glob("*") if place.is_dir() else [place]:
            try:
                if str(file) not in in_use and moment - file.stat().st_mtime > _FORGOTTEN_AFTER:
                    file.unlink()
            except OSError:
                continue  # in use by another process, on Windows; another time
        try:
            place.rmdir()
        except OSError:
            continue  # not empty
