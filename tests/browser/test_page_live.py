"""The page in Chromium with the real engine and a local 115: what a user sees and clicks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from page_support import Seen, chromium, local_client, make_file, needs_browser, opened, until
from playwright.sync_api import Browser

from pan115kit import Pan115Client
from pan115kit.server import Server

pytestmark = [pytest.mark.browser, needs_browser]


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Pan115Client]:
    with local_client(tmp_path) as made:
        yield made


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    return folder


@pytest.fixture
def server(client: Pan115Client, files: Path) -> Server:
    return client.serve(roots=[files])


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


@pytest.fixture
def seen(browser: Browser, server: Server) -> Iterator[Seen]:
    with opened(browser, server.link) as made:
        until(lambda: made.connection() == "connected")
        yield made
        assert made.complaints == []


def test_an_upload_added_on_the_page_goes_from_0_to_100(
    seen: Seen, client: Pan115Client, files: Path, server: Server
) -> None:
    """The whole use: add, watch bar, percent, parts and speed, get the file id; and 115 has the file."""
    path = make_file(files, "电影 movie.mkv", 4_000_000)
    assert seen.page.locator("#empty").is_visible()
    seen.page.click("#add")
    seen.page.fill("[name=file_path]", str(path))
    seen.page.fill("[name=target_path]", "/影视/2025")
    seen.page.click("#add-form button")
    percents, facts = [0.0], ""
    while seen.status("movie.mkv") not in ("success", "failed"):
        if seen.status("movie.mkv") == "uploading":
            percents.append(seen.percent("movie.mkv"))
            facts += seen.row("movie.mkv").locator(".facts").inner_text()
        seen.page.wait_for_timeout(50)
    percents.append(seen.percent("movie.mkv"))
    assert percents == sorted(percents)
    assert len(set(percents)) >= 4
    assert percents[-1] == 100
    for word in ("Part", "MB/s", "Elapsed", "left"):
        assert word in facts, facts
    row = seen.row("movie.mkv")
    file_id = client.parts[1].snapshots()[0].file_id
    assert file_id
    assert row.locator(".file-id code").inner_text() == file_id
    assert row.locator(".badge").first.inner_text() == "Uploaded"
    assert row.locator(".amount").inner_text() == "100% (4 MB / 4 MB)"
    assert row.locator(".folder").inner_text() == "to /影视/2025"
    assert seen.page.locator("#uploads-title").inner_text() == "Uploads (1)"
    assert client.local_sandbox.read("/影视/2025/电影 movie.mkv") == path.read_bytes()
    # everything came from this server, and the token is not in the address
    assert {url.split("/")[2] for url in seen.requests} == {f"127.0.0.1:{server.port}"}
    assert seen.page.url == server.url


def test_pause_resume_cancel_and_retry_do_what_they_say(seen: Seen, client: Pan115Client, files: Path) -> None:
    """Buttons act on the real upload; cancel asks first."""
    job = client.submit(make_file(files, "a.bin", 6_000_000), "/")
    until(lambda: seen.status("a.bin") == "uploading" and seen.percent("a.bin") > 5)
    seen.button("a.bin", "pause").click()
    seen.reach("a.bin", "paused")
    assert job.status == "paused"
    stopped = seen.percent("a.bin")
    assert 0 < stopped < 100
    assert seen.row("a.bin").locator(".badge").first.inner_text() == "Paused"
    seen.button("a.bin", "resume").click()
    seen.reach("a.bin", "uploading")
    assert seen.percent("a.bin") >= stopped
    seen.button("a.bin", "cancel").click()
    dialog = seen.page.locator("#confirm")
    assert "a.bin" in dialog.inner_text()
    dialog.locator("[value=no]").click()
    assert job.status == "uploading"
    seen.button("a.bin", "cancel").click()
    dialog.locator("[value=yes]").click()
    seen.reach("a.bin", "cancelled")
    until(lambda: client.local_sandbox.uploads() == [])
    seen.button("a.bin", "retry").click()
    seen.reach("a.bin", "success")


def test_all_at_once(seen: Seen, client: Pan115Client, files: Path) -> None:
    """Pause all and resume all; the headline adds up."""
    for number in range(3):
        client.submit(make_file(files, f"{number}.bin", 3_000_000), "/")
    until(lambda: seen.page.locator("#all-pause").is_visible() and seen.page.locator(".item").count() == 3)
    assert seen.page.locator("#overall").is_visible()
    seen.page.click("#all-pause")
    for number in range(3):
        seen.reach(f"{number}.bin", "paused")
    seen.page.click("#all-resume")
    for number in range(3):
        seen.reach(f"{number}.bin", "success", seconds=40)
    until(lambda: not seen.page.locator("#overall").is_visible())


def test_an_unfinished_session_is_resumed_and_another_deleted(seen: Seen, client: Pan115Client, files: Path) -> None:
    """What earlier runs left is listed below, with its progress."""
    queue = client.parts[0]
    for name in ("keep.bin", "drop.bin"):
        job = client.submit(make_file(files, name, 4_000_000), "/")
        until(lambda job=job: job.progress.uploaded_parts >= 3)
        queue.leave(job.job_id)
        seen.reach(name, "cancelled")
    rows = seen.page.locator("#sessions .item")
    until(lambda: rows.count() == 2)
    assert seen.page.locator("#sessions-title").inner_text() == "Unfinished sessions (2)"
    rows.filter(has_text="drop.bin").locator("[data-action=delete]").click()
    seen.page.locator("#confirm [value=yes]").click()
    until(lambda: rows.count() == 1)
    rows.filter(has_text="keep.bin").locator("[data-action=resume]").click()
    until(lambda: rows.count() == 0)
    done = seen.page.locator("#uploads .item[data-status=success]", has_text="keep.bin")
    until(lambda: done.count() == 1)
    assert client.parts[2].sessions.list() == []


def test_a_path_that_may_not_be_uploaded_is_refused_in_words(seen: Seen, files: Path) -> None:
    """The form says what is wrong and keeps what was typed."""
    seen.page.click("#add")
    assert str(files) in seen.page.locator("#roots").inner_text()
    seen.page.fill("[name=file_path]", "/etc/passwd")
    seen.page.click("#add-form button")
    problem = seen.page.locator(".form-error")
    until(problem.is_visible)
    assert "not under an allowed folder" in problem.inner_text()
    assert seen.page.input_value("[name=file_path]") == "/etc/passwd"
    seen.complaints.clear()  # the browser itself notes the 403


def test_a_failed_upload_says_why(seen: Seen, client: Pan115Client, files: Path) -> None:
    client.submit(files / "missing.bin", "/")
    seen.reach("missing.bin", "failed")
    assert seen.row("missing.bin").locator(".error").inner_text()
    assert seen.button("missing.bin", "retry").is_visible()
    assert not seen.button("missing.bin", "pause").count()


def test_file_names_are_text(seen: Seen, client: Pan115Client, files: Path) -> None:
    """A file's name must not become markup, let alone run."""
    name = "<img src=x onerror=alert(1)> & “q”.bin"
    client.upload(make_file(files, name, 1000), "/", progress="none")
    seen.reach("onerror", "success")
    assert seen.row("onerror").locator(".name").inner_text() == name
    assert seen.page.locator("#uploads img").count() == 0


def test_two_pages_show_the_same(
    seen: Seen, browser: Browser, client: Pan115Client, files: Path, server: Server
) -> None:
    """Paused on one page is paused on the other."""
    with opened(browser, server.link) as other:
        client.submit(make_file(files, "a.bin", 6_000_000), "/")
        seen.reach("a.bin", "uploading")
        other.reach("a.bin", "uploading")
        other.button("a.bin", "pause").click()
        seen.reach("a.bin", "paused")
        client.cancel_all()
        other.reach("a.bin", "cancelled")
