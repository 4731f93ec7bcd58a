"""One upload, from hash to verified result, on both routes against the strict sandbox."""

from __future__ import annotations

from pathlib import Path

import pytest
from upload_support import PART, PATIENCE, Stage, content

from pan115kit import FileNameError, FileTooLargeError, NoSpaceError, TargetError, UploadStatus, VerificationError
from pan115kit.transfer import hashing

both_routes = pytest.mark.parametrize("route", ["cookie", "open"])


@both_routes
def test_file_of_any_size_arrives_whole(stage: Stage, route: str) -> None:
    """Empty, tiny, one below and at the threshold, whole parts and a rest: byte for byte on the drive."""
    client = stage.client(route)
    for size in (0, 1, 2 * PART, 3 * PART - 1, 3 * PART, 3 * PART + 1, 10 * PART, 10 * PART + 7):
        stage.box.clear_requests()
        path = stage.file(f"{size}.mkv", size)
        result = client.upload(path, "/影视/电影/2025", progress="none")
        assert result.success
        assert result["success"] is True
        assert result.status is UploadStatus.SUCCESS
        assert (result.file_size, result.bytes_sent, result.quick_upload) == (size, size, False)
        there = next(file for file in stage.box.files() if file.name == path.name)
        assert (there.file_id, there.sha1, there.pick_code) == (result.file_id, result.sha1, result.pick_code)
        stage.assert_arrived(path, f"/影视/电影/2025/{path.name}")
        in_parts = size >= 3 * PART
        assert stage.box.count("upload_part") == (-(-size // PART) if in_parts else 0)
        assert stage.box.count("put_object") == (0 if in_parts else 1)


@both_routes
def test_content_115_has_already_is_instant(stage: Stage, route: str) -> None:
    """秒传: not a byte is sent when 115 has the content, and the result says so."""
    path = stage.file(size=5 * PART)
    stage.box.add_content(path.read_bytes())
    result = stage.client(route).upload(path, "/x", progress="none")
    assert (result.success, result.quick_upload, result.status) == (True, True, UploadStatus.QUICK_SUCCESS)
    assert result.bytes_sent == 0
    assert result.file_id
    assert stage.calls() & {"put_object", "initiate", "upload_part", "gettoken", "open_get_token"} == set()
    stage.assert_arrived(path, "/x/film.mkv")


@both_routes
@pytest.mark.parametrize("known", [True, False])
def test_second_check_is_answered_from_the_file(stage: Stage, route: str, known: bool) -> None:
    """Files of 1 MiB and more are asked for the SHA-1 of a range; the right answer gives 秒传, or the ticket."""
    path = stage.file(size=1_500_000)
    if known:
        stage.box.add_content(path.read_bytes())
    result = stage.client(route).upload(path, "/", progress="none")
    init = "initupload" if route == "cookie" else "open_init"
    assert stage.box.count(init) == 2
    assert result.quick_upload is known
    stage.assert_arrived(path, "/film.mkv")


def test_progress_never_falls_nor_passes_100(stage: Stage) -> None:
    """What a user watches only ever goes up, and ends at 100 with the file's id."""
    seen: list[tuple[float, str]] = []
    path = stage.file(size=40 * PART)
    stage.box.set(bandwidth=8_000_000)
    result = stage.client().upload(path, "/", progress=lambda shot: seen.append((shot.percentage, shot.status)))
    percents = [percent for percent, _ in seen]
    assert percents == sorted(percents)
    assert percents[-1] == 100.0
    assert seen[-1][1] == "success"
    assert result.success


ODD_NAMES = [
    "电影 — 第一集.mkv",
    "😀🎬 家族👨‍👩‍👧‍👦.mp4",
    'a & b < c > d " e % f # g ? h.bin',
    " leading and trailing .bin ",
    "plus+equals=&amp;.bin",
    "%2F%00 percent.bin",
    "é combining é composed.bin",
    "tab\tand\nnewline.bin",
    "back\\slash:colon|star*.bin",
    "ünïcödé " + "长" * 60 + ".mkv",
    "x" * 250 + ".bin",
    ".hidden",
    "no extension",
    "'single' `back` $HOME ;rm.bin",
]


@both_routes
def test_odd_names_arrive_as_they_are(stage: Stage, route: str) -> None:
    """A name is data: it arrives as it is (or as 115 allows it), and never changes what is uploaded."""
    client = stage.client(route)
    paths = [stage.file(name, size=PART * (1 + seed % 4), seed=seed) for seed, name in enumerate(ODD_NAMES)]
    report = client.submit_many(paths, "/名 & 字/100% #1?").wait()
    assert (report.done, report.failed) == (len(ODD_NAMES), 0), report.errors
    there = {file.path for file in stage.box.files()}
    assert there == {f"/名 & 字/100% #1?/{name}" for name in ODD_NAMES}
    assert {result.file_name for result in report.results} == set(ODD_NAMES)
    for path in paths:
        stage.assert_arrived(path, f"/名 & 字/100% #1?/{path.name}")


def test_name_115_finds_too_long_is_shortened_with_its_extension(stage: Stage) -> None:
    """The local file system takes 255 bytes; whatever 115 takes of it, the extension stays and the file arrives."""
    name = "é" * 120 + ".mkv"
    path = stage.file(name, size=10)
    result = stage.client().upload(path, "/", progress="none")
    assert result.success
    assert result.file_name.endswith(".mkv")
    assert stage.box.read(f"/{result.file_name}") == path.read_bytes()


def test_deep_folders_are_made_once(stage: Stage) -> None:
    """Ten files into one new deep folder: one folder, not ten, and few calls."""
    client = stage.client()
    deep = "/" + "/".join(f"层{n}" for n in range(8))
    batch = client.submit_many([stage.file(f"{n}.bin", size=10, seed=n) for n in range(10)], deep)
    report = batch.wait(PATIENCE)
    assert (report.done, report.failed) == (10, 0)
    folders = [entry.path for entry in stage.box.files(folders=True) if entry.is_dir]
    assert len(folders) == len(set(folders)) == 8
    assert len([file for file in stage.box.files() if file.path.startswith(f"{deep}/")]) == 10
    assert stage.box.count("getid") <= 2


def test_target_by_id_needs_no_path(stage: Stage) -> None:
    """``target_dir_id`` uploads there, whatever the folder is called, without looking for a path."""
    client = stage.client()
    first = client.upload(stage.file("a.bin", 10), "/some/where", progress="none")
    stage.box.clear_requests()
    second = client.upload(stage.file("b.bin", 11), target_dir_id=first.target_dir_id, progress="none")
    assert second.target_dir_id == first.target_dir_id
    assert stage.box.read("/some/where/b.bin") == content(11)
    assert stage.calls() & {"getid", "get_path_id", "add_path", "files_add"} == set()


@both_routes
@pytest.mark.parametrize("on_conflict", ["keep", "skip", "replace", "error"])
def test_the_same_content_again_sends_nothing_and_makes_no_copy(stage: Stage, route: str, on_conflict: str) -> None:
    """A folder synced again costs a look, not an upload, and the drive has no duplicates."""
    client = stage.client(route)
    path = stage.file()
    first = client.upload(path, "/x", progress="none")
    stage.box.clear_requests()
    again = client.upload(path, "/x", on_conflict=on_conflict, progress="none")
    assert (again.success, again.status, again.file_id) == (True, UploadStatus.QUICK_SUCCESS, first.file_id)
    assert again.bytes_sent == 0
    if on_conflict != "keep":  # there 115 itself finds it
        stage.assert_nothing_sent()
    stage.assert_arrived(path, "/x/film.mkv")
    if on_conflict == "keep":
        other = stage.file(seed=1)  # same name, other content: not the same file
        assert client.upload(other, "/x", on_conflict=on_conflict, progress="none").status is UploadStatus.SUCCESS


def test_without_a_look_the_same_again_is_the_same_entry(stage: Stage) -> None:
    """Uploading again the same content under the same name would seem to make a second file: on 115 it is the one
    that is there, with its id, and deleting "the old one" deletes the only one (protocol-drive.md D4.2).
    """
    client = stage.client()
    path = stage.file()
    first = client.upload(path, "/x", progress="none")
    again = client.upload(path, "/x", progress="none")
    assert (again.quick_upload, again.file_id) == (True, first.file_id)
    stage.assert_arrived(path, "/x/film.mkv")


def test_where_115_keeps_both_a_second_copy_is_made_instantly(stage: Stage) -> None:
    """Some have seen a second entry instead (protocol-drive.md D9): nothing may be overwritten then, either."""
    stage.box.set(same_content_same_entry=False)
    client = stage.client()
    path = stage.file()
    client.upload(path, "/x", progress="none")
    assert client.upload(path, "/x", progress="none").quick_upload
    stage.assert_arrived(path, "/x/film.mkv", times=2)


def _no_hashing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object) -> str:
        pytest.fail("the file was hashed")

    monkeypatch.setattr(hashing, "_hash", never)


def test_file_over_the_limit_is_refused_before_it_is_hashed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashing 120 GB to learn that 115 does not take them would cost the user ten minutes."""
    _no_hashing(monkeypatch)
    stage.box.size_limit = PART
    with pytest.raises(FileTooLargeError, match=str(PART)):
        stage.client().upload(stage.file(), "/x", progress="none")
    stage.assert_nothing_sent()


def test_full_drive_is_told_before_hashing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Open API tells how much room there is: no use sending what does not fit."""
    _no_hashing(monkeypatch)
    stage.box.space_left = PART
    with pytest.raises(NoSpaceError, match=r"free|delete"):
        stage.client("open").upload(stage.file(), "/x", progress="none")
    stage.assert_nothing_sent()


def test_app_that_may_not_ask_about_the_account_may_upload(stage: Stage) -> None:
    """The room left is a courtesy; an upload on the Open API needs no answer about it."""
    stage.box.fault("open_user_info", "status", times=None, status=404)
    path = stage.file()
    assert stage.client("open").upload(path, "/x", progress="none").success
    stage.box.clear_faults()
    stage.assert_arrived(path, "/x/film.mkv")


def test_missing_target_may_not_be_made(stage: Stage) -> None:
    """``create_target=False`` catches a mistyped folder instead of making it."""
    with pytest.raises(TargetError, match="/nowhere"):
        stage.client(create_target=False).upload(stage.file(), "/nowhere", progress="none")
    stage.assert_nothing_sent()
    assert stage.box.files(folders=True) == []


def test_no_that_115_does_not_explain_is_asked_about_once(stage: Stage) -> None:
    """115 is asked anew, because the file may be instant by then; the bytes are not sent twice for the same no."""
    client, path = stage.client(), stage.file()
    stage.box.fault("complete", "state_false", code=4711, message="未知错误")
    with pytest.raises(VerificationError, match="未知错误"):
        client.upload(path, "/x", progress="none")
    assert stage.box.count("initupload") == 2
    assert set(stage.parts().values()) == {1}
    assert client.history()["status"].tolist() == ["failed"]


def test_check_false_gives_the_failure_as_a_result(stage: Stage, tmp_path: Path) -> None:
    """A loop over many files wants results, not exceptions."""
    result = stage.client().upload(tmp_path / "missing.bin", "/x", progress="none", check=False)
    assert (result.success, result.status) == (False, UploadStatus.FAILED)
    assert "missing.bin" in str(result.error_message)


def test_name_that_is_no_unicode_is_refused(stage: Stage) -> None:
    """Such a name cannot be sent; a clear error beats a wrong name on the drive."""
    path = stage.folder / b"bad-\xff.bin".decode("utf-8", "surrogateescape")
    path.write_bytes(b"x")
    with pytest.raises(FileNameError, match="Unicode"):
        stage.client().upload(path, "/x", progress="none")
    stage.assert_nothing_sent()


def test_history_tells_what_happened(stage: Stage) -> None:
    """Every end is one row of history, with true figures."""
    client = stage.client()
    path = stage.file()
    result = client.upload(path, "/x", progress="none")
    row = client.history().iloc[0]
    assert row["job_id"] == result.job_id
    assert row["status"] == "success"
    assert row["bytes_sent"] == path.stat().st_size == row["file_size"]
    assert row["sha1"] == result.sha1
    assert row["file_id"] == result.file_id
    assert not row["resumed"]
    assert len(client.sessions()) == 0
    samples = client.samples(result.job_id)
    assert samples["uploaded_bytes"].is_monotonic_increasing
    assert samples["uploaded_bytes"].iloc[-1] == path.stat().st_size
