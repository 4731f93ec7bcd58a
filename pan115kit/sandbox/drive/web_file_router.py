"""The cookie route's drive: make folders, find, list (protocol.md §6.1)."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from starlette.responses import Response

from ..call import Call
from .replies import Endpoint, Refusal, answer, cookie_error, cookie_ok
from .service import DriveService
from .tree import ROOT, Entry

_MAX_PAGE = 1150
#: 115 writes times out as they are in China.
_BEIJING = timezone(timedelta(hours=8))


class WebFileRouter:
    """webapi, and proapi's app endpoints."""

    def __init__(self, drive: DriveService) -> None:
        self._drive = drive
        self._tree = drive.tree

    def endpoints(self) -> list[Endpoint]:
        """What is served, for the router."""
        guard = self._drive.by_cookie
        return [
            ("POST", r"/files/add", "files_add", guard(self._add)),
            ("GET", r"/files/getid", "getid", guard(self._getid)),
            ("GET POST", r"/files/get_path_id", "get_path_id", guard(self._get_path_id)),
            ("POST", r"/app/\w+/add_path", "add_path", guard(self._add_path)),
            ("GET", r"/files/?", "files", guard(self._list)),
            ("GET", r"/files/get_info", "file_info", guard(self._file_info)),
            ("GET", r"/files/search", "files_search", guard(self._search)),
            ("POST", r"/files/order", "files_order", guard(self._order)),
        ]

    # -- folders

    async def _add(self, call: Call) -> Response:
        form = await call.form()
        parent, name = _id(form.get("pid", "0")), form.get("cname", "")
        call.note(name)
        entry = self._tree.make_folder(parent, name)
        named = {"cid": str(entry.file_id), "cname": name, "file_id": str(entry.file_id), "file_name": name}
        return answer({"state": True, "error": "", "errno": 0, "aid": 1, **named})

    async def _getid(self, call: Call) -> Response:
        """Folders only; 0 when there is none, which is also the root's id (protocol.md §6.1)."""
        path = call.query.get("path", "")
        found = self._folder(ROOT, path)
        call.note(f"{path} → {found if found is not None else 'not there'}")
        return answer({"state": True, "error": "", "errno": 0, "id": str(found or 0), "is_private": "0"})

    async def _get_path_id(self, call: Call) -> Response:
        fields = {**call.query, **(await call.form() if call.method == "POST" else {})}
        parent, path = _id(fields.get("parent_id", "0")), fields.get("path", "")
        found = self._folder(parent, path)
        if found is None and fields.get("is_create") == "1":
            return self._make_path(call, parent, path)
        call.note(f"{path} → {found if found is not None else 'not there'}")
        if found is None:
            return cookie_error(Refusal(20013, "文件夹不存在或已删除。"))
        return _path_answer(found)

    async def _add_path(self, call: Call) -> Response:
        form = await call.form()
        return self._make_path(call, _id(form.get("parent_id", "0")), form.get("path", ""))

    def _make_path(self, call: Call, parent: int, path: str) -> Response:
        call.note(path)
        if not self._tree.is_folder(parent):
            return cookie_error(Refusal(20009, "父目录不存在。"))
        return _path_answer(self._tree.make_path(parent, path))

    def _folder(self, parent: int, path: str) -> int | None:
        for name in (n for n in path.split("/") if n):
            entry = self._tree.child_folder(parent, name)
            if entry is None:
                return None
            parent = entry.file_id
        return parent

    # -- listings

    async def _list(self, call: Call) -> Response:
        query = call.query
        cid = _id(query.get("cid", "0"))
        if not self._tree.is_folder(cid):
            cid = ROOT  # 115 shows the root for an unknown id (protocol.md §6.1)
        order, ascending = query.get("o", "user_ptime"), query.get("asc", "0") == "1"
        entries = self._tree.children(
            cid,
            order=order,
            ascending=ascending,
            folders=query.get("show_dir", "1") != "0",
            deep=query.get("cur", "0") != "1",
        )
        path = [{"aid": 1, "cid": 0, "pid": 0, "name": "根目录"}]
        path += [
            {"aid": 1, "cid": str(e.file_id), "pid": str(e.parent_id), "name": e.name}
            for e in self._tree.lineage(cid)
        ]
        more = {"path": path, "order": order, "is_asc": int(ascending)}
        return self._page(call, entries, {"cid": str(cid) if cid else 0, "aid": "1", **more})

    async def _file_info(self, call: Call) -> Response:
        """One entry by id or pick code: how OpenList looks at what it has just uploaded."""
        file_id, pick_code = call.query.get("file_id", ""), call.query.get("pick_code", "")
        entry = self._tree.entry(_id(file_id)) if file_id else self._tree.by_pick_code(pick_code)
        if entry is None:
            return cookie_error(Refusal(20018, "文件不存在或已删除。"))
        call.note(entry.name)
        return answer({"state": True, "error": "", "errno": 0, "data": [listing_row(entry)]})

    async def _search(self, call: Call) -> Response:
        found = self._tree.search(call.query.get("search_value", ""), _id(call.query.get("cid", "0")))
        return self._page(call, found, {"folder": {"cid": call.query.get("cid", "0")}})

    def _page(self, call: Call, entries: list[Entry], more: dict[str, object]) -> Response:
        offset, limit = _count(call.query.get("offset", ""), 0), _count(call.query.get("limit", ""), 30)
        limit = min(limit, _MAX_PAGE)
        rows = [listing_row(e) for e in entries[offset : offset + limit]]
        call.note(f"{len(rows)} of {len(entries)}")
        counts = {"count": len(entries), "offset": offset, "limit": limit, "page_size": limit}
        return answer({"state": True, "error": "", "errNo": 0, "errno": 0, "data": rows, **counts, **more})

    async def _order(self, call: Call) -> Response:
        return cookie_ok()


def listing_row(entry: Entry) -> dict[str, object]:
    """An entry as webapi lists it: files have ``fid`` and their folder as ``cid``, folders ``cid`` and ``pid``."""
    moment = f"{datetime.fromtimestamp(entry.added, _BEIJING):%Y-%m-%d %H:%M}"
    common: dict[str, object] = {
        "aid": "1",
        "n": entry.name,
        "pc": entry.pick_code,
        "m": 0,
        "t": moment if not entry.is_dir else str(int(entry.added)),
        "te": str(int(entry.added)),
        "tp": str(int(entry.added)),
        "tu": str(int(entry.added)),
        "fl": [],
    }
    if entry.is_dir:
        return {"cid": str(entry.file_id), "pid": str(entry.parent_id), "cc": "", "ns": entry.name, **common}
    extension = entry.name.rpartition(".")[2] if "." in entry.name else ""
    return {
        "fid": str(entry.file_id),
        "cid": str(entry.parent_id),
        "s": entry.size,
        "sha": entry.sha1,
        "ico": extension,
        "sta": 1,
        **common,
    }


def _path_answer(cid: int) -> Response:
    return answer({"state": True, "error": "", "errno": 0, "cid": str(cid), "id": str(cid)})


def _id(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else ROOT


def _count(text: str, default: int) -> int:
    return int(text) if text.isascii() and text.isdigit() else default
