"""QR logins of both routes, against a scripted 115."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from typing import Any

import httpx
import pytest
from drive_support import CONFIG, COOKIE, ENDPOINTS, Scripted115

from pan115kit.drive.auth.cookie import parse_cookie
from pan115kit.drive.auth.cookie_login import COOKIE_APPS, CookieLogin, start_cookie_login
from pan115kit.drive.auth.credentials import Credentials, Route
from pan115kit.drive.auth.device_login import DeviceLogin, start_device_login
from pan115kit.drive.auth.logins import LOGINS, login_method
from pan115kit.drive.auth.qr_code import qr_svg, qr_text
from pan115kit.drive.auth.qr_login import LoginState, QrLogin
from pan115kit.errors import ConfigError, CredentialsError, DriveProtocolError, LoginError

TOKEN, STATUS = "/api/1.0/web/1.0/token", "/get/status/"
TICKET = {"uid": "u-1", "time": 1700000000, "sign": "s-1", "qrcode": "https://115.com/scan/dg-u-1"}


def poll(status: int) -> dict[str, Any]:
    return {"state": 1, "code": 0, "message": "", "data": {"status": status, "msg": ""}}


def cookie_server(app: str, *polls: Any) -> Scripted115:
    server = Scripted115()
    server.on(TOKEN, {"state": 1, "code": 0, "message": "", "data": TICKET})
    server.on(STATUS, list(polls))
    reply = {"state": 1, "code": 0, "data": {"cookie": parse_cookie(COOKIE), "user_id": 1, "user_name": "x"}}
    server.on(f"/app/1.0/{app}/1.0/login/qrcode", reply)
    return server


async def follow(login: QrLogin) -> list[LoginState]:
    try:
        return [state async for state in login.states()]
    finally:
        await login.close()


def cookie_login(server: Scripted115, app: str = "tv") -> tuple[list[LoginState], CookieLogin]:
    async def story() -> tuple[list[LoginState], CookieLogin]:
        login = await start_cookie_login(app, endpoints=ENDPOINTS, api=server.api())
        return await follow(login), login

    return asyncio.run(story())


def test_a_scan_gives_a_cookie() -> None:
    """Each step is shown once, and the cookie is one a drive takes."""
    server = cookie_server("tv", poll(0), poll(0), poll(1), poll(1), poll(2))
    states, login = cookie_login(server)
    assert states == [LoginState.WAITING, LoginState.SCANNED, LoginState.CONFIRMED]
    assert login.cookie == COOKIE
    assert server.forms("/app/1.0/tv/1.0/login/qrcode") == [{"account": "u-1", "app": "tv"}]
    asked = next(r for r in server.requests if r.url.path == STATUS).url.params
    assert (asked["uid"], asked["time"], asked["sign"]) == ("u-1", "1700000000", "s-1")


def test_a_server_that_answers_at_once_is_not_hammered() -> None:
    """115 holds a poll for 30 s; one that does not is asked once a second."""
    server = cookie_server("tv", *[poll(0)] * 5, poll(2))
    cookie_login(server)
    assert server.time.sleeps == [1.0] * 5


@pytest.mark.parametrize(
    ("last", "state"),
    [
        (poll(-1), LoginState.EXPIRED),
        (poll(-2), LoginState.CANCELLED),
        ({"state": 0, "code": 40199002, "message": "二维码已过期"}, LoginState.EXPIRED),
        ({"state": 0, "message": "key invalid", "data": []}, LoginState.EXPIRED),
    ],
)
def test_a_code_that_ends_without_a_login(last: dict[str, Any], state: LoginState) -> None:
    """The loop ends and says why, and there is no cookie to use by mistake."""
    states, login = cookie_login(cookie_server("tv", poll(0), last))
    assert states == [LoginState.WAITING, state]
    with pytest.raises(LoginError, match="not confirmed"):
        _ = login.cookie


def test_a_silent_poll_is_repeated() -> None:
    """A long poll without news is no failure."""
    server = cookie_server("tv", httpx.ReadTimeout("silent"), {"state": 1, "code": 0, "data": {}}, poll(2))
    assert cookie_login(server)[0][-1] is LoginState.CONFIRMED


def test_a_refused_login_is_reported() -> None:
    """115's own words, e.g. an abnormal IP address."""
    server = cookie_server("tv", poll(2))
    server.on("/app/1.0/tv/1.0/login/qrcode", {"state": 0, "code": 40101004, "message": "IP登录异常"})
    with pytest.raises(LoginError, match="IP登录异常"):
        cookie_login(server)


@pytest.mark.parametrize("data", [{}, {"cookie": []}, {"cookie": {"UID": "1_A1_2"}}])
def test_a_login_without_a_whole_cookie_is_reported(data: dict[str, Any]) -> None:
    """Not a KeyError, and not half a cookie saved."""
    server = cookie_server("tv", poll(2))
    server.on("/app/1.0/tv/1.0/login/qrcode", {"state": 1, "code": 0, "data": data})
    with pytest.raises((DriveProtocolError, CredentialsError)):
        cookie_login(server)


@pytest.mark.parametrize(("app", "path"), [("mac", "os_mac"), ("ipad", "ios"), ("alipaymini", "alipaymini")])
def test_each_device_logs_in_at_its_own_path(app: str, path: str) -> None:
    """A wrong path ends the user's login on another device."""
    server = cookie_server(path, poll(2))
    assert cookie_login(server, app)[0][-1] is LoginState.CONFIRMED
    assert app in COOKIE_APPS


def test_an_unknown_device_is_reported_before_a_call() -> None:
    """With the list of known ones."""
    with pytest.raises(CredentialsError, match="alipaymini"):
        asyncio.run(start_cookie_login("toaster", endpoints=ENDPOINTS, config=CONFIG))


def test_no_code_from_115_is_reported() -> None:
    """Instead of a QR code of nothing."""
    server = Scripted115()
    server.on(TOKEN, {"state": 1, "code": 0, "data": {}})
    with pytest.raises(DriveProtocolError):
        cookie_login(server)


# -- device code -----------------------------------------------------------------------------------------------


def device_login(server: Scripted115, client_id: str | None = "100195125") -> tuple[list[LoginState], DeviceLogin]:
    async def story() -> tuple[list[LoginState], DeviceLogin]:
        login = await start_device_login(client_id, endpoints=ENDPOINTS, api=server.api(Route.OPEN))
        return await follow(login), login

    return asyncio.run(story())


def device_server(*polls: Any) -> Scripted115:
    server = Scripted115()
    server.on("/open/authDeviceCode", {"state": 1, "code": 0, "data": TICKET, "error": "", "errno": 0})
    server.on(STATUS, list(polls))
    pair = {"access_token": "acc", "refresh_token": "ref", "expires_in": 7200}
    server.on("/open/deviceCodeToToken", {"state": 1, "code": 0, "data": pair, "error": "", "errno": 0})
    return server


def test_a_scan_gives_tokens_and_the_proof_fits_the_challenge() -> None:
    """PKCE: 115 refuses a verifier whose hash it was not told."""
    server = device_server(poll(1), poll(2))
    states, login = device_login(server)
    assert states == [LoginState.WAITING, LoginState.SCANNED, LoginState.CONFIRMED]
    assert (login.access_token, login.refresh_token) == ("acc", "ref")
    (asked,), (proof,) = server.forms("/open/authDeviceCode"), server.forms("/open/deviceCodeToToken")
    assert (asked["client_id"], asked["code_challenge_method"], proof["uid"]) == ("100195125", "sha256", "u-1")
    verifier = proof["code_verifier"]
    assert 43 <= len(verifier) <= 128
    assert asked["code_challenge"] == base64.b64encode(hashlib.sha256(verifier.encode()).digest()).decode()


def test_each_login_has_its_own_verifier() -> None:
    """A fixed one proves nothing."""
    forms = []
    for _ in range(2):
        server = device_server(poll(2))
        device_login(server)
        forms += server.forms("/open/deviceCodeToToken")
    assert forms[0]["code_verifier"] != forms[1]["code_verifier"]


def test_the_client_id_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """PAN115_CLIENT_ID; without any the user is told its name."""
    monkeypatch.setenv("PAN115_CLIENT_ID", "42")
    server = device_server(poll(2))
    device_login(server, None)
    assert server.forms("/open/authDeviceCode")[0]["client_id"] == "42"
    monkeypatch.delenv("PAN115_CLIENT_ID")
    with pytest.raises(CredentialsError, match="PAN115_CLIENT_ID"):
        device_login(device_server(), None)


def test_an_app_115_refuses_is_reported() -> None:
    """Before a useless QR code is shown."""
    server = device_server()
    server.on("/open/authDeviceCode", {"state": 0, "code": 40140109, "message": "应用被禁用"})
    with pytest.raises(LoginError, match="client_id"):
        device_login(server)


# -- the picture -----------------------------------------------------------------------------------------------


def modules_of(text: str) -> list[list[bool]]:
    """The dark modules of a half-block QR code on a dark terminal, where dark is what is not painted."""
    rows: list[list[bool]] = []
    for line in text.split("\n"):
        rows.append([sign not in "█▀" for sign in line])
        rows.append([sign not in "█▄" for sign in line])
    return rows


def test_the_terminals_code_is_the_code() -> None:
    """A swapped half block cannot be scanned."""
    import qrcode

    code = qrcode.QRCode(border=2)
    code.add_data(TICKET["qrcode"])
    code.make(fit=True)
    wanted = code.get_matrix()
    shown = modules_of(qr_text(str(TICKET["qrcode"])).replace("\xa0", " "))
    assert [row[: len(wanted)] for row in shown[: len(wanted)]] == wanted


def test_a_notebook_gets_an_svg() -> None:
    """One element, no external reference."""
    svg = qr_svg("https://115.com")
    assert svg.startswith("<svg")
    assert svg.rstrip().endswith("</svg>")
    assert "href" not in svg


def test_labels_are_in_the_users_language(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both languages for all states."""
    monkeypatch.setenv("PAN115_LANG", "zh")
    chinese = [state.label for state in LoginState]
    monkeypatch.setenv("PAN115_LANG", "en")
    english = [state.label for state in LoginState]
    assert chinese[0] == "等待扫码"
    assert all(a and b and a != b for a, b in zip(chinese, english, strict=True))


def test_every_login_of_the_table_gives_credentials_for_its_route() -> None:
    """``login(route)`` and the command line know exactly these; a name that is none of them is refused at once."""
    server = Scripted115()
    server.on(TOKEN, {"state": 1, "data": TICKET})
    server.on("/open/authDeviceCode", {"state": 1, "data": TICKET})
    server.on(STATUS, {"state": 1, "data": {"status": 2}})
    server.on("/app/1.0/alipaymini/1.0/login/qrcode", {"state": 1, "data": {"cookie": parse_cookie(COOKIE)}})
    pair = {"access_token": "a", "refresh_token": "r"}
    server.on("/open/deviceCodeToToken", {"state": 1, "data": pair})

    async def story() -> list[Credentials]:
        first = await start_cookie_login(endpoints=ENDPOINTS, api=server.api())
        second = await start_device_login("1", endpoints=ENDPOINTS, api=server.api(Route.OPEN))
        for login in (first, second):
            with pytest.raises(LoginError):
                login.credentials  # noqa: B018 - not confirmed yet
            await login.wait()
        return [first.credentials, second.credentials]

    assert asyncio.run(story()) == [Credentials(COOKIE), Credentials(**pair)]
    assert {credentials.route for credentials in asyncio.run(story())} <= set(LOGINS)
    with pytest.raises(ConfigError, match="'cookie', 'open'"):
        login_method("web")
