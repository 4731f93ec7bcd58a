"""How an upload session becomes a row of the table ``sessions``, and back."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from ..models import UploadSession, UploadStatus, UploadTicket
from .codec import from_sql, identity_from_sql, identity_to_sql, optional_from_sql, optional_to_sql, to_sql

_TICKET_COLUMNS = ("bucket", "object_key", "callback", "callback_var", "pick_code")
COUNTED = ("uploaded_parts", "uploaded_bytes")  # never stored: they are counted from the parts
COLUMNS = (
    *(f.name for f in fields(UploadSession) if f.name not in ("ticket", *COUNTED)),
    *_TICKET_COLUMNS,
)
UPSERT = (
    f"INSERT INTO sessions ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))}) "
    f"ON CONFLICT (session_id) DO UPDATE SET {', '.join(f'{c} = excluded.{c}' for c in COLUMNS[1:])}"
)
# One pass over both tables.  Parts go in order (protocol §4.3), so nearly always they are 1..n and two numbers tell
# them; only for lists with gaps are the numbers themselves collected.
SELECT = (
    f"SELECT {', '.join(f's.{c}' for c in COLUMNS)}, p.first, p.parts, p.bytes, p.scattered FROM sessions s "
    "LEFT JOIN (SELECT session, min(number) AS first, count(*) AS parts, sum(size) AS bytes, "
    "CASE WHEN max(number) - min(number) + 1 <> count(*) THEN group_concat(number) END AS scattered "
    "FROM parts GROUP BY session) p ON p.session = s.id"
)
# For one session the group is cut down before it is made; SQLite would not push the condition into the join above.
SELECT_ONE = SELECT.replace(
    "FROM parts GROUP BY", "FROM parts WHERE session = (SELECT id FROM sessions WHERE session_id = ?1) GROUP BY"
)


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
    session_id, file_path, file_name, file_size, file_sha1, target_dir_id, target_path, status = row[:8]
    part_size, total_parts, upload_id, identity, job_id, created_at, updated_at, error_message = row[8:16]
    bucket, object_key, callback, callback_var, pick_code, first, count, size, scattered = row[16:]
    ticket = None
    if bucket is not None:
        ticket = UploadTicket(*map(from_sql, (bucket, object_key, callback, callback_var, pick_code)))
    return UploadSession(
        from_sql(session_id),
        from_sql(file_path),
        from_sql(file_name),
        file_size,
        from_sql(file_sha1),
        from_sql(target_dir_id),
        from_sql(target_path),
        UploadStatus(status),
        part_size,
        total_parts,
        _numbers(first, count, scattered),
        size or 0,
        from_sql(upload_id),
        ticket,
        None if identity is None else identity_from_sql(identity),
        from_sql(job_id),
        created_at,
        updated_at,
        optional_from_sql(error_message),
    )


def _numbers(first: int | None, count: int | None, scattered: str | None) -> tuple[int, ...]:
    if first is None or count is None:
        return ()
    if scattered is None:
        return tuple(range(first, first + count))
    return tuple(sorted(map(int, scattered.split(","))))
