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
    """The text as SQLite can hold it: TEXT, or a BLOB where it has lone surrogates.

    Example:
        >>> to_sql("影视"), to_sql("\\udcff")
        ('影视', b'\\xed\\xb3\\xbf')
    """
    text = str.__str__(text)
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def from_sql(value: SqlText) -> str:
    """The text that :func:`to_sql` stored.

    Example:
        >>> from_sql(to_sql("caf\\udce9.bin")) == "caf\\udce9.bin"
        True
    """
    return value if isinstance(value, str) else value.decode("utf-8", "surrogatepass")


def optional_to_sql(text: str | None) -> SqlText | None:
    """:func:`to_sql`, with None as NULL."""
    return None if text is None else to_sql(text)


def optional_from_sql(value: SqlText | None) -> str | None:
    """:func:`from_sql`, with NULL as None."""
    return None if value is None else from_sql(value)


def identity_to_sql(identity: FileIdentity) -> str:
    """A file identity as one text; ``st_dev`` and ``st_ino`` may exceed SQLite's signed 64 bits.

    Example:
        >>> identity_to_sql(FileIdentity(1, 2**64 - 1, 3, 4, 5))
        '1:18446744073709551615:3:4:5'
    """
    return f"{identity.device}:{identity.inode}:{identity.size}:{identity.mtime_ns}:{identity.ctime_ns}"


def identity_from_sql(text: str) -> FileIdentity:
    """The identity that :func:`identity_to_sql` stored.

    Example:
        >>> identity_from_sql("1:2:3:4:5")
        FileIdentity(device=1, inode=2, size=3, mtime_ns=4, ctime_ns=5)
    """
    device, inode, size, mtime_ns, ctime_ns = map(int, text.split(":"))
    return FileIdentity(device, inode, size, mtime_ns, ctime_ns)


def crc_to_sql(crc64: int | None) -> str | None:
    """An unsigned CRC-64 as 16 hex digits.

    Example:
        >>> crc_to_sql(0x995DC9BBDF1939FA)
        '995DC9BBDF1939FA'
    """
    return None if crc64 is None else f"{crc64:016X}"


def crc_from_sql(text: str | None) -> int | None:
    """The CRC-64 that :func:`crc_to_sql` stored."""
    return None if text is None else int(text, 16)
