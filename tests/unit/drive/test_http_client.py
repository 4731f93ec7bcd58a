"""The HTTP client: one account's rate, its retries, its breaker, and what a broken line becomes."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from dataclasses import replace
from email.utils import formatdate
from typing import Any

import httpx
import pytest
from drive_support import CONFIG, FakeTime, Scripted115, html
from oss_support import VirtualTimeLoop

from pan115kit.config import UploadConfig
from pan115kit.drive.http_client import ApiClient
from pan115kit.errors import (
    AccountBlockedError,
    ConfigError,
    DriveError,
    DriveProtocolError,
    LoginError,
    NetworkError,
    RateLimitedError,
)

URL = "http://115.test/x"


def script(*replies: Any) -> Scripted115:
    server = Scripted115()
    server.on("/x", list(replies))
    return server


async def call(api: ApiClient) -> dict[str, Any]:
    try:
        return await api.call("GET", URL)
    finally:
        await api.close()


def test_a_passing_fault_is_repeated_with_growing_waits() -> None:
    """A gateway's 502, a cut answer and a page do not fail an upload."""
    server = script(httpx.Response(502), httpx.Response(200, content=b'{"sta'), html(), {"state": True, "a": 1})
    assert asyncio.run(call(server.api())) == {"state": True, "a": 1}
    assert server.time.sleeps == [0.5, 1.0, 2.0]


def test_tries_end_and_the_last_error_is_reported() -> None:
    """Otherwise a dead host hangs the notebook for ever."""
    server = script(httpx.Response(503))
    with pytest.raises(DriveError, match="HTTP 503"):
        asyncio.run(call(server.api()))
    assert len(server.requests) == 1 + CONFIG.retries


def test_what_a_retry_does_not_help_is_not_repeated() -> None:
    """A dead cookie asked six times looks like an attack."""
    server = script({"state": False, "errno": 990001, "error": "登录超时"})
    with pytest.raises(LoginError, match="990001"):
        asyncio.run(call(server.api()))
    assert len(server.requests) == 1


def test_retries_0_means_one_try() -> None:
    """The user's setting is kept."""
    server = script(httpx.Response(503))
    with pytest.raises(DriveError):
        asyncio.run(call(server.api(config=UploadConfig(api_rate=0, retries=0))))
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "fault",
    [
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("slow"),
        httpx.ReadTimeout("silent"),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("closed"),
        httpx.ProxyError("407"),
        httpx.DecodingError("gzip"),
    ],
)
def test_a_broken_line_names_the_host_and_is_tried_again(fault: Exception) -> None:
    """'Connection reset' without saying whose is no help; after the line is back the upload goes on."""
    server = script(fault, {"state": True})
    assert asyncio.run(call(server.api())) == {"state": True}
    dead = script(fault)
    with pytest.raises(NetworkError, match=r"115\.test") as caught:
        asyncio.run(call(dead.api()))
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_an_address_with_a_password_is_not_shown() -> None:
    """A mirror's address may carry one."""
    api = script(httpx.ReadError("reset")).api()

    async def story() -> None:
        await api.send("GET", "http://me:hunter2@115.test/x")

    with pytest.raises(NetworkError) as caught:
        asyncio.run(story())
    assert "hunter2" not in str(caught.value)


def test_a_limit_with_a_time_is_waited_out_by_every_call() -> None:
    """429 with X-RateLimit-Reset: nobody asks before that moment, not even for another file."""
    limited = httpx.Response(429, headers={"X-RateLimit-Reset": "45"}, json={})
    server = script(limited, {"state": True})
    other_at: list[float] = []
    api = server.api()
    limit_seen = asyncio.Event()
    sleep = server.time.sleep

    async def watched(seconds: float) -> None:
        limit_seen.set()
        await sleep(seconds)

    api.timing = replace(server.time.timing, sleep=watched)

    async def story() -> None:
        start = server.time.now
        first = asyncio.create_task(api.call("GET", URL))
        await limit_seen.wait()
        await api.call("GET", URL)
        other_at.append(server.time.now - start)
        await first

    asyncio.run(story())
    assert other_at[0] >= 45


def test_a_limit_of_hours_is_reported_instead_of_waited_out() -> None:
    """A cell that sleeps for hours looks dead."""
    server = script(httpx.Response(429, headers={"Retry-After": "7200"}, json={}))
    with pytest.raises(RateLimitedError):
        asyncio.run(call(server.api()))
    assert server.time.sleeps == []


@pytest.mark.parametrize(
    "block",
    [
        html(405),
        {"state": False, "code": 770004, "message": "已达到当前访问上限"},
        {"state": False, "errno": 911, "error": "请验证账号"},
    ],
)
def test_a_block_stops_all_calls_until_reset_or_ten_minutes(block: Any) -> None:
    """Every further call would lengthen the block; a thousand files must not fail one by one over the wire."""
    server = script(block, {"state": True})
    api = server.api()

    async def blocked() -> AccountBlockedError:
        with pytest.raises(AccountBlockedError) as caught:
            await api.call("GET", URL)
        return caught.value

    async def story() -> None:
        first = await blocked()
        second = await blocked()
        assert str(first) == str(second)
        assert first is not second
        assert len(server.requests) == 1
        server.time.now += 599
        await blocked()
        server.time.now += 1
        assert await api.call("GET", URL) == {"state": True}

    asyncio.run(story())


def test_reset_lets_calls_through_again() -> None:
    """After solving the puzzle nobody wants to wait ten minutes."""
    server = script(html(405), {"state": True})
    api = server.api()

    async def story() -> None:
        with pytest.raises(AccountBlockedError):
            await api.call("GET", URL)
        api.reset()
        assert await api.call("GET", URL) == {"state": True}

    asyncio.run(story())


def test_calls_already_waiting_for_a_retry_stop_at_a_block() -> None:
    """A file in its back-off must not knock again while the account is blocked."""
    server = Scripted115()
    server.on("/x", httpx.Response(503))
    server.on("/y", html(405))
    api = server.api()

    async def story() -> None:
        waiting = asyncio.Event()
        blocked = asyncio.Event()

        async def sleep(seconds: float) -> None:
            waiting.set()
            await blocked.wait()

        api.timing = replace(server.time.timing, sleep=sleep)
        first = asyncio.create_task(api.call("GET", URL))
        await waiting.wait()
        with pytest.raises(AccountBlockedError):
            await api.call("GET", "http://115.test/y")
        blocked.set()
        with pytest.raises(AccountBlockedError):
            await first

    asyncio.run(story())
    assert server.paths() == ["/x", "/y"]


def test_a_block_stops_those_who_wait_for_their_turn() -> None:
    """Files queued behind the rate limit must not knock after the block; and none waits for a turn in vain."""

    async def block(request: httpx.Request) -> httpx.Response:
        for _ in range(10):
            await asyncio.sleep(0)  # the others queue up meanwhile
        return html(405)

    server = script(block)
    api = server.api(config=UploadConfig(api_rate=20, api_burst=1))

    async def story() -> None:
        calls = (api.call("GET", URL) for _ in range(4))
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(answer) for answer in answers} == {AccountBlockedError}

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:  # no turn comes while 115 thinks, however long
        runner.run(story())
    assert len(server.requests) == 1


def test_a_call_during_a_block_fails_at_once() -> None:
    """Not after its turn in the rate: a thousand files would take minutes to fail."""
    server = script(html(405))
    api = server.api(config=UploadConfig(api_rate=0.001, api_burst=1))

    async def story() -> None:
        for _ in range(3):
            with pytest.raises(AccountBlockedError):
                await asyncio.wait_for(api.call("GET", URL), 60)

    asyncio.run(story())


def test_the_rate_holds_for_all_calls_together() -> None:
    """Three files at once still ask 115 at the account's pace: a burst of two, then one per 20 ms here."""
    server = script({"state": True})
    api = server.api(config=UploadConfig(api_rate=50, api_burst=2))

    async def story() -> float:
        loop = asyncio.get_running_loop()
        start = loop.time()
        await asyncio.gather(*(api.call("GET", URL) for _ in range(7)))
        return loop.time() - start

    assert asyncio.run(story()) >= 5 / 50 * 0.9


def test_no_rate_means_no_limit() -> None:
    """PAN115_API_RATE=0, for tests and sandboxes."""
    assert ApiClient(UploadConfig(api_rate=0))._limiter is None


def test_a_redirect_is_not_followed() -> None:
    """The cookie must not travel to wherever a hotel's gateway points."""
    server = script(httpx.Response(302, headers={"Location": "http://elsewhere.test/"}))
    with pytest.raises(DriveProtocolError):
        asyncio.run(call(server.api()))
    assert {request.url.host for request in server.requests} == {"115.test"}


def test_timeouts_are_the_configs() -> None:
    """connect_timeout as set; reading an API answer never as long as an OSS part may take."""
    seen: list[Any] = []
    server = script(lambda request: seen.append(request.extensions["timeout"]) or {"state": True})
    asyncio.run(call(server.api(config=UploadConfig(api_rate=0, connect_timeout=3, read_timeout=300))))
    asyncio.run(call(server.api(config=UploadConfig(api_rate=0, connect_timeout=3, read_timeout=7))))
    assert [(t["connect"], t["read"]) for t in seen] == [(3, 60), (3, 7)]


def test_a_bad_proxy_variable_is_a_config_error_without_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable often holds a password."""
    monkeypatch.setenv("HTTP_PROXY", "bogus://me:hunter2@proxy.test")
    with pytest.raises(ConfigError, match="proxy") as caught:
        asyncio.run(call(ApiClient(CONFIG)))
    assert "hunter2" not in str(caught.value)


def test_secrets_are_cut_out_of_115s_words() -> None:
    """Some gateways quote the request in their message."""
    server = script({"state": False, "code": 1, "message": "bad token s3cr3t-value!"})
    api = server.api()
    api.hide("s3cr3t-value")
    with pytest.raises(DriveError) as caught:
        asyncio.run(call(api))
    assert "s3cr3t-value" not in str(caught.value)
    assert "bad token" in str(caught.value)


def test_cancelling_a_call_takes_effect_at_once() -> None:
    """Stop means stop, also while 115 is silent or a retry waits."""

    async def silent(_: httpx.Request) -> httpx.Response:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    asked = asyncio.Event()

    server = script(silent)

    async def story() -> None:
        task = asyncio.create_task(server.api().call("GET", URL))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 60)

    asyncio.run(story())


def test_a_closed_client_opens_again() -> None:
    """A drive that was closed and is used again works instead of raising RuntimeError."""
    server = script({"state": True})
    api = server.api()

    async def story() -> None:
        await api.call("GET", URL)
        await api.close()
        await api.call("GET", URL)
        await api.close()

    asyncio.run(story())
    assert len(server.requests) == 2


def test_the_fake_clock_moves_by_sleeping() -> None:
    """The tests above rest on it."""
    time = FakeTime()
    asyncio.run(time.timing.sleep(3))  # type: ignore[arg-type]
    assert time.timing.clock() == time.timing.wall() == time.now


def test_a_certificate_out_of_date_points_to_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a clock years off, TLS fails before 115 can say what time it is."""
    monkeypatch.setenv("PAN115_LANG", "en")
    fault = httpx.ConnectError(
        "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate is not yet valid"
    )
    with pytest.raises(NetworkError, match="clock"):
        asyncio.run(call(script(fault).api()))


def test_a_request_looks_for_no_module_that_is_missing() -> None:
    """httpcore asks sniffio which loop runs, many times a request; each failing import walks the whole sys.path."""
    missing: list[str] = []
    gone = asyncio.Event()

    class Seen:
        @staticmethod
        def find_spec(name: str, path: object = None, target: object = None) -> None:
            missing.append(name)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()
        gone.set()

    async def story() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        api = ApiClient(UploadConfig(api_rate=0))
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/x"
        await api.send("GET", url)
        sys.meta_path.insert(0, Seen)  # type: ignore[arg-type]
        try:
            await api.send("GET", url)
        finally:
            sys.meta_path.remove(Seen)  # type: ignore[arg-type]
        await api.close()
        server.close()
        await gone.wait()

    asyncio.run(story())
    assert missing == []


def test_a_slow_answer_is_no_wrong_clock(caplog: pytest.LogCaptureFixture) -> None:
    """115 counts a large folder for minutes; its Date may be from the beginning or the end of that."""
    server = script()

    async def slow(_request: httpx.Request) -> httpx.Response:
        begun = server.time.now
        await server.time.sleep(300)
        return httpx.Response(200, json={"state": True}, headers={"Date": formatdate(begun, usegmt=True)})

    server.on("/x", slow)
    api = server.api()
    asyncio.run(call(api))
    assert not api.clock_is_wrong
    assert api.server_time() == server.time.now
    assert not caplog.records
