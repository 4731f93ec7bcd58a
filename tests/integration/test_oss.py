"""The OSS calls against the sandbox: signatures, order, checksums and callbacks judged by somebody else's code."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from pan115kit.config import UploadConfig
from pan115kit.errors import (
    CallbackFailedError,
    ChecksumMismatchError,
    DriveProtocolError,
    NetworkError,
    NoSuchUploadError,
    OssError,
    PartAlreadyExistError,
    PartNotSequentialError,
    VerificationError,
)
from pan115kit.models import OssToken, Part
from pan115kit.oss.bucket import Body, OssBucket
from pan115kit.oss.crc64 import crc64
from pan115kit.oss.signing import Callback
from pan115kit.oss.sts_keys import CredentialsProvider
from pan115kit.oss.transport import make_http_client
from pan115kit.sandbox import Sandbox
from pan115kit.transfer.hashing import sha1_file
from pan115kit.transfer.local_file import LocalFile

T = TypeVar("T")
PART = 128 << 10


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@dataclass
class Claimed:
    """What 115 answered to the claim of a file."""

    bucket: OssBucket
    key: str
    callback: Callback
    file: LocalFile
    keys_fetched: list[OssToken]

    def body(self, number: int) -> Body:
        return lambda: self.file.stream((number - 1) * PART, self.length(number))

    def length(self, number: int) -> int:
        return min(PART, self.file.size - (number - 1) * PART)

    @property
    def count(self) -> int:
        return -(-self.file.size // PART)

    async def send(self, upload_id: str, number: int) -> Part:
        return await self.bucket.upload_part(self.key, upload_id, number, self.body(number), self.length(number))

    async def put(self) -> Any:
        whole = lambda: self.file.stream(0, self.file.size)  # noqa: E731
        return await self.bucket.put_object(self.key, whole, self.file.size, self.callback)


async def claim(sandbox: Sandbox, http: httpx.AsyncClient, file: LocalFile) -> Claimed:
    """Ask 115 as plainly as can be, so that a failure here is OSS's."""
    headers = {"Authorization": f"Bearer {sandbox.access_token}"}
    form = {
        "file_name": file.name,
        "file_size": str(file.size),
        "target": "U_1_0",
        "fileid": await sha1_file(file),
    }
    reply = await http.post(f"{sandbox.endpoint}/open/upload/init", data=form, headers=headers)
    data = reply.json()["data"]
    if data["status"] == 7:
        start, end = map(int, data["sign_check"].split("-"))
        form |= {"sign_key": data["sign_key"], "sign_val": await file.sha1_range(start, end)}
        reply = await http.post(f"{sandbox.endpoint}/open/upload/init", data=form, headers=headers)
        data = reply.json()["data"]
    assert data["status"] == 1
    fetched: list[OssToken] = []

    async def fetch() -> OssToken:
        answer = await http.get(f"{sandbox.endpoint}/open/upload/get_token", headers=headers)
        keys = answer.json()["data"]
        fetched.append(
            OssToken(keys["endpoint"], keys["AccessKeyId"], keys["AccessKeySecret"], keys["SecurityToken"], 4e9)
        )
        return fetched[-1]

    bucket = OssBucket(http, CredentialsProvider(fetch), data["bucket"])
    callback = Callback(data["callback"]["callback"], data["callback"]["callback_var"])
    return Claimed(bucket, data["object"], callback, file, fetched)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    path = tmp_path / "电影 & a.bin"
    path.write_bytes(os.urandom(5 * PART + 77))
    return path


def with_sandbox(
    place: Path,
    use: Callable[[Sandbox, Claimed], Awaitable[T]],
    *,
    config: UploadConfig | None = None,
) -> T:
    async def main(sandbox: Sandbox) -> T:
        async with make_http_client(config or UploadConfig()) as http:
            with LocalFile.open(place) as file:
                return await use(sandbox, await claim(sandbox, http, file))

    with Sandbox() as sandbox:
        return asyncio.run(main(sandbox))


def test_a_file_goes_up_in_parts_and_115_has_it(place: Path) -> None:
    """All six calls but one, to the sha1 that 115 confirms."""
    content = place.read_bytes()

    async def use(sandbox: Sandbox, claimed: Claimed) -> None:
        upload_id = await claimed.bucket.initiate(claimed.key)
        parts = [await claimed.send(upload_id, number) for number in range(1, claimed.count + 1)]
        assert await claimed.bucket.list_parts(claimed.key, upload_id) == parts
        reply = await claimed.bucket.complete(claimed.key, upload_id, parts, claimed.callback)
        assert reply.sha1 == hashlib.sha1(content).hexdigest().upper()
        assert (reply.file_size, reply.crc64) == (len(content), crc64(content))
        (stored,) = sandbox.files()
        assert (reply.file_id, reply.file_name) == (stored.file_id, place.name)
        assert sandbox.read(f"/{place.name}") == content

    with_sandbox(place, use)


@pytest.mark.parametrize("size", [0, 1, 300_000, 2_000_000])
def test_a_small_file_goes_up_in_one_piece(tmp_path: Path, size: int) -> None:
    """The empty one too."""
    place = tmp_path / "small.bin"
    place.write_bytes(os.urandom(size))

    async def use(sandbox: Sandbox, claimed: Claimed) -> None:
        reply = await claimed.put()
        assert (reply.file_size, reply.file_name) == (size, "small.bin")
        assert sandbox.read("/small.bin") == place.read_bytes()

    with_sandbox(place, use)


def test_the_order_of_parts_is_kept_by_errors_of_their_own(place: Path) -> None:
    """A repeated part and a skipped one need different remedies (protocol §4.3)."""

    async def use(sandbox: Sandbox, claimed: Claimed) -> None:
        upload_id = await claimed.bucket.initiate(claimed.key)
        first = await claimed.send(upload_id, 1)
        with pytest.raises(PartAlreadyExistError):
            await claimed.send(upload_id, 1)
        with pytest.raises(PartNotSequentialError):
            await claimed.send(upload_id, 3)
        assert await claimed.bucket.list_parts(claimed.key, upload_id) == [first]

    with_sandbox(place, use)


def test_a_file_sent_without_sequential_is_refused_by_115_in_its_own_words(place: Path) -> None:
    """The trap of protocol §4.3, seen from the other side."""

    async def use(sandbox: Sandbox, claimed: Claimed) -> None:
        upload_id = await claimed.bucket.initiate(claimed.key, sequential=False)
        parts = [await claimed.send(upload_id, number) for number in range(1, claimed.count + 1)]
        with pytest.raises(VerificationError) as caught:
            await claimed.bucket.complete(claimed.key, upload_id, parts, claimed.callback)
        assert (caught.value.code, caught.value.server_message) == (10002, "校验文件失败")

    with_sandbox(place, use)


def test_keys_that_run_out_in_mid_upload_are_replaced(place: Path) -> None:
    """The same upload_id goes on (protocol §4.6)."""

    async def use(sandbox: Sandbox, claimed: Claimed) -> None:
        upload_id = await claimed.bucket.initiate(claimed.key)
        parts = []
        for number in range(1, claimed.count + 1):
            sandbox.expire_sts()
            parts.append(await claimed.send(upload_id, number))
        sandbox.expire_sts()
        await claimed.bucket.complete(claimed.key, upload_id, parts, claimed.callback)
        assert len(claimed.keys_fetched) == claimed.count + 2
        assert len(sandbox.files()) == 1

    with_sandbox(place, use)


def test_an_aborted_upload_is_gone_and_aborting_twice_is_fine(place: Path) -> None:
    """No parts are left to be paid for, and cancel may be pressed twice."""

    async def use(sandbox: Sandbox, claimed: Claimed) -> None:
        upload_id = await claimed.bucket.initiate(claimed.key)
        await claimed.send(upload_id, 1)
        await claimed.bucket.abort(claimed.key, upload_id)
        await claimed.bucket.abort(claimed.key, upload_id)
        assert sandbox.uploads() == []
        with pytest.raises(NoSuchUploadError):
            await claimed.bucket.list_parts(claimed.key, upload_id)
        with pytest.raises(NoSuchUploadError):
            await claimed.send(upload_id, 2)

    with_sandbox(place, use)


def test_a_failed_callback_is_no_success(place: Path) -> None:
    """203: the object is there, the file is not."""

    async def use(sandbox: Sandbox, claimed: Claimed) -> None:
        sandbox.fault("put_object", "callback_203")
        with pytest.raises(CallbackFailedError):
            await claimed.put()
        assert sandbox.files() == []

    with_sandbox(place, use)


@pytest.mark.parametrize(
    ("kind", "details", "error"),
    [
        ("status", {"status": 503, "code": "SlowDown"}, OssError),
        ("status", {"status": 500}, OssError),
        ("reset_before", {"after_bytes": 50_000}, NetworkError),
        ("reset_after", {}, NetworkError),
        ("wrong_crc", {}, ChecksumMismatchError),
    ],
)
def test_trouble_with_a_part_is_retryable_and_the_retry_works(
    place: Path, kind: str, details: dict[str, Any], error: type[Exception]
) -> None:
    """Whatever broke, the next request must not suffer from the last one's connection."""

    async def use(sandbox: Sandbox, claimed: Claimed) -> None:
        upload_id = await claimed.bucket.initiate(claimed.key)
        sandbox.fault("upload_part", kind, **details)
        with pytest.raises(error) as caught:
            await claimed.send(upload_id, 1)
        assert caught.value.retryable  # type: ignore[attr-defined]
        there = await claimed.bucket.list_parts(claimed.key, upload_id)
        assert len(there) == (kind in ("reset_after", "wrong_crc"))
        assert (there or [await claimed.send(upload_id, 1)])[0].crc64 == await claimed.file.crc64_range(0, PART)

    with_sandbox(place, use)


def test_half_an_answer_of_115_is_doubt_and_no_success(place: Path) -> None:
    """The file may be there; only 115 can tell."""

    async def use(sandbox: Sandbox, claimed: Claimed) -> None:
        sandbox.fault("put_object", "truncated_json")
        with pytest.raises((DriveProtocolError, NetworkError)):
            await claimed.put()

    with_sandbox(place, use)


def test_a_part_that_hangs_is_cancelled_at_once(place: Path) -> None:
    """And the next request does not suffer from it."""

    async def use(sandbox: Sandbox, claimed: Claimed) -> None:
        upload_id = await claimed.bucket.initiate(claimed.key)
        sandbox.fault("upload_part", "stall", when="after")
        task = asyncio.create_task(claimed.send(upload_id, 1))
        async with asyncio.timeout(120):
            while not await claimed.bucket.list_parts(claimed.key, upload_id):
                pass  # until the part is there and only the answer is missing
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 120)  # the client's own patience is longer
        assert [part.number for part in await claimed.bucket.list_parts(claimed.key, upload_id)] == [1]
        assert (await claimed.send(upload_id, 2)).number == 2

    with_sandbox(place, use)


def test_a_refusal_of_a_large_part_is_heard_while_it_is_being_sent(tmp_path: Path) -> None:
    """Stale keys cost one answer and not a whole part, and certainly not a broken pipe."""
    place = tmp_path / "large.bin"
    with place.open("wb") as file:
        file.truncate(64 << 20)

    async def use(sandbox: Sandbox, claimed: Claimed) -> None:
        upload_id = await claimed.bucket.initiate(claimed.key)
        sandbox.fault("upload_part", "status", status=409, code="PartAlreadyExist")
        handed_out = 0

        async def body() -> AsyncIterator[bytes | memoryview]:
            nonlocal handed_out
            async for piece in claimed.file.stream(0, claimed.file.size):
                handed_out += len(piece)
                yield piece

        with pytest.raises(PartAlreadyExistError):
            await claimed.bucket.upload_part(claimed.key, upload_id, 1, body, claimed.file.size)
        assert handed_out < claimed.file.size
        sandbox.expire_sts()
        part = await claimed.bucket.upload_part(claimed.key, upload_id, 1, body, claimed.file.size)
        assert part.size == claimed.file.size

    with_sandbox(place, use)
