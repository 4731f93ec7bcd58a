"""The line between page and server: lost, found again, and what other pages import of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from page_support import Seen, chromium, needs_browser, opened, until
from playwright.sync_api import Browser, Page, expect

from pan115kit.models import UploadStatus
from pan115kit.progress.tracker import ProgressTracker
from pan115kit.sandbox import Sandbox
from pan115kit.server import serve
from pan115kit.server.change_feed import ChangeFeed
from pan115kit.store import Store

pytestmark = [pytest.mark.browser, needs_browser]

TOKEN = "a-token-that-survives-restarts"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


class Process:
    """``python -m pan115kit serve`` that can be killed and started again at the same address."""

    def __init__(self, box: Sandbox, state_dir: Path, root: Path) -> None:
        self._environment = os.environ | {
            "PAN115_ENDPOINT": box.endpoint,
            "PAN115_COOKIE": box.cookie,
            "PAN115_ECDH_PUBLIC_KEY": box.ecdh_public_key,
            "PAN115_STATE_DIR": str(state_dir),
            "PAN115_SERVER_TOKEN": TOKEN,
            "PAN115_API_RATE": "0",
        }
        self._root = root
        self.port = 0
        self._child: subprocess.Popen[str] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "pan115kit", "serve", "--json", "--root", str(self._root)]
        self._child = subprocess.Popen(
            [*command, "--port", str(self.port)], env=self._environment, stdout=subprocess.PIPE, text=True
        )
        assert self._child.stdout is not None
        told = json.loads(self._child.stdout.readline())
        self.port = int(told["url"].rstrip("/").rpartition(":")[2])

    def kill(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
            self._child = None

    @property
    def link(self) -> str:
        return f"http://127.0.0.1:{self.port}/?token={TOKEN}"


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    root = tmp_path / "files"
    root.mkdir()
    (root / "a.bin").write_bytes(b"a" * 1000)
    (root / "b.bin").write_bytes(b"b" * 1000)
    with Sandbox() as box:
        made = Process(box, tmp_path / "process-state", root)
        made.start()
        yield made
        made.kill()


def add(seen: Seen, path: str) -> None:
    if not seen.page.locator("#add-form").is_visible():
        seen.page.click("#add")
    seen.page.fill("[name=file_path]", path)
    seen.page.click("#add-form button")


def test_a_killed_server_comes_back_and_the_page_is_right(browser: Browser, process: Process) -> None:
    """The page says it is cut off, tries again by itself, and then shows what is, not what was."""
    with opened(browser, process.link) as seen:
        seen.connected()
        line, uploads = seen.page.locator("#connection"), seen.page.locator("#uploads")
        add(seen, "a.bin")
        seen.reach("a.bin", "success")
        process.kill()
        expect(line).to_have_attribute("data-state", "disconnected")
        expect(line).to_contain_text("Not connected")
        expect(seen.page.locator("#reconnect")).to_be_visible()
        expect(uploads).to_have_attribute("stale", "")
        assert seen.row("a.bin").count() == 1  # the last known stays, visibly stale
        process.start()
        expect(line).to_have_attribute("data-state", "connected")
        expect(seen.row("a.bin")).to_have_count(0)  # what the new process does not know
        add(seen, "b.bin")
        seen.reach("b.bin", "success", "quick_success")
        expect(uploads).not_to_have_attribute("stale", "")


def test_the_button_reconnects_at_once(browser: Browser, process: Process) -> None:
    """Nobody has to wait for the five seconds."""
    with opened(browser, process.link) as seen:
        seen.connected()
        seen.page.clock.install()
        seen.page.reload()
        seen.connected()
        seen.page.clock.pause_at(time.time() + 3600)  # the page's own timers stand still from here on
        process.kill()
        until(lambda: _paint(seen.page) or seen.connection() == "disconnected")
        process.start()
        pressed = seen.page.evaluate("Date.now()")
        seen.page.click("#reconnect")
        until(lambda: _paint(seen.page) or seen.connection() == "connected")
        assert seen.page.evaluate("Date.now()") - pressed < 4000  # ms of the page's clock: no timer helped


def _paint(page: Page) -> None:
    """Let one frame be painted: 20 ms pass for the page, which are 100 for the machine."""
    time.sleep(0.1)
    page.clock.run_for(20)


# -- the module by itself ------------------------------------------------------------------------------------------

_FAKE_SOCKET = """
globalThis.sockets = [];
class FakeSocket {
    constructor(url) { this.url = url; this.readyState = 0; this.sent = []; sockets.push(this); }
    send(text) { this.sent.push(JSON.parse(text)); }
    close() { this.end(1000); }
    open() { this.readyState = 1; this.onopen?.({}); }
    say(message) { this.onmessage?.({data: JSON.stringify(message)}); }
    end(code) { if (this.readyState === 3) return; this.readyState = 3; this.onclose?.({code}); }
}
globalThis.states = [];
globalThis.begin = async (options) => {
    const { connectUploadProgress } = await import("/static/progress.js");
    globalThis.connection = connectUploadProgress(options?.url, (state) => states.push(structuredClone(state)),
        { WebSocket: FakeSocket, ...options });
};
null;  // evaluate() would call a function
"""


@pytest.fixture
def origin(tmp_path: Path) -> Iterator[str]:
    """A server that only hands out the module."""
    with Store(tmp_path / "bench-state") as store, serve(None, ProgressTracker(), store) as server:  # type: ignore[arg-type]
        yield server.url


@pytest.fixture
def bench(browser: Browser, origin: str) -> Iterator[Page]:
    """A page of the server's origin with a socket and a clock that the test moves."""
    profile = browser.new_context()
    page = profile.new_page()
    page.route("**/bench", lambda route: route.fulfill(body="<p></p>", content_type="text/html"))
    page.clock.install(time=1_700_000_000)
    page.goto(f"{origin}bench")
    page.clock.pause_at(1_700_001_000)  # or it would go on by itself between two steps
    page.evaluate(_FAKE_SOCKET)
    yield page
    profile.close()


def test_it_tries_again_after_five_seconds_and_pings_every_thirty(bench: Page) -> None:
    """The specification's times: reconnect 5 s, heartbeat 30 s."""
    bench.evaluate("begin()")
    bench.evaluate("sockets[0].open()")
    bench.clock.run_for(29_000)
    assert bench.evaluate("sockets[0].sent.length") == 0
    bench.clock.run_for(2_000)
    (ping,) = bench.evaluate("sockets[0].sent")
    assert (ping["type"], type(ping["timestamp"])) == ("ping", int)
    bench.evaluate("sockets[0].say({type: 'pong', timestamp: 1})")
    bench.evaluate("sockets[0].end(1006)")
    assert bench.evaluate("states.at(-1).connected") is False
    bench.clock.run_for(4_800)
    assert bench.evaluate("sockets.length") == 1
    bench.clock.run_for(400)
    assert bench.evaluate("sockets.length") == 2
    bench.evaluate("sockets[1].open()")
    assert bench.evaluate("states.at(-1).connected") is True


def test_a_line_that_died_in_silence_is_noticed(bench: Page) -> None:
    """A laptop that slept, a router that forgot: no close ever comes, and no pong."""
    bench.evaluate("begin()")
    bench.evaluate("sockets[0].open()")
    bench.clock.run_for(30_100)
    bench.clock.run_for(10_100)
    assert bench.evaluate("states.at(-1).connected") is False
    bench.clock.run_for(5_100)
    assert bench.evaluate("sockets.length") == 2


def test_closing_ends_everything(bench: Page) -> None:
    """A component that is gone neither reconnects nor calls back."""
    bench.evaluate("begin()")
    bench.evaluate("sockets[0].open()")
    told = bench.evaluate("states.length")
    bench.evaluate("connection.close()")
    bench.clock.run_for(120_000)
    assert bench.evaluate("[sockets.length, states.length]") == [1, told]


@pytest.mark.parametrize(
    ("options", "address"),
    [
        ({}, "ws://ORIGIN/ws/upload/progress"),
        ({"url": "http://nas:8115"}, "ws://nas:8115/ws/upload/progress"),
        ({"url": "https://nas/proxy/8115/"}, "wss://nas/proxy/8115/ws/upload/progress"),
        ({"url": "wss://nas/ws/upload/progress", "token": "a b&c"}, "wss://nas/ws/upload/progress?token=a+b%26c"),
    ],
)
def test_addresses(bench: Page, origin: str, options: dict[str, str], address: str) -> None:
    """A server's address is enough; the socket's path is added where it is missing."""
    bench.evaluate("options => begin(options)", options)
    assert bench.evaluate("sockets[0].url") == address.replace("ws://ORIGIN/", origin.replace("http", "ws"))


def test_it_joins_what_the_feed_sends(bench: Page) -> None:
    """Whole lists, pages and changes end in the same list in the page as on the server."""
    bench.evaluate("begin()")
    bench.evaluate("sockets[0].open()")
    feed = ChangeFeed(page=4, pages_per_step=2)
    place = 0

    def text(number: int, status: UploadStatus) -> str:
        return json.dumps({"job_id": f"job-{number}", "status": status})

    def shown() -> dict[str, str]:
        found: dict[str, str] = bench.evaluate(
            "Object.fromEntries(connection.uploads.map(u => [u.job_id, u.status]))"
        )
        return found

    def tell(messages: tuple[str, ...] | list[str]) -> None:
        for message in messages:
            bench.evaluate("message => sockets[0].say(JSON.parse(message))", message)

    truth: dict[str, Any] = {}
    steps: list[Callable[[], None]] = [
        lambda: truth.update({f"job-{n}": UploadStatus.PENDING for n in range(3)}),
        lambda: truth.update({"job-1": UploadStatus.UPLOADING}),
        lambda: truth.update({f"job-{n}": UploadStatus.HASHING for n in range(3, 11)}),
        lambda: truth.update({"job-7": UploadStatus.FAILED, "job-1": UploadStatus.SUCCESS}),
        lambda: [truth.pop(f"job-{n}") for n in range(2, 5)] and None,
        lambda: [truth.pop(f"job-{n}") for n in range(5, 11)] and None,
    ]
    for step in steps:
        step()
        feed.update({job: text(int(job[4:]), status) for job, status in truth.items()}, list(truth))
        while True:
            tell(feed.since(place) or [])
            place = feed.number
            if not feed.waiting:
                break
            feed.update({})
        assert shown() == truth
    feed.update(
        {f"job-{n}": text(n, UploadStatus.PENDING) for n in range(20, 40)},
        [*truth, *map("job-{}".format, range(20, 40))],
    )
    feed.forget_messages()
    tell(feed.listing().messages)
    assert len(shown()) == len(truth) + 20
