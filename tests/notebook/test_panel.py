"""The live panel without a browser: pressed as a page would say it, its messages taken in and counted."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from panel_support import FrontEnd, QuietQueue, action, messages, models, press, wait_for

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


@pytest.fixture(autouse=True)
def wire() -> Iterator[tuple[list[tuple[str, Any]], FrontEnd]]:
    """Every message to the page, and the page."""
    with messages() as made:
        yield made


@pytest.fixture
def sent(wire: tuple[list[tuple[str, Any]], FrontEnd]) -> list[tuple[str, Any]]:
    return wire[0]


@pytest.fixture
def page(wire: tuple[list[tuple[str, Any]], FrontEnd]) -> FrontEnd:
    return wire[1]


def statuses(page: FrontEnd) -> list[str]:
    return [row["status"] for row in page.rows()]


# -- buttons on the real engine ---------------------------------------------------------------------------------


def test_pause_resume_and_cancel_reach_the_upload(
    client: Pan115Client, tmp_path: Path, panels: list[Panel], page: FrontEnd
) -> None:
    """Dead buttons are the first thing a user would notice."""
    hold(client, after=2)
    job = client.submit(make_file(tmp_path / "a.bin", 2_000_000), "/影视")
    panel = job.panel()
    panels.append(panel)
    assert panel.widget is not None
    wait_for(lambda: job.progress.uploaded_parts > 0)
    panel.refresh()
    press(panel, "pause", job.job_id)
    wait_for(lambda: job.status is UploadStatus.PAUSED)
    panel.refresh()
    assert statuses(page) == ["paused"]
    press(panel, "resume", job.job_id)
    wait_for(lambda: job.status is UploadStatus.UPLOADING)
    panel.refresh()
    press(panel, "cancel", job.job_id)
    wait_for(lambda: job.done)
    assert job.status is UploadStatus.CANCELLED
    panel.refresh()
    press(panel, "retry", job.job_id)
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
    press(panel, "pause", batch[1].job_id)
    wait_for(lambda: batch[1].status is UploadStatus.PAUSED)
    assert {batch[0].status, batch[2].status} == {UploadStatus.UPLOADING}
    panel.refresh()
    press(panel, "pause")
    wait_for(lambda: all(job.status is UploadStatus.PAUSED for job in batch))
    panel.refresh()
    press(panel, "resume")
    wait_for(lambda: all(job.status is UploadStatus.UPLOADING for job in batch))
    panel.refresh()
    press(panel, "cancel")
    wait_for(lambda: batch.done)
    assert batch.report().skipped == 3


def test_what_an_earlier_run_left_has_a_resume_button(
    client: Pan115Client, tmp_path: Path, panels: list[Panel], page: FrontEnd
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
        (row,) = page.rows()
        assert (row["file_name"], row["group"], row["actions"]) == ("big.mkv", "unfinished", ["resume", "discard"])
        (session,) = later.sessions()["session_id"]
        press(panel, "resume", f"session:{session}")
        wait_for(lambda: later.jobs() and later.jobs()[0].done)
        result = later.jobs()[0].result()
        assert result.success
        assert result.resumed
        panel.refresh()
        assert [row["group"] for row in page.rows()] == ["done"]


def test_an_unfinished_session_is_discarded(
    client: Pan115Client, tmp_path: Path, panels: list[Panel], page: FrontEnd
) -> None:
    """What nobody wants any more would stay on the panel, and at OSS, for ever."""
    hold(client, after=3)
    job = client.submit(make_file(tmp_path / "big.mkv", 2_000_000), "/影视")
    wait_for(lambda: job.progress.uploaded_parts > 2)
    client.queue.stop(job.job_id)
    wait_for(lambda: job.done)
    client.local_sandbox.clear_faults()
    panel = client.panel()
    panels.append(panel)
    assert panel.widget is not None
    panel.refresh()
    assert sorted(row["group"] for row in page.rows()) == ["cancelled", "unfinished"]
    press(panel, "discard_sessions")
    wait_for(lambda: len(client.sessions()) == 0)
    wait_for(lambda: client.local_sandbox.uploads() == [])
    panel.refresh()
    assert [row["group"] for row in page.rows()] == ["cancelled"]


def test_a_failed_upload_tells_its_whole_error_and_can_be_retried(
    client: Pan115Client, tmp_path: Path, panels: list[Panel], page: FrontEnd
) -> None:
    """ "Failed" without the reason leaves the user with nothing to do."""
    job = client.submit(tmp_path / "missing.iso", "/影视")
    panel = job.panel()
    panels.append(panel)
    assert panel.widget is not None
    with pytest.raises(Pan115Error, match="there is no file"):
        job.wait(60)
    panel.refresh()
    assert "there is no file" in page.text()
    make_file(tmp_path / "missing.iso", 1000)
    press(panel, "retry", job.job_id)
    wait_for(lambda: job.done and job.status.is_success)
    panel.refresh()
    assert statuses(page) == ["success"]


# -- a press means the row it was aimed at ----------------------------------------------------------------------


def many(count: int) -> QuietQueue:
    queue = QuietQueue()
    for number in range(count):
        queue.add(f"file-{number:04}.bin", status=UploadStatus.UPLOADING, done=10)
    return queue


def test_a_press_that_makes_no_sense_any_more_does_nothing(panels: list[Panel]) -> None:
    """The upload ended while the press was on its way: nothing is started again behind the user's back."""
    queue = many(2)
    panel = Panel(queue)
    panels.append(panel)
    assert panel.widget is not None
    queue.recorders["file-0000.bin"].set_status(UploadStatus.SUCCESS)
    panel.refresh()
    press(panel, "cancel", "file-0000.bin", "no such upload")
    press(panel, "pause")
    wait_for(lambda: queue.told)
    event_loops.ui_loop().submit(_nothing()).result(5)
    event_loops.engine().submit(_nothing()).result(5)
    assert queue.told == [("pause", "file-0001.bin")]


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
    press(panel, "pause", "file-0000.bin")
    wait_for(lambda: where)
    assert where == ["pan115-engine"]


# -- many rows --------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("still")
@pytest.mark.parametrize("rows", [10, 100, 1000, 10_000])
def test_the_number_of_uploads_does_not_change_what_is_sent(
    rows: int, panels: list[Panel], sent: list[tuple[str, Any]], page: FrontEnd
) -> None:
    """A widget per file: 1,000 files would flood the server, which then drops messages of all notebooks."""
    queue = QuietQueue()
    for number in range(rows):
        queue.add(f"file-{number:05}.bin")
    panel = Panel(queue)
    panels.append(panel)
    assert panel.widget is not None
    assert len(sent) <= 3
    assert len(page.rows()) == rows
    del sent[:]
    for number in range(10):
        queue.recorders[f"file-{number:05}.bin"].set_status(UploadStatus.UPLOADING)
    for tick in range(4):
        for number in range(10):
            queue.recorders[f"file-{number:05}.bin"].set_uploaded(100 * (tick + 2))
        panel.refresh()
    assert len(sent) == 4, "one message a look, whatever the number of rows"
    assert all(len(data["content"]["uploads"]) == 10 for _, data in sent)
    assert sum(row["uploaded_bytes"] for row in page.rows()) == 10 * 500


@pytest.mark.usefixtures("still")
def test_very_many_changes_at_once_come_in_pieces(
    panels: list[Panel], sent: list[tuple[str, Any]], page: FrontEnd
) -> None:
    """A folder of 10,000 files that is added while the panel is open must not be one message of 5 MB."""
    queue = many(1)
    panel = Panel(queue)
    panels.append(panel)
    assert panel.widget is not None
    for number in range(2500):
        queue.add(f"later-{number}.bin")
    del sent[:]
    for _ in range(3):
        panel.refresh()
    assert [len(data["content"]["uploads"]) for _, data in sent] == [1000, 1000, 501]
    assert len(page.rows()) == 2501


def test_a_page_that_missed_a_message_gets_everything(
    panels: list[Panel], sent: list[tuple[str, Any]], page: FrontEnd
) -> None:
    """The server drops messages under load, and a page is loaded again: its figures must not stay wrong."""
    queue = many(3)
    panel = Panel(queue)
    panels.append(panel)
    widget = panel.widget
    queue.recorders["file-0000.bin"].set_uploaded(900)
    panel.refresh()
    number = page.lists[widget.model_id]["number"]
    del sent[:]
    widget._handle_custom_msg({"kind": "whole", "id": "1", "number": number - 1}, [])
    wait_for(lambda: [data for _, data in sent if data["content"]["kind"] == "whole"])
    assert {row["job_id"]: row["uploaded_bytes"] for row in page.rows()} == {
        "file-0000.bin": 900, "file-0001.bin": 10, "file-0002.bin": 10
    }  # fmt: skip
    state = widget.get_state()["snapshot"]  # as a page asks for it that is loaded again
    assert [row["uploaded_bytes"] for row in state["uploads"]] == [900, 10, 10]


@pytest.mark.usefixtures("still")
def test_unchanged_uploads_cost_no_message(panels: list[Panel], sent: list[tuple[str, Any]]) -> None:
    """Panels stay open for days; an idle one must be silent."""
    now = [1000.0]
    queue = QuietQueue()
    for number in range(5):
        queue.add(f"{number}", status=UploadStatus.PAUSED)
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
    send = panel.widget.send

    def noted(content: Any, buffers: Any = None) -> None:
        threads.add(threading.current_thread().name)
        send(content, buffers)

    monkeypatch.setattr(panel.widget, "send", noted)
    queue.recorders["file-0000.bin"].set_uploaded(20)
    panel.refresh()
    press(panel, "pause", "file-0001.bin")
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
        text = panel.report()
        assert "<img src=x" not in text
        assert "<script" not in text
        assert "&lt;img src=x onerror=alert(1)&gt;" in text


@pytest.mark.parametrize("status", list(UploadStatus))
def test_every_status_has_the_words_of_the_specification(
    status: UploadStatus, panels: list[Panel], monkeypatch: pytest.MonkeyPatch, page: FrontEnd
) -> None:
    """The user's language and the specification's badge, on the live panel and in the report."""
    monkeypatch.setenv("PAN115_LANG", "zh")
    queue = QuietQueue()
    queue.add("电影 2025.mkv", status=status)
    panel = Panel(queue, ["电影 2025.mkv"])
    panels.append(panel)
    (row,) = page.rows() if panel.widget.alive else []
    assert (row["file_name"], row["status"]) == ("电影 2025.mkv", str(status))
    assert page.states[panel.widget.model_id]["texts"][f"status.{status}"] == status.label
    text = panel.report()
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


def test_at_the_end_a_report_takes_the_panels_place(
    panels: list[Panel], monkeypatch: pytest.MonkeyPatch, page: FrontEnd
) -> None:
    """A saved notebook with a dead widget shows "model not found" instead of what was uploaded."""
    monkeypatch.setattr(panel_module, "LINGER", 0.0)
    queue = many(1)
    panel = Panel(queue, ["file-0000.bin"])
    panels.append(panel)
    handle = Handle()
    panel._handles.append(handle)
    assert panel.widget is not None
    queue.recorders["file-0000.bin"].set_status(UploadStatus.SUCCESS, file_id="4711")
    wait_for(lambda: handle.bundles)  # it is frozen a moment before it says so
    assert panel.frozen
    (bundle,) = handle.bundles
    assert set(bundle) == {"text/plain", "text/html"}
    assert "4711" in bundle["text/html"]
    assert "100%" in bundle["text/html"]
    state = page.states[panel.widget.model_id]
    assert "4711" in str(state["snapshot"]), "a page opened again later must find the end too"
    assert state["look"]["readonly"], "a button that does nothing is a lie"


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
    panels: list[Panel], monkeypatch: pytest.MonkeyPatch, page: FrontEnd
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
    assert "new.bin" in page.text()
    assert not page.states[panel.widget.model_id]["look"]["readonly"]
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
    widget = panel.widget
    panel.close()
    widget._handle_custom_msg(action("pause", "file-0000.bin"), [])
    widget._handle_custom_msg({"kind": "whole", "id": "1", "number": 0}, [])
    event_loops.ui_loop().submit(_nothing()).result(5)
    event_loops.engine().submit(_nothing()).result(5)


def test_a_panel_outlives_its_store(tmp_path: Path, panels: list[Panel], page: FrontEnd) -> None:
    """A closed client must not make the painter fail once a second for ever."""
    store = open_store(tmp_path / "state")
    store.sessions.save(UploadSession("s", "/d/x.bin", "x.bin", 100))
    panel = Panel(QuietQueue(), store=store)
    panels.append(panel)
    assert panel.widget is not None
    panel.refresh()
    assert "x.bin" in page.text()
    store.close()
    panel.refresh()
    assert "x.bin" in page.text()


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
