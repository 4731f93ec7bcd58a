"""Who is asking: cookies, access and refresh tokens, STS keys, and QR logins in progress (protocol.md §1, §2.2)."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from http.cookies import CookieError, SimpleCookie

from ..database import Database
from ..keys import FormKey, StsKey
from ..settings import Settings
from .replies import Refusal

REFRESH_LIFE = 365 * 86400
QR_LIFE = 300
#: Device slot in the UID by login app; one login lives in each (protocol.md §1.1).
SLOTS = {
    "web": "A1",
    "ios": "D1",
    "android": "F1",
    "tv": "I1",
    "qandroid": "M1",
    "os_windows": "P1",
    "os_mac": "P2",
    "os_linux": "P3",
    "windows": "P1",
    "mac": "P2",
    "linux": "P3",
    "wechatmini": "R1",
    "alipaymini": "R2",
    "harmony": "S1",
}
_OWN_SLOT = "R2"


class QrStatus(IntEnum):
    """What the status poll says (protocol.md §1.1)."""

    CANCELLED = -2
    EXPIRED = -1
    WAITING = 0
    SCANNED = 1
    CONFIRMED = 2


@dataclass(slots=True)
class QrLogin:
    """A QR code that somebody may scan.

    Attributes:
        challenge: PKCE challenge and method of a device-code login; empty for a cookie login.
        polls: How often its status was asked.
    """

    uid: str
    sign: str
    made: float
    status: QrStatus = QrStatus.WAITING
    challenge: str = ""
    method: str = ""
    polls: int = 0


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What device-code login and refresh hand out."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int = 7200


class Accounts:
    """One account with all its credentials; they survive with the data directory."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._qr: dict[str, QrLogin] = {}
        self.user_id = int(database.once("user_id", lambda: str(100_000_000 + secrets.randbelow(900_000_000))))
        self.user_key = database.once("user_key", lambda: secrets.token_hex(20))
        self.form_key = FormKey(
            database.once("form_key_id", lambda: "LTAI" + secrets.token_hex(10)),
            database.once("form_key_secret", lambda: secrets.token_urlsafe(24)),
        )
        if database.row("SELECT 1 FROM login WHERE slot=?", _OWN_SLOT) is None:
            self.log_in(_OWN_SLOT)
        if database.get("refresh_token") is None:
            self.new_tokens(remember=True)
        self._renew_outlived()

    # -- cookies

    @property
    def cookie(self) -> str:
        """A cookie that is logged in."""
        return self._cookie_of(_OWN_SLOT)

    def _cookie_of(self, slot: str) -> str:
        row = self._database.row("SELECT * FROM login WHERE slot=?", slot)
        assert row is not None
        return f"UID={row['uid']}; CID={row['cid']}; SEID={row['seid']}; KID={row['kid']}"

    def log_in(self, slot: str) -> dict[str, str]:
        """A new login in a device slot; the one that was there is kicked (protocol.md §1.1)."""
        uid = f"{self.user_id}_{slot}_{int(time.time())}"
        cid, seid, kid = secrets.token_hex(16), secrets.token_hex(60), secrets.token_hex(16)
        self._database.run("INSERT OR REPLACE INTO login VALUES(?,?,?,?,?)", slot, uid, cid, seid, kid)
        return {"UID": uid, "CID": cid, "SEID": seid, "KID": kid}

    def log_out(self) -> None:
        """Kick the cookie this sandbox handed out."""
        self.log_in(_OWN_SLOT)

    def check_cookie(self, header: str) -> Refusal | None:
        """None if the Cookie header is a valid login; KID may be missing, as in old cookies."""
        try:
            jar = {k.upper(): m.value for k, m in SimpleCookie(header).items()}
        except CookieError:
            jar = {}
        if not {"UID", "CID", "SEID"} <= jar.keys():
            return Refusal(99, "请重新登录")
        row = self._database.row("SELECT * FROM login WHERE cid=? AND seid=?", jar["CID"], jar["SEID"])
        if row is None or row["uid"] != jar["UID"] or jar.get("KID", row["kid"]) != row["kid"]:
            return Refusal(990001, "登录超时，请重新登录。")
        return None

    # -- access and refresh tokens

    @property
    def tokens(self) -> TokenPair:
        """The pair that this sandbox handed out last."""
        access, refresh = self._database.get("access_token"), self._database.get("refresh_token")
        assert access is not None
        assert refresh is not None
        return TokenPair(access, refresh)

    def new_tokens(self, *, remember: bool = False) -> TokenPair:
        """A new pair."""
        life = self._settings.access_token_life
        access, refresh = self._new_token("access", life), self._new_token("refresh", REFRESH_LIFE)
        if remember:
            self._database.put("access_token", access)
            self._database.put("refresh_token", refresh)
        return TokenPair(access, refresh, int(life))

    def _renew_outlived(self) -> None:
        """Yesterday's data directory starts with a fresh access token; one expired on purpose stays so."""
        row = self._database.row("SELECT * FROM token WHERE value=?", self.tokens.access_token)
        if row is not None and row["state"] == "good" and 0 < row["expires"] <= time.time():
            self._database.put("access_token", self._new_token("access", self._settings.access_token_life))

    def _new_token(self, kind: str, life: float) -> str:
        value = f"{secrets.token_hex(4)}.{secrets.token_hex(32)}.{secrets.token_hex(32)}"
        self._database.run("INSERT INTO token VALUES(?,?,?,?)", value, kind, time.time() + life, "good")
        return value

    def check_bearer(self, header: str) -> Refusal | None:
        """None if the Authorization header carries a valid access token (codes: protocol.md §1.3)."""
        scheme, _, value = header.partition(" ")
        if scheme.lower() != "bearer" or value.count(".") != 2:
            return Refusal(40140123, "access_token 格式错误（防篡改）")
        row = self._database.row("SELECT * FROM token WHERE value=? AND kind='access'", value.strip())
        if row is None:
            return Refusal(40140126, "access_token 校验失败（防篡改）")
        if row["state"] != "good" or time.time() >= row["expires"]:
            return Refusal(40140125, "access_token 已过期或者已解除授权")
        return None

    def refresh(self, value: str) -> TokenPair | Refusal:
        """A new pair for a refresh token, which is spent by it (protocol.md §1.2)."""
        if value.count(".") != 2:
            return Refusal(40140114, "refresh_token 格式错误（防篡改）")
        row = self._database.row("SELECT * FROM token WHERE value=? AND kind='refresh'", value)
        if row is None:
            return Refusal(40140120, "refresh_token 校验失败（防篡改）")
        if row["state"] != "good":
            return Refusal(40140116, "refresh_token 无效（已解除授权）")
        if time.time() >= row["expires"]:
            return Refusal(40140119, "refresh_token 已过期")
        self._database.run("UPDATE token SET state='spent' WHERE value=?", value)
        return self.new_tokens(remember=True)

    def expire_access_tokens(self) -> None:
        """All access tokens have run out now."""
        self._database.run("UPDATE token SET expires=0 WHERE kind='access'")

    def revoke(self) -> None:
        """The user has withdrawn the authorisation: no token of any kind works."""
        self._database.run("UPDATE token SET state='revoked'")

    # -- STS keys

    def new_sts(self) -> StsKey:
        """Temporary OSS keys."""
        key = StsKey(
            "STS." + secrets.token_urlsafe(18).replace("-", "N").replace("_", "S"),
            base64.b64encode(secrets.token_bytes(33)).decode(),
            base64.b64encode(secrets.token_bytes(384)).decode(),
            time.time() + self._settings.sts_life,
        )
        self._database.run("INSERT INTO sts VALUES(?,?,?,?)", key.key_id, key.secret, key.token, key.expires)
        return key

    def find_sts(self, key_id: str) -> StsKey | None:
        """Keys handed out earlier, expired ones too."""
        row = self._database.row("SELECT * FROM sts WHERE key_id=?", key_id)
        return None if row is None else StsKey(row["key_id"], row["secret"], row["token"], row["expires"])

    def expire_sts(self) -> None:
        """All STS keys have run out now."""
        self._database.run("UPDATE sts SET expires=0")

    # -- QR logins

    def new_qr(self, challenge: str = "", method: str = "") -> QrLogin:
        """A new QR code."""
        login = QrLogin(
            secrets.token_hex(20), secrets.token_hex(32), time.time(), QrStatus.WAITING, challenge, method
        )
        self._qr[login.uid] = login
        return login

    def qr(self, uid: str, sign: str | None = None) -> QrLogin | None:
        """A QR code still in use; None if unknown, spent or with another sign."""
        login = self._qr.get(uid)
        if login is None or (sign is not None and sign != login.sign):
            return None
        if time.time() - login.made > QR_LIFE and login.status is not QrStatus.CONFIRMED:
            login.status = QrStatus.EXPIRED
        return login

    def last_qr(self) -> QrLogin | None:
        """The newest QR code."""
        return next(reversed(self._qr.values()), None)

    def spend_qr(self, login: QrLogin) -> None:
        """Its login was fetched; it works once."""
        self._qr.pop(login.uid, None)


def pkce_matches(verifier: str, challenge: str, method: str) -> bool:
    """Is the challenge that of the verifier?  Standard and url-safe base64 both count (protocol.md §1.2)."""
    if method not in ("sha256", "sha1", "md5"):
        return False
    digest = hashlib.new(method, verifier.encode()).digest()
    good = {base64.b64encode(digest).decode(), base64.urlsafe_b64encode(digest).decode()}
    return challenge in good | {g.rstrip("=") for g in good}


def utc(epoch: float) -> str:
    """``2026-01-01T00:00:00Z``, as STS expirations are written."""
    return f"{datetime.fromtimestamp(epoch, UTC):%Y-%m-%dT%H:%M:%SZ}"
