"""A scripted OSS and STS keys whose secrets are easy to find again, for the tests of ``pan115kit.oss``."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx

from pan115kit.models import OssToken
from pan115kit.oss.bucket import Body, OssBucket
from pan115kit.oss.crc64 import crc64
from pan115kit.oss.sts_keys import CredentialsProvider

SECRETS = ("s3cr3t-of-key", "t0ken-of-sts")
NEVER = 4_000_000_000.0


def keys(number: int = 1, *, endpoint: str = "http://oss.test:8000", expires_at: float = NEVER) -> OssToken:
    return OssToken(endpoint, f"STS.{number}", f"{SECRETS[0]}-{number}", f"{SECRETS[1]}-{number}", expires_at)


class Keys:
    """Hands out keys 1, 2, 3 … and counts."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.fetched = 0

    async def __call__(self) -> OssToken:
        self.fetched += 1
        return keys(self.fetched, **self.options)


def body(*pieces: bytes) -> Body:
    async def make() -> AsyncIterator[bytes | memoryview]:
        for piece in pieces:
            yield memoryview(piece)

    return make


Answer = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


class ScriptedOss:
    """Answers requests from a list and keeps them, bodies read."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer(request) if callable(answer) else answer

    def bucket(self, fetch: Any = None) -> OssBucket:
        http = httpx.AsyncClient(transport=httpx.MockTransport(self))
        return OssBucket(http, CredentialsProvider(fetch or Keys()), "fhnfile")


def oss_error(status: int, code: str, message: str = "words of OSS", **headers: str) -> httpx.Response:
    text = f"<Error><Code>{code}</Code><Message>{message}</Message><RequestId>RID</RequestId></Error>"
    return httpx.Response(status, text=text, headers={"x-oss-request-id": "RID", **headers})


def stored(request: httpx.Request) -> httpx.Response:
    """OSS took the body: ETag and CRC-64 of it."""
    return httpx.Response(200, headers={"ETag": '"0a1b"', "x-oss-hash-crc64ecma": str(crc64(request.content))})


def tells_no_secret(error: BaseException) -> bool:
    """Whether nothing that can be reached from an error leads to keys."""
    seen: list[BaseException] = []
    pending: list[BaseException | None] = [error]
    while pending:
        one = pending.pop()
        if one is None or one in seen:
            continue
        seen.append(one)
        pending += [one.__cause__, one.__context__]
        shown = f"{one!r} {one} {vars(one)!r}"
        request = getattr(one, "_request", None)
        shown += repr(getattr(request, "headers", None) and list(request.headers.raw))
        if any(secret in shown for secret in SECRETS):
            return False
    return True


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """A loop whose clock jumps to the next timer instead of waiting for it."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_Jumping(self))

    def time(self) -> float:
        return self.now


class _Jumping(selectors.SelectSelector):
    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._owner = loop

    def select(self, timeout: float | None = None) -> Any:
        events = super().select(0 if timeout is not None else 5)
        if not events:
            assert timeout is not None, "everybody waits and nothing will happen"
            self._owner.now += timeout
        return events
