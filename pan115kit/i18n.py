"""The words people read: one catalogue a language, and numbers, sizes and times as that language writes them.

Every message, hint, status and label stands in ``pan115kit/locales/LANGUAGE.json`` under one key, which :func:`say`
takes; the JavaScript of ``pan115kit/web`` reads the same files.  A further language is one further file: it is found
by its name, and a test says which keys it lacks.

Example:
    >>> say("status.paused", lang="en"), say("status.paused", lang="zh")
    ('Paused', '已暂停')
    >>> format_bytes(456_000_000), format_speed(2_500_000), format_duration(192, lang="zh")
    ('456 MB', '2.5 MB/s', '3分12秒')
"""

from __future__ import annotations

import functools
import json
import locale
import math
import os
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

#: The language of whoever speaks none of the others; its catalogue names every key.
FALLBACK = "en"
_LOCALES = Path(__file__).with_name("locales")
#: Characters of a user's value that an error message repeats.
BRIEF_LENGTH = 80


@functools.cache
def languages() -> tuple[str, ...]:
    """The languages there are, by the name of their file.

    Example:
        >>> languages()
        ('en', 'zh')
    """
    return tuple(sorted(file.stem for file in _LOCALES.glob("*.json")))


@functools.cache
def catalogue(lang: str) -> Mapping[str, str]:
    """Every text of one language by its key.

    Args:
        lang: One of :func:`languages`.

    Example:
        >>> catalogue("zh")["status.success"]
        '上传成功'
    """
    texts: dict[str, str] = json.loads((_LOCALES / f"{lang}.json").read_text(encoding="utf-8"))
    return texts


def language() -> str:
    """The user's language: ``PAN115_LANG`` if set, else the locale's, else English.

    Example:
        >>> language() in languages()
        True
    """
    asked = os.environ.get("PAN115_LANG", "").strip().lower()
    if not asked:
        asked = next((os.environ[k] for k in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(k)), "")
        asked = (asked or locale.getlocale()[0] or "").lower()
    return _language_of(asked)


@functools.cache
def _language_of(asked: str) -> str:
    # Windows names a locale by its language's English name: "Chinese (Simplified)_China.936"
    return next(
        (lang for lang in languages() if asked.startswith((lang, catalogue(lang)["language.english_name"].lower()))),
        FALLBACK,
    )


def say(key: str, /, *, lang: str | None = None, **values: object) -> str:
    """The text of ``key`` in the user's language.

    Args:
        key: As in the catalogue, e.g. ``status.paused``.
        lang: A certain language instead of the user's.
        **values: What its ``{holes}`` are filled with.

    Raises:
        KeyError: No catalogue has this key, or a hole has no value: a mistake of ours that the tests find.

    Example:
        >>> say("duration.minutes", lang="en", minutes=3, seconds=12)
        '3m 12s'
    """
    texts = catalogue(lang or language())
    text = texts[key] if key in texts else catalogue(FALLBACK)[key]
    return text.format_map(values) if values else text


#: What a terminal or a browser obeys or hides instead of showing it: control characters (C0, C1), line separators,
#: marks that turn the direction of writing, invisible signs, tags, and halves of characters (broken file names).
#: The joiners U+200C and U+200D stay: emoji and several scripts are written with them.
INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e0fff]"
)


def visible(text: str) -> str:
    """``text`` with everything that acts instead of being seen written as an escape, as Python's ``repr`` does.

    File names and servers' words may hold what moves a terminal's cursor, sets its title or turns the direction of
    writing; whoever reads them must see them as they are.

    Args:
        text: Anything; plain texts are returned as they are.

    Example:
        >>> visible("a\\x1b[2Jb.mkv"), visible("电影 😀.mkv")
        ('a\\\\x1b[2Jb.mkv', '电影 😀.mkv')
    """
    if text.isprintable():
        return text
    return INVISIBLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def brief(value: object) -> str:
    """A value as an error message shows it: short texts and numbers as they are, of all else only the kind.

    Args:
        value: What somebody gave us, e.g. a DataFrame where a path was expected.

    Example:
        >>> brief("2M"), brief(["a"] * 1000), brief(None)
        ("'2M'", 'list', 'None')
    """
    if value is None or isinstance(value, str | bytes | int | float | os.PathLike):
        text = repr(os.fspath(value) if isinstance(value, os.PathLike) else value)
        # the middle goes: a path's end tells which file it is
        half = (BRIEF_LENGTH - 1) // 2
        return text if len(text) <= BRIEF_LENGTH else f"{text[: BRIEF_LENGTH - 1 - half]}…{text[-half:]}"
    return type(value).__name__


def has_text(key: str) -> bool:
    """Whether the catalogues have ``key``: some texts are optional, as the advice for a kind of error.

    Example:
        >>> has_text("error.NetworkError.hint"), has_text("no such key")
        (True, False)
    """
    return key in catalogue(FALLBACK)


def format_bytes(size: float) -> str:
    """Bytes in decimal units (1 MB = 10^6), as 115 and the speed figures use them.

    Example:
        >>> [format_bytes(n) for n in (0, 999, 1500, 10_485_760, 1_073_741_824)]
        ['0 B', '999 B', '1.5 kB', '10.5 MB', '1.07 GB']
    """
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if abs(value) < 999.5 or (unit == "B" and abs(value) < 1000):
            return f"{value:.0f} B" if unit == "B" else f"{_three_digits(value)} {unit}"
        value /= 1000
    return f"{_three_digits(value)} TB"


def _three_digits(value: float) -> str:
    decimals = 2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def format_speed(bytes_per_second: float) -> str:
    """Bytes per second as text.

    Example:
        >>> format_speed(0), format_speed(12_345_678)
        ('0 B/s', '12.3 MB/s')
    """
    return f"{format_bytes(bytes_per_second)}/s"


def format_time(timestamp: float) -> str:
    """A moment in the local zone, to the minute; an em dash when unknown (0, as in our models).

    Args:
        timestamp: Epoch seconds.

    Example:
        >>> format_time(0)
        '—'
    """
    if not timestamp or not math.isfinite(timestamp):
        return "—"
    return datetime.fromtimestamp(timestamp).strftime("%Y-%m-%d %H:%M")


def format_duration(seconds: float | None, *, lang: str | None = None) -> str:
    """Seconds as ``3分12秒`` / ``3m 12s``; an em dash when unknown.

    Example:
        >>> format_duration(7530, lang="en"), format_duration(None)
        ('2h 5m', '—')
    """
    if seconds is None or not math.isfinite(seconds):
        return "—"
    whole = max(0, round(seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return say("duration.hours", lang=lang, hours=hours, minutes=minutes)
    if minutes:
        return say("duration.minutes", lang=lang, minutes=minutes, seconds=rest)
    return say("duration.seconds", lang=lang, seconds=rest)
