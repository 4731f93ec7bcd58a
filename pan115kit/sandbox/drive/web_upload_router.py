"""uplb's endpoints: the encrypted initupload, STS keys, resume, form upload, and the callback's target.

protocol.md §2.2-§2.6, §5, §11.2.
"""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.responses import Response

from ...config import GIB
from ...drive.cipher import Channel, decode_k_ec, make_signature, make_token
from ..call import Call
from ..faults import FaultKind
from ..keys import BUCKET
from .accounts import utc
from .replies import Endpoint, Refusal, answer, cookie_error
from .service import DriveService
from .tree import Entry
from .uploads import InitRequest, InstantUpload, RangeCheck, UploadTicket

_FORM_LIFE = 3600


class WebUploadRouter:
    """uplb.115.com."""

    def __init__(self, drive: DriveService) -> None:
        self._drive = drive
        self._uploads = drive.uploads

    def endpoints(self) -> list[Endpoint]:
        """What is served, for the router."""
        guard = self._drive.by_cookie
        return [
            ("GET POST", r"/3\.0/getuploadinfo\.php", "getuploadinfo", self._getuploadinfo),
            ("GET POST", r"/3\.0/gettoken\.php", "gettoken", self._gettoken),
            ("POST", r"/4\.0/initupload\.php", "initupload", self._initupload),
            ("POST", r"/3\.0/resumeupload\.php", "resumeupload", self._resumeupload),
            ("POST", r"/3\.0/sampleinitupload\.php", "sampleinitupload", guard(self._sampleinitupload)),
            ("POST", r"/3\.0/completeupload\.php", "completeupload", self._completeupload),
            ("POST", r"/3\.0/samplecompleteupload\.php", "samplecompleteupload", self._completeupload),
        ]

    # -- keys

    async def _getuploadinfo(self, call: Call) -> Response:
        address = self._drive.address
        return answer({"endpoint": address, "gettokenurl": f"{address}/3.0/gettoken.php"})

    async def _gettoken(self, call: Call) -> Response:
        key = self._drive.accounts.new_sts()
        return answer(
            {
                "StatusCode": "200",
                "AccessKeyId": key.key_id,
                "AccessKeySecret": key.secret,
                "SecurityToken": key.token,
                "Expiration": utc(key.expires),
            }
        )

    # -- init

    async def _initupload(self, call: Call) -> Response:
        body = await call.body()
        # fake115uploader puts the base64 into the URL as it is, so its "+" comes in as a space; 115 reads both.
        k_ec = call.query.get("k_ec", "").replace(" ", "+")
        try:
            channel = self._drive.cipher.open_request(k_ec)
            form = dict(parse_qsl(channel.decrypt_request(body).decode("utf-8"), keep_blank_values=True))
        except ValueError:
            form = {}
        if "fileid" not in form:
            # Unencrypted, or for another key: to 115 an outdated client (protocol.md §2.3).
            call.note("not encrypted for this server")
            return answer(_upgrade())
        reply = self._init(call, form, decode_k_ec(k_ec)[1])
        return _encrypted(channel, {"request": "upload", "version": "4.0", "target": form.get("target", ""), **reply})

    def _init(self, call: Call, form: Mapping[str, str], k_ec_time: int) -> dict[str, object]:
        name = form.get("filename", "")
        call.note(name)
        refusal = self._bad_cookie(call)
        if call.fault is not None and call.fault.kind is FaultKind.STATE_FALSE:
            # 115's own words come encrypted, too.
            refusal = Refusal(call.fault["code"], call.fault["message"])
        if refusal is not None:
            return {
                "state": False,
                "errno": refusal.code,
                "error": refusal.message,
                **_no(refusal.code, refusal.message),
            }
        if _version(form.get("appversion", "")) < _version(self._drive.settings.min_app_version):
            call.note("appversion too low")
            return _upgrade()
        wrong = self._wrong_proof(form, k_ec_time)
        if wrong is not None:
            call.note(wrong[1])
            return _no(*wrong)
        request = InitRequest(
            name=name,
            size=form.get("filesize", "0"),
            sha1=form["fileid"],
            target=form.get("target", "U_1_0"),
            sign_key=form.get("sign_key", ""),
            sign_val=form.get("sign_val", ""),
            path=form.get("path", ""),
        )
        match self._uploads.init(request):
            case Refusal(code, message):
                call.note(message)
                return _no(code, message)
            case InstantUpload(entry):
                call.note("status 2: 秒传")
                return {**_yes(2, 0), "pickcode": entry.pick_code}
            case RangeCheck() as check:
                call.note(f"status {check.status}: SHA-1 of {check.range}?")
                return {
                    **_yes(check.status, check.code),
                    "sign_key": check.sign_key,
                    "sign_check": check.range,
                }
            case UploadTicket() as ticket:
                call.note("status 1")
                return {**_yes(1, 0), **self._place(ticket)}

    def _bad_cookie(self, call: Call) -> Refusal | None:
        """A cookie that is sent must live; none is fine: ``sig`` and ``userid`` say who it is, and p115oss, which
        works with the real 115, sends no cookie to initupload and resumeupload.
        """
        cookie = call.headers.get("cookie", "")
        return self._drive.accounts.check_cookie(cookie) if cookie else None

    def _wrong_proof(self, form: Mapping[str, str], k_ec_time: int) -> tuple[int, str] | None:
        """``sig`` proves the account, ``token`` the client; all of it must belong together (protocol.md §2.3)."""
        accounts = self._drive.accounts
        user_id = str(accounts.user_id)
        if form.get("userid") != user_id:
            return 402, "userid invalid"
        fileid, target = form["fileid"], form.get("target", "U_1_0")
        sig = make_signature(user_id, accounts.user_key, fileid, target)
        if not hmac.compare_digest(sig.encode(), form.get("sig", "").encode()):
            return 400, "sig invalid"
        size, t = form.get("filesize", "0"), form.get("t", "")
        if not (size.isascii() and size.isdigit() and t.isascii() and t.isdigit()):
            return 402, "filesize invalid"
        token = make_token(
            fileid,
            int(size),
            form.get("sign_key", ""),
            form.get("sign_val", ""),
            user_id,
            int(t),
            form.get("appversion", ""),
        )
        if not hmac.compare_digest(token.encode(), form.get("token", "").encode()):
            return 400, "token invalid"
        if int(t) & 0xFFFFFFFF != k_ec_time:
            return 400, "t invalid"
        return None

    def _place(self, ticket: UploadTicket) -> dict[str, object]:
        return {
            "pickcode": ticket.pick_code,
            "target": ticket.target,
            "bucket": ticket.bucket,
            "object": self._drive.object_name(ticket),
            "callback": self._uploads.callback(ticket),
        }

    # -- resume, form upload

    async def _resumeupload(self, call: Call) -> Response:
        form = await call.form()
        refusal = self._bad_cookie(call)
        if refusal is not None:
            return cookie_error(refusal)
        if form.get("userid") != str(self._drive.accounts.user_id):
            return answer({"request": "upload", "state": False, **_no(402, "userid invalid")})
        ticket = self._uploads.ticket(form.get("pickcode", ""))
        if ticket is None:
            return answer({"request": "upload", "state": False, **_no(402, "pickcode invalid")})
        call.note(ticket.name)
        return answer({"request": "upload", "version": "3.0", **_yes(1, 0), **self._place(ticket)})

    async def _sampleinitupload(self, call: Call) -> Response:
        form = await call.form()
        name, target = form.get("filename", ""), form.get("target", "U_1_0")
        if not name or "/" in name or not target.startswith("U_1_") or not target[4:].isdigit():
            return cookie_error(Refusal(990002, "参数错误。"))
        ticket = self._uploads.sample(name, int(target[4:]))
        call.note(name)
        expires = int(time.time()) + _FORM_LIFE
        conditions = [
            ["content-length-range", 0, 5 * GIB],
            {"bucket": BUCKET},
            ["eq", "$key", ticket.object],
        ]
        document = {"expiration": utc(expires).replace("Z", ".000Z"), "conditions": conditions}
        policy = base64.b64encode(json.dumps(document).encode()).decode()
        form_key = self._drive.accounts.form_key
        return answer(
            {
                "object": ticket.object,
                "accessid": form_key.key_id,
                "host": f"{self._drive.address}/{BUCKET}",
                "policy": policy,
                "signature": form_key.sign(policy),
                "expire": expires,
                "callback": base64.b64encode(self._uploads.sample_callback(ticket).encode()).decode(),
            }
        )

    # -- the end of an upload

    async def _completeupload(self, call: Call) -> Response:
        body = await call.body()
        if not self._drive.callback_key.matches(body, call.headers.get("authorization", "")):
            # Only OSS may say that an object is there.
            return answer({"state": False, "code": 990002, "message": "参数错误。"}, 403)
        form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        wanted = ("bucket", "object", "sha1", "size", "pick_code", "user_id")
        result = self._uploads.finish(*(form.get(k, "") for k in wanted))
        if isinstance(result, Refusal):
            call.note(f"{result.code} {result.message}")
            return answer({"state": False, "message": result.message, "code": result.code})
        call.note(f"{self._drive.tree.path(result.file_id)}")
        return answer({"state": True, "message": "", "code": 0, "data": _file_data(result)})


def _file_data(entry: Entry) -> dict[str, object]:
    return {
        "aid": 1,
        "cid": str(entry.parent_id),
        "file_id": str(entry.file_id),
        "file_name": entry.name,
        "file_ptime": int(entry.added),
        "file_size": entry.size,
        "file_status": 1,
        "is_video": 0,
        "pick_code": entry.pick_code,
        "sha1": entry.sha1,
        "sp": 1,
        "thumb_url": "",
    }


def _yes(status: int, code: int) -> dict[str, object]:
    empty = {"statusmsg": "", "pickcode": "", "fileid": 0, "fileinfo": "0", "sign_key": "", "sign_check": ""}
    return {"status": status, "statuscode": code, **empty}


def _no(code: int, message: str) -> dict[str, object]:
    return {**_yes(0, code), "statusmsg": message}


def _upgrade() -> dict[str, object]:
    return {"status": 4, "statuscode": 403, "statusmsg": "请升级到最新版本"}


def _encrypted(channel: Channel, data: Mapping[str, object]) -> Response:
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(channel.encrypt_reply(text), media_type="application/octet-stream")


def _version(text: str) -> tuple[int, ...]:
    parts = text.split(".")
    return tuple(int(p) for p in parts) if all(p.isascii() and p.isdigit() for p in parts) else ()
