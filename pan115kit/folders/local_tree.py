"""What is to be uploaded, as it lies on this machine: files, folders, and what is left out and why."""

from __future__ import annotations

import glob
import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from .._base.local_paths import local_path, missing_path_hint
from ..drive.names import check_folder_path, shorten_file_name
from ..errors import ConfigError, FileMissingError, NotAFileError, Pan115Error
from ..i18n import brief, say
from ..models import FileIdentity
from ..transfer.local_file import identity_of
from .ignore_rules import IGNORE_FILE, IgnoreRules

PathLike = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class LocalEntry:
    """One file of the tree.

    Attributes:
        file_path: Absolute.
        folder: Of the uploaded folder, ``""`` or ``a/b``.
        name: On the drive.
        size: Bytes.
        identity: As it was looked at; None where it could not be.
    """

    file_path: str
    folder: str
    name: str
    size: int
    identity: FileIdentity | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """One entry of a folder that is not uploaded.

    Attributes:
        missed: Whether it is content that somebody will miss on the drive, not a FIFO or a link to a folder.
        excluded: Whether a pattern, or its being junk, leaves it out.
    """

    file_path: str
    reason: str
    missed: bool = True
    excluded: bool = False


@dataclass(slots=True)
class LocalTree:
    """Everything that one call uploads.

    Attributes:
        files: In a stable order.
        folders: Folders below the target (``a/b``) and where they lie here; one comes after those it is in.
        left_out: What is not uploaded.
    """

    files: list[LocalEntry] = field(default_factory=list)
    folders: dict[str, str] = field(default_factory=dict)
    left_out: list[Skipped] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Source:
    """One thing that a user named.

    Attributes:
        path: A file or a folder, absolute.
        is_folder: A folder's content is meant, not the folder itself.
        include: The rest of a glob (``/**/*.jpg``), as a pattern; empty: all.
    """

    path: str
    is_folder: bool = False
    include: str = ""


def sources_of(paths: PathLike | Iterable[PathLike], *, folders_only: bool = False) -> list[Source]:
    """What a user named: files, folders and globs, each once.

    Args:
        paths: One or several.  A glob keeps the folders below its first wildcard: ``photos/**/*.jpg`` is what
            ``photos`` has of ``*.jpg``.
        folders_only: Each must be a folder or a glob.

    Raises:
        ConfigError: One is no path.
        FileMissingError: With ``folders_only``: there is no such folder.  Nothing fits a glob's folder.
        NotAFileError: With ``folders_only``: it is not a folder.
    """
    several = [paths] if isinstance(paths, str | bytes | os.PathLike) else paths
    if not isinstance(several, Iterable):
        raise ConfigError(say("path.not_a_path", value=brief(several)), hint=say("path.name_one"))
    return list(dict.fromkeys(_source(path, folders_only) for path in several))


def _source(path: PathLike, folders_only: bool) -> Source:
    place = local_path(path)
    if os.path.isdir(place):
        return Source(place, is_folder=True)
    if not os.path.lexists(place) and (found := _glob(place)) is not None:
        return found
    if folders_only:
        if not os.path.exists(place):
            raise FileMissingError(say("folder.missing", path=place), hint=missing_path_hint(place))
        raise NotAFileError(say("folder.not_a_folder", path=place), hint=say("folder.not_a_folder.hint"))
    return Source(place)


def _glob(place: str) -> Source | None:
    """A path with wildcards as the folder before the first of them and a pattern."""
    names = place.split(os.sep)
    first = next((n for n, name in enumerate(names) if re.search(r"[*?\[]", name)), None)
    if first is None:
        return None
    folder = os.sep.join(names[:first]) or os.sep
    if not os.path.isdir(folder):
        return None
    if next(glob.iglob(place, recursive=True, include_hidden=True), None) is None:
        raise FileMissingError(say("folder.nothing_fits", pattern=place), hint=say("folder.nothing_fits.hint"))
    return Source(folder, is_folder=True, include="/" + "/".join(names[first:]))


def scan(sources: Iterable[Source], rules: IgnoreRules) -> LocalTree:
    """Look through everything that was named; links to files are followed, links to folders are left out.

    Args:
        sources: From :func:`sources_of`.
        rules: What is left out.
    """
    tree = LocalTree()
    for source in sources:
        if source.is_folder:
            own = IgnoreRules.of(include=[source.include]).include if source.include else rules.include
            _scan_folder(tree, source.path, "", replace(rules, include=own))
        else:
            _add_named_file(tree, source.path)
    return tree


def _add_named_file(tree: LocalTree, path: str) -> None:
    """A file that was named is uploaded whatever it is: its upload says what is wrong with it."""
    try:
        facts = os.stat(path)
        name = shorten_file_name(os.path.basename(path))
    except (OSError, ValueError, Pan115Error):
        tree.files.append(LocalEntry(path, "", os.path.basename(path), 0))
        return
    tree.files.append(LocalEntry(path, "", name, facts.st_size, identity_of(facts)))


def _scan_folder(tree: LocalTree, root: str, folder: str, rules: IgnoreRules) -> None:
    waiting = [(root, folder, rules)]
    while waiting:
        place, inner, rules = waiting.pop()
        found = _listed(place, tree.left_out)
        if any(entry.name == IGNORE_FILE for entry in found):
            rules = _with_ignore_file(place, inner, rules, tree.left_out)
        below: list[tuple[str, str, IgnoreRules]] = []
        for entry in found:
            path = f"{inner}/{entry.name}" if inner else entry.name
            if entry.is_dir(follow_symlinks=False):
                if _take_folder(tree, entry, path, rules):
                    below.append((entry.path, path, rules))
            elif isinstance(taken := _look_at(entry, path, inner, rules), LocalEntry):
                tree.files.append(taken)
            else:
                tree.left_out.append(taken)
        waiting.extend(reversed(below))  # in the order of their names


def _listed(place: str, left_out: list[Skipped]) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(place) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        left_out.append(Skipped(place, say("skipped.unreadable", why=error.strerror)))
        return []


def _with_ignore_file(place: str, inner: str, rules: IgnoreRules, left_out: list[Skipped]) -> IgnoreRules:
    path = os.path.join(place, IGNORE_FILE)
    try:
        with open(path, encoding="utf-8-sig") as file:
            return rules.below(f"{inner}/" if inner else "", file.read())
    except (OSError, UnicodeDecodeError) as error:
        left_out.append(Skipped(path, say("skipped.unreadable", why=error)))
        return rules


def _take_folder(tree: LocalTree, entry: os.DirEntry[str], path: str, rules: IgnoreRules) -> bool:
    if reason := rules.why_left_out(path, is_folder=True):
        tree.left_out.append(Skipped(entry.path, reason, missed=False, excluded=True))
        return False
    try:
        check_folder_path(path)
    except Pan115Error as error:
        tree.left_out.extend(Skipped(lost, str(error)) for lost in _files_below(entry.path))
        return False
    if rules.include is None:  # with include=, folders come with the files that it names
        tree.folders.setdefault(path, entry.path)
    return True


def _files_below(place: str) -> Iterator[str]:
    """What is lost with a folder that 115 does not take; the folder itself where it is empty."""
    found = [os.path.join(folder, name) for folder, _, names in os.walk(place) for name in names]
    return iter(found or [place])


def _look_at(entry: os.DirEntry[str], path: str, inner: str, rules: IgnoreRules) -> LocalEntry | Skipped:
    if reason := rules.why_left_out(path):
        return Skipped(entry.path, reason, missed=False, excluded=True)
    try:
        # on Windows the list lacks what tells a file from others
        facts = os.stat(entry.path) if os.name == "nt" else entry.stat()
    except OSError as error:
        return Skipped(entry.path, say("skipped.unreadable", why=error.strerror))
    if stat.S_ISDIR(facts.st_mode):
        return Skipped(entry.path, say("skipped.link_to_folder"), missed=False)
    if not stat.S_ISREG(facts.st_mode):
        return Skipped(entry.path, say("skipped.not_regular"), missed=False)
    if not os.access(entry.path, os.R_OK):
        return Skipped(entry.path, say("skipped.no_permission"))
    try:
        name = shorten_file_name(entry.name)
    except Pan115Error:
        return Skipped(entry.path, say("skipped.not_unicode"))
    return LocalEntry(entry.path, inner, name, facts.st_size, identity_of(facts))
