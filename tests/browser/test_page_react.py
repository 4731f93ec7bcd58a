"""``useUploadProgress`` in a React app of its own, built with Vite from npm's packages, in Chromium."""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from page_support import PATIENCE, chromium, make_file, needs_browser, until, widen
from page_support import local_client as client_of
from playwright.sync_api import Page, WebSocket, expect

from pan115kit.server import Server

pytestmark = [pytest.mark.browser, pytest.mark.slow, needs_browser, pytest.mark.timeout(1800)]

SOURCE = Path(__file__).parents[1] / "server" / "react_page"
NPM = shutil.which("npm")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built app: the kit's files are copied into it, as its users do."""
    if NPM is None:
        pytest.skip("no npm")
    folder = tmp_path_factory.mktemp("react") / "app"
    shutil.copytree(SOURCE, folder, ignore=shutil.ignore_patterns("node_modules", "dist"))
    laid = subprocess.run(
        [sys.executable, "-m", "pan115kit", "export-web", os.fspath(folder / "src")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert os.fspath(folder / "src" / "components" / "UploadProgress.d.ts") in laid.stdout.splitlines()
    installed = subprocess.run(
        [NPM, "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"],
        cwd=folder, capture_output=True, text=True, timeout=1200, check=False,
    )  # fmt: skip
    if installed.returncode:
        pytest.skip(f"npm's packages cannot be had: {installed.stderr[-300:]}")
    built = subprocess.run(
        [NPM, "run", "build"], cwd=folder, capture_output=True, text=True, timeout=500, check=False
    )
    assert built.returncode == 0, built.stdout + built.stderr  # the types are checked here too
    return folder / "dist"


@pytest.fixture
def site(app: Path) -> Iterator[str]:
    """The app on an origin of its own, as a development server has it."""

    class QuietHandler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Silent."""

    handler = functools.partial(QuietHandler, directory=os.fspath(app))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        worker = threading.Thread(target=server.serve_forever)
        worker.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        worker.join()


@pytest.fixture
def page(app: Path) -> Iterator[Page]:
    with chromium() as browser:
        made = browser.new_page()
        made.set_default_timeout(PATIENCE * 1000)
        yield made


def test_the_list_shows_uploads_and_its_buttons_work(page: Page, site: str, tmp_path: Path) -> None:
    """The specification's ready-made component: rows, texts, and a pause that reaches the upload."""
    with client_of(tmp_path) as client:
        server = client.serve(roots=[tmp_path], allowed_origins=[site], token="token-of-the-react-app")
        page.goto(f"{site}/?{urlencode({'server': server.url, 'token': server.token, 'show': 'list'})}")
        row = page.locator("#list .item")
        expect(page.locator("#list .empty")).to_be_visible()
        job = client.submit(make_file(tmp_path / "files", "电影.mkv", 6_000_000), "/影视")
        expect(row.locator(".name")).to_have_text("电影.mkv")
        expect(row.locator(".badge")).to_have_text("上传中")
        row.get_by_role("button", name="暂停").click()
        expect(row.locator(".badge")).to_have_text("已暂停")
        assert job.status == "paused"
        expect(page.locator("#items .badge")).to_have_text("Paused")  # the same upload as an item, in English
        expect(page.locator("#items .actions button:visible")).to_have_count(1)  # only its details


def test_the_hook_shows_an_upload_from_begin_to_end(page: Page, site: str, tmp_path: Path) -> None:
    """Another origin, named by the user, with the token: live figures, loss, reconnect, no ghost after unmount."""
    with client_of(tmp_path) as client:
        options: dict[str, Any] = {
            "roots": [tmp_path], "allowed_origins": [site], "token": "token-of-the-react-app"
        }  # fmt: skip
        server = client.serve(**options)
        line = page.locator("#line")
        page.clock.install()
        page.goto(f"{site}/?{urlencode({'server': server.url, 'token': server.token})}")
        expect(line).to_have_text("connected")
        client.submit(make_file(tmp_path / "files", "电影.mkv", 6_000_000), "/影视")
        expect(page.locator(".upload")).to_have_count(1)
        expect(page.locator(".status")).to_have_text("uploading")
        percents: set[str] = set()
        until(lambda: percents.add(page.inner_text(".percent")) or len(percents) >= 3, "the figures to move")
        widen(client)
        expect(page.locator(".status")).to_have_text("success")
        expect(page.locator(".percent")).to_have_text("100.00%")
        expect(page.locator("h3")).to_have_text("上传任务 (1)")
        assert clients(server) == 1  # StrictMode mounts twice where it is built for development; one connection stays
        # the page's clock stands still from here on: what brings the line back is the button, not the five seconds
        page.clock.pause_at(page.evaluate("Date.now()") + 1000)
        server.stop()
        expect(line).to_have_text("not connected")
        server = client.serve(port=server.port, **options)
        page.click("#reconnect")
        expect(line).to_have_text("connected")
        until(lambda: clients(server) == 1)
        page.click("#toggle")
        until(lambda: clients(server) == 0)
        page.click("#toggle")
        expect(line).to_have_text("connected")


def clients(server: Server) -> int:
    """How many WebSockets a server has."""
    count: int = server._http._config.app.state.hub.clients  # type: ignore[union-attr]
    return count


def test_an_app_that_was_not_named_gets_nothing(page: Page, site: str, tmp_path: Path) -> None:
    """Even with the token: the user decides which pages may talk to the server."""
    with client_of(tmp_path) as client:
        server = client.serve(roots=[tmp_path])
        sockets: list[WebSocket] = []
        heard: list[object] = []

        def on_socket(socket: WebSocket) -> None:
            sockets.append(socket)
            socket.on("framereceived", lambda frame: heard.append(frame))

        page.on("websocket", on_socket)
        page.goto(f"{site}/?{urlencode({'server': server.url, 'token': server.token})}")
        until(lambda: page.evaluate("true") and sockets and all(socket.is_closed() for socket in sockets))
        assert heard == []
        expect(page.locator("#line")).to_have_text("not connected")
