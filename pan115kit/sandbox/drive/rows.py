"""Entries as 115's routes write them (protocol-drive.md D1.2, D1.3, D2, D4.1, D5): pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from .listing import BEIJING
from .tree import Area, Entry, Totals

_VIDEO = frozenset({"mp4", "mkv", "avi", "mov", "wmv", "flv", "ts", "m2ts", "rmvb", "webm", "mpg"})


def size_text(size: int) -> str:
    """Bytes as 115 writes them for people: ``1.2GB``."""
    value, unit = float(size), "B"
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if value < 1024 or unit == "TB":
            break
        value /= 1024
    return f"{size}B" if unit == "B" else f"{value:.1f}{unit}"


def web_row(entry: Entry) -> dict[str, object]:
    """As webapi lists it: files have ``fid`` and their folder as ``cid``, folders ``cid`` and ``pid`` (D1.2)."""
    added, modified, opened = int(entry.added), int(entry.modified), int(entry.opened)
    common: dict[str, object] = {
        "aid": str(entry.area) if entry.is_dir else entry.area,
        "n": entry.name,
        "pc": entry.pick_code,
        "m": int(entry.starred),
        "te": str(modified),
        "tp": str(added),
        "tu": str(modified),
        "to": str(opened) if opened else 0,
        "fl": [],
        "u": "",
    }
    if entry.is_dir:
        folder = {"cid": str(entry.file_id), "pid": str(entry.parent_id), "cc": "", "sh": "0", "ns": entry.name}
        return {**folder, **common, "t": str(added), "hdf": 0}
    return {
        "fid": str(entry.file_id),
        "cid": str(entry.parent_id),
        "pid": "",
        "pt": "0",
        "s": entry.size,
        "sha": entry.sha1,
        "ico": entry.suffix,
        "class": entry.suffix.upper(),
        "sta": 1,
        "c": 0,
        "play_long": 0,
        "iv": int(entry.suffix in _VIDEO),
        **common,
        "t": f"{datetime.fromtimestamp(added, BEIJING):%Y-%m-%d %H:%M}",
    }


def web_path(lineage: Sequence[Entry]) -> list[dict[str, object]]:
    """``path`` of a listing: from the root to the folder itself."""
    rows: list[dict[str, object]] = [
        {"name": "根目录", "aid": 1, "cid": 0, "pid": 0, "isp": 0, "p_cid": "0", "fv": "0"}
    ]
    for entry in lineage:
        ids = {"cid": str(entry.file_id), "pid": str(entry.parent_id)}
        rows.append({"name": entry.name, "aid": "1", **ids, "isp": "0", "p_cid": "", "fv": "0"})
    return rows


def open_row(entry: Entry) -> dict[str, object]:
    """As proapi lists it, in the types that 115-sdk-go decodes (D1.3)."""
    modified = int(entry.modified)
    return {
        "fid": str(entry.file_id),
        "aid": str(entry.area),
        "pid": str(entry.parent_id),
        "fc": "0" if entry.is_dir else "1",
        "fn": entry.name,
        "fco": "",
        "ism": str(int(entry.starred)),
        "isp": 0,
        "pc": entry.pick_code,
        "upt": modified,
        "uet": modified,
        "uppt": int(entry.added),
        "cm": 0,
        "fdesc": "",
        "ispl": 0,
        "fl": [],
        "sha1": entry.sha1,
        "fs": entry.size,
        "fta": "1",
        "ico": entry.suffix,
        "fatr": "0",
        "isv": int(entry.suffix in _VIDEO),
        "def": 0,
        "def2": 0,
        "play_long": 0,
        "v_img": "",
        "thumb": "",
        "uo": "",
    }


def open_path(lineage: Sequence[Entry]) -> list[dict[str, object]]:
    """``path`` of a listing on proapi: ids as numbers."""
    rows: list[dict[str, object]] = [
        {"name": "根目录", "aid": 1, "cid": 0, "pid": 0, "isp": 0, "p_cid": "0", "fv": "0"}
    ]
    for entry in lineage:
        ids = {"cid": entry.file_id, "pid": entry.parent_id}
        rows.append({"name": entry.name, "aid": 1, **ids, "isp": 0, "p_cid": "", "fv": "0"})
    return rows


def open_search_row(entry: Entry, user_id: int) -> dict[str, object]:
    """A row of the Open API's search: all texts but ``is_private`` (D5)."""
    return {
        "file_id": str(entry.file_id),
        "user_id": str(user_id),
        "sha1": entry.sha1,
        "file_name": entry.name,
        "file_size": str(entry.size),
        "user_ptime": str(int(entry.added)),
        "user_utime": str(int(entry.modified)),
        "pick_code": entry.pick_code,
        "parent_id": str(entry.parent_id),
        "area_id": str(entry.area),
        "is_private": 0,
        "file_category": "0" if entry.is_dir else "1",
        "ico": entry.suffix,
    }


def web_info(entry: Entry, lineage: Sequence[Entry], below: Totals | None) -> dict[str, object]:
    """``category/get``: no ``state``, numbers as texts, ``paths[].file_id`` a number (D2)."""
    size = entry.size if below is None else below.size
    paths: list[dict[str, object]] = [{"file_id": 0, "file_name": "根目录"}]
    paths += [{"file_id": e.file_id, "file_name": e.name} for e in lineage]
    return {
        "count": str(0 if below is None else below.files),
        "size": size_text(size),
        "folder_count": str(0 if below is None else below.folders),
        "play_long": -1 if entry.is_dir else 0,
        "show_play_long": 0,
        "ptime": str(int(entry.added)),
        "utime": str(int(entry.modified)),
        "is_share": "0",
        "file_name": entry.name,
        "pick_code": entry.pick_code,
        "sha1": entry.sha1,
        "is_mark": str(int(entry.starred)),
        "open_time": int(entry.opened),
        "desc": "",
        "file_category": "0" if entry.is_dir else "1",
        "paths": paths,
    }


def open_info(entry: Entry, lineage: Sequence[Entry], below: Totals | None) -> dict[str, object]:
    """proapi's get_info: counts as numbers, ``paths[].file_id`` a text (D2)."""
    size = entry.size if below is None else below.size
    paths = [{"file_id": "0", "file_name": "根目录"}]
    paths += [{"file_id": str(e.file_id), "file_name": e.name} for e in lineage]
    return {
        "count": 0 if below is None else below.files,
        "size": size_text(size),
        "size_byte": size,
        "folder_count": 0 if below is None else below.folders,
        "play_long": 0,
        "show_play_long": 0,
        "ptime": str(int(entry.added)),
        "utime": str(int(entry.modified)),
        "file_name": entry.name,
        "pick_code": entry.pick_code,
        "sha1": entry.sha1,
        "file_id": str(entry.file_id),
        "is_mark": str(int(entry.starred)),
        "open_time": int(entry.opened),
        "file_category": "0" if entry.is_dir else "1",
        "paths": paths,
    }


def skim_row(entry: Entry) -> dict[str, object]:
    """A row of ``POST /files/file`` (D1.4, D2)."""
    return {
        "file_id": str(entry.file_id),
        "file_name": entry.name,
        "file_size": str(entry.size),
        "pick_code": entry.pick_code,
        "sha1": entry.sha1,
    }


def web_bin_row(entry: Entry, parent_name: str) -> dict[str, object]:
    """A row of the recycle bin on webapi (D4.1)."""
    return {
        "id": str(entry.file_id),
        "file_name": entry.name,
        "file_size": str(entry.size),
        "type": "2" if entry.is_dir else "1",
        "cid": entry.parent_id,
        "parent_name": parent_name,
        "dtime": str(int(entry.deleted)),
        "aid": str(Area.BIN.value),
        "ico": entry.suffix,
        "pick_code": entry.pick_code,
        "sha1": entry.sha1,
    }


def open_bin_row(entry: Entry, parent_name: str) -> dict[str, object]:
    """A row of the recycle bin on proapi (D4.1)."""
    return {
        "id": str(entry.file_id),
        "file_name": entry.name,
        "type": "2" if entry.is_dir else "1",
        "file_size": str(entry.size),
        "dtime": str(int(entry.deleted)),
        "thumb_url": "",
        "status": "0",
        "cid": entry.parent_id,
        "parent_name": parent_name,
        "pick_code": entry.pick_code,
        "sha1": entry.sha1,
        "ico": entry.suffix,
        "isv": int(entry.suffix in _VIDEO),
    }
