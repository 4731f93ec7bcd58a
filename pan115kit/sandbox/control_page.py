"""``GET /sandbox/``: the traffic, the drive and the unfinished uploads on one page, without scripts."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from ..i18n import format_bytes, say
from .inventory import all_files, all_uploads
from .traffic_log import line

if TYPE_CHECKING:
    from .services import Services

_SHOWN = 300
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem;color:#222;background:#fff}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}
pre{overflow-x:auto;background:#f6f6f4;padding:.8rem;border-radius:6px;font-size:13px}
table{border-collapse:collapse}td,th{text-align:left;padding:.2rem .8rem .2rem 0;vertical-align:top}
td.n{text-align:right}code{font-size:12px}progress{vertical-align:middle}
@media (prefers-color-scheme:dark){body{color:#ddd;background:#1b1b1b}pre{background:#262626}}
"""


def render(services: Services) -> str:
    """The page; it reloads itself every two seconds."""
    records = services.traffic.records()[-_SHOWN:]
    log = "\n".join(escape(line(r)) for r in reversed(records)) or say("sandbox.page.no_request")
    title = say("sandbox.page.title")
    return f"""<!doctype html><html><head><meta charset="utf-8"><meta http-equiv="refresh" content="2">
<meta name="viewport" content="width=device-width"><title>{title}</title><style>{_STYLE}</style></head><body>
<h1>{title} <code>{escape(services.address)}</code></h1>
<h2>{say("sandbox.page.drive")}</h2>{_drive(services)}
<h2>{say("sandbox.page.uploads")}</h2>{_uploads(services)}
<h2>{say("sandbox.page.traffic")}</h2><pre>{log}</pre></body></html>"""


def _drive(services: Services) -> str:
    rows = "".join(
        f"<tr><td>{escape(f.path)}{'/' if f.is_dir else ''}</td>"
        f"<td class=n>{'' if f.is_dir else format_bytes(f.size)}</td><td><code>{escape(f.sha1)}</code></td></tr>"
        for f in sorted(all_files(services), key=lambda f: f.path)
    )
    return f"<table>{rows}</table>" if rows else "<p>" + say("sandbox.page.empty") + "</p>"


def _uploads(services: Services) -> str:
    rows = ""
    for upload in all_uploads(services):
        whole = max(upload.expected, 1)
        rows += (
            f"<tr><td>{escape(upload.name or upload.object)}</td><td><code>{escape(upload.upload_id)}</code></td>"
            f"<td class=n>{len(upload.parts)}</td><td class=n>{format_bytes(upload.stored)}</td>"
            f"<td><progress max={whole} value={min(upload.stored, whole)}></progress></td></tr>"
        )
    parts = say("sandbox.page.parts")
    head = f"<tr><th></th><th>upload_id</th><th>{parts}</th><th></th><th></th></tr>"
    return f"<table>{head}{rows}</table>" if rows else "<p>" + say("sandbox.page.none") + "</p>"
