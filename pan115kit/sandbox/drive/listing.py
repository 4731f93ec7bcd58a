"""What a listing or a search asks for (protocol-drive.md D1.1, D5): pure, from query parameters to a selection."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from enum import Enum

from .replies import DriveError
from .tree import ROOT, Area, FolderOrder, Selection

#: 115 writes and reads times as they are in China.
BEIJING = timezone(timedelta(hours=8))
#: The window of a search: ``offset + limit`` beyond it is refused (D5).
SEARCH_WINDOW = 10_000

_FIELDS = frozenset({"file_name", "file_size", "file_type", "user_utime", "user_ptime", "user_otime"})
#: Which extensions a ``type`` stands for.
_TYPES: dict[int, tuple[str, ...]] = {
    1: ("txt", "doc", "docx", "pdf", "xls", "xlsx", "ppt", "pptx", "md", "csv", "epub", "rtf"),
    2: ("jpg", "jpeg", "png", "gif", "bmp", "webp", "heic", "tiff", "svg"),
    3: ("mp3", "flac", "wav", "aac", "m4a", "ogg", "ape", "wma"),
    4: ("mp4", "mkv", "avi", "mov", "wmv", "flv", "ts", "m2ts", "rmvb", "webm", "mpg"),
    5: ("zip", "rar", "7z", "tar", "gz", "bz2", "xz", "iso"),
    6: ("exe", "apk", "ipa", "msi", "dmg", "deb", "rpm"),
    7: ("epub", "mobi", "azw3"),
}
_SUFFIX = re.compile(r"[0-9A-Za-z]{1,16}")
_ALL_TYPES = 99


class ListRoute(Enum):
    """The four calls that list: what a page holds by default and at most (D1.1)."""

    WEB = (32, 1_150)
    APS = (32, 1_200)
    APP = (32, 0)
    OPEN = (20, 1_150)

    @property
    def default_limit(self) -> int:
        """Entries a page has when nothing is said."""
        return self.value[0]

    @property
    def max_limit(self) -> int:
        """Entries a page has at most; 0 for no fixed cap."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class ListQuery:
    """A listing as it is asked for, before the folder's own order is known.

    Attributes:
        own_order: The order that the query brings, if it counts: without ``custom_order`` the folder's does.
        natural: "2" before "10".
    """

    folder_id: int
    area: int
    selection: Selection
    offset: int
    limit: int
    own_order: FolderOrder | None
    natural: bool


def number(text: str, default: int = 0) -> int:
    """A whole number of a query, or the default where it is none."""
    return int(text) if text.isascii() and text.isdigit() else default


def ids_of(fields: Mapping[str, str], name: str) -> list[int]:
    """Ids from ``name``, ``name[0]``, ``name[1]`` …, each one or several with commas."""
    pattern = re.compile(rf"{re.escape(name)}(\[\d*\])?")
    texts = [value for key, value in fields.items() if pattern.fullmatch(key)]
    return [int(t) for text in texts for t in text.split(",") if t.strip().isdigit()]


def read_listing(query: Mapping[str, str], route: ListRoute) -> ListQuery:
    """From query parameters.

    Raises:
        DriveError: 20021 for a suffix that cannot be one; 990002 for what the app route cannot do.
    """
    folder_id = number(query.get("cid", ""), ROOT)
    show_dir = query.get("show_dir", "0" if route is ListRoute.OPEN else "1") != "0"
    this_folder = query.get("cur", "0") == "1"
    starred = query.get("star", "0") == "1"
    kind = number(query.get("type", ""))
    suffixes = _suffixes(query.get("suffix", ""), kind)
    filtered = kind > 0 or bool(query.get("suffix"))
    whole_drive = starred and folder_id == ROOT
    deep = not this_folder and (not show_dir or filtered or whole_drive)
    folders = show_dir and not deep and (not filtered or query.get("stdir", "0") == "1")
    files = True
    if query.get("nf", "0") == "1" and show_dir:
        files, folders, deep = False, True, False
    if route is ListRoute.WEB and query.get("is_q", "0") == "1":
        folders = False
    limit = number(query.get("limit", ""), route.default_limit) or route.default_limit
    if route is ListRoute.APP and limit == 1 and query.get("custom_order", "0") == "1":
        raise DriveError(990002, "参数错误。")
    selection = Selection(
        folder_id=folder_id,
        deep=deep,
        files=files,
        folders=folders,
        starred=starred,
        suffixes=suffixes,
        min_size=number(query.get("min_size", "")),
        max_size=number(query.get("max_size", "")),
    )
    return ListQuery(
        folder_id=folder_id,
        area=number(query.get("aid", ""), Area.DRIVE),
        selection=selection,
        offset=number(query.get("offset", "")),
        limit=min(limit, route.max_limit) if route.max_limit else limit,
        own_order=_own_order(query, route),
        natural=query.get("natsort", "0") == "1",
    )


def _suffixes(suffix: str, kind: int) -> tuple[str, ...]:
    if suffix:
        if not _SUFFIX.fullmatch(suffix.removeprefix(".")):
            raise DriveError(20021, "文件后缀格式错误。")
        return (suffix.removeprefix(".").lower(),)
    if kind in (0, _ALL_TYPES):
        return ()
    return _TYPES.get(kind, ("?",))  # a type that does not exist has no files


def _own_order(query: Mapping[str, str], route: ListRoute) -> FolderOrder | None:
    ascending = query.get("asc", "0") == "1"
    if route is ListRoute.APS:
        return FolderOrder("file_name", query.get("asc", "1") == "1", query.get("fc_mix", "0") == "1")
    custom = query.get("custom_order", "0")
    if custom not in ("1", "2"):
        return None
    field = query.get("o", "")
    if field not in _FIELDS:
        field = "user_ptime"
    mixed = custom == "2" and route is not ListRoute.APP and query.get("fc_mix", "0") == "1"
    return FolderOrder(field, ascending, mixed)


def sorting(order: FolderOrder, route: ListRoute) -> FolderOrder:
    """What an order does on a route: on proapi two of the times act as ``user_utime`` (D1.1)."""
    if route in (ListRoute.OPEN, ListRoute.APP) and order.field in ("user_ptime", "user_otime"):
        return replace(order, field="user_utime")
    return order


def read_order(form: Mapping[str, str]) -> FolderOrder:
    """The order that a folder is to remember.

    Raises:
        DriveError: 990002: there is no such order.
    """
    field = form.get("user_order", "")
    if field not in _FIELDS:
        raise DriveError(990002, "参数错误。")
    return FolderOrder(field, form.get("user_asc", "0") == "1", form.get("fc_mix", "0") == "1")


def read_search(query: Mapping[str, str], default_limit: int, max_limit: int) -> ListQuery:
    """A search: text or SHA-1 in names and contents of a subtree, the root's being the whole drive.

    Raises:
        DriveError: 20021 for a suffix that cannot be one; 990002 beyond the window.
    """
    folder_id = number(query.get("cid", ""), ROOT)
    text = query.get("search_value", "")
    by_sha1 = re.fullmatch(r"[0-9A-Fa-f]{40}", text) is not None
    kind = query.get("fc", "0")
    limit = min(number(query.get("limit", ""), default_limit) or default_limit, max_limit)
    offset = number(query.get("offset", ""))
    if offset + limit > SEARCH_WINDOW:
        raise DriveError(990002, "参数错误。")
    suffixes = _suffixes(query.get("suffix", ""), number(query.get("type", "")))
    selection = Selection(
        folder_id=folder_id,
        deep=True,
        files=kind != "1",
        folders=kind != "2" and not suffixes,
        starred=query.get("star", "0") == "1",
        suffixes=suffixes,
        text="" if by_sha1 else text,
        sha1=text.upper() if by_sha1 else "",
        added_from=_day(query.get("gte_day", "")),
        added_before=_day(query.get("lte_day", ""), after=1),
        everywhere=folder_id == ROOT,
    )
    return ListQuery(folder_id, Area.DRIVE, selection, offset, limit, None, natural=False)


def _day(text: str, after: int = 0) -> float:
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=BEIJING)
    except ValueError:
        return 0.0
    return (day + timedelta(days=after)).timestamp()
