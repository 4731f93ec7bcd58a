"""How Python values look inside SQLite, so that every file name and every 64-bit number survives.

File names on POSIX are bytes; Python shows the undecodable ones as lone surrogates, which SQLite's TEXT cannot hold.
Such a text is stored as a BLOB, every other one as readable TEXT.
"""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

from ..models import Column, FileIdentity

#: What SQLite stores for a text.
SqlText: TypeAlias = "str | bytes"

_SQL_TYPES: dict[type, str] = {int: "INTEGER", bool: "INTEGER", float: "REAL", datetime: "REAL"}


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


def from_sql(value: object) -> str:
    """The text that :func:`to_sql` stored.

    Raises:
        ValueError: It is no text.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogatepass")
    raise ValueError(f"{value!r} is no text")


def optional_to_sql(text: str | None) -> SqlText | None:
    """:func:`to_sql`, with None as NULL."""
    return None if text is None else to_sql(text)


def value_to_sql(value: Any) -> Any:
    """A column's value as SQLite can hold it."""
    return to_sql(value) if isinstance(value, str) else value


def value_from_sql(column: Column, value: Any) -> Any:
    """The value that :func:`value_to_sql` stored.

    Raises:
        ValueError: It is none that this column can have: somebody else wrote it, or a disk did.
    """
    kind = column.kind
    if value is None and column.is_optional:
        return None
    if isinstance(value, bytes):
        value = from_sql(value)
    if kind is float or kind is datetime:
        if isinstance(value, float | int):
            return float(value)
    elif kind is bool:
        if value in (0, 1):
            return bool(value)
    elif issubclass(kind, StrEnum) or isinstance(value, kind):
        return value if type(value) is kind else kind(value)
    raise ValueError(f"{column.name} cannot be {value!r}")


def column_to_sql(column: Column) -> str:
    """A column as ``CREATE TABLE`` and ``ALTER TABLE ... ADD COLUMN`` name it."""
    words = [column.name, _SQL_TYPES.get(column.kind, "TEXT")]
    if not column.is_optional:
        words.append("NOT NULL")
    if isinstance(column.default, str):
        words.append("DEFAULT '{}'".format(str(column.default).replace("'", "''")))
    elif isinstance(column.default, int | float):
        words.append(f"DEFAULT {column.default + 0}")  # + 0: yes and no are 1 and 0
    return " ".join(words)


def identity_to_sql(identity: FileIdentity) -> str:
    """A file identity as one text; ``st_dev`` and ``st_ino`` may exceed SQLite's signed 64 bits."""
    return f"{identity.device}:{identity.inode}:{identity.size}:{identity.mtime_ns}:{identity.ctime_ns}"


def identity_from_sql(text: str) -> FileIdentity:
    """The identity that :func:`identity_to_sql` stored.

    Raises:
        ValueError: It is none.
    """
    device, inode, size, mtime_ns, ctime_ns = map(int, text.split(":"))
    return FileIdentity(device, inode, size, mtime_ns, ctime_ns)


def crc_to_sql(crc64: int | None) -> str | None:
    """An unsigned CRC-64 as 16 hex digits."""
    return None if crc64 is None else f"{crc64:016X}"


def crc_from_sql(text: object) -> int | None:
    """The CRC-64 that :func:`crc_to_sql` stored.

    Raises:
        ValueError: It is none.
    """
    if text is None:
        return None
    if not isinstance(text, str) or not re.fullmatch("[0-9A-F]{16}", text):
        raise ValueError(f"{text!r} is no CRC-64")
    return int(text, 16)
