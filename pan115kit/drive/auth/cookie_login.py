"""The login that gives a cookie (protocol.md §1.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...config import Endpoints, UploadConfig
from ...errors import CredentialsError, DriveProtocolError
from ...i18n import say
from ..http_client import ApiClient
from ..responses import one_object
from .cookie import parse_cookie
from .credentials import Credentials
from .qr_login import USER_AGENT, QrLogin, confirmed

#: Device kinds a cookie login can take; one login lives per kind, a new one ends the old one (protocol.md §1.1).
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

_PATH_NAMES = {"windows": "os_windows", "mac": "os_mac", "linux": "os_linux", "ipad": "ios"}
_AGENTS = {"ios": "UPhone/1.0.0", "ipad": "UPad/1.0.0"}


class CookieLogin(QrLogin):
    """A login that gives a cookie."""

    def __init__(self, api: ApiClient, endpoints: Endpoints, ticket: Mapping[str, Any], app: str) -> None:
        # The fallback text is what 115's own page encodes (protocol.md §1.1).
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
        return confirmed(self._cookie)

    @property
    def credentials(self) -> Credentials:
        return Credentials(cookie=self.cookie)

    async def _fetch(self) -> None:
        app = _PATH_NAMES.get(self._app, self._app)
        url = f"{self._at.passport}/app/1.0/{app}/1.0/login/qrcode"
        headers = {"User-Agent": _AGENTS.get(self._app, USER_AGENT)}
        reply = await self._api.once("POST", url, form={"account": self._uid, "app": app}, headers=headers)
        parts = (one_object(reply.get("data")) or {}).get("cookie")
        if not isinstance(parts, dict):
            raise DriveProtocolError(say("login.no_cookie"), hint=say("refusal.login_ended.hint"), retryable=False)
        text = "; ".join(f"{name}={value}" for name, value in parts.items())
        self._cookie = "; ".join(f"{name}={value}" for name, value in parse_cookie(text).items())


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
    """
    if app not in COOKIE_APPS:
        raise CredentialsError(
            say("login.no_device", app=repr(app)), hint=say("drive.one_of", names=", ".join(COOKIE_APPS))
        )
    endpoints = endpoints or Endpoints.from_environment()
    api = api or ApiClient(config or UploadConfig())
    reply = await api.call("GET", f"{endpoints.qrcode}/api/1.0/web/1.0/token", headers={"User-Agent": USER_AGENT})
    return CookieLogin(api, endpoints, one_object(reply.get("data")) or {}, app)
