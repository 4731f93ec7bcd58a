"""How Python values look inside SQLite, so that every file name and every 64-bit number survives.

File names on POSIX are bytes; Python shows the undecodable ones as lone surrogates, which SQLite's TEXT cannot hold.
Such a text is stored as a BLOB, every other one as readable TEXT.
"""

from __future__ import annotations

from typing import TypeAlias

from ..models import FileIdentity

#: What SQLite stores for a text.
SqlText: TypeAlias = "str | bytes"


def to_sql(text: str) -> SqlText:
    """The text as SQLite can hold it: TEXT, or a BLOB where it has lone surrogates."""
    text = str.__str__(text)
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def from_sql(value: SqlText) -> str:
    """The text that :func:`to_sql` stored."""
    return value if isinstance(value, str) else value.decode("utf-8", "surrogatepass")


def optional_to_sql(text: str | None) -> SqlText | None:
    """:func:`to_sql`, with None as NULL."""
    return None if text is None else to_sql(text)


def optional_from_sql(value: SqlText | None) -> str | None:
    """:func:`from_sql`, with NULL as None."""
    return None if value is None else from_sql(value)


def identity_to_sql(identity: FileIdentity) -> str:
    """A file identity as one text; ``st_dev`` and ``st_ino`` may exceed SQLite's signed 64 bits."""
    return f"{identity.device}:{identity.inode}:{identity.size}:{identity.mtime_ns}:{identity.ctime_ns}"


def identity_from_sql(text: str) -> FileIdentity:
    """The identity that :func:`identity_to_sql` stored."""
    device, inode, size, mtime_ns, ctime_ns = map(int, text.split(":"))
    return FileIdentity(device, inode, size, mtime_ns, ctime_ns)


def crc_to_sql(crc64: int | None) -> str | None:
    """An unsigned CRC-64 as 16 hex digits."""
    return None if crc64 is None else f"{crc64:016X}"


def crc_from_sql(text: str | None) -> int | None:
    """The CRC-64 that :func:`crc_to_sql` stored."""
    return None if text is None else int(text, 16)
