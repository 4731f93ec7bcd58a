"""tqdm bars: fed by snapshots, true after a resume, silent nowhere and noisy nowhere."""

from __future__ import annotations

import io
import os
import re
import warnings
from pathlib import Path
from typing import Any

import pytest
from panel_support import QuietQueue, wait_for

from pan115kit import ConfigError, Pan115Client, UploadConfig
from pan115kit._base import event_loops
from pan115kit._base.safe_output import SafeStream
from pan115kit._base.text_table import text_width
from pan115kit.models import UploadStatus
from pan115kit.notebook import progress_display
from pan115kit.notebook.progress_display import begin, show, watcher
from pan115kit.presentation import progress_bars as bars_module
from pan115kit.presentation.progress_bars import Bars


class Terminal(io.StringIO):
    """A stderr that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def screen(file: io.StringIO) -> list[str]:
    """What was drawn, frame by frame."""
    return [line for line in re.split(r"[\r\n]|\x1b\[A", file.getvalue()) if line.strip()]


def drawn(queue: QuietQueue, ids: list[str], steps: list[Any], file: io.StringIO) -> Bars:
    """Draw after each step, on this thread."""
    bars = Bars(queue, ids, file=file)
    for step in steps:
        step()
        bars._draw()
    bars._close()
    return bars


def test_a_resumed_upload_begins_at_its_byte_and_its_rate_is_not_inflated() -> None:
    """900 of 1000 MB of yesterday in the first tenth of a second would read as 9 GB/s and "1 second left"."""
    queue, file = QuietQueue(), Terminal()
    upload = queue.add("big.mkv", 1_000_000_000)
    bars = drawn(
        queue,
        ["big.mkv"],
        [
            lambda: upload.set_status(UploadStatus.UPLOADING),
            lambda: upload.set_resumed(900_000_000),
            lambda: upload.set_uploaded(900_001_000),
        ],
        file,
    )
    bar = bars._bars["big.mkv"]
    assert bar.initial == 900_000_000
    assert bar.n == 900_001_000
    assert not re.search(r"\dGB/s|\d\.\dTB", file.getvalue())
    assert "90%" in screen(file)[-1]


class Gone(io.StringIO):
    """A stderr whose reader has gone."""

    broken = False

    def write(self, text: str) -> int:
        if self.broken:
            raise BrokenPipeError
        return super().write(text)


def test_a_stream_that_breaks_is_drawn_on_no_more() -> None:
    """tqdm would fail with its lock held, and the next bar (or the end of the program) would wait for ever."""
    queue, file = QuietQueue(), Gone()
    upload = queue.add("a.bin", 1000)

    def breaks() -> None:
        file.broken = True
        upload.set_uploaded(500)

    drawn(queue, ["a.bin"], [lambda: upload.set_status(UploadStatus.UPLOADING), breaks], file)
    file.broken = False
    before = file.getvalue()
    drawn(queue, ["a.bin"], [lambda: upload.set_status(UploadStatus.SUCCESS)], Gone())  # nobody holds the lock
    assert file.getvalue() == before


def test_an_odd_sign_on_an_old_encoding_is_escaped() -> None:
    """One emoji in a name must not end the bars of a log in GBK."""
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding="gbk", write_through=True)
    outlet = SafeStream(file)
    outlet.write("电影 😀 10 %\n")
    outlet.write("20 %\n")
    assert raw.getvalue().decode("gbk") == "电影 \\U0001f600 10 %\n20 %\n"


def test_bars_of_one_stream_know_each_other() -> None:
    """Two ``submit(progress="tqdm")`` at once: a line that is written clears the bars of both."""
    queue, file = QuietQueue(), Terminal()
    first, second = (Bars(queue, [name], file=file)._file for name in ("a", "b"))
    assert first is second
    assert Bars(queue, ["c"], file=Terminal())._file is not first


def test_hashing_has_a_line_of_its_own_that_goes_away() -> None:
    """A bar that runs to 100 % and starts again looks like a bug."""
    queue, file = QuietQueue(), Terminal()
    upload = queue.add("a.bin", 1000)
    drawn(
        queue,
        ["a.bin"],
        [
            lambda: upload.set_status(UploadStatus.HASHING),
            lambda: upload.set_hashed(1000),
            lambda: upload.set_status(UploadStatus.UPLOADING),
            lambda: upload.set_uploaded(1000),
            lambda: upload.set_status(UploadStatus.SUCCESS),
        ],
        file,
    )
    frames = screen(file)
    assert frames[0].startswith("Hash a.bin:   0%")
    assert frames[-1].startswith("a.bin: 100%")
    assert "1.00k/1.00k" in frames[-1], "decimal units, as everywhere in the kit"


@pytest.mark.parametrize(
    ("status", "colour"),
    [(UploadStatus.PAUSED, "#f57c00"), (UploadStatus.FAILED, "#d1242f"), (UploadStatus.CANCELLED, "#d1242f")],
)
def test_paused_and_failed_uploads_are_seen(status: UploadStatus, colour: str) -> None:
    """A bar that stands still without a word looks like a hung line."""
    queue, file = QuietQueue(), Terminal()
    upload = queue.add("a.bin", 1000)

    def stop() -> None:
        upload.set_status(status, error_message="no space" if status is UploadStatus.FAILED else None)

    bars = drawn(queue, ["a.bin"], [lambda: upload.set_status(UploadStatus.UPLOADING), stop], file)
    assert bars._bars["a.bin"].colour == colour
    assert status.label in screen(file)[-1]
    assert ("no space" in screen(file)[-1]) == (status is UploadStatus.FAILED)


@pytest.mark.parametrize("kind", [Terminal, io.StringIO], ids=["terminal", "log"])
def test_a_failure_is_drawn_once(kind: type[io.StringIO]) -> None:
    """In a log, or where it is longer than the terminal, a line cannot be drawn over: it stood there three times."""
    queue, file = QuietQueue(), kind()
    upload = queue.add("a.bin", 1000)
    steps: list[Any] = [
        lambda: upload.set_status(UploadStatus.UPLOADING),
        lambda: upload.set_status(UploadStatus.FAILED, error_message="no space"),
    ]
    drawn(queue, ["a.bin"], steps, file)
    assert sum("no space" in frame for frame in screen(file)) == 1


def test_a_name_in_a_bar_does_not_act() -> None:
    """A file's name must not clear the screen; and a Chinese one is cut by the cells it takes, from its middle."""
    queue, file = QuietQueue(), Terminal()
    for name in ("a\x1b[2J\n.bin", "很长的名字" * 10 + "7.mkv"):
        queue.add(name, 1000, UploadStatus.SUCCESS)
        drawn(queue, [name], [lambda: None], file)
    assert "\x1b[2J" not in file.getvalue()
    assert r"a\x1b[2J\n.bin: 100%" in file.getvalue()
    heads = [frame.partition(": ")[0] for frame in screen(file) if "7.mkv" in frame]
    assert heads
    assert all(text_width(head) <= 32 for head in heads)


def test_a_resumed_bar_loses_its_orange() -> None:
    """tqdm keeps a colour until told otherwise."""
    queue, file = QuietQueue(), Terminal()
    upload = queue.add("a.bin", 1000)
    bars = drawn(
        queue,
        ["a.bin"],
        [
            lambda: upload.set_status(UploadStatus.UPLOADING),
            lambda: upload.set_status(UploadStatus.PAUSED),
            lambda: upload.set_status(UploadStatus.UPLOADING),
        ],
        file,
    )
    assert bars._bars["a.bin"].colour is None


def test_several_uploads_have_a_line_each_and_a_total() -> None:
    """The total counts instant files as there, not as speed."""
    queue, file = QuietQueue(), Terminal()
    first, second = queue.add("a.bin", 1000), queue.add("b.bin", 3000)
    bars = drawn(
        queue,
        ["a.bin", "b.bin"],
        [
            lambda: first.set_status(UploadStatus.UPLOADING),
            lambda: second.set_status(UploadStatus.QUICK_SUCCESS),
            lambda: first.set_status(UploadStatus.SUCCESS),
        ],
        file,
    )
    text = file.getvalue()
    assert "a.bin: 100%" in text
    assert "Instant" in text
    assert bars._total.initial == 3000
    assert "2/2 files" in screen(file)[-1]
    assert "4.00k/4.00k" in screen(file)[-1]


def test_a_log_file_gets_few_lines_and_no_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten lines a second for a day, with escape codes, make a log useless."""
    queue, file = QuietQueue(), io.StringIO()
    upload = queue.add("a.bin", 10_000)
    steps: list[Any] = [lambda: upload.set_status(UploadStatus.UPLOADING)]
    steps += [lambda n=n: upload.set_uploaded(n) for n in range(0, 10_000, 100)]
    steps += [lambda: upload.set_status(UploadStatus.PAUSED), lambda: upload.set_status(UploadStatus.SUCCESS)]
    drawn(queue, ["a.bin"], steps, file)
    assert "\x1b" not in file.getvalue()
    assert len(screen(file)) < 10
    assert "100%" in screen(file)[-1]


def test_a_wrong_word_is_told_before_anything_is_sent() -> None:
    """A typo must not leave an upload running behind the error."""
    with Pan115Client.sandbox() as client:
        for call in (client.upload, client.submit):
            with pytest.raises(ConfigError, match="'auto', 'panel', 'tqdm', 'none'"):
                call("/no/such/file", "/x", progress="bar")
        assert client.jobs() == []
    with pytest.raises(ConfigError):
        watcher("bar")
    with pytest.raises(ConfigError), show("bar", QuietQueue(), ["a"]):
        pass
    assert watcher("tqdm") is None
    assert watcher(print) is print


def test_bars_in_a_script_end_with_the_upload(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The whole way: a file, the engine, the bar on stderr, nothing on stdout."""
    path = tmp_path / "电影.mkv"
    path.write_bytes(os.urandom(700_000))
    config = UploadConfig(api_rate=0, part_size=100 * 1024, multipart_threshold=200_000)
    with Pan115Client.sandbox(config=config, bandwidth=1_500_000) as client:
        assert client.upload(path, "/影视").success
        told = capsys.readouterr()
        assert told.out == ""
        assert "电影.mkv: 100%" in told.err
        job = client.submit(path, "/again", progress="tqdm")
        assert job.wait(60).success
        wait_for(lambda: not [t for t in list(event_loops.ui_loop()._tasks) if "Bars" in repr(t)])
        assert "Instant" in capsys.readouterr().err


def test_the_bar_closes_when_the_upload_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A bar left open swallows the lines printed after it."""
    with Pan115Client.sandbox() as client, pytest.raises(Exception, match="there is no file"):
        client.upload(tmp_path / "nothing.bin", "/x", progress="tqdm")
    err = capsys.readouterr().err
    assert "Failed" in err
    assert err.endswith("\n")


def test_begin_returns_at_once_and_bars_end_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    """``submit(progress="tqdm")`` must not leave a painter behind."""
    file = io.StringIO()
    monkeypatch.setattr("sys.stderr", file)
    queue = QuietQueue()
    upload = queue.add("a.bin", 10, UploadStatus.UPLOADING)
    begin("tqdm", queue, ["a.bin"])
    upload.set_status(UploadStatus.SUCCESS)
    wait_for(lambda: "a.bin: 100%" in file.getvalue())
    wait_for(lambda: not event_loops.ui_loop()._tasks)
    begin("none", queue, ["a.bin"])


def test_missing_ipywidgets_is_no_warning_to_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """tqdm complains about IProgress; text bars are the answer, not a page of advice."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        bars_module._tqdm.__wrapped__()
    assert told == []
    monkeypatch.setattr(progress_display, "in_kernel", lambda: True)
    monkeypatch.setattr(progress_display, "has_widgets", lambda *_: False)
    assert progress_display._kind("auto") == "tqdm"
    monkeypatch.setattr(progress_display, "has_widgets", lambda package: True)
    assert progress_display._kind("auto") == "panel"
    assert progress_display._kind("tqdm") == "tqdm"
