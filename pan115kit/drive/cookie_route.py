"""The cookie route: encrypted initupload, gettoken, resumeupload, webapi folders (protocol.md §2, §6.1)."""

from __future__ import annotations

import asyncio
import re
from typing import Any
from urllib.parse import urlencode

from .._base.drive_codes import as_int
from ..config import Endpoints, UploadConfig
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
from .data import Account, FileClaim, Instant, NeedsUpload, RemoteFile, SecondCheck, SignedRange
from .error_codes import error_for, read_object
from .http_client import ApiClient
from .interface import PAGE, TARGET_PREFIX, Drive, Page, check_echo, check_size
from .responses import id_text, read_ticket, read_token
from .secret import RedactedDict


class CookieDrive(Drive):
    """115 with the cookie of a login.

    Args:
        credentials: Their cookie opens the account.
        endpoints: Where 115 is; 115 itself if None.
        config: Rate, retries, timeouts, app version.
        server_public_key: Whom initupload is encrypted for, X‖Y (56 bytes); from the environment if None.
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

    async def _page(self, folder_id: str, offset: int) -> Page:
        reply = await self._get(
            f"{self._at.web}/files",
            aid=1,
            cid=folder_id,
            o="user_ptime",
            asc=0,
            offset=offset,
            limit=PAGE,
            show_dir=1,
            snap=0,
            natsort=1,
            record_open_time=1,
            format="json",
        )
        check_echo(reply.get("cid"), folder_id)
        entries = [entry for entry in reply.get("data") or [] if isinstance(entry, dict)]
        return Page(
            files=[_remote_file(entry) for entry in entries if entry.get("fid")],
            folders={str(entry.get("n")): str(entry.get("cid")) for entry in entries if not entry.get("fid")},
            entries=len(entries),
            total=as_int(reply.get("count")) or 0,
        )

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


def newest_version(reply: dict[str, Any]) -> str:
    """``data.win.version_code`` of appversion.115.com, or ``""``."""
    data = reply.get("data")
    windows = data.get("win") if isinstance(data, dict) else None
    version = windows.get("version_code") if isinstance(windows, dict) else None
    return version if isinstance(version, str) and re.fullmatch(r"[\d.]{1,32}", version) else ""


def _remote_file(entry: dict[str, Any]) -> RemoteFile:
    return RemoteFile(
        file_id=str(entry.get("fid")),
        name=str(entry.get("n") or ""),
        size=as_int(entry.get("s")) or 0,
        sha1=str(entry.get("sha") or "").upper(),
        pick_code=str(entry.get("pc") or ""),
        parent_id=str(entry.get("cid") or ""),
    )
