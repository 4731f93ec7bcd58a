"""Logging in by QR code, on both routes (protocol §1.1, §1.2).

Nothing is saved here: what a login gives is in the caller's hands (``CredentialStore`` keeps it, if asked).

Example::

    login = await start_cookie_login()
    print(login.qr_text)
    async for state in login.states():
        print(state.label)
    drive = make_drive(cookie=login.cookie)
"""

from __future__ import annotations

import abc
import base64
import hashlib
import os
import secrets
from collections.abc import AsyncIterator, Mapping
from enum import StrEnum
from typing import Any, Self

from ...config import Endpoints, UploadConfig
from ...errors import CredentialsError, DriveProtocolError, LoginError
from ...i18n import both
from ..cookie_route import parse_cookie
from ..error_codes import as_int, check_reply, is_true
from ..http_client import ApiClient
from ..responses import one_object
from ..secret import RedactedDict, Secret, TokenPair
from .credentials_file import Credentials
from .qr_code import qr_svg, qr_text
from .tokens import read_pair

#: Device kinds a cookie login can take; one login lives per kind, a new one ends the old one (protocol §1.1).
COOKIE_APPS = (
    "alipaymini",
    "wechatmini",
    "tv",
    "android",
    "ios",
    "ipad",
    "qandroid",
    "harmony",
    "web",
    "windows",
    "mac",
    "linux",
)
#: Seldom used otherwise, so the user's own phone and browser stay logged in.
DEFAULT_COOKIE_APP = "alipaymini"
#: Environment variable with the Open API app's id, used where ``client_id`` is not given.
CLIENT_ID_VARIABLE = "PAN115_CLIENT_ID"

_PATH_NAMES = {"windows": "os_windows", "mac": "os_mac", "linux": "os_linux", "ipad": "ios"}
_AGENTS = {"ios": "UPhone/1.0.0", "ipad": "UPad/1.0.0"}
_USER_AGENT = "Mozilla/5.0"
# 115 keeps a poll open for about 30 s; a server that answers at once is asked once a second.
_POLL_PAUSE = 1.0
_QR_EXPIRED = 40199002


class LoginState(StrEnum):
    """Where a QR login stands.

    Example:
        >>> LoginState.EXPIRED.is_final, LoginState.SCANNED.is_final
        (True, False)
    """

    WAITING = "waiting"
    SCANNED = "scanned"
    CONFIRMED = "confirmed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens with this QR code."""
        return self not in (LoginState.WAITING, LoginState.SCANNED)

    @property
    def label(self) -> str:
        """What to tell the user, in the user's language."""
        return {
            LoginState.WAITING: both("等待扫码", "Waiting for a scan"),
            LoginState.SCANNED: both("已扫码，请在手机上确认", "Scanned: confirm on the phone"),
            LoginState.CONFIRMED: both("登录成功", "Logged in"),
            LoginState.EXPIRED: both("二维码已过期", "The QR code has expired"),
            LoginState.CANCELLED: both("已在手机上取消", "Cancelled on the phone"),
        }[self]


_STATES = {
    0: LoginState.WAITING,
    1: LoginState.SCANNED,
    2: LoginState.CONFIRMED,
    -1: LoginState.EXPIRED,
    -2: LoginState.CANCELLED,
}


def state_of(reply: Mapping[str, Any]) -> LoginState:
    """The state one poll tells.

    Raises:
        DriveError: What else 115 says.

    Example:
        >>> state_of({"state": 1, "data": {"status": 1}}), state_of({"state": 0})
        (<LoginState.SCANNED: 'scanned'>, <LoginState.EXPIRED: 'expired'>)
    """
    status = as_int((one_object(reply.get("data")) or {}).get("status"))
    if status in _STATES:
        return _STATES[status]
    if as_int(reply.get("code")) == _QR_EXPIRED or not is_true(reply.get("state", True)):
        return LoginState.EXPIRED
    check_reply(reply)
    # A long poll that ran out without news has no status.
    return LoginState.WAITING


class QrLogin(abc.ABC):
    """A QR code that waits to be scanned; made by :func:`start_cookie_login` or :func:`start_device_login`."""

    def __init__(self, api: ApiClient, endpoints: Endpoints, ticket: Mapping[str, Any], data: str) -> None:
        self._api = api
        self._at = endpoints
        self._uid = str(ticket.get("uid") or "")
        self._ask = {name: str(ticket.get(name) or "") for name in ("uid", "time", "sign")}
        self.qr_data = data
        self.state = LoginState.WAITING
        if not self._uid or not data:
            raise DriveProtocolError("115 gave no QR code", hint="try again")

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.state}>"

    @property
    def qr_text(self) -> str:
        """The QR code for a terminal."""
        return qr_text(self.qr_data)

    @property
    def qr_svg(self) -> str:
        """The QR code for a notebook."""
        return qr_svg(self.qr_data)

    async def states(self) -> AsyncIterator[LoginState]:
        """Each state as it comes, the present one first, until a final one.

        When ``confirmed`` is told, the result is there.

        Raises:
            LoginError: 115 refuses the login after it was confirmed.
            NetworkError: No answer, also after retries.
        """
        yield self.state
        while not self.state.is_final:
            seen = await self._poll()
            if seen is self.state:
                await self._api.timing.sleep(_POLL_PAUSE)
                continue
            if seen is LoginState.CONFIRMED:
                await self._api.retrying(self._fetch)
            self.state = seen
            yield seen

    async def wait(self) -> LoginState:
        """Wait for the end; returns the final state."""
        async for _ in self.states():
            pass
        return self.state

    async def close(self) -> None:
        """Close connections."""
        await self._api.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _poll(self) -> LoginState:
        params: dict[str, str | int] = {**self._ask, "_": int(self._api.timing.wall())}
        url = f"{self._at.qrcode}/get/status/"
        headers = {"User-Agent": _USER_AGENT}
        return state_of(
            await self._api.retrying(lambda: self._api.once("GET", url, params=params, headers=headers, check=False))
        )

    @abc.abstractmethod
    async def _fetch(self) -> None:
        """Get what the confirmed login gives."""


class CookieLogin(QrLogin):
    """A login that gives a cookie."""

    def __init__(self, api: ApiClient, endpoints: Endpoints, ticket: Mapping[str, Any], app: str) -> None:
        # The fallback text is what 115's own page encodes (protocol §1.1).
        data = str(ticket.get("qrcode") or f"https://115.com/scan/dg-{ticket.get('uid')}")
        super().__init__(api, endpoints, ticket, data)
        self._app = app
        self._cookie = ""

    @property
    def cookie(self) -> str:
        """``UID=…; CID=…; SEID=…; KID=…``.

        Raises:
            LoginError: The login is not confirmed.
        """
        return _there(self._cookie)

    async def _fetch(self) -> None:
        app = _PATH_NAMES.get(self._app, self._app)
        url = f"{self._at.passport}/app/1.0/{app}/1.0/login/qrcode"
        headers = {"User-Agent": _AGENTS.get(self._app, _USER_AGENT)}
        reply = await self._api.once("POST", url, form={"account": self._uid, "app": app}, headers=headers)
        parts = (one_object(reply.get("data")) or {}).get("cookie")
        if not isinstance(parts, dict):
            raise DriveProtocolError("115's answer to the login has no cookie", hint="log in again", retryable=False)
        text = "; ".join(f"{name}={value}" for name, value in parts.items())
        self._cookie = "; ".join(f"{name}={value}" for name, value in parse_cookie(text).items())


class DeviceLogin(QrLogin):
    """A login that gives Open API tokens: device code with PKCE, no app secret needed."""

    def __init__(self, api: ApiClient, endpoints: Endpoints, ticket: Mapping[str, Any], verifier: str) -> None:
        super().__init__(api, endpoints, ticket, str(ticket.get("qrcode") or ""))
        self._verifier = verifier
        self._pair = TokenPair(Secret(""), Secret(""))

    @property
    def access_token(self) -> str:
        """Lives two hours.

        Raises:
            LoginError: The login is not confirmed.
        """
        return _there(self._pair.access.reveal())

    @property
    def refresh_token(self) -> str:
        """Renews the pair, once.

        Raises:
            LoginError: The login is not confirmed.
        """
        return _there(self._pair.refresh.reveal())

    async def _fetch(self) -> None:
        url = f"{self._at.passport}/open/deviceCodeToToken"
        form: RedactedDict[str | int] = RedactedDict(uid=self._uid, code_verifier=self._verifier)
        self._pair = read_pair((await self._api.once("POST", url, form=form)).get("data"))


async def start_cookie_login(
    app: str = DEFAULT_COOKIE_APP,
    *,
    endpoints: Endpoints | None = None,
    config: UploadConfig | None = None,
    api: ApiClient | None = None,
) -> CookieLogin:
    """Ask 115 for a QR code whose scan gives a cookie.

    Args:
        app: One of :data:`COOKIE_APPS`; an older login of the same kind ends.
        endpoints: Where 115 is.
        config: Timeouts and retries.
        api: The HTTP client, for tests.

    Raises:
        CredentialsError: ``app`` is not known.
        NetworkError: No answer.

    Example::

        login = await start_cookie_login("tv")
        print(login.qr_text)
        if await login.wait() is LoginState.CONFIRMED:
            drive = make_drive(cookie=login.cookie)
    """
    if app not in COOKIE_APPS:
        raise CredentialsError(f"{app!r} is no kind of device", hint=f"one of {', '.join(COOKIE_APPS)}")
    endpoints = endpoints or Endpoints.from_environment()
    api = api or ApiClient(config or UploadConfig())
    reply = await api.call("GET", f"{endpoints.qrcode}/api/1.0/web/1.0/token", headers={"User-Agent": _USER_AGENT})
    return CookieLogin(api, endpoints, one_object(reply.get("data")) or {}, app)


async def start_device_login(
    client_id: str | None = None,
    *,
    endpoints: Endpoints | None = None,
    config: UploadConfig | None = None,
    api: ApiClient | None = None,
) -> DeviceLogin:
    """Ask 115 for a QR code whose scan gives Open API tokens.

    Args:
        client_id: The app's id; ``PAN115_CLIENT_ID`` if None.
        endpoints: Where 115 is.
        config: Timeouts and retries.
        api: The HTTP client, for tests.

    Raises:
        CredentialsError: No ``client_id``.
        LoginError: 115 refuses the app.
        NetworkError: No answer.

    Example::

        login = await start_device_login("100195125")
        print(login.qr_text)
        await login.wait()
        drive = make_drive(access_token=login.access_token, refresh_token=login.refresh_token)
    """
    client_id = (client_id or os.environ.get(CLIENT_ID_VARIABLE, "")).strip()
    if not client_id:
        raise CredentialsError(
            "the Open API needs an app's client_id", hint=f"pass client_id= or set {CLIENT_ID_VARIABLE}"
        )
    endpoints = endpoints or Endpoints.from_environment()
    api = api or ApiClient(config or UploadConfig(), route="open")
    verifier = secrets.token_urlsafe(48)
    form = {
        "client_id": client_id,
        "code_challenge": code_challenge(verifier),
        "code_challenge_method": "sha256",
    }
    reply = await api.call("POST", f"{endpoints.passport}/open/authDeviceCode", form=form)
    return DeviceLogin(api, endpoints, one_object(reply.get("data")) or {}, verifier)


def code_challenge(verifier: str) -> str:
    """PKCE's challenge as 115 takes it: standard base64 of the SHA-256 (protocol §1.2).

    Args:
        verifier: 43 to 128 characters.

    Example:
        >>> code_challenge("0" * 64)
        'YOBb0bGVry+UES+nGXpciCiQWIQM58bflpN1a8YlD1U='
    """
    return base64.b64encode(hashlib.sha256(verifier.encode()).digest()).decode()


def credentials_of(login: CookieLogin | DeviceLogin) -> Credentials:
    """What a confirmed login gave, as :class:`CredentialStore` keeps it.

    Raises:
        LoginError: The login is not confirmed.

    Example::

        CredentialStore().save(credentials_of(login))
    """
    if isinstance(login, CookieLogin):
        return Credentials(cookie=login.cookie)
    return Credentials(access_token=login.access_token, refresh_token=login.refresh_token)


def _there(value: str) -> str:
    if not value:
        raise LoginError("the login is not confirmed yet", hint="scan the QR code and confirm on the phone")
    return value
