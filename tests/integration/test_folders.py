"""Folders: many files, many runs, few calls; and nothing is lost to a replacement or a deletion."""

from __future__ import annotations

import io
import os
import time
from pathlib import Path, PurePosixPath

import pytest
from upload_support import PART, PATIENCE, Stage, content, until

from pan115kit import ConfigError, NameTakenError, TargetError, UploadStatus
from pan115kit.sandbox.faults import OSS_ROUTES

both_routes = pytest.mark.parametrize("route", ["cookie", "open"])


def _many(stage: Stage, folders: int, each: int) -> Path:
    root = stage.folder / "many"
    for folder in range(folders):
        place = root / f"f{folder:03}"
        place.mkdir(parents=True)
        for n in range(each):
            (place / f"{n}.bin").write_bytes(b"%d/%d" % (folder, n))
    return root


def _of_115(stage: Stage) -> list[str]:
    not_ours = (*OSS_ROUTES, "completeupload", "cdn")  # OSS itself tells 115 that a file is whole
    return [record.route for record in stage.box.requests if record.route not in not_ours]


@both_routes
def test_a_new_folder_costs_a_call_a_file_and_a_second_run_only_lists(stage: Stage, route: str) -> None:
    """At 2 calls a second every call too many is half a second of the user's life: 10,000 unchanged files took 83
    minutes.
    """
    root = _many(stage, 10, 12)
    (root / "empty/inner").mkdir(parents=True)
    client = stage.client(route)
    batch = client.submit_folder(root, "/备份/many")
    report = batch.wait(PATIENCE)
    assert (report.done, report.failed, report.adds_up) == (120, 0, True), report.errors
    first = _of_115(stage)
    assert len(first) <= 1.05 * 120 + 2 * 13, first
    assert abs(len(first) - batch.plan.calls) <= 8  # the forecast was true
    paths = {entry.path for entry in stage.box.files(folders=True) if entry.is_dir}
    assert {"/备份/many/empty/inner", "/备份/many/f009"} <= paths

    stage.box.clear_requests()
    again = stage.client(route).submit_folder(root, "/备份/many")
    second = again.wait(PATIENCE)
    assert (second.instant, second.bytes_sent, second.adds_up, len(second.results)) == (120, 0, True, 120)
    assert {result.sha1 for result in second.results} == {file.sha1 for file in stage.box.files()}
    assert len(_of_115(stage)) <= 5, _of_115(stage)
    assert again.plan.calls == 0
    stage.assert_nothing_sent()
    assert len(stage.box.files()) == 120

    stage.box.clear_requests()
    (root / "f003/0.bin").write_bytes(b"changed")
    (root / "f004/new.bin").write_bytes(b"new")
    third = client.submit_folder(root, "/备份/many", on_conflict="replace").wait(PATIENCE)
    assert (third.instant, third.done, third.failed) == (119, 2, 0), third.errors
    assert stage.box.read("/备份/many/f003/0.bin") == b"changed"
    assert len([file for file in stage.box.files() if file.path.endswith("f003/0.bin")]) == 1
    assert len(_of_115(stage)) <= 12


def test_an_account_that_does_not_list_uploads_all_the_same(stage: Stage) -> None:
    """A list that 115 refuses costs calls, not the backup."""
    root = _many(stage, 2, 3)
    client = stage.client(retries=0)
    stage.box.fault("getid", "status", status=500, times=1)
    report = client.submit_folder(root, "/x").wait(PATIENCE)
    assert (report.done, report.failed) == (6, 0), report.errors


def test_a_dry_run_says_why(stage: Stage) -> None:
    """What would happen to each file, and why, before anything happens."""
    root = _many(stage, 1, 3)
    client = stage.client()
    client.submit_folder(root, "/x").wait(PATIENCE)
    (root / "f000/0.bin").write_bytes(b"other content")
    (root / "f000/x.tmp").write_bytes(b"1")
    batch = client.submit_folder(root, "/x", exclude="*.tmp", on_conflict="error", dry_run=True)
    frame = batch.plan.frame()
    found = {Path(path).name: action for path, action in zip(frame["path"], frame["action"], strict=True)}
    assert found == {"0.bin": "error", "1.bin": "skip", "2.bin": "skip", "x.tmp": "skip"}
    assert all(frame["reason"])
    report = batch.start().wait(PATIENCE)
    assert (report.failed, report.instant, report.skipped) == (1, 2, 1)
    assert isinstance(batch[0].exception, NameTakenError)


@both_routes
def test_replace_bins_the_old_one_only_after_the_new_one_is_there(stage: Stage, route: str) -> None:
    """Deleted first, the old file is lost when the upload fails."""
    client = stage.client(route, retries=0)
    client.upload(stage.file(size=10, seed=1), "/x", progress="none")
    new = stage.file(size=10, seed=2)
    stage.box.fault("put_object", "status", status=403, code="Forbidden", times=None)
    failed = client.upload(new, "/x", on_conflict="replace", progress="none", check=False)
    assert not failed.success
    assert stage.box.read("/x/film.mkv") == content(10, 1)
    stage.box.clear_faults()
    result = client.upload(new, "/x", on_conflict="replace", progress="none")
    assert result.status is UploadStatus.SUCCESS
    assert [(file.file_id, file.path) for file in stage.box.files()] == [(result.file_id, "/x/film.mkv")]
    assert stage.box.read("/x/film.mkv") == content(10, 2)
    assert len(stage.box.deleted()) == 1  # in the recycle bin, not gone


@both_routes
def test_replace_never_bins_the_entry_that_115_answers_with(stage: Stage, route: str) -> None:
    """The same content under the same name *is* the old entry: "deleting the old one" would delete the only one."""
    client = stage.client(route)
    path = stage.file(size=10, seed=1)
    first = client.upload(path, "/x", progress="none")
    client.upload(stage.file(size=10, seed=2), "/x", progress="none")  # 115 keeps both
    again = client.upload(stage.file(size=10, seed=1), "/x", on_conflict="replace", progress="none")
    assert again.file_id == first.file_id
    assert [file.file_id for file in stage.box.files()] == [first.file_id]


def test_skip_leaves_what_is_there(stage: Stage) -> None:
    """The one on the drive may be the better one; and nobody is told that the file here is there."""
    client = stage.client()
    client.upload(stage.file(size=10, seed=1), "/x", progress="none")
    path = stage.file(size=10, seed=2)
    result = client.upload(path, "/x", on_conflict="skip", after="delete", progress="none")
    assert (result.success, result.status) == (False, UploadStatus.CANCELLED)
    assert stage.box.read("/x/film.mkv") == content(10, 1)
    assert path.exists()
    batch = client.submit_many([path], "/x", on_conflict="skip", after="delete")
    assert (batch.wait(PATIENCE).skipped, path.exists()) == (1, True)


def test_error_uploads_nothing(stage: Stage) -> None:
    client = stage.client()
    client.upload(stage.file(size=10, seed=1), "/x", progress="none")
    with pytest.raises(NameTakenError, match=r"film\.mkv"):
        client.upload(stage.file(size=10, seed=2), "/x", on_conflict="error", progress="none")
    assert stage.box.read("/x/film.mkv") == content(10, 1)


# -- after="delete" ----------------------------------------------------------------------------------------------


def test_delete_removes_only_what_is_verified(stage: Stage) -> None:
    """A moved folder: each file is here or there, never nowhere."""
    root = _many(stage, 2, 3)
    client = stage.client(retries=0)
    stage.box.fault("put_object", "status", status=403, code="Forbidden", times=2)
    report = client.submit_folder(root, "/x", after="delete").wait(PATIENCE)
    left = {path.relative_to(root).as_posix() for path in root.rglob("*.bin")}
    assert (report.done, report.failed, len(left)) == (4, 2, 2)
    assert {f"/x/{path}" for path in left} & {file.path for file in stage.box.files()} == set()
    assert client.submit_folder(root, "/x", after="delete").wait(PATIENCE).failed == 0
    assert list(root.rglob("*.bin")) == []
    assert len(stage.box.files()) == 6


def test_delete_also_removes_what_an_earlier_run_brought_up(stage: Stage) -> None:
    root = _many(stage, 1, 3)
    client = stage.client()
    client.submit_folder(root, "/x").wait(PATIENCE)
    stage.box.clear_requests()
    report = client.submit_folder(root, "/x", after="delete").wait(PATIENCE)
    assert (report.instant, list(root.rglob("*.bin"))) == (3, [])
    stage.assert_nothing_sent()


def test_delete_asks_again_before_it_believes_an_old_list(stage: Stage) -> None:
    """Planned in the evening, carried out in the morning: what was removed from the drive meanwhile is sent again."""
    root = _many(stage, 1, 1)
    client = stage.client()
    client.submit_folder(root, "/x").wait(PATIENCE)
    batch = client.submit_folder(root, "/x", after="delete", dry_run=True)
    assert batch.plan.frame()["action"].tolist() == ["delete"]
    drive = client._engine.drive
    client._engine.loop.submit(drive.delete([stage.box.files()[0].file_id])).result(PATIENCE)
    batch.start().wait(PATIENCE)
    assert not list(root.rglob("*.bin"))
    assert [file.path for file in stage.box.files()] == ["/x/f000/0.bin"]


def test_a_file_that_was_written_to_stays(stage: Stage) -> None:
    """The lines that were added after the upload exist only here."""
    client, path = stage.client(), stage.file(size=10)
    os.utime(path, (time.time() - 100,) * 2)
    stage.hold("put_object")
    job = client.submit(path, "/x", after="delete")
    stage.wait_held("put_object")
    with path.open("ab") as file:
        file.write(b"more")
    stage.go_on()
    result = client.result_of(job) if job.done else job.wait(PATIENCE)
    assert path.read_bytes() == content(10) + b"more"
    assert result.success


# -- names and targets -------------------------------------------------------------------------------------------


@both_routes
def test_a_file_goes_under_another_name(stage: Stage, route: str) -> None:
    client, path = stage.client(route), stage.file(size=4 * PART)
    result = client.upload(path, "/x", rename="另一个.mkv", progress="none")
    assert result.file_name == "另一个.mkv"
    stage.assert_arrived(path, "/x/另一个.mkv")
    both = [client.submit(path, "/y", rename=name) for name in ("a.mkv", "b.mkv")]
    assert [job.wait(PATIENCE).success for job in both] == [True, True]
    assert {file.path for file in stage.box.files()} == {"/x/另一个.mkv", "/y/a.mkv", "/y/b.mkv"}


def test_a_renamed_upload_goes_on_under_its_name(stage: Stage) -> None:
    """Resumed from the list of sessions, it must not arrive under its old name."""
    client, path = stage.client(), stage.file(size=5 * PART)
    stage.hold("upload_part", after=2)
    job = client.submit(path, "/x", rename="b.mkv")
    stage.wait_held("upload_part", 3)
    job.stop()
    stage.go_on()
    (session,) = client.sessions()["session_id"]
    result = client.resume(session).wait(PATIENCE)
    assert (result.file_name, result.resumed) == ("b.mkv", True)
    stage.assert_arrived(path, "/x/b.mkv")


@pytest.mark.parametrize("target", ["影视\\电影", "/影视/film.mkv"])
def test_a_target_that_looks_wrong_is_asked_about(stage: Stage, target: str) -> None:
    """115 makes a folder of any name: a film in the folder ``film.mkv`` is found by nobody."""
    client, path = stage.client(), stage.file(size=10)
    with pytest.raises(TargetError, match="影视"):
        client.upload(path, target, progress="none")
    assert stage.box.requests == []
    meant = PurePosixPath(target)
    assert client.upload(path, meant, progress="none").success
    assert stage.box.files()[0].path == f"/{str(meant).lstrip('/')}/film.mkv"


def test_several_folders_and_globs_in_one_call(stage: Stage) -> None:
    for name in ("p/a.jpg", "p/2024/b.jpg", "p/2024/b.txt", "q/c.md", "d.bin"):
        stage.file(name, size=5 + len(name))
    local = stage.folder / "local"
    report = stage.client().submit_many([f"{local}/p/**/*.jpg", local / "q", local / "d.bin"], "/x").wait(PATIENCE)
    assert (report.done, report.failed) == (4, 0)
    assert {file.path for file in stage.box.files()} == {"/x/a.jpg", "/x/2024/b.jpg", "/x/c.md", "/x/d.bin"}


# -- what is on the drive ----------------------------------------------------------------------------------------


@both_routes
def test_ls_is_a_table_of_what_is_there(stage: Stage, route: str) -> None:
    """Looking at the drive needs no browser."""
    client = stage.client(route)
    client.submit_folder(_many(stage, 2, 3), "/x").wait(PATIENCE)
    top = client.ls("/x")
    assert list(top.columns) == ["name", "path", "kind", "size", "sha1", "modified", "file_id", "pick_code"]
    assert sorted(top["path"]) == ["/x/f000", "/x/f001"]
    assert set(top["kind"]) == {"folder"}
    below = client.ls("/x", recursive=True)
    files = below[below["kind"] == "file"]
    assert sorted(files["path"]) == sorted(file.path for file in stage.box.files())
    assert dict(zip(files["path"], files["sha1"], strict=True)) == {f.path: f.sha1 for f in stage.box.files()}
    assert client.ls("/x/f000/1.bin")["path"].tolist() == ["/x/f000/1.bin"]
    assert client.ls("/")["name"].tolist() == ["x"]
    with pytest.raises(TargetError, match="/none"):
        client.ls("/none/file")


@both_routes
def test_verify_finds_what_is_missing_and_what_is_changed(stage: Stage, route: str) -> None:
    """Before the disk is wiped: is everything there, and is it the same?  Without downloading it."""
    root = _many(stage, 2, 3)
    client = stage.client(route)
    client.submit_folder(root, "/x").wait(PATIENCE)
    assert set(client.verify(root, "/x")["state"]) == {"same"}
    (root / "f000/0.bin").write_bytes(b"0/X")  # the same size
    (root / "f000/1.bin").write_bytes(b"longer")
    (root / "f001/new").write_bytes(b"new")
    (root / "f001/2.bin").unlink()
    stage.box.clear_requests()
    found = client.verify(root, "/x")
    assert list(found.columns) == ["path", "state", "local_size", "drive_size", "local_sha1", "drive_sha1"]
    states = dict(zip(found["path"], found["state"], strict=True))
    assert {path: state for path, state in states.items() if state != "same"} == {
        "f000/0.bin": "changed",
        "f000/1.bin": "changed",
        "f001/new": "missing",
        "f001/2.bin": "extra",
    }
    assert len(states) == 7
    assert len(_of_115(stage)) <= 5
    assert set(client.verify(root, "/nowhere")["state"]) == {"missing"}


# -- bytes and file objects --------------------------------------------------------------------------------------


@both_routes
def test_bytes_and_file_objects_are_uploaded(stage: Stage, route: str) -> None:
    """A result need not be a file first; nothing stays behind."""
    client = stage.client(route)
    data = content(5 * PART)
    assert client.upload(data, "/x", file_name="a.bin", progress="none").file_name == "a.bin"
    assert client.upload(io.BytesIO(data[:99]), "/x", file_name="b.bin", progress="none").success
    again = client.upload(data, "/x", file_name="a.bin", progress="none")
    assert again.quick_upload
    assert stage.box.read("/x/a.bin") == data
    assert stage.box.read("/x/b.bin") == data[:99]
    assert [path for path in (stage.state_dir / "content").rglob("*") if path.is_file()] == []


def test_an_interrupted_upload_of_bytes_goes_on(stage: Stage) -> None:
    client, data = stage.client(), content(6 * PART)
    stage.hold("upload_part", after=3)
    job = client.submit(data, "/x", file_name="a.bin")
    stage.wait_held("upload_part", 4)
    job.stop()
    stage.go_on()
    until(lambda: job.done)
    result = client.upload(data, "/x", file_name="a.bin", progress="none")
    assert result.resumed
    assert stage.box.read("/x/a.bin") == data


def test_bytes_need_a_name_and_text_is_refused(stage: Stage) -> None:
    client = stage.client()
    with pytest.raises(ConfigError, match="file_name"):
        client.upload(io.BytesIO(b"x"), "/x", progress="none")
    with pytest.raises(ConfigError, match="rb"):
        client.upload(io.StringIO("x"), "/x", file_name="a", progress="none")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="rename"):
        client.upload(stage.file(size=1), "/x", file_name="a", progress="none")
    assert stage.box.requests == []
