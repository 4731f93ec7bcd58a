"""The cookie route's drive: make, find, list, look, search (protocol.md §6.1, protocol-drive.md D1, D2, D5)."""

from __future__ import annotations

import re

from starlette.responses import JSONResponse, Response

from ..call import Call
from .entry_names import suffix_of
from .listing import ListQuery, ListRoute, number, read_listing, read_order, read_search, sorting
from .replies import Endpoint, Refusal, answer, cookie_error, cookie_ok
from .rows import open_path, open_row, skim_row, web_info, web_path, web_row
from .service import DriveService
from .tree import ROOT, Entry, FolderOrder

_APPS = "android|ios|115android|115ios|115ipad|harmony|os_windows|os_mac|os_linux"
_MISSING = Refusal(20018, "文件不存在或已删除。")
_SEARCH_PAGE, _SEARCH_CAP = 32, 1_150
_SKIM_CAP = 50_000


class WebFileRouter:
    """webapi, aps, and proapi's app endpoints."""

    def __init__(self, drive: DriveService) -> None:
        self._drive = drive
        self._tree = drive.tree

    def endpoints(self) -> list[Endpoint]:
        """What is served, for the router."""
        guard = self._drive.by_cookie
        return [
            ("POST", r"/files/add", "files_add", guard(self._add)),
            ("GET", rf"/(?:(?:{_APPS})/)?files/getid", "getid", guard(self._getid)),
            ("GET POST", r"/files/get_path_id", "get_path_id", guard(self._get_path_id)),
            ("POST", rf"/app/\w+/add_path|/(?:{_APPS})/2\.0/ufile/add_path", "add_path", guard(self._add_path)),
            ("GET", r"/files/?", "files", guard(self._list)),
            ("GET", r"/natsort/files\.php", "aps_files", guard(self._list_aps)),
            ("GET", rf"/(?:{_APPS})/2\.0/ufile/files", "app_files", guard(self._list_app)),
            ("POST", r"/files/order", "files_order", guard(self._order)),
            ("GET", r"/files/get_info", "file_info", guard(self._file_info)),
            ("GET POST", r"/files/file", "files_file", guard(self._skim)),
            ("POST", r"/files/supervision", "files_supervision", guard(self._supervision)),
            ("GET", r"/category/get", "category_get", guard(self._category)),
            ("GET", r"/files/search", "files_search", guard(self._search)),
            ("GET", r"/files/shasearch", "files_shasearch", guard(self._sha1_search)),
        ]

    # -- folders

    async def _add(self, call: Call) -> Response:
        form = await call.form()
        parent, name = number(form.get("pid", "0")), form.get("cname", "")
        call.note(name)
        entry = self._tree.make_folder(parent, name)
        named = {"cid": str(entry.file_id), "cname": name, "file_id": str(entry.file_id), "file_name": name}
        return cookie_ok(aid=1, **named)

    async def _getid(self, call: Call) -> Response:
        """Folders only; 0 when there is none, which is also the root's id (protocol.md §6.1)."""
        path = call.query.get("path", "")
        found = self._folder(ROOT, path)
        call.note(f"{path} → {found if found is not None else 'not there'}")
        return cookie_ok(id=str(found or 0), is_private="0")

    async def _get_path_id(self, call: Call) -> Response:
        fields = {**call.query, **(await call.form() if call.method == "POST" else {})}
        parent, path = number(fields.get("parent_id", "0")), fields.get("path", "")
        found = self._folder(parent, path)
        if found is None and fields.get("is_create") == "1":
            return self._make_path(call, parent, path)
        call.note(f"{path} → {found if found is not None else 'not there'}")
        if found is None:
            return cookie_error(Refusal(20013, "文件夹不存在或已删除。"))
        return _path_answer(found)

    async def _add_path(self, call: Call) -> Response:
        form = await call.form()
        return self._make_path(call, number(form.get("parent_id", "0")), form.get("path", ""))

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
        query = self._drive.known_folder(read_listing(call.query, ListRoute.WEB))
        remembered = self._tree.order_of(query.folder_id)
        order = query.own_order or remembered
        if not self._drive.settings.order_supported and order != remembered:
            call.note("20130827")
            words = {"state": False, "error": "排序不支持", "errNo": 20130827, "errno": 20130827}
            return answer({**words, "order": remembered.field, "is_asc": int(remembered.ascending)})
        return self._listed(call, query, order, ListRoute.WEB)

    async def _list_aps(self, call: Call) -> Response:
        """By name alone, and only the first 1,200: an offset behind them starts at 0 again (D1.1)."""
        query = self._drive.known_folder(read_listing(call.query, ListRoute.APS))
        cap = ListRoute.APS.max_limit
        offset = query.offset if query.offset < cap else 0
        return self._listed(call, query, query.own_order or FolderOrder(), ListRoute.APS, offset, cap - offset)

    def _listed(
        self,
        call: Call,
        query: ListQuery,
        order: FolderOrder,
        route: ListRoute,
        offset: int | None = None,
        most: int | None = None,
    ) -> Response:
        offset = query.offset if offset is None else offset
        limit = query.limit if most is None else min(query.limit, most)
        entries, count = self._drive.listed(query, sorting(order, route), offset, limit)
        asked = call.query
        folders = self._drive.count_folders(query)
        call.note(f"{len(entries)} of {count}")
        folder = {"cid": query.folder_id, "aid": str(query.area), "uid": self._drive.accounts.user_id}
        counts: dict[str, object] = {
            "count": count,
            "file_count": count - folders,
            "folder_count": folders,
            "sys_count": 0,
            "offset": offset,
            "limit": query.limit,
            "page_size": query.limit,
        }
        echo = {
            "order": order.field,
            "is_asc": int(order.ascending),
            "fc_mix": int(order.mixed),
            "natsort": number(asked.get("natsort", "")),
            "cur": number(asked.get("cur", "")),
            "star": number(asked.get("star", "")),
            "stdir": number(asked.get("stdir", "")),
            "type": number(asked.get("type", "")),
            "suffix": asked.get("suffix", ""),
            "record_open_time": asked.get("record_open_time", "1"),
            "min_size": query.selection.min_size,
            "max_size": query.selection.max_size,
            "fields": "",
            "data_source": "DB",
        }
        path = web_path(self._tree.lineage(query.folder_id))
        return cookie_ok(errNo=0, data=[web_row(e) for e in entries], path=path, **counts, **folder, **echo)

    async def _list_app(self, call: Call) -> Response:
        """Rows as the Open API's; folders are always first; too large a page is HTTP 500 (D1.1)."""
        query = self._drive.known_folder(read_listing(call.query, ListRoute.APP))
        if query.limit > self._drive.settings.app_page_limit:
            return answer({"state": False, "error": "Internal Server Error", "errno": 500}, 500)
        order = query.own_order or self._tree.order_of(query.folder_id)
        order = FolderOrder(order.field, order.ascending)
        entries, count = self._drive.listed(query, sorting(order, ListRoute.APP), query.offset, query.limit)
        call.note(f"{len(entries)} of {count}")
        return cookie_ok(
            code=0,
            message="",
            data=[open_row(e) for e in entries],
            path=open_path(self._tree.lineage(query.folder_id)),
            count=count,
            sys_count=0,
            offset=query.offset,
            limit=query.limit,
            cid=query.folder_id,
            aid=query.area,
            order=order.field,
            is_asc=int(order.ascending),
        )

    async def _order(self, call: Call) -> Response:
        form = await call.form()
        folder_id = number(form.get("file_id", "0"))
        if not self._tree.is_folder(folder_id):
            return cookie_error(Refusal(20013, "文件夹不存在或已删除。"))
        self._tree.remember_order(folder_id, read_order(form))
        return cookie_ok()

    # -- single entries

    async def _file_info(self, call: Call) -> Response:
        """One entry by id or pick code: how OpenList looks at what it has just uploaded.  Not what is in the bin."""
        file_id, pick_code = call.query.get("file_id", ""), call.query.get("pick_code", "")
        entry = self._tree.entry(number(file_id)) if file_id else self._tree.by_pick_code(pick_code)
        if entry is None:
            return cookie_error(_MISSING)
        call.note(entry.name)
        return cookie_ok(data=[web_row(entry)])

    async def _skim(self, call: Call) -> Response:
        """Many ids at once."""
        fields = {**call.query, **await call.form()}
        ids = [int(t) for t in fields.get("file_id", "").split(",") if t.strip().isdigit()]
        if len(ids) > _SKIM_CAP:
            return cookie_error(Refusal(990002, "参数错误。"))
        found = [e for e in (self._tree.entry(i) for i in ids) if e is not None]
        call.note(f"{len(found)} of {len(ids)}")
        if not found:
            return cookie_error(Refusal(20018, "文件不存在"))
        return cookie_ok(data=[skim_row(e) for e in found])

    async def _supervision(self, call: Call) -> Response:
        """By pick code; an empty name says that there is none."""
        entry = self._tree.by_pick_code((await call.form()).get("pickcode", ""))
        if entry is None:
            data = {"file_id": "", "parent_id": "", "file_name": "", "file_sha1": "", "file_size": "0"}
            return cookie_ok(data=data)
        call.note(entry.name)
        return cookie_ok(
            data={
                "file_id": str(entry.file_id),
                "parent_id": str(entry.parent_id),
                "file_name": entry.name,
                "file_sha1": entry.sha1,
                "file_size": str(entry.size),
                "pick_code": entry.pick_code,
            }
        )

    async def _category(self, call: Call) -> Response:
        """One entry with the counts of all below it; without ``state``, and an empty list where there is none."""
        cid = number(call.query.get("cid", ""))
        if cid == ROOT:
            return answer({"state": False, "error": "参数错误。", "errNo": 1001})
        entry = self._tree.entry(cid)
        if entry is None:
            return JSONResponse([])
        call.note(entry.name)
        below = self._tree.totals(cid) if entry.is_dir else None
        return answer(web_info(entry, self._tree.lineage(entry.parent_id), below))

    # -- searching

    async def _search(self, call: Call) -> Response:
        query = read_search(call.query, _SEARCH_PAGE, _SEARCH_CAP)
        entries, count = self._drive.searched(query)
        call.note(f"{len(entries)} of {count}")
        folder = self._tree.entry(query.folder_id)
        folders = self._drive.count_folders(query)
        return cookie_ok(
            errNo=0,
            data=[web_row(e) for e in entries],
            count=count,
            file_count=count - folders,
            folder_count=folders,
            offset=query.offset,
            limit=query.limit,
            page_size=query.limit,
            cid=query.folder_id,
            folder={"cid": str(query.folder_id), "name": folder.name if folder else "根目录"},
        )

    async def _sha1_search(self, call: Call) -> Response:
        """One file of the whole drive that has this content."""
        sha1 = call.query.get("sha1", "").upper()
        entry = self._tree.by_sha1(sha1) if re.fullmatch(r"[0-9A-F]{40}", sha1) else None
        if entry is None:
            return cookie_error(Refusal(0, "文件错误"))
        call.note(entry.name)
        return cookie_ok(data=_sha1_row(entry))


def _sha1_row(entry: Entry) -> dict[str, object]:
    return {
        **skim_row(entry),
        "category_id": str(entry.parent_id),
        "area_id": str(entry.area),
        "user_ptime": str(int(entry.added)),
        "ico": suffix_of(entry.name),
    }


def _path_answer(cid: int) -> Response:
    return cookie_ok(cid=str(cid), id=str(cid))
