"""The Open API route: plain JSON with a bearer token (protocol.md §3, §6.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._base.drive_codes import as_int
from ..config import Endpoints, UploadConfig
from ..errors import AccessTokenError, DriveProtocolError, LoginError, TargetError
from ..i18n import say
from ..models import OssToken, UploadTicket
from .auth.credentials import Credentials, Route
from .auth.tokens import TokenKeeper
from .data import Account, FileClaim, RemoteFile, SignedRange
from .http_client import ApiClient
from .interface import PAGE, TARGET_PREFIX, Drive, Page, check_echo
from .responses import id_text, one_object, read_ticket, read_token
from .secret import RedactedDict, Secret

_USER_AGENT = "Mozilla/5.0 pan115kit"
_NO_ENTRY = (430004, 20018, 20013, 20009, 10014)


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
        await self._tokens.settle()
        await super().close()

    # -- account -----------------------------------------------------------------------------------------------

    async def _ask_account(self) -> Account:
        data = one_object((await self._ask("GET", "/open/user/info")).get("data")) or {}
        user_id = id_text(data.get("user_id"))
        if not user_id:
            raise LoginError(say("drive.tokens.whose"), hint=say("refusal.refresh_token_ended.hint"))
        return Account(user_id=user_id, space_left=_space_left(data))

    # -- upload ------------------------------------------------------------------------------------------------

    async def _ask_init(self, claim: FileClaim, signed: SignedRange | None) -> dict[str, Any]:
        form: dict[str, str | int] = {
            "file_name": claim.file_name,
            "file_size": claim.file_size,
            "target": TARGET_PREFIX + claim.target_dir_id,
            "fileid": claim.sha1.upper(),
            "preid": claim.preid,
        }
        if signed is not None:
            form |= {
                "pick_code": signed.pick_code,
                "sign_key": signed.sign_key,
                "sign_val": signed.sign_val.upper(),
            }
        # An empty file's size is sent, empty texts are not (protocol.md §3.1).
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
            if error.code in _NO_ENTRY:
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

    async def _page(self, folder_id: str, offset: int) -> Page:
        params: dict[str, str | int] = {
            "cid": folder_id,
            "limit": PAGE,
            "offset": offset,
            "o": "user_ptime",
            "asc": 0,
            "show_dir": 1,
            "cur": 1,
        }
        reply = await self._ask("GET", "/open/ufile/files", params=params)
        check_echo(reply.get("cid"), folder_id)
        entries = [entry for entry in reply.get("data") or [] if isinstance(entry, dict)]
        folders = [entry for entry in entries if str(entry.get("fc")) == "0"]
        return Page(
            files=[_remote_file(entry) for entry in entries if str(entry.get("fc")) == "1"],
            folders={str(entry.get("fn")): str(entry.get("fid")) for entry in folders},
            entries=len(entries),
            total=as_int(reply.get("count")) or 0,
        )

    # -- what is on the wire ------------------------------------------------------------------------------------

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        form: Mapping[str, str | int] | None = None,
    ) -> dict[str, Any]:
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
    ) -> dict[str, Any]:
        headers = RedactedDict({"Authorization": f"Bearer {token.reveal()}", "User-Agent": _USER_AGENT})
        return await self._api.once(method, self._at.pro + path, params=params, form=form, headers=headers)


def _data(reply: Mapping[str, Any]) -> dict[str, Any]:
    data = one_object(reply.get("data"))
    if data is None:
        raise DriveProtocolError(say("drive.no_data"), hint=say("drive.try_again"))
    return data


def _space_left(data: Mapping[str, Any]) -> int | None:
    space = data.get("rt_space_info")
    remain = space.get("all_remain") if isinstance(space, dict) else None
    size = remain.get("size") if isinstance(remain, dict) else None
    # Large numbers come as floats in some answers.
    return int(size) if isinstance(size, float) else as_int(size)


def _remote_file(entry: dict[str, Any]) -> RemoteFile:
    return RemoteFile(
        file_id=str(entry.get("fid")),
        name=str(entry.get("fn") or ""),
        size=as_int(entry.get("fs")) or 0,
        sha1=str(entry.get("sha1") or "").upper(),
        pick_code=str(entry.get("pc") or ""),
        parent_id=str(entry.get("pid") or ""),
    )
