"""The Open API route: plain JSON with a bearer token (protocol.md §3, §6.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from .._base.drive_codes import GONE, as_int
from ..config import Endpoints, UploadConfig
from ..errors import AccessTokenError, DriveProtocolError, LoginError, TargetError
from ..i18n import say
from ..models import OssToken, UploadTicket
from .auth.credentials import Credentials, Route
from .auth.tokens import TokenKeeper
from .data import Account, DownloadLink, Entry, FileClaim, SignedRange, Space, SubtreeCounts
from .download import make_link
from .error_codes import read_object
from .http_client import ApiClient
from .interface import TARGET_PREFIX, Drive
from .responses import (
    id_text,
    link_address,
    one_object,
    read_space,
    read_ticket,
    read_token,
    space_figure,
    whole_number,
)
from .rows import BY_TIME, ROOT, Page, long_row, open_row, read_page, read_search_page
from .secret import RedactedDict, Secret

_USER_AGENT = "Mozilla/5.0 pan115kit"


class OpenDrive(Drive):
    """115 with the tokens of an authorised app.

    Args:
        credentials: Their tokens open the account; without a refresh token it works until the access token ends.
        endpoints: Where 115 is; 115 itself if None.
        config: Rate, retries, timeouts.
        api: The HTTP client, for tests.

    Raises:
        CredentialsError: No token, or one with characters no token has.
    """

    route = Route.OPEN

    def __init__(
        self,
        credentials: Credentials,
        *,
        endpoints: Endpoints | None = None,
        config: UploadConfig | None = None,
        api: ApiClient | None = None,
    ) -> None:
        config = config or UploadConfig()
        endpoints = endpoints or Endpoints.from_environment()
        super().__init__(api or ApiClient(config, route=self.route), endpoints=endpoints, config=config)
        self._tokens = TokenKeeper(self._api, f"{endpoints.passport}/open/refreshToken", credentials)

    async def oss_token(self) -> OssToken:
        return await self._api.retrying(self._oss_token)

    async def close(self) -> None:
        await self._tokens.finish_renewal()
        await super().close()

    # -- account -----------------------------------------------------------------------------------------------

    async def _ask_account(self) -> Account:
        data = one_object((await self._ask("GET", "/open/user/info")).get("data")) or {}
        user_id = id_text(data.get("user_id"))
        if not user_id:
            raise LoginError(say("drive.tokens.whose"), hint=say("refusal.refresh_token_ended.hint"))
        return Account(user_id=user_id, space_left=space_figure(data.get("rt_space_info"), "all_remain"))

    # -- upload ------------------------------------------------------------------------------------------------

    async def _ask_init(self, claim: FileClaim, signed: SignedRange | None) -> dict[str, Any]:
        form: dict[str, str | int] = {
            "file_name": claim.file_name,
            "file_size": claim.file_size,
            "target": TARGET_PREFIX + claim.target_dir_id,
            "fileid": claim.sha1.upper(),
        }
        if signed is not None:
            form |= {
                "pick_code": signed.pick_code,
                "sign_key": signed.sign_key,
                "sign_val": signed.sign_val.upper(),
            }
        # An empty file's size is sent, empty texts are not; preid (of the first 128 KiB) may be missing
        # (protocol.md §3.1).
        form = {name: value for name, value in form.items() if value != ""}
        return _data(await self._ask("POST", "/open/upload/init", form=form))

    async def _oss_token(self) -> OssToken:
        data = _data(await self._ask("GET", "/open/upload/get_token"))
        return read_token(data, str(data.get("endpoint") or ""))

    async def _resume(self, pick_code: str, claim: FileClaim) -> UploadTicket | None:
        form: dict[str, str | int] = {
            "file_size": claim.file_size,
            "target": TARGET_PREFIX + claim.target_dir_id,
            "fileid": claim.sha1.upper(),
            "pick_code": pick_code,
        }
        data = one_object((await self._ask("POST", "/open/upload/resume", form=form)).get("data"))
        return read_ticket(data, pick_code=pick_code) if data and data.get("object") else None

    # -- folders -----------------------------------------------------------------------------------------------

    async def _folder_id(self, path: str) -> str | None:
        try:
            reply = await self._ask("POST", "/open/folder/get_info", form={"path": path})
        except TargetError as error:
            if error.code in GONE:
                return None
            raise
        entry = one_object(reply.get("data"))
        if entry is None:
            return None
        if str(entry.get("file_category")) == "1":
            # A file of that name; a folder of the same name may stand beside it (protocol.md §6.3).
            return await self._beside(path)
        return id_text(entry.get("file_id")) or None

    async def _beside(self, path: str) -> str | None:
        above, _, name = path.rpartition("/")
        parent_id = "0" if not above else await self._folder_id(above)
        return None if parent_id is None else await self._folder_in(parent_id, name)

    async def _add_folder(self, parent_id: str, name: str) -> str:
        reply = await self._ask("POST", "/open/folder/add", form={"pid": parent_id, "file_name": name})
        folder_id = id_text((one_object(reply.get("data")) or {}).get("file_id"))
        if not folder_id:
            raise DriveProtocolError(say("drive.folder_without_id"), hint=say("drive.try_again"))
        return folder_id

    async def _page(self, folder_id: str, offset: int, limit: int, *, below: bool = False) -> Page:
        params: dict[str, str | int] = {
            "cid": folder_id,
            "limit": limit,
            "offset": offset,
            "o": BY_TIME,
            "asc": 0,
            "custom_order": 2,  # ours instead of the one the folder remembers, folders not forced to the top
            # without folders and without "this folder only", 115 lists the files of the whole subtree
            "show_dir": 0 if below else 1,
            "cur": 0 if below else 1,
        }
        return read_page(await self._ask("GET", "/open/ufile/files", params=params), folder_id, offset, open_row)

    async def info(self, file_id: str) -> Entry | None:
        found = await super().info(file_id)
        if found is None or found.is_folder or (found.pick_code and found.modified and found.size):
            return found
        # 115 leaves these out of a file's information at times; its folder's list has them
        async for entry in self.list_folder(found.parent_id or ROOT):
            if entry.file_id == file_id:
                return entry
        return found

    async def _ask_info(self, file_id: str) -> Entry | None:
        data = one_object((await self._get_info(file_id)).get("data"))
        return None if data is None else long_row(data)

    async def _ask_counts(self, folder_id: str) -> SubtreeCounts:
        data = one_object((await self._get_info(folder_id)).get("data"))
        if data is None or as_int(data.get("file_category")) == 1:
            raise TargetError(say("drive.folder_gone"), hint=say("refusal.no_folder.hint"))
        files, folders = as_int(data.get("count")) or 0, as_int(data.get("folder_count")) or 0
        return SubtreeCounts(files, folders, whole_number(data.get("size_byte")))

    async def _get_info(self, file_id: str) -> dict[str, Any]:
        return await self._ask("GET", "/open/folder/get_info", params={"file_id": file_id})

    async def _ask_search(self, text: str, folder_id: str, offset: int, limit: int) -> Page:
        params: dict[str, str | int] = {"search_value": text, "cid": folder_id, "limit": limit, "offset": offset}
        return read_search_page(await self._ask("GET", "/open/ufile/search", params=params), offset, long_row)

    async def _ask_space(self) -> Space:
        return read_space(_data(await self._ask("GET", "/open/user/info")).get("rt_space_info"))

    # -- changes -----------------------------------------------------------------------------------------------

    async def _ask_delete(self, file_ids: list[str]) -> None:
        await self._ask("POST", "/open/ufile/delete", form={"file_ids": ",".join(file_ids)})

    async def _ask_move(self, file_ids: list[str], target_id: str) -> None:
        await self._ask("POST", "/open/ufile/move", form={"file_ids": ",".join(file_ids), "to_cid": target_id})

    async def _ask_copy(self, file_ids: list[str], target_id: str) -> None:
        form: dict[str, str | int] = {"pid": target_id, "file_id": ",".join(file_ids), "nodupli": 0}
        await self._ask("POST", "/open/ufile/copy", form=form)

    async def _ask_rename(self, file_id: str, name: str) -> str:
        reply = await self._ask("POST", "/open/ufile/update", form={"file_id": file_id, "file_name": name})
        return str((one_object(reply.get("data")) or {}).get("file_name") or "")

    # -- download ----------------------------------------------------------------------------------------------

    async def _ask_link(self, entry: Entry) -> DownloadLink:
        pick_code = entry.pick_code
        if not pick_code:
            found = await self.info(entry.file_id)
            pick_code = found.pick_code if found else ""
        # in the body: in the query the call hangs (protocol-drive.md D0.13)
        reply, headers = await self._exchange("POST", "/open/ufile/downurl", form={"pick_code": pick_code})
        data = reply.get("data")
        return make_link(link_address(data if isinstance(data, dict) else {}), _USER_AGENT, headers)

    # -- what is on the wire ------------------------------------------------------------------------------------

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        form: Mapping[str, str | int] | None = None,
    ) -> dict[str, Any]:
        """One call's answer."""
        return (await self._exchange(method, path, params=params, form=form))[0]

    async def _exchange(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        form: Mapping[str, str | int] | None = None,
    ) -> tuple[dict[str, Any], httpx.Headers]:
        """One call; once more with a renewed access token where the first had run out."""
        token = await self._tokens.current()
        try:
            return await self._send(token, method, path, params, form)
        except AccessTokenError:
            token = await self._tokens.renew(token)
        return await self._send(token, method, path, params, form)

    async def _send(
        self,
        token: Secret,
        method: str,
        path: str,
        params: Mapping[str, str | int] | None,
        form: Mapping[str, str | int] | None,
    ) -> tuple[dict[str, Any], httpx.Headers]:
        headers = RedactedDict({"Authorization": f"Bearer {token.reveal()}", "User-Agent": _USER_AGENT})
        response = await self._api.exchange(method, self._at.pro + path, params=params, form=form, headers=headers)
        reply = read_object(response.content)
        self._api.check(reply)
        return reply, response.headers


def _data(reply: Mapping[str, Any]) -> dict[str, Any]:
    data = one_object(reply.get("data"))
    if data is None:
        raise DriveProtocolError(say("drive.no_data"), hint=say("drive.try_again"))
    return data
