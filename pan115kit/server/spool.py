"""Files that a page sends in pieces: kept on this machine's disk until they are uploaded.

A browser has a file's content, but no path that could be read.  Its pieces are appended to a file in the state
directory; each is on the disk before it is acknowledged, so that a page that was closed, or a server that was killed,
goes on where it was.  The whole file is then an ordinary upload, and is removed when 115 has verified it.

    <state directory>/spool/<id>/about.json      what it is
    <state directory>/spool/<id>/file/<name>     its content so far
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ..errors import FileNameError, Pan115Error
from ..i18n import say

logger = logging.getLogger("pan115kit")

#: Bytes of one piece at most; it is held in memory while it is written.
MAX_PIECE = 1 << 20
#: Bytes of all spooled files together, whole or not.
MAX_TOTAL = 100_000_000_000
#: Bytes of the disk that are left to others.
SPARE = 2_000_000_000
#: Files at a time, whole or not.
MAX_FILES = 10_000
#: Days after which a file that nothing was added to, and that no upload is at, is removed.
KEPT_DAYS = 7.0

_ID = re.compile("[0-9a-f]{32}")
_WINDOWS_NAME = re.compile(r'[<>:"|?*\x00-\x1f]|[. ]$|^(con|prn|aux|nul|com\d|lpt\d)(\.|$)', re.IGNORECASE)


class SpoolFullError(Pan115Error):
    """There is no room for the file on this machine, or there are too many files."""


class SpoolDiskError(Pan115Error):
    """The disk cannot be written; what has come before is kept."""


class WrongOffsetError(Pan115Error):
    """The piece does not begin where the file so far ends.

    Attributes:
        offset: Where it ends, in bytes: the next piece begins there.
    """

    offset: int = 0


@dataclass(frozen=True, slots=True)
class SpooledFile:
    """One file of the spool.

    Attributes:
        spool_id: From name, size, time and target: the same file dropped again is the same, and goes on.
        name: As it is to be called on the drive.
        size: Bytes of the whole file.
        modified: Its time of change as the page has it, in milliseconds since the epoch.
        target_path: Folder on the drive.
        offset: Bytes that are here.
        path: Where they are.
    """

    spool_id: str
    name: str
    size: int
    modified: int
    target_path: str
    offset: int
    path: str

    @property
    def is_whole(self) -> bool:
        """Whether all of it is here."""
        return self.offset == self.size


def spool_id_for(name: str, size: int, modified: int, target_path: str) -> str:
    """The id of a file: the same for the same file to the same place."""
    text = json.dumps([name, size, modified, target_path])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


class Spool:
    """The spooled files of one state directory.

    Args:
        state_directory: Its ``spool`` folder is made when it is first needed, for the user alone.
        max_total: Bytes of all files together.
        spare: Bytes of the disk that are left to others.
        clock: Epoch seconds.
    """

    def __init__(
        self,
        state_directory: Path,
        *,
        max_total: int = MAX_TOTAL,
        spare: int = SPARE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.folder = state_directory / "spool"
        self._max_total = max_total
        self._spare = spare
        self._clock = clock
        self._lock = threading.Lock()  # over what is begun and removed
        self._writing: set[str] = set()
        self._sizes: dict[str, int] | None = None  # of every file; read from the disk when first needed
        self._total = 0  # bytes of all of them
        self._here = 0  # bytes of them that have come

    def begin(self, name: str, size: int, modified: int, target_path: str) -> SpooledFile:
        """Make room for a file, or find what is here of it already.

        Raises:
            FileNameError: The name is none on this machine.
            SpoolFullError: There is no room for it.
            OSError: The disk cannot be written.
        """
        _check_name(name)
        spool_id = spool_id_for(name, size, modified, target_path)
        with self._lock:
            found = self._find(spool_id)
            if found is not None:
                return found
            self._make_room(size)
            place = self.folder / spool_id
            (place / "file").mkdir(mode=0o700, parents=True, exist_ok=True)
            made = SpooledFile(spool_id, name, size, modified, target_path, 0, str(place / "file" / name))
            Path(made.path).touch(mode=0o600)
            about = {key: value for key, value in asdict(made).items() if key not in ("offset", "path")}
            (place / "about.new").write_text(json.dumps(about), encoding="utf-8")
            os.replace(place / "about.new", place / "about.json")  # what has it is complete
            self._count(made)
            return made

    def append(self, spool_id: str, offset: int, piece: bytes) -> SpooledFile | None:
        """Add a piece; it is on the disk when this returns.

        Args:
            spool_id: Of :meth:`begin`.
            offset: Where the piece begins.
            piece: Its bytes.

        Returns:
            The file as it is now; None if there is none of this id.

        Raises:
            WrongOffsetError: The piece does not begin where the file ends, is too long, or another one is just being
                written.
            OSError: The disk cannot be written.
        """
        with self._lock:
            self._index()  # before this piece is counted
            found = self._find(spool_id)
            if found is None:
                return None
            if offset != found.offset or offset + len(piece) > found.size or spool_id in self._writing:
                error = WrongOffsetError(say("server.spool_offset", offset=found.offset, size=found.size))
                error.offset = found.offset
                raise error
            self._writing.add(spool_id)
        try:
            with open(found.path, "r+b") as file:
                file.seek(offset)
                file.write(piece)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            with contextlib.suppress(OSError):  # half a piece must not count as one
                os.truncate(found.path, offset)
            raise
        finally:
            self._writing.discard(spool_id)
        with self._lock:
            self._here += len(piece)
        return replace(found, offset=offset + len(piece))

    def get(self, spool_id: str) -> SpooledFile | None:
        """One file, or None."""
        return self._find(spool_id) if _ID.fullmatch(spool_id) else None

    def list(self) -> list[SpooledFile]:
        """All files, by name."""
        return sorted(self._all(), key=lambda file: (file.name, file.spool_id))

    def contains(self, path: str) -> bool:
        """Whether a local path is one of the spool's."""
        return self.id_of(path) is not None

    def id_of(self, path: str) -> str | None:
        """The id of the file at a local path; None where it is none of the spool's."""
        names = Path(path).relative_to(self.folder).parts if Path(path).is_relative_to(self.folder) else ()
        return names[0] if len(names) == 3 and _ID.fullmatch(names[0]) and ".." not in names else None

    def remove(self, spool_id: str) -> bool:
        """Remove a file, whole or not; whether there was one."""
        if not _ID.fullmatch(spool_id):
            return False
        with self._lock:
            self._index()
            found = self._find(spool_id)
            shutil.rmtree(self.folder / spool_id, ignore_errors=True)
            gone = found is not None and not (self.folder / spool_id).exists()
            if gone and found is not None and self._index().pop(spool_id, None) is not None:
                self._total -= found.size
                self._here -= found.offset
            return gone

    def remove_old(self, is_needed: Callable[[str], bool], days: float = KEPT_DAYS) -> int:
        """Remove what nothing was added to for ``days``.

        Args:
            is_needed: Whether an upload or a session is at a local path.
            days: Days.

        Returns:
            How many were removed.
        """
        oldest = self._clock() - days * 86_400
        removed = 0
        for file in self._all():
            with contextlib.suppress(OSError):
                if os.stat(file.path).st_mtime < oldest and not is_needed(file.path):
                    removed += self.remove(file.spool_id)
        if removed:
            logger.info("removed %d spooled files that were not added to for %g days", removed, days)
        return removed

    def _make_room(self, size: int) -> None:
        files = self._index()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        promised = self._total - self._here
        room = min(shutil.disk_usage(self.folder).free - promised - self._spare, self._max_total - self._total)
        if size > room:
            raise SpoolFullError(
                say("server.spool_full", size=size, room=max(0, room)), hint=say("server.spool_full.hint")
            )
        if len(files) >= MAX_FILES:
            raise SpoolFullError(say("server.spool_files", count=MAX_FILES), hint=say("server.spool_full.hint"))

    def _index(self) -> dict[str, int]:
        if self._sizes is None:
            self._sizes = {}
            for file in self._all():
                self._count(file)
        return self._sizes

    def _count(self, file: SpooledFile) -> None:
        self._index()[file.spool_id] = file.size
        self._total += file.size
        self._here += file.offset

    def _all(self) -> Iterator[SpooledFile]:
        try:
            names = os.listdir(self.folder)
        except FileNotFoundError:
            return
        for name in names:
            if (found := self.get(name)) is not None:
                yield found

    def _find(self, spool_id: str) -> SpooledFile | None:
        place = self.folder / spool_id
        try:
            about = json.loads((place / "about.json").read_text(encoding="utf-8"))
            path = str(place / "file" / about["name"])
            return SpooledFile(**about, offset=os.stat(path).st_size, path=path)
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            logger.warning("the spooled file %s cannot be read: %s", spool_id, error)
            return None


def _check_name(name: str) -> None:
    """Raises :class:`FileNameError` where ``name`` is no file's name on this machine."""
    if name in ("", ".", "..") or any(sign in name for sign in "/\\\0") or not _fits(name):
        raise FileNameError(say("server.spool_name", name=repr(name)), hint=say("server.spool_name.hint"))


def _fits(name: str) -> bool:
    if sys.platform == "win32":
        return len(name) <= 255 and _WINDOWS_NAME.search(name) is None
    try:
        return len(name.encode()) <= 255
    except UnicodeEncodeError:
        return False
