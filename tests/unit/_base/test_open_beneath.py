"""A file that somebody else has named is read from its folder or not at all."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from pan115kit._base import open_beneath as module
from pan115kit._base.open_beneath import open_beneath
from pan115kit.errors import FileMissingError, LocalFileError, NotAFileError, OutsideFolderError
from pan115kit.transfer.local_file import LocalFile


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with a file two folders below, beside a secret."""
    folder = tmp_path / "root" / "a" / "b"
    folder.mkdir(parents=True)
    (folder / "file.bin").write_bytes(b"mine")
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "file.bin").write_bytes(b"secret")
    return tmp_path / "root"


@pytest.fixture(params=["walking", "asking"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """As the system here does it, and as one without ``openat`` does."""
    if request.param == "asking":
        monkeypatch.setattr(module, "_WALKS", False)
    return str(request.param)


def read(root: Path, path: Path) -> bytes:
    descriptor = open_beneath(str(root), str(path), os.O_RDONLY, lambda status: None)
    with open(descriptor, "rb") as file:
        return file.read()


def test_a_file_in_its_folder_is_read(root: Path, way: str) -> None:
    assert read(root, root / "a" / "b" / "file.bin") == b"mine"


def test_a_folder_may_be_named_through_a_link(root: Path, tmp_path: Path, way: str) -> None:
    """What the user has named is the user's choice; both spellings are the same folder."""
    (tmp_path / "alias").symlink_to(root)
    assert read(tmp_path / "alias", tmp_path / "alias" / "a" / "b" / "file.bin") == b"mine"
    assert read(tmp_path / "alias", root / "a" / "b" / "file.bin") == b"mine"


@pytest.mark.parametrize(("swapped", "secret"), [("a/b/file.bin", "file.bin"), ("a/b", "b"), ("a", "")])
def test_a_link_swapped_in_later_is_not_followed(
    root: Path, tmp_path: Path, way: str, swapped: str, secret: str
) -> None:
    """The path was checked when it was posted; what is read is what lies there now."""
    victim = root / swapped
    victim.rename(tmp_path / "moved")
    (tmp_path / "secret" / "b").mkdir()
    (tmp_path / "secret" / "b" / "file.bin").write_bytes(b"secret")
    victim.symlink_to(tmp_path / "secret" / secret)
    with pytest.raises(OutsideFolderError):
        read(root, root / "a" / "b" / "file.bin")


def test_dots_and_foreign_paths_are_outside(root: Path, tmp_path: Path, way: str) -> None:
    for path in (tmp_path / "secret" / "file.bin", root / "a" / ".." / ".." / "secret" / "file.bin", root):
        with pytest.raises(OutsideFolderError):
            read(root, path)


def test_a_link_that_wins_the_race_is_stopped_by_the_system(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the opening there is time for a swap."""
    if not module._WALKS:
        pytest.skip("this system asks after opening")
    look = module._look

    def swapping(name: str, here: int, path: str) -> os.stat_result:
        status = look(name, here, path)
        if name == "file.bin":
            (root / "a" / "b" / "file.bin").unlink()
            (root / "a" / "b" / "file.bin").symlink_to(tmp_path / "secret" / "file.bin")
        return status

    monkeypatch.setattr(module, "_look", swapping)
    with pytest.raises(OSError, match=r"symbolic links|Too many"):
        read(root, root / "a" / "b" / "file.bin")


def test_what_is_no_file_is_not_opened(root: Path) -> None:
    """A FIFO would wait, a device may do something when it is opened."""
    with socket.socket(socket.AF_UNIX) as listener:
        place = os.path.relpath(root / "a" / "socket")
        try:
            listener.bind(place)
        except OSError:
            pytest.skip("the path is too long for a socket")
        assert stat.S_ISSOCK(os.stat(place).st_mode)
        with pytest.raises(NotAFileError):
            LocalFile.open(root / "a" / "socket", beneath=str(root))
    with pytest.raises(NotAFileError):
        LocalFile.open(root / "a", beneath=str(root))


@pytest.mark.parametrize("gone", ["a/b/none.bin", "a/none/file.bin", "a/b/file.bin/x"])
def test_what_is_gone_is_missing(root: Path, gone: str) -> None:
    """A reader wants to hear that the file is gone, and not about links."""
    with pytest.raises(FileMissingError):
        LocalFile.open(root / gone, beneath=str(root))


def test_no_descriptor_is_left_open(root: Path) -> None:
    """A server that refuses for days must not run out of them."""
    (root / "link").symlink_to("a")
    lowest = os.dup(0)
    os.close(lowest)
    for path in (root / "link" / "b" / "file.bin", root / "a" / "none", root / "a"):
        with pytest.raises(LocalFileError):
            LocalFile.open(path, beneath=str(root))
    LocalFile.open(root / "a" / "b" / "file.bin", beneath=str(root)).close()
    now = os.dup(0)
    os.close(now)
    assert now == lowest
