"""The page in Chromium over a tracker: every state, both themes, a phone, two languages, ten thousand uploads."""

from __future__ import annotations

import http.server
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from page_support import Seen, chromium, needs_browser, opened, until
from playwright.sync_api import Browser, WebSocketRoute, expect

from pan115kit.models import UploadStatus
from pan115kit.progress.recorder import ProgressRecorder
from pan115kit.progress.tracker import ProgressTracker
from pan115kit.server import Server, serve
from pan115kit.store import Store

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
            recorder.set_parts(3, 10)
            recorder.set_uploaded(300_000)
        error = "网盘空间不足" if status is UploadStatus.FAILED else None
        recorder.set_status(status, file_id="3277950853089710677" if status.is_success else None, error_message=error)


@pytest.mark.parametrize(("locale", "column"), [("zh-CN", 0), ("en-GB", 1)])
def test_every_state_has_its_badge_in_the_users_language(
    browser: Browser, start: Callable[..., Server], tracker: ProgressTracker, monkeypatch: pytest.MonkeyPatch,
    locale: str, column: int,
) -> None:  # fmt: skip
    """The specification's eight words and “paused”, and their English."""
    monkeypatch.delenv("PAN115_LANG")
    all_states(tracker)
    with opened(browser, start().link, locale=locale) as seen:
        seen.count(9)
        title = seen.page.locator("#uploads .heading")
        for status, words in BADGES.items():
            row = seen.page.locator(f".item[data-status={status}]")
            expect(row.locator(".badge").first).to_have_text(words[column])
        expect(title).to_have_text(("上传任务 (9)", "Uploads (9)")[column])
        seen.page.click("#language")
        expect(title).to_have_text(("上传任务 (9)", "Uploads (9)")[1 - column])
        seen.page.reload()
        seen.count(9)
        expect(title).to_have_text(("上传任务 (9)", "Uploads (9)")[1 - column])
        assert seen.heard() == []


def test_the_language_can_be_set_for_the_server(
    browser: Browser, start: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAN115_LANG", "zh")
    with opened(browser, start().link, locale="en-US") as seen:
        expect(seen.page.locator("html")).to_have_attribute("lang", "zh")
        expect(seen.page.locator("#connection")).to_contain_text("已连接")


def luminance(seen: Seen, selector: str, what: str) -> float:
    """WCAG relative luminance of a colour as it is seen, on the card it stands on."""
    numbers = seen.page.locator(selector).first.evaluate(
        """(e, what) => {
            const context = document.createElement("canvas").getContext("2d");
            const host = document.querySelector("#uploads").shadowRoot.querySelector(".card");
            for (const colour of [getComputedStyle(host).backgroundColor, getComputedStyle(e)[what]]) {
                context.fillStyle = colour;  // one over the other, as the page shows them
                context.fillRect(0, 0, 1, 1);
            }
            return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
        }""",
        what,
    )
    linear = [c / 255 / 12.92 if c / 255 <= 0.03928 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in numbers]
    return float(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark(
    browser: Browser, start: Callable[..., Server], tracker: ProgressTracker, scheme: str
) -> None:
    """The system's choice first, the user's own wins and is remembered; text stays readable in both."""
    all_states(tracker)
    with opened(browser, start().link, color_scheme=scheme) as seen:
        seen.count(9)

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
    card = luminance(seen, ".card", "backgroundColor")
    for selector in (".name", ".amount", ".facts", ".item[data-status=failed] .note", ".hint"):
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
        seen.count(10)
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
        # all in one look: a painting may come between two
        boxes = seen.page.locator("button:visible").evaluate_all(
            """buttons => buttons.map(button => {
                const {left, right, width, height} = button.getBoundingClientRect();
                return {what: button.dataset.action ?? "", left, right, width, height};
            })"""
        )
        small = [box for box in boxes if box["what"] in ("pause", "cancel")]
        assert len(small) >= 8
        assert [box for box in boxes if box["left"] < 0 or box["right"] > width] == []
        assert [box for box in small if min(box["width"], box["height"]) < 40] == []


def test_those_who_do_not_see_it_can_use_it(
    browser: Browser, start: Callable[..., Server], tracker: ProgressTracker
) -> None:
    """Bars have names and values, buttons say what they do to what, ends are announced, the keyboard reaches all."""
    all_states(tracker)
    with opened(browser, start().link) as seen:
        seen.count(9)
        bar = seen.page.get_by_role("progressbar", name="uploading.bin")
        expect(bar).to_have_attribute("aria-valuenow", "30.0")
        expect(bar).to_have_attribute("aria-valuetext", re.compile("Uploading"))
        expect(seen.page.get_by_role("button", name="Pause: uploading.bin")).to_have_count(1)
        expect(seen.page.get_by_role("list", name="Uploads (9)")).to_have_count(1)
        unnamed = seen.page.evaluate(
            "[...document.querySelectorAll('button'), "
            "...document.querySelector('#uploads').shadowRoot.querySelectorAll('button')]"
            ".filter(b => !(b.innerText || b.ariaLabel || b.title).trim()"
            " && b.checkVisibility()).length"
        )
        assert unnamed == 0
        seen.page.get_by_role("button", name="Pause: uploading.bin").focus()
        recorder = _recorder(tracker, UploadStatus.UPLOADING)
        recorder.set_status(UploadStatus.PAUSED)
        expect(seen.page.get_by_role("button", name="Resume: uploading.bin")).to_be_focused()
        recorder.set_status(UploadStatus.SUCCESS, file_id="1")
        expect(seen.page.locator("#uploads #announce")).to_contain_text("uploading.bin: Uploaded")


def test_the_keyboard_stays_with_a_row_that_moves(
    browser: Browser, start: Callable[..., Server], tracker: ProgressTracker
) -> None:
    """Who presses Retry with the keyboard finds Pause under his fingers, also where the row goes to the top."""
    all_states(tracker)
    with opened(browser, start().link) as seen:
        seen.count(9)
        seen.page.get_by_role("button", name="Retry: failed.bin").focus()
        _recorder(tracker, UploadStatus.FAILED).set_status(UploadStatus.HASHING)
        expect(seen.page.locator(".item .name").nth(3)).to_have_text("failed.bin")  # above the paused one
        expect(seen.page.get_by_role("button", name="Pause: failed.bin")).to_be_focused()


def _recorder(tracker: ProgressTracker, first: UploadStatus) -> ProgressRecorder:
    """What moves the upload that :func:`all_states` has put in this state."""
    return tracker._recorders[f"job-{list(UploadStatus).index(first)}"]


def test_ten_thousand_uploads_stay_quick(
    browser: Browser, start: Callable[..., Server], tracker: ProgressTracker
) -> None:
    """The list is complete, the browser is not flooded, what moves is on top and found."""
    recorders = [tracker.open(f"job-{n}", f"/data/{n}", f"file-{n:05}.bin", 1_000_000) for n in range(10_000)]
    with opened(browser, start().link) as seen:
        expect(seen.page.locator("#uploads .heading")).to_have_text("Uploads (10000)")
        names = seen.page.locator(".item .name")
        expect(names.first).to_have_text("file-00000.bin")
        assert names.count() < 60  # only what is in sight is in the page
        recorders[9_999].set_status(UploadStatus.UPLOADING)
        recorders[9_999].set_uploaded(500_000)
        expect(names.first).to_have_text("file-09999.bin")
        recorders[5_000].set_status(UploadStatus.FAILED, error_message="no")
        expect(seen.page.locator("[data-filter=failed] b")).to_have_text("1")
        seen.page.click("[data-filter=failed]")
        expect(names).to_have_text(["file-05000.bin"])
        seen.page.click("[data-filter=all]")
        seen.page.fill(".search", "file-0777")
        expect(names).to_have_text([f"file-0777{n}.bin" for n in range(10)])
        seen.page.fill(".search", "")
        # every row can be reached: the last ones stand at the end of the page
        seen.page.evaluate("window.scrollTo(0, document.documentElement.scrollHeight)")
        expect(names.last).to_have_text("file-09998.bin")
        assert names.count() < 60
        times = [seen.page.evaluate(PAINTING) for _ in range(5)]
        assert min(times) < 1500  # a page that hangs for seconds is not alive; the best: others work here too


#: Milliseconds until all is painted again.
PAINTING = """new Promise(done => {
    const begun = performance.now();
    document.querySelector("#uploads").shadowRoot.querySelector("[data-filter=all]").click();
    requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - begun)));
})"""


def test_an_empty_list_is_told_only_when_it_is_known(
    browser: Browser, start: Callable[..., Server], tracker: ProgressTracker
) -> None:
    """A connection is there before its list: nobody reads “no uploads yet” before it comes."""
    all_states(tracker)
    held: list[str | bytes] = []
    routes: list[WebSocketRoute] = []

    def hold(route: WebSocketRoute) -> None:
        routes.append(route)
        route.connect_to_server().on_message(lambda message: held.append(message))

    with opened(browser, "about:blank") as seen:
        seen.page.route_web_socket("**/ws/upload/progress", hold)
        seen.page.goto(start().link)
        expect(seen.page.locator("#connection")).to_have_attribute("data-state", "connected")
        expect(seen.page.locator("#roots")).not_to_be_empty()  # its other questions are answered and painted
        until(lambda: seen.heard() == [] and held, "the list that is held back")
        expect(seen.page.locator("#uploads .empty")).not_to_be_visible()
        for message in list(held):
            routes[0].send(message)
        seen.count(9)
        expect(seen.page.locator("#uploads .empty")).not_to_be_visible()


def test_without_the_token_nothing_is_shown_until_it_is_given(
    browser: Browser, start: Callable[..., Server], tracker: ProgressTracker
) -> None:
    """The address alone opens nothing; the token typed in does."""
    all_states(tracker)
    server = start()
    with opened(browser, server.url) as seen:
        locked, items = seen.page.locator("#locked"), seen.page.locator(".item")
        expect(locked).to_be_visible()
        expect(items).to_have_count(0)
        seen.page.fill("#unlock input", "wrong")
        with seen.page.expect_navigation():
            seen.page.click("#unlock button")
        expect(locked).to_be_visible()
        expect(items).to_have_count(0)
        expect(seen.page).to_have_url(server.url)  # no token stays in it
        seen.page.fill("#unlock input", server.token)
        with seen.page.expect_navigation():
            seen.page.click("#unlock button")
        seen.count(9)
        expect(locked).not_to_be_visible()
        expect(seen.page).to_have_url(server.url)


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
            """Silent."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Notebook) as other:
        worker = threading.Thread(target=other.serve_forever)
        worker.start()
        try:
            with opened(browser, f"http://localhost:{other.server_address[1]}/") as seen:
                seen.page.click("#link")
                seen.count(9)
                expect(seen.page).to_have_url(server.url)
                seen.page.reload()
                seen.count(9)
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
        seen.count(9)
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
            """url => new Promise(done => {
                const frame = document.createElement("iframe");
                frame.onload = done;
                frame.src = url;
                document.body.append(frame);
            })""",
            server.url,
        )
        framed = page.frames[1]
        until(lambda: framed.url != "about:blank" and framed.url)
        assert framed.url.startswith("chrome-error:"), "the browser shows the page in a foreign one"
        assert framed.locator(".item").count() == 0
