"""Words and numbers for people: Chinese or English, bytes, speeds and times.

Both languages stand side by side where they are used (``say("上传中", "Uploading")``), so neither can be forgotten.

Example:
    >>> format_bytes(456_000_000), format_speed(2_500_000), format_duration(192, lang="zh")
    ('456 MB', '2.5 MB/s', '3分12秒')
"""

from __future__ import annotations

import locale
import math
import os

LANGUAGES = ("zh", "en")


def language() -> str:
    """``zh`` or ``en``: ``PAN115_LANG`` if set, else the locale.

    Example:
        >>> language() in LANGUAGES
        True
    """
    asked = os.environ.get("PAN115_LANG", "").strip().lower()
    if not asked:
        asked = next((os.environ[k] for k in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(k)), "")
        asked = (asked or locale.getlocale()[0] or "").lower()
    return "zh" if asked.startswith(("zh", "chinese")) else "en"


def say(zh: str, en: str) -> str:
    """The text in the user's language.

    Example:
        >>> say("暂停", "Pause") in ("暂停", "Pause")
        True
    """
    return zh if language() == "zh" else en


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


def format_duration(seconds: float | None, *, lang: str | None = None) -> str:
    """Seconds as ``3分12秒`` / ``3m 12s``; an em dash when unknown.

    Example:
        >>> format_duration(7530, lang="en"), format_duration(None)
        ('2h 5m', '—')
    """
    if seconds is None or not math.isfinite(seconds):
        return "—"
    zh = (lang or language()) == "zh"
    whole = max(0, round(seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours}小时{minutes}分" if zh else f"{hours}h {minutes}m"
    if minutes:
        return f"{minutes}分{rest}秒" if zh else f"{minutes}m {rest}s"
    return f"{rest}秒" if zh else f"{rest}s"
