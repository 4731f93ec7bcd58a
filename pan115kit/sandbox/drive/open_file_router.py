"""The Open API route of the drive: make folders, find, list, account (protocol.md §6.2)."""

from __future__ import annotations

from starlette.responses import Response

from ...i18n import format_bytes
from ..call import Call
from .replies import Endpoint, Refusal, open_error, open_ok
from .service import DriveService
from .tree import ROOT, Entry

_MAX_PAGE = 1150


class OpenFileRouter:
    """proapi's ``/open/…``."""

    def __init__(self, drive: DriveService) -> None:
        self._drive = drive
        self._tree = drive.tree

    def endpoints(self) -> list[Endpoint]:
        """What is served, for the router."""
        guard = self._drive.by_token
        return [
            ("POST", r"/open/folder/add", "open_folder_add", guard(self._add)),
            ("GET", r"/open/ufile/files", "open_files", guard(self._files)),
            ("GET POST", r"/open/folder/get_info", "open_get_info", guard(self._get_info)),
            ("GET", r"/open/user/info", "open_user_info", guard(self._user_info)),
        ]

    # -- folders

    async def _add(self, call: Call) -> Response:
        form = await call.form()
        call.note(form.get("file_name", ""))
        pid = form.get("pid", "")
        if not pid.isdigit():
            return open_error(Refusal(990002, "参数错误。"))
        entry = self._tree.make_folder(int(pid), form.get("file_name", ""))
        return open_ok({"file_name": entry.name, "file_id": str(entry.file_id)})

    async def _files(self, call: Call) -> Response:
        query = call.query
        cid = int(query["cid"]) if query.get("cid", "").isdigit() else ROOT
        if not self._tree.is_folder(cid):
            cid = ROOT
        entries = self._tree.children(
            cid,
            order=query.get("o", ""),
            ascending=query.get("asc", "0") == "1",
            folders=query.get("show_dir", "0") == "1",
            deep=query.get("cur", "0") != "1",
        )
        offset = int(query["offset"]) if query.get("offset", "").isdigit() else 0
        limit = min(int(query["limit"]) if query.get("limit", "").isdigit() else 20, _MAX_PAGE)
        rows = [_row(e) for e in entries[offset : offset + limit]]
        call.note(f"{len(rows)} of {len(entries)}")
        path = [{"name": "根目录", "aid": 1, "cid": 0, "pid": 0}]
        path += [{"name": e.name, "aid": 1, "cid": e.file_id, "pid": e.parent_id} for e in self._tree.lineage(cid)]
        # Types as 115-sdk-go decodes them: ``aid`` is text in the rows and a number here.
        counts = {"count": len(entries), "offset": offset, "limit": limit, "is_asc": int(query.get("asc") == "1")}
        return open_ok(rows, **counts, cid=cid, aid=1, order=query.get("o", ""), path=path)

    async def _get_info(self, call: Call) -> Response:
        fields = {**call.query, **(await call.form() if call.method == "POST" else {})}
        entry: Entry | None = None
        if fields.get("file_id", "").isdigit():
            entry = self._tree.entry(int(fields["file_id"]))
        elif fields.get("path", "")[:1] in ("/", ">"):
            separator = fields["path"][0]
            entry = self._tree.find("/".join(fields["path"].split(separator)))
        elif "path" in fields:
            return open_error(Refusal(990002, "参数错误。"))
        if entry is None:
            call.note("430004")
            return open_error(Refusal(430004, "文件（夹）不存在或已删除。"))
        call.note(entry.name)
        below = list(self._tree.subtree(entry.file_id)) if entry.is_dir else []
        size = sum(e.size for e in below) if entry.is_dir else entry.size
        paths = [{"file_id": "0", "file_name": "根目录"}]
        paths += [{"file_id": str(e.file_id), "file_name": e.name} for e in self._tree.lineage(entry.parent_id)]
        return open_ok(
            {
                "file_id": str(entry.file_id),
                "file_name": entry.name,
                "file_category": "0" if entry.is_dir else "1",
                "pick_code": entry.pick_code,
                "sha1": entry.sha1,
                "size": format_bytes(size),
                "size_byte": size,
                "count": sum(not e.is_dir for e in below) if entry.is_dir else 0,
                "folder_count": sum(e.is_dir for e in below),
                "ptime": str(int(entry.added)),
                "utime": str(int(entry.added)),
                "paths": paths,
            }
        )

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


def _row(entry: Entry) -> dict[str, object]:
    moment = int(entry.added)
    return {
        "fid": str(entry.file_id),
        "aid": "1",
        "pid": str(entry.parent_id),
        "fc": "0" if entry.is_dir else "1",
        "fn": entry.name,
        "fs": entry.size,
        "sha1": entry.sha1,
        "pc": entry.pick_code,
        "upt": moment,
        "uet": moment,
        "uppt": moment,
        "fta": "1",
        "ico": "" if entry.is_dir else entry.name.rpartition(".")[2],
    }
