"""A batch's report is a cell's last line: it must be read at a glance, however many files there were."""

from __future__ import annotations

from pan115kit import BatchReport, UploadResult, UploadStatus


def report(failed: int) -> BatchReport:
    done = tuple(
        UploadResult(True, UploadStatus.SUCCESS, "", file_name=f"{n}.bin", file_path=f"/data/{n}.bin")
        for n in range(300)
    )
    errors = tuple((f"/data/{'long folder/' * 9}{n}.bin", f"no such file: check the path {n}") for n in range(failed))
    return BatchReport(300 + failed, 300, 0, failed, 0, 10**9, 10**9, 12.0, done, errors)


def test_what_went_well_is_one_line() -> None:
    """``await batch`` printed 154,531 characters for 303 files."""
    assert repr(report(0)) == str(report(0))
    assert "\n" not in repr(report(0))
    assert repr(report(0)).startswith("300 files: 300 uploaded")


def test_failures_stand_in_a_table_with_their_reasons() -> None:
    """Which files, and why; the path may be cut, what to do about it may not."""
    lines = repr(report(3)).splitlines()
    assert len(lines) == 1 + 1 + 3
    assert lines[0] == str(report(3))
    assert all(line.endswith(f"no such file: check the path {n}") for n, line in enumerate(lines[2:]))
    assert lines[2].split("  ")[0].endswith("0.bin")


def test_many_failures_are_counted() -> None:
    lines = repr(report(303)).splitlines()
    assert len(lines) == 1 + 1 + 10 + 1
    assert lines[-1] == "… and 293 more: see report.errors"
    assert len(repr(report(303))) < 2000


def test_names_in_a_report_do_not_act() -> None:
    """A file's name must not clear the screen of whoever reads that it failed."""
    shown = repr(BatchReport(1, 0, 0, 1, 0, errors=(("/data/\x1b[2J\nok.bin", "it broke\x07"),)))
    assert len(shown.splitlines()) == 3
    assert r"\x1b[2J\nok.bin" in shown
    assert "\x07" not in shown
