"""The page in Chromium with the real engine and a local 115: what a user sees and clicks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from page_support import Seen, chromium, local_client, make_file, needs_browser, opened, until, widen
from playwright.sync_api import Browser, Route, expect

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
        made.connected()
        yield made
        assert made.heard() == []


def test_an_upload_added_on_the_page_goes_from_0_to_100(
    seen: Seen, client: Pan115Client, files: Path, server: Server
) -> None:
    """The whole use: add, watch bar, percent, parts and speed, get the file id; and 115 has the file."""
    path = make_file(files, "电影 movie.mkv", 6_000_000)
    expect(seen.page.locator("#uploads .empty")).to_be_visible()
    seen.page.click("#add")
    seen.page.fill("[name=file_path]", str(path))
    seen.page.fill("[name=target_path]", "/影视/2025")
    seen.page.click("#add-form button")
    seen.reach("movie.mkv", "uploading")
    percents: list[float] = []
    facts: set[str] = set()

    def enough() -> bool:
        assert seen.status("movie.mkv") == "uploading"
        percents.append(seen.percent("movie.mkv"))
        facts.add(seen.row("movie.mkv").locator(".facts").inner_text())
        told = " ".join(facts)
        return len(set(percents)) >= 4 and all(word in told for word in ("Part", "kB/s", "Elapsed", "left"))

    until(enough, "bar and figures to move")
    widen(client)
    seen.reach("movie.mkv", "success")
    percents.append(seen.percent("movie.mkv"))
    assert percents == sorted(percents)
    assert percents[-1] == 100
    row = seen.row("movie.mkv")
    file_id = client.tracker.snapshots()[0].file_id
    assert file_id
    expect(row.locator(".file-id code")).to_have_text(file_id)
    expect(row.locator(".badge").first).to_have_text("Uploaded")
    expect(row.locator(".amount")).to_have_text("100% (6 MB / 6 MB)")
    expect(row.locator(".folder")).to_have_text("to /影视/2025")
    expect(seen.page.locator("#uploads .heading")).to_have_text("Uploads (1)")
    assert client.local_sandbox.read("/影视/2025/电影 movie.mkv") == path.read_bytes()
    # everything came from this server, and the token is not in the address
    assert {url.split("/")[2] for url in seen.requests} == {f"127.0.0.1:{server.port}"}
    assert seen.page.url == server.url


def test_pause_resume_cancel_and_retry_do_what_they_say(seen: Seen, client: Pan115Client, files: Path) -> None:
    """Buttons act on the real upload; cancel asks first."""
    job = client.submit(make_file(files, "a.bin", 12_000_000), "/")
    until(lambda: seen.status("a.bin") == "uploading" and seen.percent("a.bin") > 1)
    seen.button("a.bin", "pause").click()
    seen.reach("a.bin", "paused")
    assert job.status == "paused"
    stopped = seen.percent("a.bin")
    assert 0 < stopped < 100
    expect(seen.row("a.bin").locator(".badge").first).to_have_text("Paused")
    seen.button("a.bin", "resume").click()
    seen.reach("a.bin", "uploading")
    assert seen.percent("a.bin") >= stopped
    until(lambda: seen.percent("a.bin") > stopped, "it to go on")
    seen.button("a.bin", "cancel").click()
    dialog = seen.page.locator("#uploads dialog")
    expect(dialog).to_contain_text("a.bin")
    dialog.locator("[value=no]").click()
    expect(dialog).not_to_be_visible()
    reached = seen.percent("a.bin")
    until(lambda: seen.percent("a.bin") > reached, "it to go on, not cancelled")
    assert job.status == "uploading"
    assert not [url for url in seen.requests if url.endswith("/cancel")]
    seen.button("a.bin", "cancel").click()
    dialog.locator("[value=yes]").click()
    seen.reach("a.bin", "cancelled")
    until(lambda: client.local_sandbox.uploads() == [])
    widen(client)
    seen.button("a.bin", "retry").click()
    seen.reach("a.bin", "success")


def test_all_at_once(seen: Seen, client: Pan115Client, files: Path) -> None:
    """Pause all and resume all; the headline adds up."""
    for number in range(3):
        client.submit(make_file(files, f"{number}.bin", 3_000_000), "/")
    seen.count(3)
    seen.page.click("[data-all=pause]")
    for number in range(3):
        seen.reach(f"{number}.bin", "paused")
    expect(seen.page.locator("[data-all=pause]")).not_to_be_visible()
    expect(seen.page.locator("#uploads .overall")).to_contain_text("/ 9 MB")
    widen(client)
    seen.page.click("[data-all=resume]")
    for number in range(3):
        seen.reach(f"{number}.bin", "success")
    expect(seen.page.locator("#uploads .overall")).to_contain_text("100%")
    expect(seen.page.locator("#uploads .files")).to_have_text("3 of 3 files")


def test_an_unfinished_session_is_resumed_and_another_deleted(seen: Seen, client: Pan115Client, files: Path) -> None:
    """What earlier runs left is in the list, with its progress."""
    queue = client.queue
    for name in ("keep.bin", "drop.bin"):
        job = client.submit(make_file(files, name, 6_000_000), "/")
        until(lambda job=job: job.progress.uploaded_parts >= 3)
        queue.stop(job.job_id)
        seen.reach(name, "cancelled")
    rows = seen.page.locator("#uploads .item[data-group=unfinished]")
    expect(rows).to_have_count(2)
    expect(seen.page.locator("#uploads .counts")).to_contain_text("2 resumable")
    rows.filter(has_text="drop.bin").locator("[data-action=discard]").click()
    seen.page.locator("#uploads dialog [value=yes]").click()
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("keep.bin")
    widen(client)
    seen.page.wait_for_timeout(500)  # a row that has just moved is deaf to the pointer, which was aimed at another
    rows.filter(has_text="keep.bin").locator("[data-action=resume]").click()
    done = seen.page.locator("#uploads .item[data-status=success]", has_text="keep.bin")
    expect(done).to_have_count(1)
    expect(rows).to_have_count(0)
    until(lambda: client.store.sessions.list() == [])


def test_an_old_answer_does_not_bring_a_deleted_session_back(seen: Seen, client: Pan115Client, files: Path) -> None:
    """Two looks at the sessions may be under way at once, and the first may be answered last."""
    job = client.submit(make_file(files, "drop.bin", 6_000_000), "/")
    until(lambda: job.progress.uploaded_parts >= 1)
    client.queue.stop(job.job_id)
    rows = seen.page.locator("#uploads .item[data-group=unfinished]")
    expect(rows).to_have_count(1)
    before = seen.page.evaluate("fetch('api/upload/sessions').then(answer => answer.text())")
    assert "drop.bin" in before
    held: list[Route] = []
    seen.page.route("**/api/upload/sessions", lambda route: route.continue_() if held else held.append(route))
    client.submit(files / "missing.bin", "/")  # news: the page looks at the sessions again
    until(lambda: seen.heard() == [] and held, "the look that is held back")
    rows.locator("[data-action=discard]").click()
    seen.page.locator("#uploads dialog [value=yes]").click()
    expect(rows).to_have_count(0)
    held[0].fulfill(body=before, content_type="application/json")
    seen.page.evaluate(
        "fetch('static/icon.svg', {cache: 'no-store'}).then(answer => answer.text())"
    )  # comes after it
    assert rows.count() == 0


def test_a_path_that_may_not_be_uploaded_is_refused_in_words(seen: Seen, files: Path) -> None:
    """The form says what is wrong and keeps what was typed."""
    seen.page.click("#add")
    expect(seen.page.locator("#roots")).to_contain_text(str(files))
    seen.page.fill("[name=file_path]", "/etc/passwd")
    seen.page.click("#add-form button")
    expect(seen.page.locator(".form-error")).to_contain_text("not under an allowed folder")
    expect(seen.page.locator("[name=file_path]")).to_have_value("/etc/passwd")
    until(seen.heard, "the browser's own note of the 403")
    assert all("403" in said for said in seen.complaints)
    assert len(seen.complaints) == 1
    seen.complaints.clear()


def test_a_failed_upload_says_why(seen: Seen, client: Pan115Client, files: Path) -> None:
    client.submit(files / "missing.bin", "/")
    seen.reach("missing.bin", "failed")
    expect(seen.row("missing.bin").locator(".note")).to_contain_text("missing.bin")
    expect(seen.button("missing.bin", "retry")).to_be_visible()
    expect(seen.button("missing.bin", "pause")).to_have_count(0)


def test_file_names_are_text(seen: Seen, client: Pan115Client, files: Path) -> None:
    """A file's name must not become markup, let alone run."""
    name = "<img src=x onerror=alert(1)> & “q”.bin"
    client.upload(make_file(files, name, 1000), "/", progress="none")
    seen.reach("onerror", "success")
    expect(seen.row("onerror").locator(".name")).to_have_text(name)
    assert seen.page.locator("#uploads img").count() == 0


def test_two_pages_show_the_same(
    seen: Seen, browser: Browser, client: Pan115Client, files: Path, server: Server
) -> None:
    """Paused on one page is paused on the other."""
    with opened(browser, server.link) as other:
        client.submit(make_file(files, "a.bin", 12_000_000), "/")
        seen.reach("a.bin", "uploading")
        other.reach("a.bin", "uploading")
        other.button("a.bin", "pause").click()
        seen.reach("a.bin", "paused")
        client.cancel_all()
        other.reach("a.bin", "cancelled")
