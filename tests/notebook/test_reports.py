"""Static reports: what a saved notebook shows in every viewer."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from IPython.core.formatters import DisplayFormatter
from panel_support import QuietQueue

from pan115kit.client import Pan115Client
from pan115kit.folders.local_tree import Skipped
from pan115kit.folders.plan import FolderPlan, PlannedFile
from pan115kit.models import UploadResult, UploadSession, UploadStatus
from pan115kit.notebook.panel import Panel
from pan115kit.notebook.report import MAX_ROWS, plan_report, result_report, sessions_report, uploads_report
from pan115kit.presentation.rows import Row
from pan115kit.presentation.upload_list import UploadList
from pan115kit.presentation.upload_table import uploads_table
from pan115kit.progress.snapshot import UploadProgress

EVIL = '<script>alert("x")</script>&.bin'


def filled(count: int = 3) -> UploadList:
    uploads = UploadList(now=0.0)
    for second in range(5):
        uploads.update(
            [UploadProgress("a", "/d/a", EVIL, 100, UploadStatus.UPLOADING, speed_mbps=second)], now=second
        )
    states = list(UploadStatus)
    uploads.update(
        [
            UploadProgress(
                f"j{n}", f"/d/{n}", f"文件 {n}.mkv", 1000, states[n % len(states)], error_message=EVIL, file_id="1"
            )
            for n in range(count)
        ],
        now=5.0,
    )
    return uploads


REPORTS = {
    "uploads": lambda: uploads_report(EVIL, filled(12), 5.0, 100.0, note=EVIL),
    "sessions": lambda: sessions_report([UploadSession("s", EVIL, EVIL, 100, error_message=EVIL)]),
    "result": lambda: result_report(
        UploadResult(True, UploadStatus.SUCCESS, "ok", file_name=EVIL, target_path="/影视")
    ),
    "failure": lambda: result_report(
        UploadResult(False, UploadStatus.FAILED, "no", file_name=EVIL, error_message=EVIL, elapsed_seconds=3.0)
    ),
    "plan": lambda: plan_report(EVIL, FolderPlan((PlannedFile(EVIL, EVIL, 1),), (Skipped(EVIL, EVIL),))),
}


class Reader(HTMLParser):
    """Checks that tags close, and collects what the sanitiser of untrusted notebooks would drop."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.dropped: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        if tag in ("style", "svg", "script"):
            self.dropped.append(tag)
        style = dict(attrs).get("style") or ""
        self.dropped += re.findall(r"var\(|transform|font-variant", style)
        self.dropped += [name for name, _ in attrs if name in ("class", "id") or name.startswith("on")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("name", REPORTS)
def test_reports_survive_the_sanitiser_and_escape_everything(
    name: str, lang: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On GitHub, in nbviewer and in untrusted notebooks a report must read the same; a file's name is never code."""
    monkeypatch.setenv("PAN115_LANG", lang)
    reader = Reader()
    reader.feed(REPORTS[name]())
    assert reader.open == []
    assert reader.dropped == []
    assert EVIL in reader.text


def test_failed_uploads_are_never_among_the_rows_left_out() -> None:
    """A report of 5,000 files shows ten; the one that failed must be there."""
    uploads = UploadList(now=0.0)
    uploads.update([UploadProgress(f"{n}", f"/{n}", f"{n}", 1, UploadStatus.SUCCESS) for n in range(5000)], now=0.0)
    uploads.update([UploadProgress("bad", "/bad", "bad.iso", 1, UploadStatus.FAILED, error_message="why")], now=0.0)
    html = uploads_report("t", uploads, 0.0, 0.0)
    assert "bad.iso" in html
    assert "why" in html
    assert f"{5001 - MAX_ROWS} more" in html
    assert len(html) < 20_000, "it stays in the notebook"


def test_a_terminals_ipython_shows_how_uploads_stand() -> None:
    """``client.panel()`` and a job as a cell's last line showed ``<Panel movie.mkv>`` there, and nothing else."""
    queue = QuietQueue()
    queue.add("电影\x1b[2J.mkv", 1_500_000, UploadStatus.UPLOADING, done=750_000)
    queue.add("broken.mkv", 1000, UploadStatus.FAILED)
    panel = Panel(queue)  # type: ignore[arg-type]
    shown = DisplayFormatter().format(panel)[0]["text/plain"]
    panel.close()
    lines = shown.splitlines()
    assert len(lines) == 3
    assert any(r"电影\x1b[2J.mkv" in line and "50.0%" in line and "1.5 MB" in line for line in lines)
    assert any("broken.mkv" in line and "it broke" in line for line in lines)
    with Pan115Client.sandbox() as client:
        assert DisplayFormatter().format(client)[0]["text/plain"] == repr(client)
        assert DisplayFormatter().format(client.panel())[0]["text/plain"] == "no uploads"


def test_a_table_of_very_many_uploads_is_short() -> None:
    """A terminal scrolls away what it cannot hold: thirty lines and a number."""
    rows = [Row(str(n), UploadProgress(str(n), f"/{n}", f"{n}.bin", 1)) for n in range(10_000)]
    lines = uploads_table(rows, 80).splitlines()
    assert len(lines) == 1 + 30 + 1
    assert lines[-1] == "… and 9970 more"
