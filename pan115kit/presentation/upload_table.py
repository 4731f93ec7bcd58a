"""Uploads as a table of text, where there is neither a widget nor a page: IPython in a terminal, a log."""

from __future__ import annotations

from collections.abc import Sequence

from .._base.text_table import Column, render_table
from ..i18n import format_bytes, format_speed, say
from . import labels
from .rows import Row

#: Rows shown; the rest is counted.
SHOWN_ROWS = 30


def uploads_table(rows: Sequence[Row], width: int | None = None) -> str:
    """Uploads as they stand: file, status, percent, size, speed, and a note where there is one.

    Args:
        rows: In the order shown.
        width: Cells of a line, or None where nothing is to be cut.
    """
    if not rows:
        return say("table.no_uploads")
    columns = (
        Column(say("column.file"), cut=True),
        Column(say("column.status")),
        Column(say("column.progress"), right=True),
        Column(say("column.size"), right=True),
        Column(say("column.speed_now"), right=True),
        Column(say("column.note"), cut=True),
    )
    lines = [
        (
            row.shot.file_name,
            labels.badge(row),
            labels.percent(row.shot.percentage),
            format_bytes(row.shot.file_size),
            format_speed(row.shot.speed_mbps * 1e6) if row.shot.status.is_active else "",
            labels.note(row),
        )
        for row in rows[:SHOWN_ROWS]
    ]
    table = render_table(columns, lines, width)
    if len(rows) > SHOWN_ROWS:
        table += "\n" + say("table.more", count=len(rows) - SHOWN_ROWS)
    return table
