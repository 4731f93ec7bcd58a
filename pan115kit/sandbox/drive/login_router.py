"""QR logins by cookie and by device code, and the refresh of tokens (protocol.md §1.1, §1.2)."""

from __future__ import annotations

import asyncio
import io
import struct
import time
import zlib

import qrcode
from starlette.responses import Response

from ..call import Call
from .accounts import SLOTS, QrLogin, QrStatus, pkce_matches
from .replies import Endpoint, Refusal, answer
from .service import DriveService


class LoginRouter:
    """The endpoints of logging in."""

    def __init__(self, drive: DriveService) -> None:
        self._drive = drive
        self._accounts = drive.accounts

    def endpoints(self) -> list[Endpoint]:
        """What is served, for the router."""
        return [
            ("GET", r"/api/1\.0/\w+/1\.0/token/?", "qr_token", self._qr_token),
            ("GET", r"/api/1\.0/\w+/1\.0/qrcode/?", "qr_image", self._qr_image),
            ("GET", r"/get/status/?", "qr_status", self._qr_status),
            ("POST", r"/app/1\.0/(\w+)/1\.0/login/qrcode/?", "qr_login", self._qr_login),
            ("POST", r"/open/authDeviceCode", "auth_device_code", self._auth_device_code),
            ("POST", r"/open/deviceCodeToToken", "device_code_to_token", self._device_code_to_token),
            ("POST", r"/open/refreshToken", "refresh_token", self._refresh_token),
        ]

    async def _qr_token(self, call: Call) -> Response:
        return _auth_ok(_qr_data(self._accounts.new_qr()))

    async def _auth_device_code(self, call: Call) -> Response:
        form = await call.form()
        if not form.get("client_id", "").isdigit():
            return _auth_error(Refusal(40140100, "client_id 错误"))
        if form.get("code_challenge_method") not in ("sha256", "sha1", "md5"):
            return _auth_error(Refusal(40140103, "code_challenge_method 错误"))
        if not form.get("code_challenge"):
            return _auth_error(Refusal(40140102, "code_challenge 错误"))
        login = self._accounts.new_qr(form["code_challenge"], form["code_challenge_method"])
        return _auth_ok(_qr_data(login))

    async def _qr_image(self, call: Call) -> Response:
        login = self._accounts.qr(call.query.get("uid", ""))
        if login is None:
            return _auth_error(Refusal(40199002, "key invalid"))
        return Response(_png(_qr_text(login)), media_type="image/png")

    async def _qr_status(self, call: Call) -> Response:
        """A long poll: answers at once when something changed, else after a while."""
        login = self._accounts.qr(call.query.get("uid", ""), call.query.get("sign", ""))
        if login is None or login.status is QrStatus.EXPIRED:
            return _auth_error(Refusal(40199002, "key invalid"))
        before = login.status
        self._step(login)
        give_up = time.monotonic() + self._drive.settings.qr_long_poll
        while login.status is before and self._drive.settings.qr_polls is None and time.monotonic() < give_up:
            if call.client_gone():
                break
            await asyncio.sleep(0.05)
        call.note(f"status {int(login.status)}")
        words = {
            QrStatus.WAITING: "",
            QrStatus.SCANNED: "扫描成功，等待确认",
            QrStatus.CONFIRMED: "已确认登录",
            QrStatus.CANCELLED: "用户取消了登录",
            QrStatus.EXPIRED: "已过期",
        }
        data: dict[str, object] = {"msg": words[login.status], "status": int(login.status), "version": "1.0.0"}
        return _auth_ok(data)

    def _step(self, login: QrLogin) -> None:
        """Without a person at hand the code is scanned and confirmed by asking often enough."""
        login.polls += 1
        polls = self._drive.settings.qr_polls
        if polls is None or login.status not in (QrStatus.WAITING, QrStatus.SCANNED):
            return
        if login.polls >= polls:
            login.status = QrStatus.CONFIRMED
        elif login.polls * 2 >= polls:
            login.status = QrStatus.SCANNED

    async def _qr_login(self, call: Call) -> Response:
        form = await call.form()
        login = self._accounts.qr(form.get("account", ""))
        if login is None or login.challenge:
            return _auth_error(Refusal(40199002, "key invalid"))
        if login.status is not QrStatus.CONFIRMED:
            return _auth_error(Refusal(40101017, "用户验证失败！"))
        app = form.get("app") or call.path.split("/")[3]
        if app not in SLOTS:
            return _auth_error(Refusal(40101017, "用户验证失败！"))
        self._accounts.spend_qr(login)
        cookie = self._accounts.log_in(SLOTS[app])
        call.note(f"app {app}, slot {SLOTS[app]}")
        data = {
            "user_id": self._accounts.user_id,
            "user_name": "sandbox",
            "email": "",
            "mobile": "",
            "country": "",
            "is_vip": 1,
            "is_trusted": "",
            "is_chang_passwd": 0,
            "mark": 0,
            "alert": "",
            "from": "",
            "bind_mobile": 1,
            "face": {"face_l": "", "face_m": "", "face_s": ""},
            "cookie": cookie,
        }
        return _auth_ok(data)

    async def _device_code_to_token(self, call: Call) -> Response:
        form = await call.form()
        verifier = form.get("code_verifier", "")
        login = self._accounts.qr(form.get("uid", ""))
        if login is None or not login.challenge:
            return _auth_error(Refusal(40140111, "uid 错误"))
        if not 43 <= len(verifier) <= 128:
            return _auth_error(Refusal(40140112, "code_verifier 长度错误（43~128位）"))
        if not pkce_matches(verifier, login.challenge, login.method):
            return _auth_error(Refusal(40140113, "code_verifier 验证失败"))
        if login.status is not QrStatus.CONFIRMED:
            return _auth_error(Refusal(40101017, "用户验证失败！"))
        self._accounts.spend_qr(login)
        pair = self._accounts.new_tokens()
        return _auth_ok(
            {
                "access_token": pair.access_token,
                "refresh_token": pair.refresh_token,
                "expires_in": pair.expires_in,
            }
        )

    async def _refresh_token(self, call: Call) -> Response:
        pair = self._accounts.refresh((await call.form()).get("refresh_token", ""))
        if isinstance(pair, Refusal):
            call.note(str(pair.code))
            return _auth_error(pair)
        return _auth_ok(
            {
                "access_token": pair.access_token,
                "refresh_token": pair.refresh_token,
                "expires_in": pair.expires_in,
            }
        )


def _auth_ok(data: dict[str, object]) -> Response:
    return answer({"state": 1, "code": 0, "message": "", "data": data, "error": "", "errno": 0})


def _auth_error(refusal: Refusal) -> Response:
    fields = {"code": refusal.code, "message": refusal.message, "error": refusal.message, "errno": refusal.code}
    return answer({"state": 0, **fields, "data": {}})


def _qr_text(login: QrLogin) -> str:
    return f"https://115.com/scan/dg-{login.uid}"


def _qr_data(login: QrLogin) -> dict[str, object]:
    return {"uid": login.uid, "time": int(login.made), "sign": login.sign, "qrcode": _qr_text(login)}


def _png(text: str) -> bytes:
    """A black-and-white PNG of a QR code, without an imaging library."""
    code = qrcode.QRCode(box_size=1, border=4)
    code.add_data(text)
    scale = 8
    rows = [bytes(0 if dark else 255 for dark in row for _ in range(scale)) for row in code.get_matrix()]
    lines = b"".join((b"\x00" + row) * scale for row in rows)
    side = len(rows) * scale
    out = io.BytesIO(b"\x89PNG\r\n\x1a\n")
    out.seek(0, io.SEEK_END)
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b"")):
        out.write(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)))
    return out.getvalue()
