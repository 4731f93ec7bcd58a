"""Which files and folders are left out: ``exclude=``, ``include=``, ``.pan115ignore`` files and junk.

Patterns are those of gitignore.  Of several that speak of a path, the last one of the first list counts:
``exclude=``, then the ``.pan115ignore`` nearest to it, then those of the folders above, then the junk; ``!name``
takes a file in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pathspec import GitIgnoreSpec

from ..errors import ConfigError
from ..i18n import brief, say

#: A file of this name has patterns for its folder and what is below.
IGNORE_FILE = ".pan115ignore"
#: What systems and programs leave about, which nobody means to upload; ``exclude=["!.git"]`` takes it in.
JUNK = frozenset({".DS_Store", "Thumbs.db", ".git", "__pycache__", ".ipynb_checkpoints"})


@dataclass(frozen=True, slots=True)
class IgnoreFile:
    """The patterns of one :data:`IGNORE_FILE`, for paths below ``folder`` (``""`` or ``a/b/``)."""

    folder: str
    spec: GitIgnoreSpec


@dataclass(frozen=True, slots=True)
class IgnoreRules:
    """What one call leaves out.

    Attributes:
        exclude: Patterns of the call.
        include: Patterns of the call: files that none of them names are left out; None takes all.
        files: Patterns of the ``.pan115ignore`` files on the way, the nearest first.
    """

    exclude: GitIgnoreSpec
    include: GitIgnoreSpec | None = None
    files: tuple[IgnoreFile, ...] = ()

    @classmethod
    def of(cls, *, include: Iterable[str] = (), exclude: Iterable[str] = ()) -> IgnoreRules:
        """Rules as a user gives them.

        Raises:
            ConfigError: They are no patterns.
        """
        wanted = _patterns("include", include)
        return cls(_spec("exclude", _patterns("exclude", exclude)), _spec("include", wanted) if wanted else None)

    def below(self, folder: str, ignore_file: str) -> IgnoreRules:
        """The rules from ``folder`` (``""`` or ``a/b/``) down, where an ignore file of this text lies.

        Raises:
            ConfigError: The file has a line that is no pattern.
        """
        found = IgnoreFile(folder, _spec(IGNORE_FILE, ignore_file.splitlines()))
        return IgnoreRules(self.exclude, self.include, (found, *self.files))

    def why_left_out(self, path: str, *, is_folder: bool = False) -> str:
        """The reason for leaving ``path`` out, in the user's language; empty where it is taken.

        Args:
            path: From the uploaded folder, with ``/``.
            is_folder: A folder that is left out is not looked into.
        """
        asked = f"{path}/" if is_folder else path
        by_call = self.exclude.check_file(asked).include
        by_files = self._by_files(asked) if by_call is None else None
        if by_call:
            return say("skipped.exclude")
        if by_files:
            return say("skipped.ignore_file", file=IGNORE_FILE)
        if by_call is None and by_files is None and path.rpartition("/")[2] in JUNK:
            return say("skipped.junk")
        if not is_folder and self.include is not None and not self.include.match_file(path):
            return say("skipped.include")
        return ""

    def _by_files(self, path: str) -> bool | None:
        verdicts = (file.spec.check_file(path.removeprefix(file.folder)).include for file in self.files)
        return next((verdict for verdict in verdicts if verdict is not None), None)


def _patterns(name: str, patterns: object) -> list[str]:
    if isinstance(patterns, str):
        return [patterns]
    found = list(patterns) if isinstance(patterns, Iterable) else [patterns]
    texts = [pattern for pattern in found if isinstance(pattern, str)]
    if len(texts) < len(found):
        raise ConfigError(say("ignore.no_patterns", name=name, value=brief(patterns)), hint=say("ignore.hint"))
    return texts


def _spec(name: str, lines: list[str]) -> GitIgnoreSpec:
    try:
        return GitIgnoreSpec.from_lines(lines)
    except ValueError as error:
        raise ConfigError(say("ignore.bad_pattern", name=name, why=error), hint=say("ignore.hint")) from None
