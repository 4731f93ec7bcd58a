"""Local paths: one form for what people write in many."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pan115kit._base.local_paths import local_path, size_or_zero
from pan115kit.errors import ConfigError, FileNameError


def test_one_file_has_one_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session is found again by its file's path: two spellings would be two uploads."""
    monkeypatch.chdir(tmp_path)
    expected = str(tmp_path / "b.bin")
    assert {local_path(f"{tmp_path}/./b.bin"), local_path("b.bin"), local_path(Path("b.bin"))} == {expected}
    assert local_path(b"b.bin") == expected
    assert local_path("~/b.bin") == os.path.join(os.path.expanduser("~"), "b.bin")
    Path("~odd").touch()
    assert local_path("~odd") == str(tmp_path / "~odd")


def test_what_is_no_path_is_refused_without_being_pasted() -> None:
    """The message names the kind of thing; a table of a million rows does not belong into an error."""
    with pytest.raises(ConfigError, match=r"a local path must be a text or a Path, not list") as caught:
        local_path(["a" * 100] * 1000)
    assert len(str(caught.value)) < 200
    with pytest.raises(FileNameError, match="the path is empty"):
        local_path("")


def test_the_size_of_what_is_not_there_is_zero(tmp_path: Path) -> None:
    """Planning a batch must not fail over one file: its own upload says what is wrong with it."""
    (tmp_path / "a").write_bytes(b"12345")
    assert [size_or_zero(tmp_path / "a"), size_or_zero(tmp_path / "no"), size_or_zero("a\0b")] == [5, 0, 0]
