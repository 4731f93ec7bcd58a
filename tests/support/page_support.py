"""The page in Chromium: a browser, what it shows, and what went wrong in it."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from pan115kit import Pan115Client, UploadConfig
from pan115kit.config import KIB

CHROME = os.environ.get("CHROME") or shutil.which("chromium") or shutil.which("google-chrome")
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
needs_browser = pytest.mark.skipif(CHROME is None, reason="no Chromium (set CHROME)")
#: Seconds to wait for what must come: only a failing test waits them out, so a slow machine has its time.
PATIENCE = 60.0
#: Bytes per second of the line to the local 115.
NARROW = 200_000
expect.set_options(timeout=PATIENCE * 1000)


def until(condition: Callable[[], Any], what: str = "", *, seconds: float = PATIENCE) -> Any:
    """Look again until ``condition`` holds; what it gave.  Fails loudly instead of hanging."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s for: {what or condition}"
        time.sleep(0.02)
    return found


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROME, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Seen:
    """A page and everything it complained about or asked for."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def row(self, name: str) -> Locator:
        """The row of an upload."""
        return self.page.locator("#uploads .item:not([data-group=unfinished])").filter(
            has=self.page.locator(".name", has_text=name)
        )

    def button(self, name: str, action: str) -> Locator:
        return self.row(name).locator(f"[data-action={action}]")

    def status(self, name: str) -> str | None:
        """What the row says now, in one look: it may go between two."""
        found: list[str] = self.row(name).evaluate_all("rows => rows.map(row => row.dataset.status)")
        assert len(found) <= 1, f"{name} is shown {len(found)} times"
        return found[0] if found else None

    def percent(self, name: str) -> float:
        return float(self.row(name).locator("[role=progressbar]").get_attribute("aria-valuenow") or "nan")

    def count(self, number: int) -> None:
        """Wait until so many uploads are shown."""
        expect(self.page.locator("#uploads .item")).to_have_count(number)

    def connected(self) -> None:
        """Wait for the server's first word, and for the list that follows it."""
        expect(self.page.locator("#connection")).to_have_attribute("data-state", "connected")
        expect(self.page.locator("#uploads .scroller:visible, #uploads .empty:visible")).to_have_count(1)

    def heard(self) -> list[str]:
        """The complaints up to now: the browser's answer comes after all it has said before."""
        self.page.evaluate("0")
        return self.complaints

    def reach(self, name: str, *statuses: str, seconds: float = PATIENCE) -> str:
        found: str = until(
            lambda: (now := self.status(name)) in statuses and now, f"{name} to be {statuses}", seconds=seconds
        )
        return found

    def connection(self) -> str | None:
        return self.page.locator("#connection").get_attribute("data-state")


@contextlib.contextmanager
def opened(browser: Browser, address: str, **context: Any) -> Iterator[Seen]:
    """A fresh browser profile with the page open; English and light unless asked otherwise."""
    options: dict[str, Any] = {"locale": "en-US", "color_scheme": "light", "viewport": {"width": 1000, "height": 800}}
    profile = browser.new_context(**(options | context))
    seen = Seen(profile.new_page())
    seen.page.set_default_timeout(PATIENCE * 1000)
    seen.page.on(
        "console", lambda said: seen.complaints.append(said.text) if said.type in ("error", "warning") else None
    )
    seen.page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    seen.page.on("request", lambda request: seen.requests.append(request.url))
    seen.page.on("websocket", lambda socket: seen.requests.append(socket.url))
    try:
        seen.page.goto(address)
        yield seen
    finally:
        profile.close()


@contextlib.contextmanager
def local_client(folder: Path) -> Iterator[Pan115Client]:
    """A client of a local 115 whose line is so slow that no upload of some MB ends before :func:`widen`."""
    config = UploadConfig(
        part_size=100 * KIB, multipart_threshold=300 * KIB, api_rate=0, retries=2, retry_base=0.01, retry_cap=0.05
    )
    with Pan115Client.sandbox(state_dir=folder / "page-state", config=config, bandwidth=NARROW) as client:
        yield client


def widen(client: Pan115Client, bandwidth: float | None = None) -> None:
    """Enough was seen of an upload under way: let it come to its end."""
    client.local_sandbox.set(bandwidth=bandwidth)


def make_file(folder: Path, name: str, size: int) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_bytes(os.urandom(size))
    return path
