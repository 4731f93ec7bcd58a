"""A scripted 115 and a clock that only sleeps move, for the tests of ``pan115kit.drive``."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import parse_qs

import httpx

from pan115kit.config import Endpoints, UploadConfig
from pan115kit.drive.auth.credentials import Credentials, OnTokens, Route
from pan115kit.drive.auth.saved_tokens import SavedTokens
from pan115kit.drive.cipher import ServerCipher
from pan115kit.drive.cookie_route import CookieDrive
from pan115kit.drive.data import FileClaim
from pan115kit.drive.http_client import ApiClient, Timing
from pan115kit.drive.interface import Drive
from pan115kit.drive.open_route import OpenDrive
from pan115kit.models import UploadTicket

T = TypeVar("T")
D = TypeVar("D", bound=Drive)

Reply = httpx.Response | Exception | dict[str, Any] | Callable[[httpx.Request], Any]

COOKIE = "UID=100000001_A1_1700000000; CID=5e2c81f0aa; SEID=77cc00dd11; KID=0ddba11cafe"
USER_KEY = "0123456789abcdef0123456789abcdef01234567"
ENDPOINTS = Endpoints.at("http://115.test")
CONFIG = UploadConfig(api_rate=0, retries=3)
SERVER = ServerCipher(115)
NOW = 1_700_000_000.0


class FakeTime:
    """Moves only when something sleeps."""

    def __init__(self) -> None:
        self.now = NOW
        self.sleeps: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds

    @property
    def timing(self) -> Timing:
        return Timing(clock=lambda: self.now, wall=lambda: self.now, sleep=self.sleep, random=lambda: 1.0)


class Scripted115:
    """Answers each path with its replies in turn, the last one for ever; remembers what was asked."""

    def __init__(self, **routes: Reply | list[Reply]) -> None:
        self.routes: dict[str, list[Reply]] = {}
        self.requests: list[httpx.Request] = []
        self.time = FakeTime()
        for path, replies in routes.items():
            self.on(path, replies)

    def on(self, path: str, replies: Reply | list[Reply]) -> None:
        self.routes[path] = replies if isinstance(replies, list) else [replies]

    def api(self, route: Route = Route.COOKIE, config: UploadConfig = CONFIG) -> ApiClient:
        transport = httpx.MockTransport(self.answer)
        return ApiClient(config, route=route, transport=transport, timing=self.time.timing)

    async def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        replies = self.routes.get(request.url.path)
        if replies is None:
            return httpx.Response(404, text="no such path in the script")
        reply: Any = replies.pop(0) if len(replies) > 1 else replies[0]
        if callable(reply):
            reply = reply(request)
            if hasattr(reply, "__await__"):
                reply = await reply
        if isinstance(reply, Exception):
            raise reply
        return reply if isinstance(reply, httpx.Response) else httpx.Response(200, json=reply)

    def paths(self) -> list[str]:
        return [request.url.path for request in self.requests]

    def forms(self, path: str) -> list[dict[str, str]]:
        return [form_of(request.content) for request in self.requests if request.url.path == path]

    def init_forms(self) -> list[dict[str, str]]:
        """The decrypted forms of initupload."""
        return [open_init(r) for r in self.requests if r.url.path == "/4.0/initupload.php"]


def form_of(body: bytes) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(body.decode(), keep_blank_values=True).items()}


def open_init(request: httpx.Request) -> dict[str, str]:
    return form_of(SERVER.open_request(request.url.params["k_ec"]).decrypt_request(request.content))


def encrypted(reply: dict[str, Any], status: int = 200) -> Callable[[httpx.Request], httpx.Response]:
    """A reply as initupload sends it, for whoever asked."""

    def answer(request: httpx.Request) -> httpx.Response:
        channel = SERVER.open_request(request.url.params["k_ec"])
        return httpx.Response(status, content=channel.encrypt_reply(json.dumps(reply).encode()))

    return answer


def html(status: int = 200) -> httpx.Response:
    return httpx.Response(status, html="<!DOCTYPE html><html><body>errors.example</body></html>")


CALLBACK = {"callback": '{"callbackUrl":"http:\\/\\/uplb"}', "callback_var": '{"x:pick_code":"p"}'}
UPLOAD_INFO = {
    "state": True,
    "errno": 0,
    "error": "",
    "user_id": 100000001,
    "userkey": USER_KEY,
    "size_limit": 123480309760,
}

SHA1 = "090AB50BA0472161E944BB2F5709F7C8D134576F"
CLAIM = FileClaim("影片 1.mkv", 3_000_000, SHA1, "77")
NEEDED = {"status": 1, "statuscode": 0, "pickcode": "p1", "bucket": "fhnfile", "object": "ab", "callback": CALLBACK}
TICKET = UploadTicket("fhnfile", "ab", CALLBACK["callback"], CALLBACK["callback_var"], "p1")
LISTED = {"fid": "900", "cid": "77", "n": "影片 1.mkv", "s": 3_000_000, "sha": SHA1, "pc": "pc9"}


def cookie_drive(server: Scripted115, **options: Any) -> CookieDrive:
    server.routes.setdefault("/app/uploadinfo", [UPLOAD_INFO])
    config = options.pop("config", CONFIG)
    return CookieDrive(
        Credentials(COOKIE),
        endpoints=ENDPOINTS,
        config=config,
        server_public_key=SERVER.public_key,
        api=server.api(config=config),
    )


def run(drive: D, story: Callable[[D], Awaitable[T]]) -> T:
    async def main() -> T:
        try:
            return await story(drive)
        finally:
            await drive.close()

    return asyncio.run(main())


ACCESS_EXPIRED = {"state": False, "code": 40140125, "message": "access_token 已过期"}
OPEN_CLAIM = FileClaim("影片.mkv", 3_000_000, SHA1, "77")
OPEN_NEEDED = {"status": 1, "pick_code": "p1", "bucket": "fhnfile", "object": "ab", "callback": CALLBACK}


def ok(data: Any) -> dict[str, Any]:
    return {"state": True, "code": 0, "message": "", "data": data}


def renewed(access: str = "access-2", refresh: str = "refresh-2") -> dict[str, Any]:
    pair = {"access_token": access, "refresh_token": refresh, "expires_in": 7200}
    return {"state": 1, "code": 0, "message": "", "data": pair, "error": "", "errno": 0}


def bearer(good: str, reply: Any) -> Callable[[httpx.Request], Any]:
    """Answers only the one access token that is valid."""
    return lambda request: reply if request.headers["authorization"] == f"Bearer {good}" else ACCESS_EXPIRED


def tokens(
    access: str, refresh: str | None = None, on_tokens: OnTokens | SavedTokens | None = None, expires_at: float = 0.0
) -> Credentials:
    return Credentials(access_token=access, refresh_token=refresh or "", on_tokens=on_tokens, expires_at=expires_at)


def open_drive(
    server: Scripted115,
    refresh: str | None = "refresh-1",
    on_tokens: OnTokens | SavedTokens | None = None,
    expires_at: float = 0.0,
) -> OpenDrive:
    credentials = tokens("access-1", refresh, on_tokens, expires_at)
    return OpenDrive(credentials, endpoints=ENDPOINTS, config=CONFIG, api=server.api(Route.OPEN))
