"""Uploads, sessions and history as the JSON that programs and pages get.  Pure.

Each upload is encoded once per change; messages and pages are joined from these texts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from ..models import HistoryEntry, iso_utc
from ..presentation.rows import Row, row_json
from ..progress.snapshot import UploadProgress


def encode(data: Any) -> str:
    """JSON without spaces.  Names that are no valid Unicode (file systems have such) are escaped, not refused.

    Example:
        >>> encode({"name": "电影", "odd": None}), encode("\\udcff")
        ('{"name":"电影","odd":null}', '"\\\\udcff"')
    """
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(data, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text


def upload_object(shot: UploadProgress, process: str | None = None) -> dict[str, Any]:
    """An upload as the row of every list.

    Args:
        shot: One upload.
        process: ``pid@host`` of the other process that runs it, or None if this one does.
    """
    return row_json(Row(shot.job_id, shot, process=process))


def history_object(entry: HistoryEntry) -> dict[str, Any]:
    """One row of history, times in ISO 8601 UTC."""
    return asdict(entry) | {
        "status": str(entry.status),
        "started_at": iso_utc(entry.started_at),
        "finished_at": iso_utc(entry.finished_at),
        "elapsed_seconds": round(entry.elapsed_seconds, 1),
        "mean_speed_mbps": round(entry.mean_speed_mbps, 3),
    }


def progress_message(uploads: Iterable[str], **beside: Any) -> str:
    """The specification's ``upload_progress`` message.

    Args:
        uploads: Encoded upload objects.
        **beside: Further fields of ``data`` (``page``, ``partial`` …).

    Example:
        >>> progress_message(['{"a":1}'], partial=True)
        '{"type":"upload_progress","data":{"uploads":[{"a":1}],"partial":true}}'
    """
    more = "".join(f',"{name}":{encode(value)}' for name, value in beside.items())
    return f'{{"type":"upload_progress","data":{{"uploads":[{",".join(uploads)}]{more}}}}}'
