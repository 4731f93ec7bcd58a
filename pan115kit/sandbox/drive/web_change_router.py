"""The cookie route's changes and recycle bin (protocol-drive.md D4)."""

from __future__ import annotations

import re

from starlette.responses import Response

from ..call import Call
from .listing import ids_of, number
from .replies import Endpoint, Refusal, cookie_error, cookie_ok
from .rows import web_bin_row
from .service import DriveService
from .tree import Entry

_APPS = "android|ios|115android|115ios|115ipad|harmony|os_windows|os_mac|os_linux"
_NEW_NAME = re.compile(r"files_new_name\[(\d+)\]")
_NO_ENTRY = Refusal(990002, "参数错误。")
_BIN_PAGE, _BIN_CAP = 32, 1_150


class WebChangeRouter:
    """webapi's rename, move, copy, delete, restore and purge."""

    def __init__(self, drive: DriveService) -> None:
        self._drive = drive
        self._changes = drive.changes

    def endpoints(self) -> list[Endpoint]:
        """What is served, for the router."""
        guard = self._drive.by_cookie
        return [
            ("POST", r"/files/batch_rename", "batch_rename", guard(self._rename)),
            ("POST", r"/files/move", "files_move", guard(self._move)),
            ("GET", r"/files/move_progress", "move_progress", guard(self._move_progress)),
            ("POST", r"/files/copy", "files_copy", guard(self._copy)),
            ("POST", r"/rb/delete", "rb_delete", guard(self._delete)),
            ("POST", rf"/(?:{_APPS})/rb/delete", "app_rb_delete", guard(self._delete_app)),
            ("GET", r"/rb", "rb_list", guard(self._bin)),
            ("POST", r"/rb/revert", "rb_revert", guard(self._restore)),
            ("POST", r"/rb/clean", "rb_clean", guard(self._purge)),
            ("POST", r"/rb/secret_del", "rb_secret_del", guard(self._purge)),
        ]

    async def _rename(self, call: Call) -> Response:
        """``files_new_name[id]=name``, one or many; ``data`` is an empty list where nothing changed."""
        form = await call.form()
        names = {int(m.group(1)): name for key, name in form.items() if (m := _NEW_NAME.fullmatch(key))}
        if not names:
            return cookie_error(_NO_ENTRY)
        final = await self._changes.rename(names)
        call.note(", ".join(final.values()))
        return cookie_ok(data={str(i): name for i, name in final.items()} or [])

    async def _move(self, call: Call) -> Response:
        form = await call.form()
        ids = ids_of(form, "fid")
        if not ids:
            return cookie_error(_NO_ENTRY)
        call.note(f"{len(ids)} to {form.get('pid', '0')}")
        await self._changes.move(ids, number(form.get("pid", "0")))
        return cookie_ok()

    async def _move_progress(self, call: Call) -> Response:
        """A move is over with its reply here; the fields beyond ``state`` are not established (D8)."""
        return cookie_ok(progress=100)

    async def _copy(self, call: Call) -> Response:
        form = await call.form()
        ids = ids_of(form, "fid")
        if not ids:
            return cookie_error(_NO_ENTRY)
        call.note(f"{len(ids)} to {form.get('pid', '0')}")
        await self._changes.copy(ids, number(form.get("pid", "0")))
        return cookie_ok()

    async def _delete(self, call: Call) -> Response:
        form = await call.form()
        if self._drive.settings.confirm_delete and form.get("ignore_warn") != "1":
            return cookie_error(Refusal(800007, "删除操作需要确认。"))
        return await self._deleted(call, ids_of(form, "fid"))

    async def _delete_app(self, call: Call) -> Response:
        return await self._deleted(call, ids_of(await call.form(), "file_ids"))

    async def _deleted(self, call: Call, ids: list[int]) -> Response:
        if not ids:
            return cookie_error(_NO_ENTRY)
        call.note(f"{len(ids)} to the bin")
        await self._changes.delete(ids)
        return cookie_ok()

    # -- the bin

    async def _bin(self, call: Call) -> Response:
        offset = number(call.query.get("offset", ""))
        limit = min(number(call.query.get("limit", ""), _BIN_PAGE) or _BIN_PAGE, _BIN_CAP)
        tree = self._drive.tree
        rows = [web_bin_row(e, self._parent_name(e)) for e in tree.in_bin(offset, limit)]
        return cookie_ok(
            errNo=0,
            data=rows,
            count=str(tree.bin_count()),
            offset=offset,
            limit=limit,
            page_size=limit,
            aid="7",
            cid="0",
            rb_pass=int(self._drive.settings.safety_key != "000000"),
        )

    def _parent_name(self, entry: Entry) -> str:
        parent = self._drive.tree.entry(entry.parent_id, area=None)
        return parent.name if parent is not None else "根目录"

    async def _restore(self, call: Call) -> Response:
        ids = ids_of(await call.form(), "rid")
        if not ids:
            return cookie_error(_NO_ENTRY)
        done = await self._changes.restore(ids)
        call.note(f"{sum(done.values())} of {len(ids)}")
        if not any(done.values()):
            return cookie_error(Refusal(231011, "文件已删除，请勿重复操作。"))
        return cookie_ok(data={str(i): {"state": ok} for i, ok in done.items()})

    async def _purge(self, call: Call) -> Response:
        """``secret_del`` takes ``tid``, ``clean`` ``rid[i]``; without any id it is the whole bin."""
        form = await call.form()
        if form.get("password", "") != self._drive.settings.safety_key:
            return cookie_error(Refusal(320001, "安全密钥错误。"))
        ids = ids_of(form, "tid") + ids_of(form, "rid")
        call.note(f"{len(ids)} purged" if ids else "the whole bin")
        await self._changes.purge(ids or None)
        return cookie_ok()
