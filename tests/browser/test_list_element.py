"""``<upload-progress-list>`` by itself, in Chromium: order, totals, search, and what happens under the pointer."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from page_support import chromium, needs_browser, until
from playwright.sync_api import Browser, Page, expect

from pan115kit.models import UploadStatus
from pan115kit.presentation.rows import Group, Row, row_json
from pan115kit.presentation.upload_list import UploadList
from pan115kit.progress.snapshot import UploadProgress
from pan115kit.progress.tracker import ProgressTracker
from pan115kit.server import serve
from pan115kit.store import Store

pytestmark = [pytest.mark.browser, needs_browser]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """A page of the server's origin with one list in it, ``list``, that notes its actions."""
    with Store(tmp_path / "list-state") as store, serve(None, ProgressTracker(), store) as server:  # type: ignore[arg-type]
        profile = browser.new_context(viewport={"width": 900, "height": 700})
        made = profile.new_page()
        made.route("**/bench", lambda route: route.fulfill(body="<main></main>", content_type="text/html"))
        made.goto(f"{server.url}bench")
        made.evaluate("""async () => {
            globalThis.rows = await import("/static/upload-rows.js");
            const { loadTexts } = await import("/static/upload-progress-list.js");
            globalThis.list = document.createElement("upload-progress-list");
            list.texts = await loadTexts("en");
            globalThis.asked = [];
            list.addEventListener("upload-action", ({ detail }) => asked.push(detail));
            document.querySelector("main").append(list);
        }""")
        yield made
        profile.close()


def shot(key: str, status: UploadStatus, **more: Any) -> UploadProgress:
    values: dict[str, Any] = {"file_size": 1000, "created_at": 100.0, "target_path": "/影视"} | more
    return UploadProgress(key, f"/d/{key}", key, status=status, **values)


def give(page: Page, *shots: UploadProgress) -> None:
    page.evaluate("rows => { list.uploads = rows; }", [row_json(Row(one.job_id, one)) for one in shots])


def names(page: Page) -> list[str]:
    """The rows from top to bottom, once they are painted."""
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return page.locator(".item .name").all_inner_texts()


def some(seed: int) -> list[UploadProgress]:
    pick = random.Random(seed)
    made = []
    for number in range(pick.randrange(1, 60)):
        size = pick.choice([0, 1, 999, 10**6, 10**10])
        status = pick.choice(list(UploadStatus))
        done = size if status.is_success else pick.randrange(size + 1)
        made.append(shot(f"job-{number}", status, file_size=size, uploaded_bytes=done, ended_at=150.0))
    return made


@pytest.mark.parametrize("seed", range(8))
def test_python_and_the_page_add_up_the_same(page: Page, seed: int) -> None:
    """The report in the saved notebook would say another sum than the panel it replaces."""
    shots = some(seed)
    listed = UploadList(now=0.0)
    listed.update(shots, now=0.0)
    totals = listed.totals(now=1.0, wall=160.0)
    found = page.evaluate(
        """given => { const made = new rows.UploadRows(); made.replace(given, 0); return made.totals(1); }""",
        [row_json(Row(one.job_id, one)) for one in shots],
    )
    assert {group: count for group, count in found["counts"].items() if count} == {
        str(group): count for group, count in totals.counts.items()
    }
    assert (found["files"], found["size"], found["uploaded"]) == (totals.files, totals.size, totals.uploaded)
    assert found["percentage"] == pytest.approx(totals.percentage)
    assert found["ended"] == totals.ended
    if totals.ended:
        assert found["elapsed"] == pytest.approx(totals.elapsed)


@pytest.mark.parametrize("seed", range(4))
def test_every_row_is_under_one_filter_and_under_all(page: Page, seed: int) -> None:
    """A row under no filter could never be resumed or retried; one twice in a list is counted twice."""
    shots = some(seed)
    found = page.evaluate(
        """given => { const made = new rows.UploadRows(); made.replace(given, 0);
            return Object.fromEntries(Object.keys(rows.FILTERS).map(filter => [filter, rows.SORTS.map(sort =>
                made.ordered({ filter, sort }))])); }""",
        [row_json(Row(one.job_id, one)) for one in shots],
    )
    everything = sorted(one.job_id for one in shots)
    assert all(sorted(order) == everything for order in found.pop("all"))
    for orders in found.values():
        assert len({tuple(sorted(order)) for order in orders}) == 1
    assert sorted(key for orders in found.values() for key in orders[0]) == everything


def test_the_order_is_running_then_needing_the_user_then_waiting_then_ended(page: Page) -> None:
    """Among a thousand files the failed one must not be at the end."""
    give(page, *(shot(f"{group}-{status}", status) for status in reversed(UploadStatus) for group in ("a", "b")))
    found = page.evaluate("list.uploads.map(row => row.group)")
    assert set(found) == set(Group) - {Group.UNFINISHED}
    order = page.evaluate("""() => { const made = new rows.UploadRows(); made.replace(list.uploads, 0);
        return made.ordered().map(key => made.get(key).group); }""")
    ranked = [list(Group).index(Group(group)) for group in order]
    assert ranked == sorted(ranked)


def test_rows_stay_where_they_are_under_the_pointer(page: Page) -> None:
    """A row that jumps away makes the user press another upload's button."""
    shots = [shot(name, UploadStatus.UPLOADING, uploaded_bytes=10) for name in ("one", "two", "three")]
    give(page, *shots)
    assert names(page) == ["one", "two", "three"]
    page.locator(".item", has_text="two").locator("[data-action=pause]").hover()
    give(page, shot("one", UploadStatus.SUCCESS), *shots[1:], shot("four", UploadStatus.UPLOADING))
    assert names(page) == ["one", "two", "three", "four"]
    page.mouse.move(5, 690)
    expect(page.locator(".item .name").first).to_have_text("two")
    assert names(page) == ["two", "three", "four", "one"]


def test_a_press_on_a_row_that_has_just_moved_is_not_taken(page: Page) -> None:
    """The pointer was over A when B slid under it: B must not be paused."""
    page.evaluate("""given => {
        list.uploads = given;
        return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
    }""", [row_json(Row(n, shot(n, UploadStatus.UPLOADING))) for n in ("one", "two")])  # fmt: skip
    asked = page.evaluate("""async given => {
        list.uploads = given;
        await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
        const row = [...list.shadowRoot.querySelectorAll(".item")].find(item => item.dataset.job === "two");
        const press = () => row.querySelector("[data-action=pause]")
            .dispatchEvent(new MouseEvent("click", { bubbles: true, detail: 1 }));
        press();
        const atOnce = asked.length;
        await new Promise(done => setTimeout(done, 500));
        press();
        return [atOnce, asked];
    }""", [row_json(Row("one", shot("one", UploadStatus.SUCCESS))), row_json(Row("two", shot("two", UploadStatus.UPLOADING)))])  # fmt: skip  # noqa: E501
    assert asked == [0, [{"action": "pause", "job_ids": ["two"]}]]


def test_what_cannot_come_back_is_asked_about_first(page: Page) -> None:
    """One slip would cost hours of upload; what has not begun is cancelled at once."""
    give(page, shot("begun", UploadStatus.UPLOADING, uploaded_bytes=10), shot("not", UploadStatus.PENDING))
    page.locator(".item", has_text="not").locator("[data-action=cancel]").click()
    assert page.evaluate("asked") == [{"action": "cancel", "job_ids": ["not"]}]
    page.locator(".item", has_text="begun").locator("[data-action=cancel]").click()
    expect(page.locator("dialog")).to_contain_text("begun")
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).not_to_be_visible()
    page.locator("[data-all=cancel]").click()
    page.locator("dialog [value=no]").click()
    assert len(page.evaluate("asked")) == 1
    page.locator("[data-all=cancel]").click()
    page.locator("dialog [value=yes]").click()
    until(lambda: len(page.evaluate("asked")) > 1)
    assert page.evaluate("asked")[1:] == [{"action": "cancel", "job_ids": None}]


def test_arrow_keys_go_through_a_list_of_ten_thousand(page: Page) -> None:
    """Only what is in sight is in the page; the keyboard reaches the rest all the same."""
    give(page, *(shot(f"file-{n:05}", UploadStatus.PENDING) for n in range(10_000)))
    first = page.get_by_role("button", name="Pause: file-00000")
    first.focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("button", name="Pause: file-00001")).to_be_focused()
    page.keyboard.press("End")
    expect(page.get_by_role("button", name="Pause: file-09999")).to_be_focused()
    assert page.locator(".item").count() < 80
    page.keyboard.press("Home")
    expect(first).to_be_focused()


def test_everything_about_a_failure_is_at_hand(page: Page) -> None:
    """One line in the row, all of it on demand, to be copied."""
    error = "line one\n" + "what happened, in many words " * 20
    give(page, shot("bad.iso", UploadStatus.FAILED, error_message=error))
    row = page.locator(".item")
    expect(row.locator(".note")).to_contain_text("line one what happened")
    height = row.bounding_box()
    row.locator("[data-action=more]").click()
    expect(row.locator(".details")).to_contain_text("/d/bad.iso")
    expect(row.locator(".details dd").first).to_contain_text(error.strip())
    opened = row.bounding_box()
    assert height is not None
    assert opened is not None
    assert opened["height"] > height["height"] + 40
