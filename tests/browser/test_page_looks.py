"""The page in Chromium over a tracker: every state, both themes, a phone, two languages, ten thousand uploads."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from page_support import Seen, chromium, needs_browser, opened, until
from playwright.sync_api import Browser

from pan115kit.models import UploadStatus
from pan115kit.server import Server, serve
from pan115kit.store import Store
from pan115kit.tracker import ProgressTracker

pytestmark = [pytest.mark.browser, needs_browser]

BADGES = {
    UploadStatus.PENDING: ("待上传", "Waiting"),
    UploadStatus.HASHING: ("计算哈希", "Hashing"),
    UploadStatus.CHECKING: ("检查秒传", "Checking"),
    UploadStatus.QUICK_SUCCESS: ("秒传成功", "Instant"),
    UploadStatus.UPLOADING: ("上传中", "Uploading"),
    UploadStatus.PAUSED: ("已暂停", "Paused"),
    UploadStatus.SUCCESS: ("上传成功", "Uploaded"),
    UploadStatus.FAILED: ("上传失败", "Failed"),
    UploadStatus.CANCELLED: ("已取消", "Cancelled"),
}


class NoQueue:
    """No upload here is the server's own: the test writes what is shown."""

    blocked = None

    def jobs(self) -> list[Any]:
        return []

    def get(self, job_id: str) -> None:
        return None


@pytest.fixture
def tracker() -> ProgressTracker:
    return ProgressTracker()


@pytest.fixture
def start(tracker: ProgressTracker, tmp_path: Path) -> Iterator[Callable[..., Server]]:
    running: list[Server] = []
    with Store(tmp_path / "looks-state") as store:

        def starting(**options: Any) -> Server:
            running.append(serve(NoQueue(), tracker, store, **options))  # type: ignore[arg-type]
            return running[-1]

        yield starting
        for server in running:
            server.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


def all_states(tracker: ProgressTracker) -> None:
    for number, status in enumerate(UploadStatus):
        recorder = tracker.open(f"job-{number}", f"/data/{status}.bin", f"{status}.bin", 1_000_000, "/影视")
        if status is not UploadStatus.PENDING:
            recorder.parts(3, 10)
            recorder.uploaded(300_000)
        error = "网盘空间不足" if status is UploadStatus.FAILED else None
        recorder.status(status, file_id="3277950853089710677" if status.is_success else None, error_message=error)


@pytest.mark.parametrize(("locale", "column"), [("zh-CN", 0), ("en-GB", 1)])
def test_every_state_has_its_badge_in_the_users_language(
    browser: Browser, start: Callable[..., Server], tracker: ProgressTracker, monkeypatch: pytest.MonkeyPatch,
    locale: str, column: int,
) -> None:  # fmt: skip
    """The specification's eight words and “paused”, and their English."""
    monkeypatch.delenv("PAN115_LANG")
    all_states(tracker)
    with opened(browser, start().link, locale=locale) as seen:
        until(lambda: seen.page.locator(".item").count() == 9)
        for status, words in BADGES.items():
            row = seen.page.locator(f".item[data-status={status}]")
            assert row.locator(".badge").first.inner_text() == words[column]
        title = seen.page.locator("#uploads-title").inner_text()
        assert title == ("上传任务 (9)", "Uploads (9)")[column]
        seen.page.click("#language")
        assert seen.page.locator("#uploads-title").inner_text() == ("上传任务 (9)", "Uploads (9)")[1 - column]
        seen.page.reload()
        until(lambda: seen.page.locator(".item").count() == 9)
        assert seen.page.locator("#uploads-title").inner_text() == ("上传任务 (9)", "Uploads (9)")[1 - column]
        assert seen.complaints == []


def test_the_language_can_be_set_for_the_server(
    browser: Browser, start: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAN115_LANG", "zh")
    with opened(browser, start().link, locale="en-US") as seen:
        assert seen.page.locator("html").get_attribute("lang") == "zh"
        until(lambda: seen.connection() == "connected")
        assert "已连接" in seen.page.locator("#connection").inner_text()


def luminance(seen: Seen, selector: str, what: str) -> float:
    """WCAG relative luminance of a colour as the browser computed it."""
    script = f"e => getComputedStyle(e).{what}"
    numbers = seen.page.locator(selector).first.evaluate(script)
    parts = [float(part) for part in numbers[numbers.index("(") + 1 : -1].replace("/", ",").split(",")[:3]]
    linear = [c / 255 / 12.92 if c / 255 <= 0.03928 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark(
    browser: Browser, start: Callable[..., Server], tracker: ProgressTracker, scheme: str
) -> None:
    """The system's choice first, the user's own wins and is remembered; text stays readable in both."""
    all_states(tracker)
    with opened(browser, start().link, color_scheme=scheme) as seen:
        until(lambda: seen.page.locator(".item").count() == 9)

        def dark() -> bool:
            return luminance(seen, "body", "backgroundColor") < 0.2

        assert dark() is (scheme == "dark")
        _readable(seen)
        seen.page.click("#theme")
        assert dark() is (scheme != "dark")
        _readable(seen)
        seen.page.reload()
        assert dark() is (scheme != "dark")


def _readable(seen: Seen) -> None:
    """Contrast of at least 4.5 to 1 (WCAG AA) for the texts of a row, on the card."""
    card = luminance(seen, ".card.list", "backgroundColor")
    for selector in (".name", ".amount", ".facts", ".item[data-status=failed] .error", ".hint"):
        if seen.page.locator(selector).count():
            text = luminance(seen, selector, "color")
            ratio = (max(card, text) + 0.05) / (min(card, text) + 0.05)
            assert ratio >= (4.5 if selector != ".hint" else 3), (selector, ratio)


@pytest.mark.parametrize("width", [320, 390])
def test_a_phone(browser: Browser, start: Callable[..., Server], tracker: ProgressTracker, width: int) -> None:
    """Nothing is cut off or needs scrolling sideways, and fingers hit the buttons."""
    all_states(tracker)
    tracker.open("long", "/data/x", "a-name-without-any-space-" * 8 + ".mkv", 10**12, "/a/very/long/folder/" * 5)
    with opened(
        browser, start().link, viewport={"width": width, "height": 700}, has_touch=True, is_mobile=True
    ) as seen:
        until(lambda: seen.page.locator(".item").count() == 10)
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
        for button in seen.page.locator("button:visible").all():
            box = button.bounding_box()
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
        for button in seen.page.locator(".item [data-action=pause], .item [data-action=cancel]").all():
            box = button.bounding_box()
            assert box is not None
            assert min(box["width"], box["height"]) >= 40


def test_those_who_do_not_see_it_can_use_it(
    browser: Browser, start: Callable[..., Server], tracker: ProgressTracker
) -> None:
    """Bars have names and values, buttons say what they do to what, ends are announced, the keyboard reaches all."""
    all_states(tracker)
    with opened(browser, start().link) as seen:
        until(lambda: seen.page.locator(".item").count() == 9)
        bar = seen.page.get_by_role("progressbar", name="uploading.bin")
        assert bar.get_attribute("aria-valuenow") == "30.0"
        assert "Uploading" in (bar.get_attribute("aria-valuetext") or "")
        assert seen.page.get_by_role("button", name="Pause: uploading.bin").count() == 1
        assert seen.page.get_by_role("list", name="Uploads (9)").count() == 1
        unnamed = seen.page.evaluate(
            "[...document.querySelectorAll('button')].filter(b => !(b.innerText || b.ariaLabel || b.title).trim()"
            " && b.checkVisibility()).length"
        )
        assert unnamed == 0
        seen.page.get_by_role("button", name="Pause: uploading.bin").focus()
        recorder = tracker._recorders[f"job-{list(UploadStatus).index(UploadStatus.UPLOADING)}"]
        recorder.status(UploadStatus.PAUSED)
        until(lambda: seen.page.get_by_role("button", name="Resume: uploading.bin").count() == 1)
        assert seen.page.evaluate("document.activeElement.ariaLabel") == "Resume: uploading.bin"
        recorder.status(UploadStatus.SUCCESS, file_id="1")
        until(lambda: "uploading.bin: Uploaded" in seen.page.locator("#announce").inner_text())


def test_ten_thousand_uploads_stay_quick(
    browser: Browser, start: Callable[..., Server], tracker: ProgressTracker
) -> None:
    """The list is complete, the browser is not flooded, what moves is on top and found."""
    recorders = [tracker.open(f"job-{n}", f"/data/{n}", f"file-{n:05}.bin", 1_000_000) for n in range(10_000)]
    with opened(browser, start().link) as seen:
        until(lambda: seen.page.locator("#uploads-title").inner_text() == "Uploads (10000)")
        assert seen.page.locator(".item").count() == 100
        recorders[9_999].status(UploadStatus.UPLOADING)
        recorders[9_999].uploaded(500_000)
        until(lambda: seen.page.locator(".item .name").first.inner_text() == "file-09999.bin")
        recorders[5_000].status(UploadStatus.FAILED, error_message="no")
        until(lambda: seen.page.locator("[data-filter=failedTab] b").inner_text() == "1")
        seen.page.click("[data-filter=failedTab]")
        assert seen.page.locator(".item .name").all_inner_texts() == ["file-05000.bin"]
        seen.page.click("[data-filter=all]")
        seen.page.click("#more")
        assert seen.page.locator(".item").count() == 200
        painted = seen.page.evaluate(
            "new Promise(done => { const begun = performance.now();"
            " document.querySelector('[data-filter=all]').click(); requestAnimationFrame(() => requestAnimationFrame("
            "() => done(performance.now() - begun))); })"
        )
        assert painted < 1500  # a page that hangs for seconds is not alive


def test_without_the_token_nothing_is_shown_until_it_is_given(
    browser: Browser, start: Callable[..., Server], tracker: ProgressTracker
) -> None:
    """The address alone opens nothing; the token typed in does."""
    all_states(tracker)
    server = start()
    with opened(browser, server.url) as seen:
        until(seen.page.locator("#locked").is_visible)
        assert seen.page.locator(".item").count() == 0
        seen.page.fill("#unlock input", "wrong")
        seen.page.click("#unlock button")
        until(seen.page.locator("#locked").is_visible)
        assert "token" not in seen.page.url
        seen.page.fill("#unlock input", server.token)
        seen.page.click("#unlock button")
        until(lambda: seen.page.locator(".item").count() == 9)
        assert seen.page.url == server.url


def test_the_link_works_from_another_site(
    browser: Browser, start: Callable[..., Server], tracker: ProgressTracker
) -> None:
    """A notebook at localhost links to 127.0.0.1, which is another site: a strict cookie is not sent at first."""
    all_states(tracker)
    server = start()
    page = f'<a id="link" href="{server.link}">open</a>'.encode()

    class Notebook(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Notebook) as other:
        worker = threading.Thread(target=other.serve_forever)
        worker.start()
        try:
            with opened(browser, f"http://localhost:{other.server_address[1]}/") as seen:
                seen.page.click("#link")
                until(lambda: seen.page.locator(".item").count() == 9)
                assert seen.page.url == server.url
                seen.page.reload()
                until(lambda: seen.page.locator(".item").count() == 9)
        finally:
            other.shutdown()
            worker.join()


def test_another_page_cannot_reach_in(
    browser: Browser, start: Callable[..., Server], tracker: ProgressTracker
) -> None:
    """A foreign page of the same browser, with the cookie there: no read, no command, no socket, no frame."""
    all_states(tracker)
    server, foreign = start(), start()
    with opened(browser, server.link) as seen:
        until(lambda: seen.page.locator(".item").count() == 9)
        page = seen.page.context.new_page()
        page.goto(foreign.url)  # the same host, another port: for cookies the same site
        page.route("**/blank", lambda route: route.fulfill(body="<p>foreign</p>", content_type="text/html"))
        page.goto(f"{foreign.url}blank")
        tried = page.evaluate(
            """async (url) => {
                const ask = (path, options) =>
                    fetch(url + "api/upload/" + path, {credentials: "include", ...options});
                const read = await ask("progress").then(r => r.text(), () => "refused");
                const command = await ask("all/cancel", {method: "POST", mode: "no-cors"})
                    .then(r => r.type, () => "refused");
                const socket = await new Promise(done => {
                    const s = new WebSocket(url.replace("http", "ws") + "ws/upload/progress");
                    s.onmessage = () => done("message"); s.onclose = () => done("refused");
                });
                return {read, command, socket};
            }""",
            server.url,
        )
        assert tried["read"] == "refused"
        assert tried["command"] in ("refused", "opaque")  # opaque: answered 403, and not readable
        assert tried["socket"] == "refused"
        page.evaluate(
            "url => { const f = document.createElement('iframe'); f.src = url; document.body.append(f); }", server.url
        )
        until(lambda: len(page.frames) > 1)
        page.wait_for_timeout(300)
        assert page.frames[1].locator(".item").count() == 0
