"""No secret in any repr, message, log or traceback: notebooks and issue reports are shared."""

from __future__ import annotations

import asyncio
import logging
import re
import traceback
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from drive_support import (
    CONFIG,
    COOKIE,
    ENDPOINTS,
    SERVER,
    UPLOAD_INFO,
    USER_KEY,
    Scripted115,
    encrypted,
    html,
    tokens,
)

from pan115kit.drive.auth.cookie import parse_cookie
from pan115kit.drive.auth.cookie_login import start_cookie_login
from pan115kit.drive.auth.credentials import Credentials, Route
from pan115kit.drive.auth.device_login import start_device_login
from pan115kit.drive.cookie_route import CookieDrive
from pan115kit.drive.data import Entry, FileClaim
from pan115kit.drive.open_route import OpenDrive
from pan115kit.errors import ConfigError, NetworkError, Pan115Error

CLAIM = FileClaim("a.bin", 3_000_000, "0" * 40, "77")
ACCESS, REFRESH, NEW_ACCESS, NEW_REFRESH = "acc-5ecret-1", "ref-5ecret-1", "acc-5ecret-2", "ref-5ecret-2"
KEYS = {"AccessKeyId": "STS.5ecret", "AccessKeySecret": "key-5ecret", "SecurityToken": "sts-5ecret"}
SECRETS = [
    *parse_cookie(COOKIE).values(),
    USER_KEY,
    ACCESS,
    REFRESH,
    NEW_ACCESS,
    NEW_REFRESH,
    "5ecret",
]
MOVIE = Entry("9", "a.mkv", 5, pick_code="p")
COOKIE_PATHS = (
    "/3.0/gettoken.php",
    "/3.0/resumeupload.php",
    "/files/getid",
    "/files",
    "/app/chrome/add_path",
    "/files/get_info",
    "/category/get",
    "/files/search",
    "/files/index_info",
    "/rb/delete",
    "/files/batch_rename",
    "/files/download",
)
OPEN_PATHS = (
    "user/info",
    "upload/init",
    "upload/get_token",
    "upload/resume",
    "folder/get_info",
    "ufile/files",
    "ufile/search",
    "ufile/delete",
    "ufile/update",
    "ufile/downurl",
)
OF_COOKIE, OF_TOKENS = f"{COOKIE} {USER_KEY}", f"{ACCESS} {REFRESH}"


ENCODINGS = (str.upper, str.title, lambda text: text.encode().hex(), lambda text: b64encode(text.encode()).decode())


def faults(echo: str) -> list[Any]:
    """What can go wrong, with the secrets a route was given quoted back."""
    return [
        httpx.ReadTimeout(f"while sending {echo}"),
        httpx.ConnectError("refused"),
        httpx.Response(502, text=echo),
        httpx.Response(401, text=echo),
        html(),
        html(405),
        httpx.Response(200, content=b'{"cut'),
        *({"state": False, "code": 1, "message": "x" * space + echo} for space in range(0, 200, 7)),
        *(
            {"state": False, "code": 1, "message": f"{'x' * n}{encode(echo)}"}
            for n in range(3)
            for encode in ENCODINGS
        ),
        {"state": False, "code": 40140125, "message": echo},
        {"state": False, "code": 40140116, "message": echo},
        {"StatusCode": "400", "ErrorCode": "400", "ErrorMessage": f"Throttling.User {echo}"},
        {"StatusCode": "200", **KEYS},
        {"state": True, "data": KEYS},
    ]


def assert_silent(*texts: str) -> None:
    for text in texts:
        lower = text.lower()
        for secret in SECRETS:
            assert secret.lower() not in lower
            assert secret.encode().hex() not in lower
        for run in re.findall(r"[A-Za-z0-9+/]{12,}", text):
            decoded = b"".join(b64decode(run[n : n + (len(run) - n) // 4 * 4]) for n in range(4))
            assert not [secret for secret in SECRETS if secret.encode() in decoded]


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and all that error trackers follow from it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize("fault", [httpx.ConnectError("refused"), httpx.ReadTimeout("silent")])
def test_a_broken_line_keeps_no_request(fault: Exception) -> None:
    """Sentry and IPython's %debug walk to the error below, whose request has the cookie among its headers."""
    server = Scripted115()
    server.on("/app/uploadinfo", fault)
    drive = CookieDrive(Credentials(COOKIE), endpoints=ENDPOINTS, config=CONFIG, api=server.api())
    with pytest.raises(NetworkError) as caught:
        asyncio.run(drive.account())
    assert [type(error) for error in chain(caught.value)] == [NetworkError]


def test_a_proxy_that_cannot_be_used_shows_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its address holds one, and httpx quotes it."""
    monkeypatch.setenv("HTTP_PROXY", "bad://me:5ecret@proxy")
    drive = CookieDrive(Credentials(COOKIE), endpoints=ENDPOINTS, config=CONFIG)
    with pytest.raises(ConfigError, match="proxy") as caught:
        asyncio.run(drive.account())
    assert_silent(*(rendered(error) for error in chain(caught.value)))


def rendered(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))


def rendered_with_locals(error: BaseException) -> str:
    """As pytest, rich and error trackers show it."""
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


def every_call(drive: Any) -> list[Any]:
    return [
        drive.account,
        lambda: drive.init_once(CLAIM, None),
        drive.oss_token,
        lambda: drive.resume("p", CLAIM),
        lambda: drive.make_folders("/a"),
        lambda: drive.find_files("77", "0" * 40, 1),
        lambda: drive.info("1"),
        lambda: drive.count_below("1"),
        lambda: drive.find_sha1("0" * 40),
        drive.space,
        lambda: drive.delete(["1"]),
        lambda: drive.rename(MOVIE, "b.mkv"),
        lambda: drive.download_link(MOVIE),
        lambda: drive.open(MOVIE).read(),
    ]


async def provoke(drive: Any) -> None:
    failed = 0
    for call in every_call(drive):
        try:
            await call()
        except Pan115Error as error:
            failed += 1
            assert_silent(rendered(error), "".join(error._render_traceback_()))
        assert_silent(repr(drive), str(drive), repr(drive._api))
        drive.reset()
    assert failed


@pytest.mark.parametrize("fault", faults(OF_COOKIE))
def test_the_cookie_route_is_silent(fault: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever goes wrong, also with debug logging on."""
    caplog.set_level(logging.DEBUG)
    server = Scripted115()
    for path in COOKIE_PATHS:
        server.on(path, fault)
    server.on("/app/uploadinfo", UPLOAD_INFO)
    server.on("/3.0/getuploadinfo.php", {"endpoint": "http://127.0.0.1"})
    server.on("/4.0/initupload.php", encrypted(fault) if isinstance(fault, dict) else fault)
    drive = CookieDrive(
        Credentials(COOKIE), endpoints=ENDPOINTS, config=CONFIG, server_public_key=SERVER.public_key, api=server.api()
    )
    asyncio.run(provoke(drive))
    assert_silent(caplog.text)


@pytest.mark.parametrize("fault", faults(OF_TOKENS))
def test_the_open_route_is_silent(fault: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Old and new pair alike."""
    caplog.set_level(logging.DEBUG)
    server = Scripted115()
    for path in OPEN_PATHS:
        server.on(f"/open/{path}", fault)
    pair = {"access_token": NEW_ACCESS, "refresh_token": NEW_REFRESH, "expires_in": 7200}
    server.on("/open/refreshToken", {"state": 1, "code": 0, "data": pair})
    drive = OpenDrive(tokens(ACCESS, REFRESH), endpoints=ENDPOINTS, config=CONFIG, api=server.api(Route.OPEN))
    asyncio.run(provoke(drive))
    assert_silent(caplog.text, repr(drive._tokens))


def test_the_new_pair_is_as_silent_as_the_old() -> None:
    """The tokens an error could quote change every two hours."""
    server = Scripted115()
    echo = {"state": False, "code": 1, "message": f"no: {NEW_ACCESS} {NEW_REFRESH}"}
    server.on("/open/user/info", [{"state": False, "code": 40140125, "message": ACCESS}, echo])
    pair = {"access_token": NEW_ACCESS, "refresh_token": NEW_REFRESH, "expires_in": 7200}
    server.on("/open/refreshToken", {"state": 1, "code": 0, "data": pair})
    drive = OpenDrive(tokens(ACCESS, REFRESH), endpoints=ENDPOINTS, config=CONFIG, api=server.api(Route.OPEN))
    with pytest.raises(Pan115Error, match="no:") as caught:
        asyncio.run(drive.account())
    assert_silent(rendered(caught.value))


QUIET_FAULTS: list[Any] = [
    httpx.ReadTimeout("silent"),
    httpx.Response(503),
    html(),
    httpx.Response(200, content=b"{"),
]


@pytest.mark.parametrize("fault", QUIET_FAULTS)
def test_local_variables_in_a_traceback_are_silent(fault: Any) -> None:
    """Error trackers send local variables elsewhere."""
    server = Scripted115()
    for path in ("/app/uploadinfo", "/open/user/info"):
        server.on(path, fault)
    cookie = CookieDrive(Credentials(COOKIE), endpoints=ENDPOINTS, config=CONFIG, api=server.api())
    by_tokens = OpenDrive(tokens(ACCESS, REFRESH), endpoints=ENDPOINTS, config=CONFIG, api=server.api(Route.OPEN))
    renewing = OpenDrive(tokens("", REFRESH), endpoints=ENDPOINTS, config=CONFIG, api=server.api(Route.OPEN))
    server.on("/open/refreshToken", fault)
    for drive in (cookie, by_tokens, renewing):
        with pytest.raises(Pan115Error) as caught:
            asyncio.run(drive.account())
        text = rendered_with_locals(caught.value)
        assert "headers" in text
        assert_silent(text)


def test_a_callback_that_fails_shows_no_token_in_its_traceback() -> None:
    """Its own frames hold both tokens."""
    server = Scripted115()
    server.on("/open/refreshToken", {"state": 1, "data": {"access_token": NEW_ACCESS, "refresh_token": NEW_REFRESH}})

    def save(access: str, refresh: str) -> None:
        raise ValueError(access)

    drive = OpenDrive(tokens("", REFRESH, save), endpoints=ENDPOINTS, config=CONFIG, api=server.api(Route.OPEN))
    with pytest.raises(Pan115Error, match="on_tokens") as caught:
        asyncio.run(drive.account())
    assert_silent(rendered_with_locals(caught.value))


def test_logins_are_silent(caplog: pytest.LogCaptureFixture) -> None:
    """The cookie and the tokens are in the login's hands only."""
    caplog.set_level(logging.DEBUG)
    server = Scripted115()
    ticket = {"uid": "u-1", "time": 1, "sign": "s", "qrcode": "https://115.com/scan/dg-u-1"}
    server.on("/api/1.0/web/1.0/token", {"state": 1, "data": ticket})
    server.on("/open/authDeviceCode", {"state": 1, "data": ticket})
    server.on("/get/status/", {"state": 1, "data": {"status": 2}})
    server.on("/app/1.0/tv/1.0/login/qrcode", {"state": 1, "data": {"cookie": parse_cookie(COOKIE)}})
    server.on("/open/deviceCodeToToken", {"state": 1, "data": {"access_token": ACCESS, "refresh_token": REFRESH}})

    async def story() -> None:
        first = await start_cookie_login("tv", endpoints=ENDPOINTS, api=server.api())
        second = await start_device_login("1", endpoints=ENDPOINTS, api=server.api())
        for login in (first, second):
            await login.wait()
            assert_silent(repr(login), str(login))
        assert (first.cookie, second.access_token) == (COOKIE, ACCESS)

    asyncio.run(story())
    assert_silent(caplog.text)
