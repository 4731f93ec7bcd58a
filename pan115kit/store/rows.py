"""How an upload session becomes a row of the table ``sessions``, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from functools import lru_cache
from typing import Any

from ..models import SESSION_COLUMNS, UploadSession, UploadStatus, UploadTicket, column_of
from .codec import from_sql, identity_from_sql, identity_to_sql, optional_to_sql, to_sql

_TICKET_COLUMNS = ("bucket", "object_key", "callback", "callback_var", "pick_code")
_STATUS = {str(status): status for status in UploadStatus}
COUNTED = ("uploaded_parts", "uploaded_bytes")  # never stored: they are counted from the parts
COLUMNS = (
    *(f.name for f in fields(UploadSession) if f.name not in ("ticket", *COUNTED)),
    *_TICKET_COLUMNS,
)
UPSERT = (
    f"INSERT INTO sessions ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))}) "
    f"ON CONFLICT (session_id) DO UPDATE SET {', '.join(f'{c} = excluded.{c}' for c in COLUMNS[1:])}"
)
# Count, bytes and highest number of a session's parts stand beside it, kept in step in the same transactions: nobody
# must read a million parts to list ten thousand sessions.  Parts go in order (protocol.md §4.3), so nearly always
# they are 1..n, which is so exactly when the highest number is their count; only lists with gaps are read.
SELECT = (
    f"SELECT s.id, {', '.join(f's.{c}' for c in COLUMNS)}, s.part_count, s.part_bytes, "
    "CASE WHEN s.part_count <> s.last_part THEN (SELECT group_concat(number) FROM parts WHERE session = s.id) END "
    "FROM sessions s"
)

#: What a table of sessions shows; reading no more than that takes ten thousand of them half the time.
_SHOWN = [column.name for column in SESSION_COLUMNS if column.is_stored]
SELECT_SHOWN = f"SELECT {', '.join(_SHOWN)}, part_count, part_bytes FROM sessions s"


#: OSS takes no more (protocol.md §4.2).
_MOST_PARTS = 10_000

_TEXT = frozenset({str, bytes})
_TEXT_OR_NONE = _TEXT | {type(None)}
_KINDS: dict[type, frozenset[type]] = {int: frozenset({int}), datetime: frozenset({float})}
#: The types SQLite may give for a column; any other was written by nobody of ours.
_TYPES = {
    **dict.fromkeys(("identity", *_TICKET_COLUMNS), _TEXT_OR_NONE),
    **dict.fromkeys(COUNTED, frozenset({int})),
}
for _name in COLUMNS:
    if _name not in _TYPES:
        _column = column_of(UploadSession, _name)
        _TYPES[_name] = _TEXT_OR_NONE if _column.is_optional else _KINDS.get(_column.kind, _TEXT)
_ROW_TYPES = (*(_TYPES[name] for name in (*COLUMNS, *COUNTED)), _TEXT_OR_NONE)


def by_column(rows: Sequence[tuple[Any, ...]]) -> dict[str, Sequence[Any]]:
    """Rows of :data:`SELECT_SHOWN` column by column.

    Raises:
        ValueError: One of them :func:`decode` would refuse.
    """
    columns = [*zip(*rows, strict=True)] if rows else [()] * (len(_SHOWN) + 2)
    for name, column in zip((*_SHOWN, *COUNTED), columns, strict=True):
        if not set(map(type, column)) <= _TYPES[name] or (name == "status" and not set(column) <= _STATUS.keys()):
            raise ValueError(f"a session's {name} is none")
    return {name: _texts(column) for name, column in zip((*_SHOWN, *COUNTED), columns, strict=True)}


def _texts(column: Sequence[Any]) -> Sequence[Any]:
    if bytes not in map(type, column):
        return column
    return [from_sql(value) if isinstance(value, bytes) else value for value in column]


def encode(values: dict[str, Any]) -> dict[str, Any]:
    """Fields of a session as columns; the ticket takes five."""
    row: dict[str, Any] = {}
    for name, value in values.items():
        if name == "ticket":
            for column in _TICKET_COLUMNS:
                row[column] = None if value is None else optional_to_sql(getattr(value, column))
        elif name == "identity":
            row[name] = None if value is None else identity_to_sql(value)
        else:
            row[name] = to_sql(value) if isinstance(value, str) else value
    return row


def decode(row: tuple[Any, ...]) -> UploadSession:
    """A row of :data:`SELECT`, without its id, as a session.

    Raises:
        ValueError: It cannot be one: somebody else wrote it, or a disk did.
    """
    kinds = tuple(map(type, row))
    if not _are_possible(kinds):
        raise ValueError(f"no session: {row!r}")
    if bytes in kinds:  # one look for the whole row: ten thousand of them are listed at once
        row = tuple(from_sql(value) if isinstance(value, bytes) else value for value in row)
    session_id, file_path, file_name, file_size, file_sha1, target_dir_id, target_path, status = row[:8]
    part_size, total_parts, upload_id, identity, job_id, created_at, updated_at, error_message = row[8:16]
    bucket, object_key, callback, callback_var, pick_code, count, size, scattered = row[16:]
    return UploadSession(
        session_id,
        file_path,
        file_name,
        file_size,
        file_sha1,
        target_dir_id,
        target_path,
        UploadStatus(status) if status not in _STATUS else _STATUS[status],
        part_size,
        total_parts,
        _first(count) if scattered is None else tuple(sorted(map(int, scattered.split(",")))),
        size,
        upload_id,
        None if bucket is None else UploadTicket(bucket, object_key, callback, callback_var, pick_code),
        None if identity is None else identity_from_sql(identity),
        job_id,
        created_at,
        updated_at,
        error_message,
    )


@lru_cache(maxsize=256)
def _are_possible(kinds: tuple[type, ...]) -> bool:
    """Whether the columns of a row may have these types; nearly all rows have one of few combinations."""
    return all(kind in allowed for kind, allowed in zip(kinds, _ROW_TYPES, strict=True))


@lru_cache(maxsize=64)
def _first(count: int) -> tuple[int, ...]:
    if not 0 <= count <= _MOST_PARTS:
        raise ValueError(f"{count} parts")
    return tuple(range(1, count + 1))
