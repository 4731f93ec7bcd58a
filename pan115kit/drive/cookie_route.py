"""The cookie route: encrypted initupload, gettoken, resumeupload, webapi folders (protocol.md §2, §6.1)."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any
from urllib.parse import urlencode

from .._base.drive_codes import Code, as_int
from ..config import Endpoints, UploadConfig
from ..config import download_modulus as download_modulus_from_environment
from ..config import server_public_key as server_public_key_from_environment
from ..errors import (
    ClientOutdatedError,
    DriveError,
    DriveProtocolError,
    LoginError,
    Pan115Error,
    TargetError,
)
from ..i18n import say
from ..models import OssToken, UploadTicket
from .auth.cookie import parse_cookie
from .auth.credentials import Credentials, Route
from .cipher import ClientCipher, make_signature, make_token
from .data import (
    Account,
    DownloadLink,
    Entry,
    FileClaim,
    Instant,
    NeedsUpload,
    SecondCheck,
    SignedRange,
    Space,
    SubtreeCounts,
)
from .download import make_link
from .download_cipher import DownloadCipher
from .error_codes import error_for, read_object, reply_code, reply_message
from .http_client import ApiClient
from .interface import TARGET_PREFIX, Drive, check_size
from .responses import id_text, link_address, one_object, read_space, read_ticket, read_token, whole_number
from .rows import BY_TIME, Page, cookie_row, read_page, read_search_page
from .secret import RedactedDict

#: Files up to this size (bytes) get their link in plain JSON; 115's limit is 200 MB, it does not say which MB.
PLAIN_LINK_LIMIT = 200 << 20
BY_NAME = "file_name"
#: The host that lists by name begins again at its first entry from here on (protocol-drive.md D1.1).
NAME_ORDER_WINDOW = 1200


class CookieDrive(Drive):
    """115 with the cookie of a login.

    Args:
        credentials: Their cookie opens the account.
        endpoints: Where 115 is; 115 itself if None.
        config: Rate, retries, timeouts, app version.
        server_public_key: Whom initupload is encrypted for, X‖Y (56 bytes); from the environment if None.
        download_modulus: Of the RSA key that links of large files are encrypted for; from the environment if None.
        api: The HTTP client, for tests.

    Raises:
        CredentialsError: The cookie is not of the right shape.
    """

    route = Route.COOKIE

    def __init__(
        self,
        credentials: Credentials,
        *,
        endpoints: Endpoints | None = None,
        config: UploadConfig | None = None,
        server_public_key: bytes | None = None,
        download_modulus: int | None = None,
        api: ApiClient | None = None,
    ) -> None:
        values = parse_cookie(credentials.cookie)
        config = config or UploadConfig()
        api = api or ApiClient(config, route=self.route)
        # a UID of digits only is the user id, which is no secret and stands in many texts
        api.hide(*(value for value in values.values() if not value.isdigit()))
        super().__init__(api, endpoints=endpoints or Endpoints.from_environment(), config=config)
        self._cookie = "; ".join(f"{name}={value}" for name, value in values.items())
        self._cipher = ClientCipher(server_public_key or server_public_key_from_environment())
        self._download_modulus = download_modulus or download_modulus_from_environment()
        self._app_version = config.app_version
        self._asked_for_version = False
        self._version_lock = asyncio.Lock()
        self._user_key = ""
        self._oss_endpoint = ""

    async def init_once(self, claim: FileClaim, signed: SignedRange | None) -> Instant | NeedsUpload | SecondCheck:
        check_size(claim, (await self.account()).size_limit)
        used = self._app_version
        try:
            return await super().init_once(claim, signed)
        except ClientOutdatedError as error:
            if not await self._adopt_newest_version(used):
                if self._at != Endpoints():  # what cannot be decrypted looks like an old client to the server
                    error.hint = say("drive.outdated_sandbox", hint=error.hint)
                raise
        return await super().init_once(claim, signed)

    async def resume(self, pick_code: str, claim: FileClaim) -> UploadTicket | None:
        await self.account()  # here, so that its tries do not multiply with those of the resume call
        return await super().resume(pick_code, claim)

    async def oss_token(self) -> OssToken:
        return await self._api.retrying(self._oss_token)

    # -- account -----------------------------------------------------------------------------------------------

    async def _ask_account(self) -> Account:
        reply = await self._get(f"{self._at.pro}/app/uploadinfo")
        user_id, user_key = id_text(reply.get("user_id")), reply.get("userkey")
        if not user_id or not isinstance(user_key, str) or not user_key:
            raise LoginError(say("drive.cookie.unknown"), hint=say("refusal.login_ended.hint"))
        self._api.hide(user_key)
        self._user_key = user_key
        return Account(user_id=user_id, size_limit=as_int(reply.get("size_limit")) or None)

    # -- upload ------------------------------------------------------------------------------------------------

    async def _ask_init(self, claim: FileClaim, signed: SignedRange | None) -> dict[str, Any]:
        user_id = (await self.account()).user_id
        t = int(self._api.server_time())
        form = self._init_form(user_id, claim, signed, t)
        body = await self._api.send(
            "POST",
            f"{self._at.upload}/4.0/initupload.php",
            params={"k_ec": self._cipher.k_ec(t)},
            content=self._cipher.encrypt(urlencode(form).encode()),
            headers=self._headers("application/x-www-form-urlencoded"),
        )
        return self._open_reply(body)

    def _init_form(self, user_id: str, claim: FileClaim, signed: SignedRange | None, t: int) -> dict[str, str | int]:
        """The form of protocol.md §2.3; ``t`` is in seconds and the same in form, token and ``k_ec``."""
        sha1, target = claim.sha1.upper(), TARGET_PREFIX + claim.target_dir_id
        key, value = (signed.sign_key, signed.sign_val) if signed else ("", "")
        version = self._app_version
        form: dict[str, str | int] = {
            "appid": 0,
            "appversion": version,
            "userid": user_id,
            "filename": claim.file_name,
            "filesize": claim.file_size,
            "fileid": sha1,
            "target": target,
            "sig": make_signature(user_id, self._user_key, sha1, target),
            "t": t,
            "token": make_token(sha1, claim.file_size, key, value, user_id, t, version),
            "topupload": "true",
        }
        return form | ({"sign_key": key, "sign_val": value} if signed else {})

    def _open_reply(self, body: bytes) -> dict[str, Any]:
        """Decrypt an answer; refusals of a gateway come as plain JSON."""
        if body.lstrip().startswith(b"{"):
            try:
                return read_object(body)
            except DriveProtocolError:
                pass  # one in 256 encrypted answers begins with this byte
        return read_object(self._cipher.decrypt(body))

    async def _adopt_newest_version(self, used: str) -> bool:
        """After "please upgrade": ask once which version is current (protocol.md §2.3); True where it is another."""
        async with self._version_lock:
            if self._app_version != used or self._asked_for_version:
                return self._app_version != used
            self._asked_for_version = True
            url = f"{self._at.app_version}/1/web/1.0/api/chrome"
            try:
                reply = await self._api.once("GET", url, headers={"User-Agent": self._user_agent})
            except Pan115Error:
                return False  # the caller still has the better error: please upgrade
            self._app_version = newest_version(reply) or used
            return self._app_version != used

    async def _oss_token(self) -> OssToken:
        if not self._oss_endpoint:
            info = await self._get(f"{self._at.upload}/3.0/getuploadinfo.php")
            self._oss_endpoint = str(info.get("endpoint") or "")
        reply = await self._get(f"{self._at.upload}/3.0/gettoken.php")
        if str(reply.get("StatusCode")) != "200":
            raise error_for(reply.get("ErrorCode"), str(reply.get("ErrorMessage") or ""))
        return read_token(reply, self._oss_endpoint)

    async def _resume(self, pick_code: str, claim: FileClaim) -> UploadTicket | None:
        form: dict[str, str | int] = {
            "pickcode": pick_code,
            "userid": (await self.account()).user_id,
            "target": TARGET_PREFIX + claim.target_dir_id,
            "fileid": claim.sha1.upper(),
            "filesize": claim.file_size,
        }
        url = f"{self._at.upload}/3.0/resumeupload.php"
        reply = await self._api.once("POST", url, form=form, headers=self._headers())
        return read_ticket(reply, pick_code=pick_code) if reply.get("object") else None

    # -- folders -----------------------------------------------------------------------------------------------

    async def _folder_id(self, path: str) -> str | None:
        try:
            reply = await self._get(f"{self._at.web}/files/getid", path=path.removeprefix("/"))
        except TargetError:
            return None
        # 0 is the root, and also what 115 says for a path it does not find (protocol.md §6.1).
        return id_text(reply.get("id")) or None

    async def _make_at_once(self, path: str) -> str | None:
        form: dict[str, str | int] = {"path": path.removeprefix("/"), "parent_id": 0}
        url = f"{self._at.pro}/app/chrome/add_path"
        try:
            reply = await self._api.once("POST", url, form=form, headers=self._headers())
        except TargetError:
            return None
        except DriveError as error:
            if error.code != 404 and (error.retryable or type(error) is not DriveError):
                raise
            return None  # not offered to this client, be it by a page: level by level then
        return id_text(reply.get("cid")) or None

    async def _add_folder(self, parent_id: str, name: str) -> str:
        form = {"pid": parent_id, "cname": name}
        reply = await self._api.once("POST", f"{self._at.web}/files/add", form=form, headers=self._headers())
        folder_id = id_text(reply.get("cid")) or id_text(reply.get("file_id"))
        if not folder_id:
            raise DriveProtocolError(say("drive.folder_without_id"), hint=say("drive.try_again"))
        return folder_id

    async def _page(self, folder_id: str, offset: int, limit: int, *, below: bool = False) -> Page:
        params: dict[str, str | int] = {
            "aid": 1,
            "cid": folder_id,
            "o": BY_TIME,
            "asc": 0,
            "custom_order": 2,  # ours instead of the one the folder remembers, folders not forced to the top
            "offset": offset,
            "limit": limit,
            # without folders and without "this folder only", 115 lists the files of the whole subtree
            "show_dir": 0 if below else 1,
            "cur": 0 if below else 1,
            "snap": 0,
            "natsort": 0,  # with 1 small folders may come as counts without rows
            "record_open_time": 1,
            "format": "json",
        }
        reply = await self._get_unchecked(f"{self._at.web}/files", params)
        if _order_is_refused(reply):
            params |= {"o": str(reply.get("order") or BY_NAME), "asc": as_int(reply.get("is_asc")) or 0}
            # by name webapi may not list at all; the other host does, but only so many (protocol-drive.md D1.1)
            others = params["o"] == BY_NAME and offset + limit <= NAME_ORDER_WINDOW
            host = f"{self._at.aps}/natsort/files.php" if others else f"{self._at.web}/files"
            reply = await self._get_unchecked(host, params)
        self._api.check(reply)
        return read_page(reply, folder_id, offset, cookie_row)

    async def _ask_info(self, file_id: str) -> Entry | None:
        reply = await self._get(f"{self._at.web}/files/get_info", file_id=file_id)
        row = one_object(reply.get("data"))
        return None if row is None else cookie_row(row)

    async def _ask_counts(self, folder_id: str) -> SubtreeCounts:
        body = await self._api.send(
            "GET", f"{self._at.web}/category/get", params={"aid": 1, "cid": folder_id}, headers=self._headers()
        )
        if body.strip() in (b"", b"[]"):  # how this call says that there is none
            raise TargetError(say("drive.folder_gone"), hint=say("refusal.no_folder.hint"))
        reply = read_object(body)
        self._api.check(reply)
        return SubtreeCounts(
            as_int(reply.get("count")) or 0, as_int(reply.get("folder_count")) or 0, whole_number(reply.get("size"))
        )

    async def _ask_search(self, text: str, folder_id: str, offset: int, limit: int) -> Page:
        reply = await self._get(
            f"{self._at.web}/files/search",
            aid=1,
            cid=folder_id,
            search_value=text,
            offset=offset,
            limit=limit,
            show_dir=1,
            format="json",
        )
        return read_search_page(reply, offset, cookie_row)

    async def _ask_space(self) -> Space:
        reply = await self._get(f"{self._at.web}/files/index_info", count_space_nums=1)
        return read_space((one_object(reply.get("data")) or {}).get("space_info"))

    # -- changes -----------------------------------------------------------------------------------------------

    async def _ask_delete(self, file_ids: list[str]) -> None:
        await self._post(f"{self._at.web}/rb/delete", {**_numbered(file_ids), "ignore_warn": 1})

    async def _ask_move(self, file_ids: list[str], target_id: str) -> None:
        await self._post(f"{self._at.web}/files/move", {"pid": target_id, **_numbered(file_ids)})

    async def _ask_copy(self, file_ids: list[str], target_id: str) -> None:
        await self._post(f"{self._at.web}/files/copy", {"pid": target_id, **_numbered(file_ids)})

    async def _ask_rename(self, file_id: str, name: str) -> str:
        # one of the fields would do by most sources; without all three some are refused (protocol-drive.md D4.1)
        form: dict[str, str | int] = {"fid": file_id, "file_name": name, f"files_new_name[{file_id}]": name}
        reply = await self._post(f"{self._at.web}/files/batch_rename", form)
        names = reply.get("data")
        return str(names.get(file_id) or "") if isinstance(names, dict) else ""

    # -- download ----------------------------------------------------------------------------------------------

    async def _ask_link(self, entry: Entry) -> DownloadLink:
        pick_code = entry.pick_code
        if not pick_code:
            found = await self._ask_info(entry.file_id)
            pick_code = found.pick_code if found else ""
        try:
            if entry.size <= PLAIN_LINK_LIMIT:
                try:
                    return await self._plain_link(pick_code)
                except DriveError as error:
                    if error.code != Code.TOO_LARGE_FOR_WEB:
                        raise
            return await self._encrypted_link(pick_code)
        except DriveError as error:
            if error.code == Code.CENSORED and not error.server_message:
                error.retryable = True  # without words it is passing (protocol-drive.md D3.1)
            raise

    async def _plain_link(self, pick_code: str) -> DownloadLink:
        headers = self._headers()
        url = f"{self._at.web}/files/download"
        response = await self._api.exchange("GET", url, params={"pickcode": pick_code}, headers=headers)
        reply = read_object(response.content)
        self._api.check(reply)
        data = one_object(reply.get("data")) or {}
        return make_link(reply.get("file_url") or data.get("file_url"), self._user_agent, response.headers)

    async def _encrypted_link(self, pick_code: str) -> DownloadLink:
        cipher = DownloadCipher(self._download_modulus)
        response = await self._api.exchange(
            "POST",
            f"{self._at.pro}/app/chrome/downurl",
            params={"t": int(self._api.server_time())},
            form={"data": cipher.encrypt(json.dumps({"pickcode": pick_code}).encode())},
            headers=self._headers(),
        )
        reply = read_object(response.content)
        self._api.check(reply)
        data = reply.get("data")
        files = read_object(cipher.decrypt(data)) if isinstance(data, str) else {}
        return make_link(link_address(files), self._user_agent, response.headers)

    # -- what is on the wire ------------------------------------------------------------------------------------

    @property
    def _user_agent(self) -> str:
        return f"Mozilla/5.0 115Browser/{self._app_version}"

    def _headers(self, content_type: str = "") -> dict[str, str]:
        headers = RedactedDict({"Cookie": self._cookie, "User-Agent": self._user_agent})
        if content_type:
            headers["Content-Type"] = content_type
        return headers

    async def _get(self, url: str, **params: str | int) -> dict[str, Any]:
        return await self._api.once("GET", url, params=params, headers=self._headers())

    async def _get_unchecked(self, url: str, params: dict[str, str | int]) -> dict[str, Any]:
        return await self._api.once("GET", url, params=params, headers=self._headers(), check=False)

    async def _post(self, url: str, form: dict[str, str | int]) -> dict[str, Any]:
        return await self._api.once("POST", url, form=form, headers=self._headers())


def newest_version(reply: dict[str, Any]) -> str:
    """``data.win.version_code`` of appversion.115.com, or ``""``."""
    data = reply.get("data")
    windows = data.get("win") if isinstance(data, dict) else None
    version = windows.get("version_code") if isinstance(windows, dict) else None
    return version if isinstance(version, str) and re.fullmatch(r"[\d.]{1,32}", version) else ""


def _order_is_refused(reply: dict[str, Any]) -> bool:
    """Whether the folder cannot be listed in the order asked for; the same code is also said under load."""
    code = reply_code(reply)
    return as_int(code) == Code.ORDER_REFUSED and type(error_for(code, reply_message(reply))) is DriveError


def _numbered(file_ids: list[str]) -> dict[str, str | int]:
    return {f"fid[{index}]": file_id for index, file_id in enumerate(file_ids)}
