"""A folder's plan: nothing is forgotten silently, nothing goes to the wrong place."""

import os
from pathlib import Path

import pytest

from pan115kit.errors import FileMissingError, NotAFileError, TargetError
from pan115kit.folders.plan import plan_folder


def test_every_entry_is_planned_or_left_out_with_a_reason(tmp_path: Path) -> None:
    """A photo that is in neither list is lost without anyone knowing."""
    (tmp_path / "年" / "月").mkdir(parents=True)
    (tmp_path / "a.jpg").write_bytes(b"12345")
    (tmp_path / "年" / "b.jpg").write_bytes(b"1")
    (tmp_path / "年" / "月" / "空.txt").write_bytes(b"")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "link.jpg").symlink_to(tmp_path / "a.jpg")
    plan = plan_folder(tmp_path, "照片/")
    placed = {(Path(f.file_path).name, f.target_path, f.file_size) for f in plan.files}
    assert placed == {
        ("a.jpg", "/照片", 5),
        ("link.jpg", "/照片", 5),
        ("b.jpg", "/照片/年", 1),
        ("空.txt", "/照片/年/月", 0),
    }
    reasons = {Path(s.file_path).name: s.reason for s in plan.skipped}
    assert set(reasons) == {"pipe", "broken", "loop"}
    assert all(reasons.values())
    assert plan.total == 7
    assert plan.total_bytes == 11


def test_a_name_that_is_not_unicode_is_left_out_and_told(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.bin")).write_bytes(b"1")
    plan = plan_folder(tmp_path, "/")
    assert not plan.files
    assert "Unicode" in plan.skipped[0].reason


def test_a_folder_name_115_refuses_is_left_out_not_mangled(tmp_path: Path) -> None:
    """115 refuses ``"<>`` in folder names (protocol §6.3); uploading elsewhere would hide the files."""
    (tmp_path / "a<b").mkdir()
    (tmp_path / "a<b" / "c.txt").write_bytes(b"1")
    plan = plan_folder(tmp_path, "/x")
    assert not plan.files
    assert len(plan.skipped) == 1


def test_the_order_is_the_same_every_time(tmp_path: Path) -> None:
    for name in "cab":
        (tmp_path / name).write_bytes(b"")
    assert [Path(f.file_path).name for f in plan_folder(tmp_path, "/").files] == ["a", "b", "c"]


def test_what_is_no_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FileMissingError):
        plan_folder(tmp_path / "none", "/")
    with pytest.raises(NotAFileError):
        plan_folder(tmp_path / "file", "/")
    with pytest.raises(TargetError):
        plan_folder(tmp_path, '/a"b')
