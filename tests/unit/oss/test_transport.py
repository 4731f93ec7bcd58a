"""Real sockets: answers that come early, servers that stall, connections that go away, TLS."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import os
import platform
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from dead_line_support import goes_dead
from oss_support import Keys, body, tells_no_secret

from pan115kit._base import dead_lines
from pan115kit.config import UploadConfig
from pan115kit.errors import NetworkError, OssCredentialsError, PartAlreadyExistError
from pan115kit.models import Part
from pan115kit.oss import transport
from pan115kit.oss.bucket import OssBucket
from pan115kit.oss.crc64 import crc64
from pan115kit.oss.sts_keys import CredentialsProvider
from pan115kit.oss.transport import ListeningTransport, make_http_client

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
CHUNK = os.urandom(1 << 20)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


def chunks(count: int) -> tuple[Any, list[int]]:
    """A body of ``count`` MiB, and how many of them were asked for."""
    asked: list[int] = []

    async def make() -> AsyncIterator[bytes]:
        for number in range(count):
            asked.append(number)
            yield CHUNK

    return make, asked


async def head(reader: asyncio.StreamReader) -> dict[str, str]:
    text = (await reader.readuntil(b"\r\n\r\n")).decode()
    return dict(line.lower().split(": ", 1) for line in text.split("\r\n")[1:] if line)


def answer(status: str, text: str = "", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(text)}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n" + text).encode()


def refusal(status: str, code: str) -> bytes:
    return answer(status, f"<Error><Code>{code}</Code><Message>no</Message></Error>")


async def take_part(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """What OSS does with a good part."""
    left, crc = int((await head(reader))["content-length"]), 0
    while left:
        data = await reader.read(min(left, 1 << 20))
        assert data
        left, crc = left - len(data), crc64(data, crc)
    writer.write(answer("200 OK", "", 'ETag: "AB"', f"x-oss-hash-crc64ecma: {crc}"))
    await writer.drain()


class Server:
    """A server whose connections a test's own coroutine serves."""

    def __init__(self, handler: Handler, context: ssl.SSLContext | None = None) -> None:
        self.handler = handler
        self.context = context
        self.connections = 0
        self.ended: asyncio.Event
        self.failures: list[BaseException] = []

    async def __aenter__(self) -> Server:
        self.ended = asyncio.Event()
        self._tasks: list[asyncio.Task[Any]] = []
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.context, limit=64 << 10)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop_listening()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        assert not self.failures

    def stop_listening(self) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.append(task)
        try:
            await self.handler(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        except AssertionError as failure:
            self.failures.append(failure)
        finally:
            writer.close()
            self.ended.set()


class TurnedClockLoop(asyncio.SelectorEventLoop):
    """A loop on whose clock only as much time passes as the test says: a machine that is busy makes nobody late."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__()

    def time(self) -> float:
        return self.now


def run(
    handler: Handler,
    use: Callable[[OssBucket, Server], Awaitable[Any]],
    *,
    tls: tuple[ssl.SSLContext, ssl.SSLContext] | None = None,
    loop: Callable[[], asyncio.AbstractEventLoop] | None = None,
    **config: Any,
) -> Any:
    """Serve with ``handler`` while ``use`` talks to it through a bucket."""

    async def main() -> Any:
        async with Server(handler, tls[0] if tls else None) as server:
            scheme = "https" if tls else "http"
            credentials = CredentialsProvider(Keys(endpoint=f"{scheme}://127.0.0.1:{server.port}"))
            client = make_http_client(UploadConfig(**config))
            if tls:
                client = httpx.AsyncClient(transport=ListeningTransport(httpx.Limits(), tls[1]))
            async with client as http:
                return await use(OssBucket(http, credentials, "fhnfile"), server)

    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(asyncio.wait_for(main(), 240))


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's and a client's context with a certificate made for this run."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    place: Path = tmp_path_factory.mktemp("tls") / "cert.pem"
    place.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(place)
    return server, ssl.create_default_context(cafile=place)


async def many_parts(bucket: OssBucket, server: Server) -> None:
    for number in range(1, 4):
        part = await bucket.upload_part("key", "UP", number, body(CHUNK, CHUNK, CHUNK[:77]), (2 << 20) + 77)
        assert part == Part(number, (2 << 20) + 77, "AB", crc64(CHUNK + CHUNK + CHUNK[:77]))
    assert server.connections == 1


async def take_parts(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        await take_part(reader, writer)


def test_parts_go_one_after_the_other_over_one_connection() -> None:
    """A new connection, and over TLS a new handshake, for every part would cost a distant user seconds."""
    run(take_parts, many_parts)


def test_parts_go_over_tls_just_the_same(tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    """Every byte, checked by CRC on both sides."""
    run(take_parts, many_parts, tls=tls)


# -- an answer before the end of the body


async def refuse_and_hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await head(reader)
    writer.write(refusal("409 Conflict", "PartAlreadyExist"))
    await writer.drain()


async def refuse_and_reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await refuse_and_hang_up(reader, writer)
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def refuse_and_wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Neither reads on nor hangs up: a client that only writes waits for its write timeout."""
    await refuse_and_hang_up(reader, writer)
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("handler", "encrypted"),
    [
        (refuse_and_hang_up, False),
        (refuse_and_reset, False),
        (refuse_and_wait, False),
        (refuse_and_hang_up, True),
        (refuse_and_wait, True),  # a reset loses what TLS has not decrypted yet
    ],
)
def test_a_refusal_while_the_body_is_being_sent_is_heard_as_what_it_is(
    handler: Handler, encrypted: bool, tls: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    """409 says "ask ListParts"; a broken pipe would send 64 MiB again, and again."""

    async def use(bucket: OssBucket, server: Server) -> None:
        make, asked = chunks(64)
        with pytest.raises(PartAlreadyExistError):
            await bucket.upload_part("key", "UP", 1, make, 64 << 20)
        assert len(asked) < 64, "the rest of the body need not be sent"

    run(handler, use, tls=tls if encrypted else None)


def test_stale_keys_in_the_middle_of_a_part_are_renewed_and_the_part_is_sent_again() -> None:
    """The most frequent early answer of all, once an hour."""
    refused: list[bool] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if refused:
            return await take_part(reader, writer)
        refused.append(True)
        await head(reader)
        writer.write(refusal("403 Forbidden", "SecurityTokenExpired"))
        return await writer.drain()

    async def use(bucket: OssBucket, server: Server) -> None:
        make, _ = chunks(16)
        part = await bucket.upload_part("key", "UP", 1, make, 16 << 20)
        assert part.crc64 == crc64(CHUNK * 16)
        assert server.connections == 2

    run(handler, use)


def test_an_interim_answer_is_not_the_answer() -> None:
    """``100 Continue`` unasked for must not stop the body."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await take_part(reader, writer)

    async def use(bucket: OssBucket, server: Server) -> None:
        make, _ = chunks(8)
        assert (await bucket.upload_part("key", "UP", 1, make, 8 << 20)).size == 8 << 20

    run(handler, use)


# -- connections that go away


def test_a_hang_up_without_an_answer_is_a_network_error() -> None:
    """Whether it comes before, in, or after the body."""
    for read_first in (0, 1 << 20, 4 << 20):

        async def handler(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter, amount: int = read_first
        ) -> None:
            if amount:
                await head(reader)
                await reader.readexactly(amount)

        async def use(bucket: OssBucket, server: Server) -> None:
            make, _ = chunks(4)
            with pytest.raises(NetworkError) as caught:
                await bucket.upload_part("key", "UP", 1, make, 4 << 20)
            assert caught.value.retryable
            assert f"127.0.0.1:{server.port}" in str(caught.value)
            assert tells_no_secret(caught.value)

        run(handler, use)


def test_an_idle_connection_closed_by_oss_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a pause OSS has hung up; the next part must not fail for that."""
    ours: list[transport._Protocol] = []

    class Protocol(transport._Protocol):
        def __init__(self) -> None:
            super().__init__()
            ours.append(self)

    monkeypatch.setattr(transport, "_Protocol", Protocol)

    async def use(bucket: OssBucket, server: Server) -> None:
        await bucket.upload_part("key", "UP", 1, body(b"x"), 1)
        while not ours[0].ended:  # noqa: ASYNC110 - the system tells us some time after the server has hung up
            await asyncio.sleep(0.01)
        await bucket.upload_part("key", "UP", 2, body(b"y"), 1)
        assert server.connections == 2

    run(take_part, use)


def test_nobody_listening_is_a_network_error_with_the_reason() -> None:
    """Refused is another trouble than timed out."""

    async def use(bucket: OssBucket, server: Server) -> None:
        server.stop_listening()
        with pytest.raises(NetworkError, match=f"cannot connect to 127.0.0.1:{server.port}.*refused"):
            await bucket.list_parts("key", "UP")

    run(take_part, use)


def test_a_certificate_nobody_trusts_is_a_network_error_with_the_reason(
    tls: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    """A proxy that breaks TLS open must be told as such."""

    async def use(bucket: OssBucket, server: Server) -> None:
        with pytest.raises(NetworkError, match="certificate verify failed"):
            await bucket.list_parts("key", "UP")

    run(take_part, use, tls=(tls[0], ssl.create_default_context()))


# -- servers that stall


async def read_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    await asyncio.Event().wait()


def test_a_server_that_takes_no_more_bytes_is_given_up_after_the_timeout() -> None:
    """And not only when TCP gives up, a quarter of an hour later."""

    async def use(bucket: OssBucket, server: Server) -> None:
        make, asked = chunks(64)
        with pytest.raises(NetworkError, match="takes no more bytes"):
            await bucket.upload_part("key", "UP", 1, make, 64 << 20)
        assert len(asked) < 64

    run(read_nothing, use, read_timeout=0.2)


def test_a_slow_server_is_not_given_up_as_long_as_bytes_move() -> None:
    """A piece that takes longer than the timeout is slow, not dead."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 << 10)
        left = int((await head(reader))["content-length"])
        loop = asyncio.get_running_loop()
        assert isinstance(loop, TurnedClockLoop)
        while left:
            left -= len(await reader.read(16 << 10))
            loop.now += 0.01
            await asyncio.sleep(0)
        assert loop.now > 2 * 0.5
        writer.write(answer("200 OK", "", 'ETag: "AB"'))

    async def use(bucket: OssBucket, server: Server) -> None:
        make, _ = chunks(2)
        assert (await bucket.upload_part("key", "UP", 1, make, 2 << 20)).number == 1

    run(handler, use, loop=TurnedClockLoop, read_timeout=0.5)


@pytest.mark.parametrize("encrypted", [False, True], ids=["tcp", "tls"])
def test_cancelling_a_stuck_part_closes_its_connection_at_once(
    encrypted: bool, tls: tuple[ssl.SSLContext, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pause and cancel must work when the line is dead; nothing may go on sending behind the user's back."""
    stuck: asyncio.Event
    sockets: list[Any] = []
    monkeypatch.setattr(transport, "_tune", lambda sock, options: sockets.append(sock))

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        stuck.set()
        await asyncio.Event().wait()

    async def use(bucket: OssBucket, server: Server) -> None:
        nonlocal stuck
        stuck = asyncio.Event()
        make, asked = chunks(64)
        task = asyncio.create_task(bucket.upload_part("key", "UP", 1, make, 64 << 20))
        await stuck.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 60)
        assert [sock.fileno() for sock in sockets] == [-1], "closed, though bytes were still to be sent"
        assert len(asked) < 64

    run(handler, use, tls=tls if encrypted else None)


def test_an_answer_that_never_comes_is_given_up_after_the_read_timeout() -> None:
    """The part may have arrived; the message says that the answer is what is missing."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        await asyncio.Event().wait()

    async def use(bucket: OssBucket, server: Server) -> None:
        with pytest.raises(NetworkError, match="no answer"):
            await bucket.list_parts("key", "UP")

    run(handler, use, read_timeout=0.2)


@pytest.mark.skipif(platform.system() != "Linux", reason="elsewhere the system does it by itself, after 40 seconds")
@pytest.mark.parametrize("encrypted", [False, True], ids=["tcp", "tls"])
def test_a_line_that_dies_in_mid_part_is_noticed_long_before_the_read_timeout(
    encrypted: bool, tls: tuple[ssl.SSLContext, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a closed lid the upload hung for the 300 s of the timeout and TCP's growing pauses."""
    monkeypatch.setattr(dead_lines, "DEAD_AFTER", 1.5)
    monkeypatch.setattr(dead_lines, "LOOK_EVERY", 0.1)

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        goes_dead(writer.get_extra_info("socket"))
        try:
            await asyncio.Event().wait()
        finally:
            writer.transport.abort()  # it will not hear that the other end has gone
            await asyncio.sleep(0)

    async def use(bucket: OssBucket, server: Server) -> None:
        make, asked = chunks(64)
        with pytest.raises(NetworkError, match="no sign of life"):
            await asyncio.wait_for(bucket.upload_part("key", "UP", 1, make, 64 << 20), 60)
        assert len(asked) < 64

    run(handler, use, tls=tls if encrypted else None, read_timeout=300)


def test_a_server_that_only_answers_late_is_not_taken_for_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    """OSS thinks long about a part now and then; sending it again would end in a 409."""
    monkeypatch.setattr(dead_lines, "DEAD_AFTER", 0.5)
    monkeypatch.setattr(dead_lines, "LOOK_EVERY", 0.05)

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = int((await head(reader))["content-length"])
        await asyncio.sleep(1.5)  # takes nothing
        await reader.readexactly(length)
        await asyncio.sleep(1.5)  # says nothing
        writer.write(answer("200 OK", "", 'ETag: "AB"'))

    async def use(bucket: OssBucket, server: Server) -> None:
        make, _ = chunks(16)
        assert (await bucket.upload_part("key", "UP", 1, make, 16 << 20)).number == 1

    run(handler, use, read_timeout=300)


# -- the environment


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "ALL_PROXY"])
def test_a_proxy_of_the_environment_is_used(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a company's proxy there is no other way out."""
    seen: list[bytes] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append((await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0])
        writer.write(refusal("403 Forbidden", "SecurityTokenExpired"))

    async def main() -> None:
        async with Server(handler) as server:
            monkeypatch.setenv(variable, f"http://127.0.0.1:{server.port}")
            async with make_http_client(UploadConfig()) as http:
                bucket = OssBucket(http, CredentialsProvider(Keys(endpoint="http://oss.invalid")), "fhnfile")
                with pytest.raises(OssCredentialsError):
                    await bucket.abort("key", "UP")

    asyncio.run(main())
    assert seen == [b"DELETE http://fhnfile.oss.invalid/key?uploadId=UP HTTP/1.1"] * 2
