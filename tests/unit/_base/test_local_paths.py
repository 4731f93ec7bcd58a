"""Local paths: one form for what people write in many."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path

import pytest

from pan115kit._base.local_paths import local_path, missing_path_hint, size_or_zero
from pan115kit.errors import ConfigError, FileMissingError, FileNameError
from pan115kit.folders.local_tree import sources_of
from pan115kit.transfer.local_file import LocalFile


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


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("films/*.mkv", "submit_many"),
        ("films/part[12].mkv", "submit_many"),
        ("file:///home/me/a.mkv", "without file://"),
        ("$HOME/a.mkv", "os.path.expandvars"),
        ("%USERPROFILE%/a.mkv", "os.path.expandvars"),
        pytest.param(
            "D:\\films\\a.mkv",
            "path of Windows",
            marks=pytest.mark.skipif(os.sep != "/", reason="there it is a path of this machine"),
        ),
        ("films/a.mkv", None),
    ],
)
def test_a_path_written_for_something_else_says_what_to_write(
    path: str, said: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ "There is no file" alone leaves people looking for a file that is there."""
    monkeypatch.chdir(tmp_path)
    hint = missing_path_hint(local_path(path))
    assert (said in hint) if said else hint == ""
    with pytest.raises(FileMissingError, match=re.escape(said or "check the path")):
        LocalFile.open(local_path(path))
    with pytest.raises(FileMissingError, match=re.escape(said or "check the path")):
        sources_of(path, folders_only=True)


@pytest.mark.parametrize(("there", "asked"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_a_name_that_only_looks_the_same(there: str, asked: str, tmp_path: Path) -> None:
    """macOS writes é as two signs, a keyboard as one: the file seems to be there and is not."""
    name = "Café.mkv"
    (tmp_path / unicodedata.normalize(there, name)).touch()  # type: ignore[arg-type]
    wrong = tmp_path / unicodedata.normalize(asked, name)  # type: ignore[arg-type]
    if wrong.exists():
        pytest.skip("this file system takes both for one")
    assert f"unicodedata.normalize('{there}', path)" in missing_path_hint(wrong)


def test_a_list_is_told_where_lists_go() -> None:
    """``upload(["a", "b"])``: the way to send several files is one word away."""
    for several in (["a.bin"], ("a", "b"), {"a"}):
        with pytest.raises(ConfigError, match="submit_many"):
            local_path(several)
