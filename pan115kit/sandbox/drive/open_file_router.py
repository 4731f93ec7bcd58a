"""The Open API route of the drive (protocol.md §6.2, protocol-drive.md D1, D2, D4, D5)."""

from __future__ import annotations

from starlette.responses import Response

from ..call import Call
from .listing import ListRoute, ids_of, number, read_listing, read_search, sorting
from .replies import Endpoint, Refusal, open_error, open_ok
from .rows import open_bin_row, open_info, open_path, open_row, open_search_row
from .service import DriveService
from .tree import ROOT, Entry

_NO_ENTRY = Refusal(990002, "参数错误。")
_SEARCH_PAGE, _SEARCH_CAP = 20, 1_150
_BIN_PAGE, _BIN_CAP = 30, 200


class OpenFileRouter:
    """proapi's ``/open/folder/…``, ``/open/ufile/…``, ``/open/rb/…`` and ``/open/user/info``."""

    def __init__(self, drive: DriveService) -> None:
        self._drive = drive
        self._tree = drive.tree
        self._changes = drive.changes

    def endpoints(self) -> list[Endpoint]:
        """What is served, for the router."""
        guard = self._drive.by_token
        return [
            ("POST", r"/open/folder/add", "open_folder_add", guard(self._add)),
            ("GET POST", r"/open/folder/get_info", "open_get_info", guard(self._get_info)),
            ("GET", r"/open/user/info", "open_user_info", guard(self._user_info)),
            ("GET", r"/open/ufile/files", "open_files", guard(self._files)),
            ("GET", r"/open/ufile/search", "open_search", guard(self._search)),
            ("POST", r"/open/ufile/update", "open_update", guard(self._update)),
            ("POST", r"/open/ufile/move", "open_move", guard(self._move)),
            ("POST", r"/open/ufile/copy", "open_copy", guard(self._copy)),
            ("POST", r"/open/ufile/delete", "open_delete", guard(self._delete)),
            ("GET", r"/open/rb/list", "open_rb_list", guard(self._bin)),
            ("POST", r"/open/rb/revert", "open_rb_revert", guard(self._restore)),
            ("POST", r"/open/rb/del", "open_rb_del", guard(self._purge)),
        ]

    # -- folders and single entries

    async def _add(self, call: Call) -> Response:
        form = await call.form()
        call.note(form.get("file_name", ""))
        pid = form.get("pid", "")
        if not pid.isdigit():
            return open_error(_NO_ENTRY)
        entry = self._tree.make_folder(int(pid), form.get("file_name", ""))
        return open_ok({"file_name": entry.name, "file_id": str(entry.file_id)})

    async def _get_info(self, call: Call) -> Response:
        """By id, or by a path that begins with the separator it is written with: ``/a/b`` or ``>a>b``."""
        fields = {**call.query, **(await call.form() if call.method == "POST" else {})}
        entry: Entry | None = None
        if fields.get("file_id", "").isdigit():
            entry = self._tree.entry(int(fields["file_id"]))
        elif fields.get("path", "")[:1] in ("/", ">"):
            separator = fields["path"][0]
            entry = self._tree.find("/".join(fields["path"].split(separator)))
        elif "path" in fields:
            return open_error(_NO_ENTRY)
        settings = self._drive.settings
        if entry is None:
            call.note("not there")
            if settings.open_missing_is_empty:
                return open_ok([])
            return open_error(Refusal(430004, "文件（夹）不存在或已删除。"))
        call.note(entry.name)
        below = self._tree.totals(entry.file_id) if entry.is_dir else None
        info = open_info(entry, self._tree.lineage(entry.parent_id), below)
        if settings.open_file_without_utime and not entry.is_dir:
            info["utime"] = ""
            del info["pick_code"]
        return open_ok(info)

    async def _user_info(self, call: Call) -> Response:
        return open_ok(
            {
                "user_id": self._drive.accounts.user_id,
                "user_name": "sandbox",
                "user_face_s": "",
                "user_face_m": "",
                "user_face_l": "",
                "rt_space_info": self._drive.space(),
                "vip_info": {"level_name": "VIP", "expire": 4102444800},
            }
        )

    # -- lists

    async def _files(self, call: Call) -> Response:
        """Without ``show_dir=1`` the files of the whole subtree (D0.2)."""
        query = self._drive.known_folder(read_listing(call.query, ListRoute.OPEN))
        order = query.own_order or self._tree.order_of(query.folder_id)
        entries, count = self._drive.listed(query, sorting(order, ListRoute.OPEN), query.offset, query.limit)
        call.note(f"{len(entries)} of {count}")
        asked = call.query
        # Types as 115-sdk-go decodes them: ``aid`` is text in the rows and a number here.
        counts = {"count": count, "sys_count": 0, "offset": query.offset, "limit": query.limit, "aid": query.area}
        echo = {
            "cid": query.folder_id,
            "order": order.field,
            "is_asc": int(order.ascending),
            "min_size": query.selection.min_size,
            "max_size": query.selection.max_size,
            "star": number(asked.get("star", "")),
            "type": number(asked.get("type", "")),
            "suffix": asked.get("suffix", ""),
            "cur": number(asked.get("cur", "")),
            "stdir": number(asked.get("stdir", "")),
            "record_open_time": asked.get("record_open_time", "1"),
            "sys_dir": "",
            "hide_data": "",
            "fields": "",
            "path": open_path(self._tree.lineage(query.folder_id)),
        }
        return open_ok([open_row(e) for e in entries], **counts, **echo)

    async def _search(self, call: Call) -> Response:
        query = read_search(call.query, _SEARCH_PAGE, _SEARCH_CAP)
        entries, count = self._drive.searched(query)
        call.note(f"{len(entries)} of {count}")
        user_id = self._drive.accounts.user_id
        rows = [open_search_row(e, user_id) for e in entries]
        return open_ok(rows, count=count, limit=query.limit, offset=query.offset)

    # -- changes

    async def _update(self, call: Call) -> Response:
        """A new name, a star, or both; it succeeds for what is not there, too (D4.1)."""
        form = await call.form()
        file_id, name = number(form.get("file_id", "")), form.get("file_name", "")
        if file_id == ROOT or not (name or "star" in form):
            return open_error(_NO_ENTRY)
        if "star" in form:
            self._changes.star(file_id, starred=form["star"] == "1")
        if name:
            await self._changes.rename({file_id: name})
        entry = self._tree.entry(file_id)
        final = entry.name if entry is not None else name
        call.note(final)
        return open_ok({"file_name": final, "star": str(int(entry.starred)) if entry is not None else "0"})

    async def _move(self, call: Call) -> Response:
        form = await call.form()
        ids = ids_of(form, "file_ids")
        if not ids:
            return open_error(_NO_ENTRY)
        call.note(f"{len(ids)} to {form.get('to_cid', '0')}")
        await self._changes.move(ids, number(form.get("to_cid", "0")))
        return open_ok([])

    async def _copy(self, call: Call) -> Response:
        """``nodupli`` counts; ``no_dupli``, which one SDK sends, does not (D9)."""
        form = await call.form()
        ids = ids_of(form, "file_id")
        if not ids:
            return open_error(_NO_ENTRY)
        call.note(f"{len(ids)} to {form.get('pid', '0')}")
        await self._changes.copy(ids, number(form.get("pid", "0")), skip_taken=form.get("nodupli") == "1")
        return open_ok([])

    async def _delete(self, call: Call) -> Response:
        ids = ids_of(await call.form(), "file_ids")
        if not ids:
            return open_error(_NO_ENTRY)
        call.note(f"{len(ids)} to the bin")
        await self._changes.delete(ids)
        return open_ok([])

    # -- the bin

    async def _bin(self, call: Call) -> Response:
        """One map: the page's figures and a row for each id (D4.1)."""
        offset = number(call.query.get("offset", ""))
        limit = min(number(call.query.get("limit", ""), _BIN_PAGE) or _BIN_PAGE, _BIN_CAP)
        data: dict[str, object] = {
            "offset": offset,
            "limit": limit,
            "count": str(self._tree.bin_count()),
            "rb_pass": 0,
        }
        for entry in self._tree.in_bin(offset, limit):
            parent = self._tree.entry(entry.parent_id, area=None)
            data[str(entry.file_id)] = open_bin_row(entry, parent.name if parent is not None else "根目录")
        return open_ok(data)

    async def _restore(self, call: Call) -> Response:
        ids = ids_of(await call.form(), "tid")
        if not ids:
            return open_error(_NO_ENTRY)
        done = await self._changes.restore(ids)
        missing: dict[str, object] = {"state": False, "error": "文件已删除，请勿重复操作。", "errno": 231011}
        good: dict[str, object] = {"state": True, "error": "", "errno": 0}
        return open_ok({str(i): good if ok else missing for i, ok in done.items()})

    async def _purge(self, call: Call) -> Response:
        """Without ``tid`` the whole bin."""
        ids = ids_of(await call.form(), "tid")
        call.note(f"{len(ids)} purged" if ids else "the whole bin")
        await self._changes.purge(ids or None)
        return open_ok([str(i) for i in ids])
