"""A file that changes while it is uploaded must never become a broken file on the drive."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from upload_support import PART, PATIENCE, Stage, content, until

from pan115kit import FileChangedError, FileUnreadableError, Pan115Client, UploadJob
from pan115kit.transfer.local_file import LocalFile


def _append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def _overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(PART * 9)
        file.write(b"other bytes, same size")


def _replace(path: Path) -> None:
    new = path.with_name("new")
    new.write_bytes(content(path.stat().st_size, 9))
    os.replace(new, path)


def _truncate(path: Path) -> None:
    os.truncate(path, PART // 2)


def _delete(path: Path) -> None:
    path.unlink()


CHANGES = pytest.mark.parametrize("change", [_append, _overwrite, _replace, _truncate, _delete])
#: What is said of a change that is found between two parts.
SAID = {
    _append: "its size went from",
    _overwrite: "it was written to",
    _replace: "another file took its place",
    _truncate: "its size went from",
    _delete: "it was moved or deleted",
}


def _refused(job: UploadJob) -> None:
    with pytest.raises((FileChangedError, FileUnreadableError)) as caught:
        job.wait(PATIENCE)
    assert "film.mkv" in str(caught.value)


def _goes_well_afterwards(stage: Stage, client: Pan115Client, path: Path) -> None:
    """The next run takes the file as it is now, and OSS keeps nothing of the old one."""
    if not path.exists():
        path.write_bytes(content(5 * PART, 5))
    assert client.upload(path, "/x", progress="none").success
    stage.assert_arrived(path, "/x/film.mkv")
    assert len(client.sessions()) == 0


@CHANGES
def test_change_between_parts(stage: Stage, change: Callable[[Path], None]) -> None:
    """Half of the old film and half of the new one is not completed to a file."""
    client, path = stage.client(), stage.file()
    stage.hold("upload_part", after=3, when="after")
    job = client.submit(path, "/x")
    stage.wait_held("upload_part", 4)
    change(path)
    stage.go_on()
    _refused(job)
    assert SAID[change] in str(job.exception)
    assert stage.box.count("complete") == 0
    assert stage.box.files() == []
    _goes_well_afterwards(stage, client, path)


@CHANGES
def test_change_after_the_last_part(stage: Stage, change: Callable[[Path], None]) -> None:
    """The file is looked at a last time before Complete: after it nothing can be taken back."""
    client, path = stage.client(), stage.file()
    stage.hold("upload_part", after=10, when="after")
    job = client.submit(path, "/x")
    stage.wait_held("upload_part", 11)
    change(path)
    stage.go_on()
    _refused(job)
    assert stage.box.count("complete") == 0
    assert stage.box.files() == []
    _goes_well_afterwards(stage, client, path)


@CHANGES
def test_change_within_a_small_file(stage: Stage, change: Callable[[Path], None]) -> None:
    """A single PUT that was already on its way: 115 must not show a file the user never had."""
    client, path = stage.client(multipart_threshold=10**9), stage.file(size=11 * PART)
    stage.hold("put_object", when="before", after_bytes=PART)
    job = client.submit(path, "/x")
    stage.wait_held("put_object")
    change(path)
    stage.go_on()
    try:
        job.wait(PATIENCE)
    except (FileChangedError, FileUnreadableError):
        assert stage.box.files() == []
    else:
        # all of it had left this machine before the change: then what is there is the whole old file
        assert stage.box.read("/x/film.mkv") == content(11 * PART)


def test_change_while_hashing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hash of a file in motion belongs to no file: nothing may be asked of 115 with it."""
    client, path = stage.client(), stage.file(size=30 * PART)
    os.utime(path, (1_700_000_000, 1_700_000_000))  # so that the change shows, however coarse the file system's clock
    feed = LocalFile.feed

    def changing(
        self: LocalFile, update: Callable[[memoryview], object], offset: int, length: int, stop: threading.Event
    ) -> None:
        def seen(view: memoryview) -> None:
            update(view)
            _overwrite(path)

        feed(self, seen, offset, length, stop)

    monkeypatch.setattr(LocalFile, "feed", changing)
    with pytest.raises(FileChangedError):
        client.upload(path, "/x", progress="none")
    stage.assert_nothing_sent()
    monkeypatch.undo()
    _goes_well_afterwards(stage, client, path)


def test_touch_only_costs_no_part(stage: Stage) -> None:
    """A chmod in the middle of 100 GB: it is told, but the next run finds its parts and goes on."""
    client, path = stage.client(), stage.file()
    stage.hold("upload_part", after=5, when="after")
    job = client.submit(path, "/x")
    stage.wait_held("upload_part", 6)
    path.chmod(0o600)
    stage.go_on()
    with pytest.raises(FileChangedError, match="metadata"):
        job.wait(PATIENCE)
    result = client.upload(path, "/x", progress="none")
    assert result.resumed
    assert result.bytes_sent == path.stat().st_size - 6 * PART
    assert set(stage.parts().values()) == {1}
    stage.assert_arrived(path, "/x/film.mkv")


def test_rewritten_file_with_old_name_and_size_begins_anew(stage: Stage) -> None:
    """A session is of a content, not of a name: parts of the old film are not mixed into the new one."""
    client, path = stage.client(), stage.file(seed=1)
    stage.hold("upload_part", after=4)
    job = client.submit(path, "/x")
    stage.wait_held("upload_part", 5)
    job.pause()
    until(lambda: job.status == "paused")
    stage.wait_ended()
    stage.go_on()
    stage.file(seed=2)  # the same path and size
    job.resume()
    assert job.wait(PATIENCE).success
    stage.assert_arrived(path, "/x/film.mkv")


def test_a_small_file_that_grows_while_it_is_sent_is_named(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """A log file is written to all the time: what is on the drive is true, and older than the file."""
    client, path = stage.client(), stage.file("small.log", 1000)
    stage.hold("put_object")
    job = client.submit(path, "/x")
    stage.wait_held("put_object")
    before = path.read_bytes()
    with path.open("ab") as log:
        log.write(b"one line more")
    stage.go_on()
    assert job.wait(PATIENCE).success
    assert stage.box.read("/x/small.log") == before
    assert "small.log was uploaded as it was before" in caplog.text


@pytest.mark.parametrize("size", [1000, 6 * PART])
def test_a_kept_hash_that_is_wrong_is_found_out_and_forgotten(stage: Stage, size: int) -> None:
    """Written through a memory map, the file kept its times: it must not end in 10002 for ever."""
    client, path = stage.client(), stage.file("mapped.db", size)
    with LocalFile.open(path) as file:
        identity = file.identity
    client.store.hashes.put(identity, "A" * 40)
    assert client.store.hashes.get(identity) == "A" * 40
    assert client.upload(path, "/x", progress="none").success
    stage.assert_arrived(path, "/x/mapped.db")
    assert client.store.hashes.get(identity) != "A" * 40
