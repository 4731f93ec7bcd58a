"""The rows of 115's lists as entries: three shapes for one thing (protocol-drive.md D1.2, D1.3, D5).  Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .._base.drive_codes import THROTTLED, as_int
from ..errors import DriveProtocolError, TargetError
from ..i18n import say
from .data import Entry, EntryKind
from .responses import id_text

ROOT = "0"
#: What 115 calls the order by time of upload.
BY_TIME = "user_ptime"

RowReader = Callable[[Mapping[str, Any]], Entry | None]
# Characters beyond U+FFFF come as their number in some answers.
_ASTRAL = re.compile(r"\[\x02(\d{5,7})\]")


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries of a folder or of a search.

    Attributes:
        rows: How many rows the answer had: the next page begins that much later.
        total: How many there are in all, by 115's count.
        newest_first: Whether 115 kept the order that was asked for; a folder's remembered one may win.
    """

    entries: list[Entry]
    rows: int
    total: int
    newest_first: bool


def read_page(reply: Mapping[str, Any], folder_id: str, offset: int, read_row: RowReader) -> Page:
    """One page of a folder.

    Raises:
        RateLimitedError: The answer is no list at all: under load 115 says yes and sends nothing.  Taken for an empty
            folder, it has cost other programs' users their files.
        TargetError: It is another folder's: an unknown id lists the root.
    """
    page = read_search_page(reply, offset, read_row)
    listed = _listed_folder(reply)
    if listed is None:
        raise DriveProtocolError(say("drive.list.which"), hint=say("drive.try_again"))
    if listed != folder_id:
        raise TargetError(say("drive.folder_gone"), hint=say("refusal.folder_gone.hint"))
    return page


def read_search_page(reply: Mapping[str, Any], offset: int, read_row: RowReader) -> Page:
    """One page of what a search found, which is of no certain folder.

    Raises:
        RateLimitedError: The answer is no list at all.
    """
    rows, total = reply.get("data"), as_int(reply.get("count"))
    rows = rows if isinstance(rows, list) else []
    if total is None or (total > 0 and offset == 0 and not rows):
        raise THROTTLED.error(None)
    entries = [entry for row in rows if isinstance(row, dict) and (entry := read_row(row)) is not None]
    order, ascending = reply.get("order"), as_int(reply.get("is_asc"))
    kept = (order is None or order == BY_TIME) and not ascending
    return Page(entries, len(rows), total, kept)


def _listed_folder(reply: Mapping[str, Any]) -> str | None:
    path = reply.get("path")
    last = path[-1] if isinstance(path, list) and path and isinstance(path[-1], dict) else {}
    for value in (reply.get("cid"), last.get("cid")):
        if (number := as_int(value)) is not None:
            return str(number)
    return None


def cookie_row(row: Mapping[str, Any]) -> Entry | None:
    """A row of webapi: a file has ``fid`` and its parent in ``cid``, a folder its own id in ``cid``."""
    if file_id := id_text(row.get("fid")):
        return Entry(
            file_id,
            _name(row.get("n")),
            as_int(row.get("s")) or 0,
            str(row.get("sha") or "").upper(),
            str(row.get("pc") or ""),
            _parent(row.get("cid")),
            modified=_time(row.get("te")),
            complete=as_int(row.get("sta")) in (None, 1),
            censored=as_int(row.get("c")) == 1,
        )
    folder_id = id_text(row.get("cid"))
    return _folder(folder_id, row.get("n"), row.get("pc"), row.get("pid"), row.get("te") or row.get("t"))


def open_row(row: Mapping[str, Any]) -> Entry | None:
    """A row of the Open API's list: ``fc`` says what it is."""
    if as_int(row.get("fc")) == 0:
        return _folder(id_text(row.get("fid")), row.get("fn"), row.get("pc"), row.get("pid"), row.get("upt"))
    if as_int(row.get("fc")) != 1 or not id_text(row.get("fid")):
        return None
    return Entry(
        id_text(row.get("fid")),
        _name(row.get("fn")),
        as_int(row.get("fs")) or 0,
        str(row.get("sha1") or "").upper(),
        str(row.get("pc") or ""),
        _parent(row.get("pid")),
        modified=_time(row.get("upt")),
        complete=as_int(row.get("fta")) in (None, 1),
        censored=as_int(row.get("ic")) == 1,
    )


def long_row(row: Mapping[str, Any]) -> Entry | None:
    """A row with names written out: the Open API's search and ``get_info``."""
    file_id = id_text(row.get("file_id"))
    parent = row.get("parent_id")
    if parent is None and isinstance(above := row.get("paths"), list) and above:
        parent = above[-1].get("file_id") if isinstance(above[-1], dict) else None
    changed = row.get("user_utime") or row.get("utime")
    if as_int(row.get("file_category")) == 0:
        return _folder(file_id, row.get("file_name"), row.get("pick_code"), parent, changed)
    if not file_id:
        return None
    size = as_int(row.get("size_byte"))
    if size is None:
        size = as_int(row.get("file_size")) or 0
    return Entry(
        file_id,
        _name(row.get("file_name")),
        size,
        str(row.get("sha1") or "").upper(),
        str(row.get("pick_code") or ""),
        _parent(parent),
        modified=_time(changed),
    )


def _folder(folder_id: str, name: object, pick_code: object, parent: object, changed: object) -> Entry | None:
    if not folder_id:
        return None
    return Entry(
        folder_id,
        _name(name),
        pick_code=str(pick_code or ""),
        parent_id=_parent(parent),
        kind=EntryKind.FOLDER,
        modified=_time(changed),
    )


def _name(value: object) -> str:
    text = value if isinstance(value, str) else ""
    return _ASTRAL.sub(lambda found: chr(int(found[1])) if int(found[1]) <= 0x10FFFF else found[0], text)


def _parent(value: object) -> str:
    number = as_int(value)
    return "" if number is None else str(number)


def _time(value: object) -> float:
    return float(max(0, as_int(value) or 0))
