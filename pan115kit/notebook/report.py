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
from ..i18n import both, format_bytes, format_duration, format_speed
from ..models import UploadResult, UploadSession, UploadStatus
from ..presentation import labels
from ..presentation.rows import BLUE, COLOUR_OF, GREEN, GREY, RED, Group, Row, session_row
from ..presentation.upload_list import Board, Totals
from .markup import curve_path

_TRACK = "rgba(127,127,127,.25)"
#: Rows of a report; failed ones come first, so they are never among those left out.
MAX_ROWS = 100


def board_report(title: str, board: Board, now: float, wall: float, *, note: str = "", single: bool = False) -> str:
    """A panel's content as a static report.

    Args:
        title: Its head.
        board: The uploads and sessions.
        now: Seconds on the board's clock.
        wall: Epoch seconds.
        note: One more line, e.g. a batch's sum.
        single: One upload tells its own figures; a sum would repeat them.

    Example:
        >>> from pan115kit.progress.snapshot import UploadProgress
        >>> board = Board(now=0.0)
        >>> board.update([UploadProgress("a", "/a", "<a>", 10, UploadStatus.SUCCESS)], now=1.0)
        >>> "&lt;a&gt;" in board_report("上传", board, now=1.0, wall=1.0)
        True
    """
    totals = board.totals(now, wall)
    rows = sorted(board, key=lambda row: row.group is not Group.FAILED)
    told = _sum(totals) if totals.files else ""
    if single and rows:
        told = escape(labels.file_id(rows[0].shot))
    body = _table(rows) if rows else f"<div>{both('没有上传任务', 'No uploads')}</div>"
    return _frame(title, told, body, _image(board.curve.points), note)


def result_report(result: UploadResult) -> str:
    """One result as a static report.

    Example:
        >>> "a.bin" in result_report(UploadResult(True, UploadStatus.SUCCESS, "文件上传成功", file_name="a.bin"))
        True
    """
    speed = result.bytes_sent / result.elapsed_seconds if result.elapsed_seconds > 0 else 0.0
    sent = f"{format_bytes(result.bytes_sent)} / {format_bytes(result.file_size)}"
    facts = [
        (both("位置", "Where"), f"{result.target_path.rstrip('/')}/{result.file_name}"),
        (both("大小", "Size"), format_bytes(result.file_size)),
        (both("已发送", "Sent"), sent + (both("（续传）", " (resumed)") if result.resumed else "")),
        (both("用时", "Time"), _seconds(result.elapsed_seconds)),
        (both("平均速度", "Mean speed"), format_speed(speed) if result.bytes_sent else ""),
        ("SHA-1", result.sha1),
        (both("文件ID", "File id"), result.file_id),
        (both("错误", "Error"), result.error_message or ""),
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
    """Unfinished uploads as a static report.

    Example:
        >>> "b.bin" in sessions_report([UploadSession("id", "/a/b.bin", "b.bin", 100)])
        True
    """
    rows = [session_row(session) for session in sessions]
    title = both(f"未完成的上传（{len(rows)}）", f"Unfinished uploads ({len(rows)})")
    return _frame(title, "", _table(rows) if rows else both("没有", "None"))


def plan_report(title: str, plan: FolderPlan) -> str:
    """What a dry run would upload.

    Args:
        title: The target folder.
        plan: The plan.

    Example:
        >>> from pan115kit.folders.plan import PlannedFile
        >>> "a.jpg" in plan_report("/照片", FolderPlan((PlannedFile("/tmp/a.jpg", "/照片", 10),), ()))
        True
    """
    told = both(
        f"将上传 {len(plan.files)} 个文件，{format_bytes(plan.total_bytes)}；跳过 {len(plan.skipped)} 个",
        f"would upload {len(plan.files)} files, {format_bytes(plan.total_bytes)}; skips {len(plan.skipped)}",
    )
    lines = [(file.file_path, file.target_path, format_bytes(file.file_size)) for file in plan.files]
    lines += [(item.file_path, item.reason, "") for item in plan.skipped]
    body = "".join(
        f'<tr style="background:none"><td style="{_CELL};white-space:normal">'
        f"{labels.file_icon(path)} {escape(os.path.basename(path))}</td>"
        f'<td style="{_CELL};white-space:normal;opacity:.7">{escape(where)}</td>'
        f'<td style="{_NUMBER}">{size}</td></tr>'
        for path, where, size in lines[:MAX_ROWS]
    )
    return _frame(title, told, f'<table style="{_TABLE}">{body}</table>{_more(len(lines))}')


_TABLE = "border-collapse:collapse;width:100%;margin:4px 0 0;font-size:13px;border:none"
_CELL = "text-align:left;padding:3px 12px 3px 0;white-space:nowrap;vertical-align:top;border:none"
_NUMBER = "text-align:right;padding:3px 12px 3px 0;white-space:nowrap;vertical-align:top;border:none"


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f}{both('秒', 's')}" if seconds < 10 else format_duration(seconds)


def _frame(title: str, told: str, body: str, image: str = "", note: str = "") -> str:
    told = f'<div style="opacity:.8">{told}</div>' if told else ""
    note = f'<div style="opacity:.8;margin-top:4px">{escape(note)}</div>' if note else ""
    head = f'<div style="font-size:15px;font-weight:600">{escape(title)}</div>'
    return (
        '<div style="border:1px solid rgba(127,127,127,.35);border-radius:8px;padding:10px 14px;max-width:1100px;'
        'font-size:13px;line-height:1.45"><div style="display:flex;gap:16px;align-items:flex-end">'
        f'<div style="flex:1">{head}{told}</div>{image}</div>'
        f"{body}{note}</div>"
    )


def _sum(totals: Totals) -> str:
    counts = " · ".join(
        labels.group_count(group, totals.counts[group]) for group in Group if totals.counts.get(group)
    )
    facts = [
        both(f"共 {totals.files} 个文件", f"{totals.files} files"),
        escape(counts),
        f"{format_bytes(totals.uploaded)} / {format_bytes(totals.size)}",
        labels.percent(totals.percentage),
        labels.used(totals.elapsed),
    ]
    return " &nbsp; ".join(fact for fact in facts if fact)


def _table(rows: Sequence[Row]) -> str:
    lines = "".join(_line(row) for row in rows[:MAX_ROWS])
    return f'<table style="{_TABLE}">{lines}</table>{_more(len(rows))}'


def _more(count: int) -> str:
    rest = count - MAX_ROWS
    told = both(f"……另有 {rest} 项", f"… and {rest} more")
    return f'<div style="opacity:.7">{told}</div>' if rest > 0 else ""


def _line(row: Row) -> str:
    shot, colour = row.shot, COLOUR_OF[row.group]
    percentage = shot.percentage
    bar = (
        f'<div style="width:120px;height:6px;border-radius:3px;background:{_TRACK};margin-top:6px">'
        f'<div style="width:{percentage:.1f}%;height:6px;border-radius:3px;background:{colour}"></div></div>'
    )
    note = labels.note(row)
    told = ""
    if note:
        tone = f"color:{RED}" if shot.error_message and row.process is None else "opacity:.7"
        told = f'<div style="{tone};font-size:12px;overflow-wrap:anywhere">{escape(note)}</div>'
    name = f"{labels.file_icon(shot.file_name)} {escape(shot.file_name)}"
    return (
        '<tr style="background:none">'
        f'<td style="{_CELL};white-space:normal;overflow-wrap:anywhere">{name}{told}</td>'
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
    label = both(f"速度曲线，峰值 {peak}", f"speed over time, peak {peak}")
    line = curve_path(curve, width, height)
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">'
        f'<path d="{line} L{width} {height} L0 {height} Z" fill="{BLUE}" fill-opacity=".16"/>'
        f'<path d="{line}" fill="none" stroke="{BLUE}" stroke-width="1.5"/></svg>'
    )
    data = base64.b64encode(svg.encode()).decode()
    return f'<img alt="{label}" title="{label}" style="margin:0" src="data:image/svg+xml;base64,{data}"/>'
