"""Static reports: what stays in a saved notebook, readable in every viewer and on both themes.

JupyterLab's sanitiser drops ``<style>``, ``<svg>`` and ``var()`` in untrusted notebooks, GitHub drops styles
altogether: so styles are inline, colours are mid-tones, and the text alone carries every fact.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Sequence
from html import escape

from ..folders.plan import FolderPlan
from ..i18n import format_bytes, format_duration, format_speed, say
from ..models import UploadResult, UploadSession, UploadStatus
from ..presentation import labels
from ..presentation.rows import BLUE, COLOUR_OF, GREEN, GREY, RED, Group, Row, session_row
from ..presentation.upload_list import Totals, UploadList

_TRACK = "rgba(127,127,127,.25)"
#: Rows of a report; failed ones come first, so they are never among those left out.
MAX_ROWS = 10
#: Rows of a plan: it is read before it is started.
PLAN_ROWS = 100


def uploads_report(
    title: str, uploads: UploadList, now: float, wall: float, *, note: str = "", single: bool = False
) -> str:
    """A panel's content as a static report: one line, then rows, those that failed first; the rest is counted.

    Args:
        title: Its head.
        uploads: The uploads and sessions.
        now: Seconds on the list's clock.
        wall: Epoch seconds.
        note: One more line, e.g. a batch's sum.
        single: It is about one upload, which has its own figures: a sum would repeat them.
    """
    totals = uploads.totals(now, wall)
    rows = sorted(uploads, key=lambda row: row.group is not Group.FAILED)
    line = _sum(totals) if totals.files else ""
    if single and rows:
        line = escape(labels.file_id(rows[0].shot))
    body = _table(rows) if rows else say("report.nothing")
    return _frame(title, line, body, _image(uploads.curve.points), note)


def result_report(result: UploadResult) -> str:
    """One result as a static report."""
    speed = result.bytes_sent / result.elapsed_seconds if result.elapsed_seconds > 0 else 0.0
    sent = f"{format_bytes(result.bytes_sent)} / {format_bytes(result.file_size)}"
    facts = [
        (say("report.where"), f"{result.target_path.rstrip('/')}/{result.file_name}"),
        (say("report.size"), format_bytes(result.file_size)),
        (say("report.sent"), say("report.sent.resumed", size=sent) if result.resumed else sent),
        (say("report.time"), _seconds(result.elapsed_seconds)),
        (say("report.mean_speed"), format_speed(speed) if result.bytes_sent else ""),
        ("SHA-1", result.sha1),
        (say("report.file_id"), result.file_id),
        (say("report.error"), result.error_message or ""),
    ]
    cells = "".join(
        f'<tr style="background:none"><td style="{_CELL};width:90px;opacity:.7">{escape(name)}</td>'
        f'<td style="{_CELL};white-space:normal;overflow-wrap:anywhere">{escape(value)}</td></tr>'
        for name, value in facts
        if value
    )
    colour = GREEN if result.success else GREY if result.status is UploadStatus.CANCELLED else RED
    badge = _badge(f"{result.status.label} {result.status.icon}".strip(), colour)
    title = f"{labels.file_icon(result.file_name)} {result.file_name}"
    return _frame(title, badge, f'<table style="{_TABLE}">{cells}</table>')


def sessions_report(sessions: Iterable[UploadSession]) -> str:
    """Unfinished uploads as a static report."""
    rows = [session_row(session) for session in sessions]
    title = say("report.unfinished", count=len(rows))
    return _frame(title, "", _table(rows) if rows else say("report.none"))


def plan_report(title: str, plan: FolderPlan) -> str:
    """What a dry run would upload.

    Args:
        title: The target folder.
        plan: The plan.
    """
    line = say("report.plan", count=len(plan.files), size=format_bytes(plan.total_bytes), skipped=len(plan.skipped))
    lines = [(file.file_path, file.target_path, format_bytes(file.file_size)) for file in plan.files]
    lines += [(item.file_path, item.reason, "") for item in plan.skipped]
    body = "".join(
        f'<tr style="background:none"><td style="{_CELL};white-space:normal">'
        f"{labels.file_icon(path)} {escape(os.path.basename(path))}</td>"
        f'<td style="{_CELL};white-space:normal;opacity:.7">{escape(where)}</td>'
        f'<td style="{_NUMBER}">{size}</td></tr>'
        for path, where, size in lines[:PLAN_ROWS]
    )
    return _frame(title, line, f'<table style="{_TABLE}">{body}</table>{_more(len(lines) - PLAN_ROWS)}')


_TABLE = "border-collapse:collapse;width:100%;margin:4px 0 0;font-size:13px;border:none"
_CELL = "text-align:left;padding:3px 12px 3px 0;white-space:nowrap;vertical-align:top;border:none"
_NUMBER = "text-align:right;padding:3px 12px 3px 0;white-space:nowrap;vertical-align:top;border:none"


def _seconds(seconds: float) -> str:
    return say("duration.seconds", seconds=f"{seconds:.1f}") if seconds < 10 else format_duration(seconds)


def _frame(title: str, line: str, body: str, image: str = "", note: str = "") -> str:
    line = f'<div style="opacity:.8">{line}</div>' if line else ""
    note = f'<div style="opacity:.8;margin-top:4px">{escape(note)}</div>' if note else ""
    head = f'<div style="font-size:15px;font-weight:600">{escape(title)}</div>'
    return (
        '<div style="border:1px solid rgba(127,127,127,.35);border-radius:8px;padding:10px 14px;max-width:1100px;'
        'font-size:13px;line-height:1.45"><div style="display:flex;gap:16px;align-items:flex-end">'
        f'<div style="flex:1">{head}{line}</div>{image}</div>'
        f"{body}{note}</div>"
    )


def _sum(totals: Totals) -> str:
    counts = " · ".join(
        labels.group_count(group, totals.counts[group]) for group in Group if totals.counts.get(group)
    )
    facts = [
        say("report.files", count=totals.files),
        escape(counts),
        f"{format_bytes(totals.uploaded)} / {format_bytes(totals.size)}",
        labels.percent(totals.percentage),
        labels.used(totals.elapsed),
    ]
    return " &nbsp; ".join(fact for fact in facts if fact)


def _table(rows: Sequence[Row]) -> str:
    lines = "".join(_line(row) for row in rows[:MAX_ROWS])
    return f'<table style="{_TABLE}">{lines}</table>{_more(len(rows) - MAX_ROWS)}'


def _more(count: int) -> str:
    return f'<div style="opacity:.7">{say("report.more", count=count)}</div>' if count > 0 else ""


def _line(row: Row) -> str:
    shot, colour = row.shot, COLOUR_OF[row.group]
    percentage = shot.percentage
    bar = (
        f'<div style="width:120px;height:6px;border-radius:3px;background:{_TRACK};margin-top:6px">'
        f'<div style="width:{percentage:.1f}%;height:6px;border-radius:3px;background:{colour}"></div></div>'
    )
    note = labels.note(row)
    small = ""
    if note:
        tone = f"color:{RED}" if shot.error_message and row.process is None else "opacity:.7"
        small = f'<div style="{tone};font-size:12px;overflow-wrap:anywhere">{escape(note)}</div>'
    name = f"{labels.file_icon(shot.file_name)} {escape(shot.file_name)}"
    return (
        '<tr style="background:none">'
        f'<td style="{_CELL};white-space:normal;overflow-wrap:anywhere">{name}{small}</td>'
        f'<td style="{_NUMBER};width:132px">{escape(labels.amount(shot))}</td>'
        f'<td style="{_CELL};width:120px">{bar}</td>'
        f'<td style="{_NUMBER};width:48px">{labels.percent(percentage)}</td>'
        f'<td style="{_CELL};width:84px">{labels.used(shot.elapsed_seconds)}</td>'
        f'<td style="{_CELL};width:88px">{_badge(labels.badge(row), colour)}</td></tr>'
    )


def _badge(text: str, colour: str) -> str:
    return f'<span style="color:{colour};font-weight:600;white-space:nowrap">{escape(text)}</span>'


def _image(curve: Sequence[tuple[float, float]], width: int = 150, height: int = 34) -> str:
    """The curve of speed as a picture inside the text: no SVG element survives an untrusted notebook."""
    if len(curve) < 3:
        return ""
    peak = format_speed(max(speed for _, speed in curve))
    label = say("view.curve", peak=peak)
    line = curve_path(curve, width, height)
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">'
        f'<path d="{line} L{width} {height} L0 {height} Z" fill="{BLUE}" fill-opacity=".16"/>'
        f'<path d="{line}" fill="none" stroke="{BLUE}" stroke-width="1.5"/></svg>'
    )
    data = base64.b64encode(svg.encode()).decode()
    return f'<img alt="{label}" title="{label}" style="margin:0" src="data:image/svg+xml;base64,{data}"/>'


def curve_path(curve: Sequence[tuple[float, float]], width: int, height: int) -> str:
    """The points as an SVG path that fills a box; the peak stays 2 px below its top."""
    begin, end = curve[0][0], curve[-1][0]
    peak = max(speed for _, speed in curve) or 1.0
    span = (end - begin) or 1.0
    points = [
        f"{_number((time - begin) / span * width)} {_number(height - 1 - speed / peak * (height - 3))}"
        for time, speed in curve
    ]
    return "M" + " L".join(points)


def _number(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")
