"""The live panel's HTML and CSS: functions from rows and totals to text.

Colours come from JupyterLab's theme variables, with fallbacks for other front ends, so light and dark need nothing.
Every name and message is escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from ..i18n import both, format_bytes, format_speed
from ..models import UploadStatus
from ..presentation import labels
from ..presentation.rows import Group, Row
from ..presentation.upload_list import Totals

#: Theme variable with its fallback, per kind of state.
_TONES = {
    "blue": "var(--jp-brand-color1,#1f7ae0)",
    "green": "var(--jp-success-color1,#2da44e)",
    "red": "var(--jp-error-color1,#d1242f)",
    "amber": "var(--jp-warn-color1,#bf8700)",
    "grey": "var(--jp-ui-font-color2,#8b949e)",
}
_TONE_OF = {
    UploadStatus.PENDING: "grey",
    UploadStatus.HASHING: "blue",
    UploadStatus.CHECKING: "blue",
    UploadStatus.UPLOADING: "blue",
    UploadStatus.PAUSED: "amber",
    UploadStatus.QUICK_SUCCESS: "green",
    UploadStatus.SUCCESS: "green",
    UploadStatus.FAILED: "red",
    UploadStatus.CANCELLED: "grey",
}
_SEGMENTS = (
    (Group.DONE, "green"),
    (Group.ACTIVE, "blue"),
    (Group.PAUSED, "amber"),
    (Group.WAITING, "blue"),
    (Group.CANCELLED, "grey"),
    (Group.FAILED, "red"),
)

STYLE = (
    "<style>"
    ".p115{--p-ink:var(--jp-ui-font-color1,var(--vscode-foreground,#1f2328));"
    "--p-soft:var(--jp-ui-font-color2,var(--vscode-descriptionForeground,#6e7781));"
    "--p-line:var(--jp-border-color2,rgba(127,127,127,.3));"
    "--p-track:var(--jp-layout-color2,rgba(127,127,127,.22))}"
    ".p115.widget-vbox{border:1px solid var(--p-line);border-radius:8px;padding:12px 14px 10px;overflow:hidden;"
    "background:var(--jp-layout-color1,transparent);margin:2px 0;max-width:1100px}"
    ".p115 .widget-html{margin:0;width:auto;min-width:0;overflow:hidden}"
    ".p115 .widget-html-content,.p115 .p-row{font:13px/1.45 var(--jp-ui-font-family,system-ui,sans-serif);"
    "color:var(--p-ink);font-variant-numeric:tabular-nums;min-width:0;width:100%}"
    ".p115 .p-soft{color:var(--p-soft)} .p115 .p-cut{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}"
    ".p115 .p-num{text-align:right;white-space:nowrap}"
    ".p115 .p-head{display:flex;align-items:center;gap:10px;margin-bottom:8px}"
    ".p115 .p-title{font-size:15px;font-weight:600;flex:0 1 auto;min-width:0}"
    ".p115 .p-fill{flex:1 1 0}"
    ".p115 .p-bar{display:flex;height:6px;border-radius:3px;overflow:hidden;background:var(--p-track)}"
    ".p115 .p-bar.p-big{height:10px;border-radius:5px}.p115 .p-bar i{display:block;height:100%}"
    ".p115 .p-foot{display:flex;align-items:flex-end;gap:18px;margin-top:6px;min-height:34px}"
    ".p115 .p-facts{display:flex;flex-wrap:wrap;gap:2px 18px;flex:1 1 auto;align-items:baseline;padding-bottom:3px}"
    ".p115 .p-facts b{font-size:15px;min-width:3.2em}"
    ".p115 .p-curve{flex:0 0 auto;display:block}"
    ".p115 .p-badge{display:inline-block;white-space:nowrap;border-radius:9px;padding:0 8px;font-size:12px;"
    "line-height:18px;color:var(--t);background:rgba(127,127,127,.14);"
    "background:color-mix(in srgb,var(--t) 13%,transparent)}"
    ".p115 .p-item{flex:1 1 auto;min-width:0}"
    ".p115 .p-row{display:grid;grid-template-columns:26px minmax(90px,1fr) 200px 52px 104px;"
    "column-gap:10px;align-items:center;padding:1px 0}"
    ".p115 .p-icon{font-size:17px;line-height:20px;text-align:center;grid-row:span 2}"
    ".p115 .p-small{font-size:12px;color:var(--p-soft)}"
    ".p115 .p-right{grid-column:3/6;display:grid;grid-template-columns:118px 1fr 104px;column-gap:10px}"
    ".p115 .p-wide{grid-column:2/6;font-size:12px;min-width:0}"
    ".p115 .p-err summary{cursor:pointer;color:var(--jp-error-color1,#d1242f)}"
    ".p115 .p-err div{white-space:pre-wrap;overflow-wrap:anywhere;margin:2px 0 4px 12px;user-select:text}"
    ".p115 .p-line{border-top:1px solid var(--p-line);padding:6px 0 4px;align-items:center;margin:0;width:100%}"
    ".p115 .p-tools{margin:4px 0 8px;align-items:center;gap:6px;flex-flow:row wrap;overflow:visible}"
    ".p115 .jupyter-button{border:1px solid var(--p-line);border-radius:6px;background:transparent;"
    "color:var(--p-ink);box-shadow:none;margin:0;font-size:12px;height:26px;line-height:24px;padding:0 10px;"
    "width:auto}"
    ".p115 .jupyter-button:hover:enabled{background:var(--p-track);box-shadow:none}"
    ".p115 .jupyter-button:focus-visible{outline:2px solid var(--jp-brand-color1,#1f7ae0);outline-offset:1px}"
    ".p115 .jupyter-button:disabled{opacity:.4}"
    ".p115 .jupyter-button.p-on{border-color:var(--jp-brand-color1,#1f7ae0);color:var(--jp-brand-color1,#1f7ae0)}"
    ".p115 .jupyter-button.p-mini{flex:0 0 28px;width:28px;min-width:28px;padding:0;"
    "border-color:transparent;color:var(--p-soft);margin-left:2px}"
    ".p115 .jupyter-button.p-mini:hover:enabled{color:var(--p-ink)}"
    "</style>"
)


def head(title: str, totals: Totals, sessions: int, curve: Sequence[tuple[float, float]]) -> str:
    """The panel's head over many uploads: title, counts, stacked bar, figures, curve.

    Args:
        title: e.g. the target folder.
        totals: The figures.
        sessions: How many unfinished sessions are on show.
        curve: (seconds, bytes per second) points.
    """
    done = totals.counts.get(Group.DONE, 0)
    counts = [
        labels.group_count(group, totals.counts[group])
        for group in (Group.ACTIVE, Group.WAITING, Group.PAUSED, Group.FAILED, Group.CANCELLED)
        if totals.counts.get(group)
    ]
    if sessions:
        counts.append(labels.group_count(Group.UNFINISHED, sessions))
    files = both(f"{done} / {totals.files} 个文件", f"{done} of {totals.files} files")
    line = (
        f'<div class="p-head"><span class="p-title p-cut" title="{escape(title)}">{escape(title)}</span>'
        f'<span class="p-soft p-cut">{escape(" · ".join(counts))}</span>'
        f'<span class="p-fill"></span><span class="p-num">{files}</span></div>'
    )
    # where all bytes are there but not all files (an empty one failed), only files can tell
    full = totals.uploaded >= totals.size and done < totals.files
    weights, whole = (totals.counts, totals.files) if full else (totals.sizes, totals.size)
    segments = [(weights.get(group, 0), tone) for group, tone in _SEGMENTS]
    facts = [f"<b>{labels.percent(totals.percentage)}</b>"]
    facts.append(f"{format_bytes(totals.uploaded)} / {format_bytes(totals.size)}")
    facts += _moving(totals.speed, totals.hashing, totals.eta, totals.ended or not totals.counts.get(Group.ACTIVE))
    facts.append(labels.used(totals.elapsed))
    return line + _bar(segments, whole, totals.percentage, big=True) + _foot(facts, curve)


def card(row: Row, curve: Sequence[tuple[float, float]]) -> str:
    """The head of a panel with one upload: that upload, larger."""
    shot = row.shot
    tone = "amber" if row.session is not None else _TONE_OF[shot.status]
    line = (
        f'<div class="p-head"><span class="p-icon">{labels.file_icon(shot.file_name)}</span>'
        f'<span class="p-title p-cut" title="{escape(shot.file_path)}">{escape(shot.file_name)}</span>'
        f'<span class="p-soft p-cut">→ {escape(shot.target_path)}</span>'
        f'<span class="p-fill"></span>{_badge(row, tone)}</div>'
    )
    facts = [
        f"<b>{labels.percent(labels.shown_percentage(shot))}</b>",
        escape(labels.amount(shot)),
        labels.parts(shot),
    ]
    facts.append(labels.resumed(shot))
    facts += _moving(
        shot.speed_mbps * 1e6 if shot.status is UploadStatus.UPLOADING else 0.0,
        shot.speed_mbps * 1e6 if shot.status is UploadStatus.HASHING else 0.0,
        shot.eta_seconds,
        not shot.status.is_active,
    )
    if shot.status.is_success:
        facts.append(labels.speed(shot))
    facts += [labels.used(shot.elapsed_seconds), escape(labels.file_id(shot))]
    return line + _own_bar(row, tone, big=True) + _foot(facts, curve) + _note(row)


def item(row: Row) -> str:
    """One upload of many: two lines in fixed columns, and what went wrong."""
    shot = row.shot
    tone = "amber" if row.session is not None else _TONE_OF[shot.status]
    time_left = labels.remaining(shot.eta_seconds) if shot.status is UploadStatus.UPLOADING else ""
    small = " · ".join(text for text in _told(row) if text)
    return (
        '<div class="p-row">'
        f'<span class="p-icon" aria-hidden="true">{labels.file_icon(shot.file_name)}</span>'
        f'<span class="p-cut" title="{escape(shot.file_path)} → {escape(shot.target_path)}">'
        f"{escape(shot.file_name)}</span>"
        f"{_own_bar(row, tone)}"
        f'<span class="p-num">{labels.percent(labels.shown_percentage(shot))}</span>'
        f"<span>{_badge(row, tone)}</span>"
        f'<span class="p-small p-cut">{escape(small)}</span>'
        f'<span class="p-small p-right"><span class="p-cut">{labels.speed(shot)}</span>'
        f'<span class="p-cut">{labels.used(shot.elapsed_seconds)}</span><span class="p-cut">{time_left}</span></span>'
        f"{_note(row)}</div>"
    )


def _told(row: Row) -> tuple[str, ...]:
    shot = row.shot
    return labels.amount(shot), labels.parts(shot), labels.resumed(shot), labels.file_id(shot)


def _moving(speed: float, hashing: float, eta: float | None, still: bool) -> list[str]:
    if still:
        return []
    if speed > 0 or hashing <= 0:
        return [f"🚀 {format_speed(speed)}", f"⏳ {labels.remaining(eta)}"]
    return [both(f"哈希 {format_speed(hashing)}", f"hashing {format_speed(hashing)}")]


def _badge(row: Row, tone: str) -> str:
    return f'<span class="p-badge" style="--t:{_TONES[tone]}">{escape(labels.badge(row))}</span>'


def _own_bar(row: Row, tone: str, *, big: bool = False) -> str:
    percentage = labels.shown_percentage(row.shot)
    if row.shot.status is UploadStatus.HASHING:
        tone = "grey"
    return _bar([(round(percentage * 100), tone)], 10_000, percentage, big=big)


def _bar(segments: Sequence[tuple[int, str]], size: int, percentage: float, *, big: bool = False) -> str:
    parts = "".join(
        f'<i style="width:{100 * part / size:.2f}%;background:{_TONES[tone]}"></i>'
        for part, tone in segments
        if part and size
    )
    kind = "p-bar p-big" if big else "p-bar"
    now = f'role="progressbar" aria-valuemin="0" aria-valuemax="100" aria-valuenow="{percentage:.0f}"'
    return f'<div class="{kind}" {now}>{parts}</div>'


def _foot(facts: Sequence[str], curve: Sequence[tuple[float, float]]) -> str:
    told = "".join(
        fact if fact.startswith("<b>") else f'<span class="p-soft">{fact}</span>' for fact in facts if fact
    )
    return f'<div class="p-foot"><div class="p-facts">{told}</div>{sparkline(curve)}</div>'


def _note(row: Row) -> str:
    text = labels.note(row)
    if not text:
        return ""
    if row.shot.error_message and row.process is None:
        whole = escape(row.shot.error_message)
        return (
            f'<details class="p-wide p-err"><summary class="p-cut" title="{whole}">{escape(text)}</summary>'
            f"<div>{whole}</div></details>"
        )
    return f'<span class="p-wide p-soft p-cut" title="{escape(text)}">{escape(text)}</span>'


def sparkline(curve: Sequence[tuple[float, float]], *, width: int = 150, height: int = 34) -> str:
    """Speed over time as a small SVG; empty for fewer than three points.

    Example:
        >>> sparkline([(0.0, 1.0)])
        ''
        >>> sparkline([(0.0, 1e6), (1.0, 2e6), (2.0, 1e6)]).startswith("<svg")
        True
    """
    if len(curve) < 3:
        return ""
    line = curve_path(curve, width, height)
    peak = format_speed(max(speed for _, speed in curve))
    label = both(f"速度曲线，峰值 {peak}", f"speed over time, peak {peak}")
    colour = _TONES["blue"]
    return (
        f'<svg class="p-curve" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{label}"><title>{label}</title>'
        f'<path d="{line} L{width} {height} L0 {height} Z" style="fill:{colour};opacity:.14"/>'
        f'<path d="{line}" style="fill:none;stroke:{colour};stroke-width:1.5;stroke-linejoin:round"/></svg>'
    )


def curve_path(curve: Sequence[tuple[float, float]], width: int, height: int) -> str:
    """The points as an SVG path that fills a box; the peak stays 2 px below its top.

    Example:
        >>> curve_path([(0.0, 0.0), (2.0, 10.0)], 100, 32)
        'M0 31 L100 2'
    """
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
