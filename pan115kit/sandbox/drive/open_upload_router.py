"""The Open API route of uploads: init, keys, resume (protocol.md §3)."""

from __future__ import annotations

from starlette.responses import Response

from ..call import Call
from .accounts import utc
from .replies import Endpoint, Refusal, open_error, open_ok
from .service import DriveService
from .uploads import InitRequest, InstantUpload, RangeCheck


class OpenUploadRouter:
    """proapi's ``/open/upload/…``."""

    def __init__(self, drive: DriveService) -> None:
        self._drive = drive

    def endpoints(self) -> list[Endpoint]:
        """What is served, for the router."""
        guard = self._drive.by_token
        return [
            ("POST", r"/open/upload/init", "open_init", guard(self._init)),
            ("GET", r"/open/upload/get_token", "open_get_token", guard(self._get_token)),
            ("POST", r"/open/upload/resume", "open_resume", guard(self._resume)),
        ]

    async def _init(self, call: Call) -> Response:
        form = await call.form()
        request = InitRequest(
            name=form.get("file_name", ""),
            size=form.get("file_size", ""),
            sha1=form.get("fileid", ""),
            target=form.get("target", ""),
            sign_key=form.get("sign_key", ""),
            sign_val=form.get("sign_val", ""),
            path=form.get("path", ""),
            pick_code=form.get("pick_code", ""),
        )
        verdict = self._drive.uploads.init(request)
        call.note(request.name)
        empty: dict[str, object] = {
            "pick_code": "",
            "status": 0,
            "sign_key": "",
            "sign_check": "",
            "file_id": "",
            "target": request.target,
            "bucket": "",
            "object": "",
            "callback": [],
        }
        match verdict:
            case Refusal(code, message):
                call.note(message)
                # The Open API names a parameter error 990002; only cookie answers use 402 (protocol.md §2.3, §7).
                return open_error(Refusal(990002 if code == 402 else code, message))
            case InstantUpload(entry):
                call.note("status 2: 秒传")
                return open_ok({**empty, "status": 2, "pick_code": entry.pick_code, "file_id": str(entry.file_id)})
            case RangeCheck():
                call.note(f"status {verdict.status}: SHA-1 of {verdict.range}?")
                check = {"status": verdict.status, "code": verdict.code, "sign_key": verdict.sign_key}
                return open_ok({**empty, **check, "sign_check": verdict.range})
            case ticket:
                call.note("status 1")
                place = {"bucket": ticket.bucket, "object": self._drive.object_name(ticket)}
                more = {"status": 1, "pick_code": ticket.pick_code, "target": ticket.target}
                return open_ok(
                    {**empty, **more, **place, "callback": self._drive.uploads.callback(ticket), "version": "4.0"}
                )

    async def _get_token(self, call: Call) -> Response:
        key = self._drive.accounts.new_sts()
        return open_ok(
            {
                "endpoint": self._drive.address,
                "AccessKeyId": key.key_id,
                "AccessKeySecret": key.secret,
                "SecurityToken": key.token,
                "Expiration": utc(key.expires),
            }
        )

    async def _resume(self, call: Call) -> Response:
        ticket = self._drive.uploads.ticket((await call.form()).get("pick_code", ""))
        if ticket is None:
            return open_error(Refusal(50003, "很抱歉，该文件提取码不存在。"))
        call.note(ticket.name)
        return open_ok(
            {
                "pick_code": ticket.pick_code,
                "target": ticket.target,
                "version": "4.0",
                "bucket": ticket.bucket,
                "object": self._drive.object_name(ticket),
                "callback": self._drive.uploads.callback(ticket),
            }
        )
