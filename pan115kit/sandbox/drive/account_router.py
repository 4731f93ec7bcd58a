"""The cookie route's account: who am I, which limits, how much space (protocol.md §1.1, §2.1)."""

from __future__ import annotations

from starlette.responses import Response

from ..call import Call
from .replies import Endpoint, answer, cookie_error
from .service import DriveService

_VIP_UNTIL = 4102444800


class AccountRouter:
    """uploadinfo, upload_key, the account's page, the login check, space and versions."""

    def __init__(self, drive: DriveService) -> None:
        self._drive = drive

    def endpoints(self) -> list[Endpoint]:
        """What is served, for the router."""
        guard = self._drive.by_cookie
        return [
            ("GET POST", r"/app/uploadinfo", "uploadinfo", self._uploadinfo),
            ("GET POST", r"/files/uploadinfo", "uploadinfo", self._uploadinfo),
            ("GET POST", r"/(?:app|\w+)/2\.0/user/upload_key", "upload_key", guard(self._upload_key)),
            ("GET", r"/(?:index\.php)?", "user_status", self._status),
            ("GET", r"/app/1\.0/\w+/1\.0/check/sso/?", "check_sso", self._check_sso),
            ("GET", r"/files/index_info", "index_info", guard(self._index_info)),
            ("GET", r"/1/web/1\.0/api/chrome", "app_version", self._app_version),
        ]

    async def _uploadinfo(self, call: Call) -> Response:
        refusal = self._drive.accounts.check_cookie(call.headers.get("cookie", ""))
        if refusal is not None:
            return answer({"state": False, "error": refusal.message, "errno": refusal.code, "user_id": 0})
        limit = self._drive.settings.size_limit
        return answer(
            {
                "state": True,
                "error": "",
                "errno": 0,
                "user_id": self._drive.accounts.user_id,
                "userkey": self._drive.accounts.user_key,
                "app_id": 0,
                "app_version": 0,
                "isp_type": 0,
                "max_dir_level": 25,
                "max_dir_level_yun": 25,
                "max_file_num": self._drive.settings.folder_limit,
                "max_file_num_yun": self._drive.settings.folder_limit,
                "size_limit": limit,
                "size_limit_yun": limit,
                "type_limit": [],
                "upload_allowed": True,
                "upload_allowed_msg": "",
            }
        )

    async def _upload_key(self, call: Call) -> Response:
        data = {"userkey": self._drive.accounts.user_key}
        return answer({"state": True, "error": "", "errno": 0, "data": data})

    async def _status(self, call: Call) -> Response:
        refusal = self._drive.accounts.check_cookie(call.headers.get("cookie", ""))
        match call.query.get("ct"), call.query.get("ac"):
            case "guide", "status":
                return answer({"state": refusal is None})
            case "ajax", "nav":
                return self._user() if refusal is None else cookie_error(refusal)
            case "ajax", "get_storage_info":
                return self._storage() if refusal is None else cookie_error(refusal)
        return answer({"state": False, "error": "404 Not Found", "errno": 980006}, 404)

    def _storage(self) -> Response:
        used = self._drive.tree.used()
        return answer({"1": {"used": used, "total": used + self._drive.settings.space_left}})

    def _user(self) -> Response:
        """Who is logged in, in the types 115driver decodes."""
        flags = dict.fromkeys(("device", "rank", "liang", "mark", "mark1", "global", "forever"), 0)
        term = {"start": 0, "expire": _VIP_UNTIL, "state": True, "mark": 1}
        user: dict[str, object] = {
            "user_id": self._drive.accounts.user_id,
            "user_name": "sandbox",
            "face": "",
            "vip": 1,
            "expire": _VIP_UNTIL,
            "is_privilege": True,
            "privilege": term,
        }
        return answer({"state": True, "error": "", "errno": 0, "data": {**flags, **user}})

    async def _check_sso(self, call: Call) -> Response:
        """Here ``state`` 0 is the good one (protocol.md §1.1)."""
        if self._drive.accounts.check_cookie(call.headers.get("cookie", "")) is not None:
            words = {"message": "请重新登录", "error": "请重新登录"}
            return answer({"state": 1, "code": 40101032, "errno": 40101032, **words, "data": {}})
        data = {"user_id": self._drive.accounts.user_id, "expire": _VIP_UNTIL, "link": ""}
        return answer({"state": 0, "code": 0, "errno": 0, "message": "", "error": "", "data": data})

    async def _index_info(self, call: Call) -> Response:
        devices: dict[str, object] = {"last": {}, "list": []}
        data = {"space_info": self._drive.space(), "login_devices_info": devices, "imei_info": False}
        return answer({"state": True, "error": "", "errno": 0, "data": data})

    async def _app_version(self, call: Call) -> Response:
        versions = {
            os: {"version_code": "36.2.28", "created_time": 0, "version_url": ""} for os in ("win", "mac", "linux")
        }
        return answer({"state": 1, "code": 0, "error": "", "data": versions})
