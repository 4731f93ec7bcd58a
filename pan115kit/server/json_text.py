"""JSON texts for REST and WebSocket.  Pure.

Each upload is encoded once per change; messages and pages are joined from these texts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any


def encode(data: Any) -> str:
    """JSON without spaces.  Names that are no valid Unicode (file systems have such) are escaped, not refused."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(data, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text


def progress_message(uploads: Iterable[str], **beside: Any) -> str:
    """The specification's ``upload_progress`` message.

    Args:
        uploads: Encoded upload objects.
        **beside: Further fields of ``data`` (``page``, ``partial`` …).
    """
    more = "".join(f',"{name}":{encode(value)}' for name, value in beside.items())
    return f'{{"type":"upload_progress","data":{{"uploads":[{",".join(uploads)}]{more}}}}}'
