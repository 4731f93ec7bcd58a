"""The live panel without a front end: its buttons are pressed with ``.click()``, its messages counted."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from panel_support import QuietQueue, messages, models, wait_for

from pan115kit import Pan115Client, UploadConfig
from pan115kit._base import event_loops
from pan115kit.errors import Pan115Error
from pan115kit.models import UploadSession, UploadStatus
from pan115kit.notebook import panel as panel_module
from pan115kit.notebook.panel import Panel
from pan115kit.store import open_store


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Pan115Client]:
    """A client of a local 115; whose uploads are pressed at in their middle are held there (``hold``)."""
    config = UploadConfig(api_rate=0, part_size=200_000, multipart_threshold=200_000)
    with Pan115Client.sandbox(config=config, state_dir=tmp_path / "state") as made:
        yield made


@pytest.fixture
def panels() -> Iterator[list[Panel]]:
    """Panels to be closed at the end."""
    made: list[Panel] = []
    yield made
    for panel in made:
        panel.close()


def hold(client: Pan115Client, *, after: int = 0) -> None:
    """OSS answers ``after`` parts and no more, until ``clear_faults()``: uploads stand still in their middle."""
    client.local_sandbox.fault("upload_part", "stall", times=None, after=after)


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Panels are painted only when the test says so, not four times a second too."""
    monkeypatch.setattr(panel_module, "TICK", 3600.0)


def make_file(path: Path, size: int) -> Path:
    path.write_bytes(os.urandom(size))
    return path


def html(panel: Panel) -> str:
    """All that is to be read in it now."""
    assert panel.view is not None
    texts = []

    def walk(widget: Any) -> None:
        texts.append(str(getattr(widget, "value", "")))
        for child in getattr(widget, "children", ()):
            walk(child)

    walk(panel.view.root)
    return "\n".join(texts)


# -- buttons on the real engine ---------------------------------------------------------------------------------


def test_pause_resume_and_cancel_reach_the_upload(client: Pan115Client, tmp_path: Path, panels: list[Panel]) -> None:
    """Dead buttons are the first thing a user would notice."""
    hold(client, after=2)
    job = client.submit(make_file(tmp_path / "a.bin", 2_000_000), "/影视")
    panel = job.panel()
    panels.append(panel)
    assert panel.widget is not None
    wait_for(lambda: job.progress.uploaded_parts > 0)
    panel.refresh()
    panel.view.button("pause").click()
    wait_for(lambda: job.status is UploadStatus.PAUSED)
    panel.refresh()
    assert "Paused" in html(panel)
    panel.view.button("resume").click()
    wait_for(lambda: job.status is UploadStatus.UPLOADING)
    panel.refresh()
    panel.view.button("cancel").click()
    wait_for(lambda: job.done)
    assert job.status is UploadStatus.CANCELLED
    panel.refresh()
    panel.view.button("retry").click()
    wait_for(lambda: not job.status.is_final)
    job.cancel()
    wait_for(lambda: job.done)


def test_buttons_for_all_and_for_one_row(client: Pan115Client, tmp_path: Path, panels: list[Panel]) -> None:
    """ "Pause all" that pauses one, or a row's button that pauses all, loses hours of upload."""
    hold(client)
    files = [make_file(tmp_path / f"{n}.bin", 1_000_000) for n in range(3)]
    batch = client.submit_many(files, "/备份")
    panel = batch.panel()
    panels.append(panel)
    assert panel.widget is not None
    wait_for(lambda: all(job.status is UploadStatus.UPLOADING for job in batch))
    panel.refresh()
    panel.view.button("pause", batch[1].job_id).click()
    wait_for(lambda: batch[1].status is UploadStatus.PAUSED)
    assert {batch[0].status, batch[2].status} == {UploadStatus.UPLOADING}
    panel.refresh()
    panel.view.button("pause").click()
    wait_for(lambda: all(job.status is UploadStatus.PAUSED for job in batch))
    panel.refresh()
    panel.view.button("resume").click()
    wait_for(lambda: all(job.status is UploadStatus.UPLOADING for job in batch))
    panel.refresh()
    panel.view.button("cancel").click()
    wait_for(lambda: batch.done)
    assert batch.report().skipped == 3


def test_what_an_earlier_run_left_has_a_resume_button(
    client: Pan115Client, tmp_path: Path, panels: list[Panel]
) -> None:
    """After a kernel restart the panel is where the user looks for the half-sent file."""
    hold(client, after=3)
    path = make_file(tmp_path / "big.mkv", 2_000_000)
    job = client.submit(path, "/影视")
    wait_for(lambda: job.progress.uploaded_parts > 2)
    client.queue.stop(job.job_id)
    wait_for(lambda: job.done)
    client.local_sandbox.clear_faults()
    later = Pan115Client(
        client.local_sandbox.cookie,
        endpoint=client.local_sandbox.endpoint,
        state_dir=tmp_path / "state",
        config=client.config,
        _server_public_key=bytes.fromhex(client.local_sandbox.ecdh_public_key),
    )
    with later:
        panel = later.panel()
        panels.append(panel)
        assert panel.widget is not None
        panel.refresh()
        assert "big.mkv" in html(panel)
        assert "Resumable" in html(panel)
        (session,) = later.sessions()["session_id"]
        panel.view.button("resume", f"session:{session}").click()
        wait_for(lambda: later.jobs() and later.jobs()[0].done)
        result = later.jobs()[0].result()
        assert result.success
        assert result.resumed
        panel.refresh()
        assert "Resumable" not in html(panel)


def test_a_failed_upload_tells_its_whole_error_and_can_be_retried(
    client: Pan115Client, tmp_path: Path, panels: list[Panel]
) -> None:
    """ "Failed" without the reason leaves the user with nothing to do."""
    job = client.submit(tmp_path / "missing.iso", "/影视")
    panel = job.panel()
    panels.append(panel)
    assert panel.widget is not None
    with pytest.raises(Pan115Error, match="there is no file"):
        job.wait(60)
    panel.refresh()
    assert "there is no file" in html(panel)
    make_file(tmp_path / "missing.iso", 1000)
    panel.view.button("retry").click()
    wait_for(lambda: job.done and job.status.is_success)
    panel.refresh()
    assert "Uploaded" in html(panel)


# -- a press means the row it was aimed at ----------------------------------------------------------------------


def many(count: int) -> QuietQueue:
    queue = QuietQueue()
    for number in range(count):
        queue.add(f"file-{number:04}.bin", status=UploadStatus.UPLOADING, done=10)
    return queue


def test_a_row_that_has_just_changed_its_upload_ignores_the_press(panels: list[Panel]) -> None:
    """The pointer was over A when B slid under it: B must not be cancelled."""
    now = [100.0]
    queue = many(3)
    panel = Panel(queue, rows=2, clock=lambda: now[0])
    panels.append(panel)
    assert panel.widget is not None
    assert panel.view.button("cancel", "file-0000.bin")
    queue.recorders["file-0000.bin"].set_status(UploadStatus.SUCCESS)
    panel.refresh()
    panel.view.button("cancel", "file-0002.bin").click()
    event_loops.ui_loop().submit(_nothing()).result(5)
    event_loops.engine().submit(_nothing()).result(5)
    assert queue.told == []
    now[0] += 1.0
    panel.view.button("cancel", "file-0002.bin").click()
    wait_for(lambda: queue.told == [("cancel", "file-0002.bin")])


async def _nothing() -> None:
    pass


def test_buttons_only_post_a_command(panels: list[Panel]) -> None:
    """On some kernels a click arrives on a foreign thread: work done there would race or hang the kernel."""
    queue = many(1)
    where: list[str] = []
    queue.pause = lambda job_id: where.append(threading.current_thread().name)  # type: ignore[method-assign]
    panel = Panel(queue)
    panels.append(panel)
    assert panel.widget is not None
    panel.view.button("pause", "file-0000.bin").click()
    wait_for(lambda: where)
    assert where == ["pan115-engine"]


# -- many rows --------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("still")
@pytest.mark.parametrize("rows", [10, 100, 1000])
def test_the_number_of_uploads_does_not_change_what_is_sent(rows: int, panels: list[Panel]) -> None:
    """A widget per file: 1,000 files would flood the server, which then drops messages of all notebooks."""
    queue = many(rows)
    with messages() as sent:
        panel = Panel(queue)
        panels.append(panel)
        assert panel.widget is not None
        assert len(sent) < 120
        del sent[:]
        for tick in range(4):
            for number in range(10):
                queue.recorders[f"file-{number:04}.bin"].set_uploaded(100 * (tick + 2))
            panel.refresh()
        assert len(sent) <= 4 * 12, "at most the head, ten rows and the foot per painting"


def test_every_one_of_a_thousand_uploads_can_be_reached(panels: list[Panel]) -> None:
    """What no page shows cannot be paused."""
    queue = many(95)
    queue.add("broken.iso", status=UploadStatus.FAILED)
    panel = Panel(queue)
    panels.append(panel)
    assert panel.widget is not None
    seen = set(re.findall(r"(?:file-\d{4}\.bin|broken\.iso)(?=</span>)", html(panel)))
    for _ in range(9):
        page = next(b for b in panel.view._filters if b.scene.icon == "chevron-right")
        page.widget.click()
        event_loops.ui_loop().submit(_nothing()).result(5)
        panel.refresh()
        seen |= set(re.findall(r"(?:file-\d{4}\.bin|broken\.iso)(?=</span>)", html(panel)))
    assert len(seen) == 96
    panel.view.button("filter:failed").click()
    event_loops.ui_loop().submit(_nothing()).result(5)
    panel.refresh()
    assert "broken.iso" in html(panel)
    assert "file-0001" not in html(panel)


@pytest.mark.usefixtures("still")
def test_unchanged_uploads_cost_no_message(panels: list[Panel]) -> None:
    """Panels stay open for days; an idle one must be silent."""
    now = [1000.0]
    queue = QuietQueue()
    for number in range(5):
        queue.add(f"{number}", status=UploadStatus.PAUSED)
    with messages() as sent:
        panel = Panel(queue, clock=lambda: now[0], wall_clock=lambda: now[0])
        panels.append(panel)
        assert panel.widget is not None
        panel.refresh()
        del sent[:]
        for _ in range(2):
            now[0] += 86_400.0
            panel.refresh()
        assert sent == []


def test_only_one_thread_writes(panels: list[Panel], monkeypatch: pytest.MonkeyPatch) -> None:
    """ipywidgets loses updates, or raises, when two threads set traits at once."""
    threads: set[str] = set()
    queue = many(3)
    panel = Panel(queue)
    panels.append(panel)
    assert panel.widget is not None
    apply = panel.view.apply

    def noted(scene: Any) -> None:
        threads.add(threading.current_thread().name)
        apply(scene)

    monkeypatch.setattr(panel.view, "apply", noted)
    panel.refresh()
    panel.view.button("pause", "file-0001.bin").click()
    panel.refresh()
    wait_for(lambda: queue.told)
    assert threads == {"pan115-ui"}


# -- what is shown ----------------------------------------------------------------------------------------------


def test_names_and_errors_are_text_not_html(panels: list[Panel]) -> None:
    """A file named like a script tag must not run in the user's notebook."""
    queue = QuietQueue()
    evil = "<img src=x onerror=alert(1)>&\"'.bin"
    queue.add(evil).set_status(UploadStatus.FAILED, error_message=f"<script>{evil}</script>", file_id="<script>")
    for panel in (Panel(queue, [evil]), Panel(queue)):
        panels.append(panel)
        assert panel.widget is not None
        for text in (html(panel), panel.report()):
            assert "<img src=x" not in text
            assert "<script" not in text
            assert "&lt;img src=x onerror=alert(1)&gt;" in text


@pytest.mark.parametrize("status", list(UploadStatus))
def test_every_status_has_the_words_of_the_specification(
    status: UploadStatus, panels: list[Panel], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user's language and the specification's badge, on the live panel and in the report."""
    monkeypatch.setenv("PAN115_LANG", "zh")
    queue = QuietQueue()
    queue.add("电影 2025.mkv", status=status)
    panel = Panel(queue, ["电影 2025.mkv"])
    panels.append(panel)
    assert panel.widget is not None
    for text in (html(panel), panel.report()):
        assert f"{status.label} {status.icon}".strip() in text
        assert "电影 2025.mkv" in text
        assert "📹" in text


def test_the_plain_text_never_changes(panels: list[Panel]) -> None:
    """Notebooks are compared by their text outputs: a percentage in there makes every comparison fail."""
    queue = many(1)
    panel = Panel(queue, ["file-0000.bin"])
    panels.append(panel)
    before = repr(panel)
    queue.recorders["file-0000.bin"].set_uploaded(900)
    panel.refresh()
    assert repr(panel) == before == "<Panel file-0000.bin>"


# -- the end ----------------------------------------------------------------------------------------------------


class Handle:
    """IPython's display handle, noting what it is told."""

    def __init__(self) -> None:
        self.bundles: list[dict[str, str]] = []

    def update(self, bundle: dict[str, str], *, raw: bool) -> None:
        assert raw
        self.bundles.append(bundle)


def test_at_the_end_a_report_takes_the_panels_place(panels: list[Panel], monkeypatch: pytest.MonkeyPatch) -> None:
    """A saved notebook with a dead widget shows "model not found" instead of what was uploaded."""
    monkeypatch.setattr(panel_module, "LINGER", 0.0)
    queue = many(1)
    panel = Panel(queue, ["file-0000.bin"])
    panels.append(panel)
    handle = Handle()
    panel._handles.append(handle)
    assert panel.widget is not None
    with messages():
        queue.recorders["file-0000.bin"].set_status(UploadStatus.SUCCESS, file_id="4711")
        wait_for(lambda: handle.bundles)  # it is frozen a moment before it says so
    assert panel.frozen
    (bundle,) = handle.bundles
    assert set(bundle) == {"text/plain", "text/html"}
    assert "4711" in bundle["text/html"]
    assert "100%" in bundle["text/html"]
    assert "4711" in html(panel), "a page opened again later must find the report too"


def test_closing_the_client_says_the_report_again(panels: list[Panel]) -> None:
    """nbclient drops what is displayed between two cells: the saved notebook would say "uploading" for ever."""
    queue = many(1)
    panel = Panel(queue, ["file-0000.bin"])
    panels.append(panel)
    handle = Handle()
    panel._handles.append(handle)
    queue.recorders["file-0000.bin"].set_status(UploadStatus.SUCCESS, file_id="4711")
    panel.freeze()
    handle.bundles.clear()
    panel.stop()
    assert ["4711" in bundle["text/html"] for bundle in handle.bundles] == [True]


def test_a_failed_upload_keeps_its_panel_alive(panels: list[Panel], monkeypatch: pytest.MonkeyPatch) -> None:
    """The retry button must not vanish a second after the failure; ``freeze()`` is for who wants it to."""
    monkeypatch.setattr(panel_module, "LINGER", 0.0)
    queue = many(1)
    queue.recorders["file-0000.bin"].set_status(UploadStatus.FAILED, error_message="no")
    panel = Panel(queue, ["file-0000.bin"])
    panels.append(panel)
    panel._handles.append(Handle())
    assert panel.widget is not None
    panel.refresh()
    assert not panel.frozen
    panel.freeze()
    assert panel.frozen
    assert "Failed" in panel._handles[0].bundles[0]["text/html"]


def test_a_frozen_panel_of_all_uploads_wakes_for_new_ones(
    panels: list[Panel], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The panel at the top of the notebook must show what later cells begin."""
    queue = QuietQueue()
    panel = Panel(queue)
    panels.append(panel)
    panel._handles.append(Handle())
    assert panel.widget is not None
    panel.freeze()
    queue.add("new.bin", status=UploadStatus.UPLOADING)
    wait_for(lambda: not panel.frozen)
    panel.refresh()
    assert "new.bin" in html(panel)
    assert len(panel._handles[0].bundles) == 2


def test_closing_leaves_no_widget_behind() -> None:
    """ipywidgets keeps every model that is not closed: a long session would fill the kernel's memory."""
    before = models()
    for _ in range(3):
        queue = many(30)
        panel = Panel(queue)
        assert panel.widget is not None
        panel.refresh()
        panel.close()
        panel.close()
        assert models() == before
    queue = many(2)
    panel = Panel(queue)
    assert panel.widget is not None
    panel.freeze()
    panel.close()
    assert models() == before


def test_late_clicks_on_a_closed_panel_do_nothing() -> None:
    """A click that was on its way when the panel closed must not raise in the kernel's log."""
    queue = many(1)
    panel = Panel(queue)
    assert panel.widget is not None
    button = panel.view.button("pause", "file-0000.bin")
    panel.close()
    button.click()
    event_loops.ui_loop().submit(_nothing()).result(5)
    event_loops.engine().submit(_nothing()).result(5)


def test_a_panel_outlives_its_store(tmp_path: Path, panels: list[Panel]) -> None:
    """A closed client must not make the painter fail once a second for ever."""
    store = open_store(tmp_path / "state")
    store.sessions.save(UploadSession("s", "/d/x.bin", "x.bin", 100))
    panel = Panel(QuietQueue(), store=store)
    panels.append(panel)
    assert panel.widget is not None
    panel.refresh()
    assert "x.bin" in html(panel)
    store.close()
    panel.refresh()
    assert "x.bin" in html(panel)


def test_closing_the_client_ends_its_panels(client: Pan115Client, tmp_path: Path) -> None:
    """A painter that goes on after its client is closed is a thread that never rests."""
    hold(client, after=1)
    job = client.submit(make_file(tmp_path / "a.bin", 1_000_000), "/影视")
    panel, everything = job.panel(), client.panel()
    assert panel.widget is not None
    assert everything.widget is not None
    wait_for(lambda: job.progress.uploaded_bytes > 0)
    client.close()
    assert panel.frozen
    assert everything.frozen
    panel.close()
    everything.close()
