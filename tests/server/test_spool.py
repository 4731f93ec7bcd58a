"""Files dropped onto a page: sent in pieces, resumed, bounded, uploaded, removed."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from server_support import hold, http, until

from pan115kit import Pan115Client
from pan115kit.errors import FileNameError
from pan115kit.server import Server
from pan115kit.server.spool import KEPT_DAYS, MAX_PIECE, Spool, SpoolFullError, WrongOffsetError

FILE = {"name": "电影.mkv", "size": 2_500_000, "modified": 1_760_788_800_000, "target_path": "/影视"}


def begun(api: httpx.Client, **more: Any) -> dict[str, Any]:
    answer = api.post("api/spool", json=FILE | more)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def send(api: httpx.Client, spool_id: str, offset: int, piece: bytes) -> httpx.Response:
    return api.put(f"api/spool/{spool_id}", params={"offset": offset}, content=piece)


def send_all(api: httpx.Client, file: dict[str, Any], content: bytes) -> None:
    offset = file["offset"]
    while offset < len(content):
        answer = send(api, file["spool_id"], offset, content[offset : offset + file["piece_size"]])
        assert answer.status_code == 200, answer.text
        offset = answer.json()["offset"]


# -- through REST --------------------------------------------------------------------------------------------------


def test_a_dropped_file_arrives_on_the_drive_and_leaves_this_machine(
    live: httpx.Client, client: Pan115Client
) -> None:
    """The whole way of a file that a browser has: pieces, upload, verified, gone from the spool."""
    content = os.urandom(FILE["size"])  # type: ignore[arg-type]
    file = begun(live)
    send_all(live, file, content)
    answer = live.post(f"api/spool/{file['spool_id']}/upload", json={})
    assert answer.status_code == 202
    job_id = answer.json()["upload"]["job_id"]
    job = client.queue.get(job_id)
    assert job is not None
    assert job.future.result(60).success
    assert client.local_sandbox.read("/影视/电影.mkv") == content
    until(lambda: live.get("api/spool").json() == {"files": []}, "the file to leave the spool")
    assert not any(path.is_file() for path in (client.state_dir / "spool").rglob("*"))


def test_the_same_file_dropped_again_goes_on(live: httpx.Client, client: Pan115Client) -> None:
    """A page that was closed, a server that was started again: what is here need not be sent again."""
    content = os.urandom(FILE["size"])  # type: ignore[arg-type]
    file = begun(live)
    send(live, file["spool_id"], 0, content[:MAX_PIECE])
    with http(client.serve()) as other:
        again = begun(other)
        assert (again["spool_id"], again["offset"]) == (file["spool_id"], MAX_PIECE)
        send_all(other, again, content)
        assert other.get(f"api/spool/{file['spool_id']}").json()["offset"] == len(content)
        assert begun(other, modified=1)["offset"] == 0, "a changed file is another one"
    assert Path(client.state_dir / "spool" / file["spool_id"] / "file" / "电影.mkv").read_bytes() == content


def test_a_piece_that_does_not_fit_says_where_the_next_one_begins(live: httpx.Client) -> None:
    """A lost answer: the page sends a piece twice, and goes on where the file really is."""
    file = begun(live)
    assert send(live, file["spool_id"], 0, b"x" * 1000).json()["offset"] == 1000
    for offset in (0, 999, 1001):
        answer = send(live, file["spool_id"], offset, b"x" * 1000)
        assert (answer.status_code, answer.json()["offset"]) == (409, 1000)
    assert live.get(f"api/spool/{file['spool_id']}").json()["offset"] == 1000


def test_more_than_was_announced_is_refused(live: httpx.Client) -> None:
    file = begun(live, size=10)
    assert send(live, file["spool_id"], 0, b"x" * 11).status_code == 409
    assert send(live, file["spool_id"], 0, b"x" * 10).status_code == 200


def test_a_piece_has_a_largest_size(live: httpx.Client) -> None:
    """It is held in memory while it is written; other requests stay small."""
    file = begun(live)
    assert send(live, file["spool_id"], 0, b"x" * (MAX_PIECE + 1)).status_code == 413
    assert send(live, file["spool_id"], 0, b"x" * MAX_PIECE).status_code == 200
    assert live.post("api/spool", content=b"x" * 100_000).status_code == 413


def test_an_empty_file_can_be_dropped(live: httpx.Client, client: Pan115Client) -> None:
    file = begun(live, size=0, name="empty.txt")
    job_id = live.post(f"api/spool/{file['spool_id']}/upload", json={}).json()["upload"]["job_id"]
    job = client.queue.get(job_id)
    assert job is not None
    job.future.exception(60)  # whatever 115 thinks of empty files: there is nothing that could be missing


def test_half_a_file_is_not_uploaded(live: httpx.Client) -> None:
    file = begun(live)
    send(live, file["spool_id"], 0, b"x")
    assert live.post(f"api/spool/{file['spool_id']}/upload", json={}).status_code == 409
    assert live.get("api/upload/progress").json() == {"uploads": []}


def test_a_file_can_be_given_up_but_not_under_its_upload(live: httpx.Client, client: Pan115Client) -> None:
    hold(client.local_sandbox)
    file = begun(live)
    send_all(live, file, os.urandom(FILE["size"]))  # type: ignore[arg-type]
    upload = live.post(f"api/spool/{file['spool_id']}/upload", json={}).json()["upload"]
    assert live.delete(f"api/spool/{file['spool_id']}").status_code == 409
    live.post(f"api/upload/{upload['job_id']}/cancel")
    until(lambda: live.delete(f"api/spool/{file['spool_id']}").status_code == 200)
    assert live.delete(f"api/spool/{file['spool_id']}").status_code == 404
    assert live.get(f"api/spool/{file['spool_id']}").status_code == 404
    assert send(live, file["spool_id"], 0, b"x").status_code == 404


def test_an_interrupted_upload_of_a_dropped_file_goes_on(live: httpx.Client, client: Pan115Client) -> None:
    """Its session lies outside the allowed folders, in the server's own one; and it is removed at the end, too."""
    hold(client.local_sandbox, after=2)
    file = begun(live)
    send_all(live, file, os.urandom(FILE["size"]))  # type: ignore[arg-type]
    job_id = live.post(f"api/spool/{file['spool_id']}/upload", json={}).json()["upload"]["job_id"]
    until(lambda: live.get("api/upload/progress").json()["uploads"][0]["uploaded_parts"] >= 2)
    client.queue.stop(job_id)
    until(lambda: live.get("api/upload/progress").json()["uploads"][0]["status"] == "cancelled")
    client.local_sandbox.clear_faults()
    (session,) = live.get("api/upload/sessions").json()["sessions"]
    assert live.post(f"api/upload/sessions/{session['session_id']}/resume").status_code == 202
    until(lambda: live.get("api/spool").json() == {"files": []}, "the file to be uploaded and removed")


@pytest.mark.parametrize("name", ["../x", "a/b", "a\\b", "", ".", "..", "x" * 300, "a\0b", "影" * 100])
def test_a_name_is_one_name(live: httpx.Client, name: str) -> None:
    """Pieces are written where the spool is, and nowhere else."""
    answer = live.post("api/spool", json=FILE | {"name": name})
    assert answer.status_code == 422
    assert live.get("api/spool").json() == {"files": []}


@pytest.mark.parametrize("spool_id", ["..", "x", "0" * 31, "0" * 33, "%2e%2e", "0" * 31 + "G"])
def test_an_id_is_an_id(live: httpx.Client, spool_id: str) -> None:
    assert live.get(f"api/spool/{spool_id}").status_code in (404, 422)
    assert send(live, spool_id, 0, b"x").status_code in (404, 405, 422)


def test_the_spool_needs_the_token(server: Server) -> None:
    with httpx.Client(base_url=server.url, trust_env=False) as stranger:
        assert stranger.post("api/spool", json=FILE).status_code == 401
        assert stranger.put(f"api/spool/{'0' * 32}?offset=0", content=b"x").status_code == 401


def test_a_full_disk_is_507(live: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page can say that this machine is full, and the file so far stays."""
    file = begun(live)
    send(live, file["spool_id"], 0, b"x" * 10)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert send(live, file["spool_id"], 10, b"y" * 10).status_code == 507
    assert live.get(f"api/spool/{file['spool_id']}").json()["offset"] == 10
    assert send(live, file["spool_id"], 10, b"y" * 10).status_code == 200
    assert live.post("api/spool", json=FILE | {"size": 10**15}).status_code == 409


# -- the spool itself ----------------------------------------------------------------------------------------------


def test_all_files_together_are_bounded(tmp_path: Path) -> None:
    """Promised bytes count from the beginning: ten files that are begun must all have room."""
    spool = Spool(tmp_path, max_total=100, spare=0)
    first = spool.begin("a", 60, 0, "/")
    with pytest.raises(SpoolFullError):
        spool.begin("b", 41, 0, "/")
    spool.begin("c", 40, 0, "/")
    assert spool.remove(first.spool_id)
    spool.begin("b", 60, 0, "/")
    with pytest.raises(SpoolFullError):
        Spool(tmp_path, max_total=100, spare=0).begin("d", 1, 0, "/")


def test_bytes_that_have_come_are_counted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is here takes room of the disk already; what is promised must still fit after a new start."""
    import shutil

    file = Spool(tmp_path, spare=0).begin("a", 100, 0, "/")
    spool = Spool(tmp_path, spare=0)
    spool.append(file.spool_id, 0, b"x" * 60)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(200, 160, 50))  # type: ignore[attr-defined]
    with pytest.raises(SpoolFullError):
        spool.begin("b", 11, 0, "/")
    spool.begin("b", 10, 0, "/")


def test_the_disk_is_not_filled_to_its_last_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store of the very uploads lies there, too."""
    import shutil

    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1000, 0, 1000))  # type: ignore[attr-defined]
    spool = Spool(tmp_path, spare=300)
    spool.begin("a", 400, 0, "/")
    with pytest.raises(SpoolFullError):
        spool.begin("b", 301, 0, "/")
    spool.begin("b", 300, 0, "/")


def test_what_nobody_came_back_for_is_removed(tmp_path: Path) -> None:
    """A page that was closed for good must not take the disk for ever; what a session needs stays."""
    now = [10 * 86_400.0]
    spool = Spool(tmp_path, clock=lambda: now[0])
    files = [spool.begin(name, 5, 0, "/") for name in ("old", "needed", "young")]
    for file, age in zip(files, (KEPT_DAYS + 1, KEPT_DAYS + 1, 1), strict=True):
        os.utime(file.path, (now[0] - age * 86_400,) * 2)
    assert spool.remove_old(lambda path: path == files[1].path) == 1
    assert [file.name for file in spool.list()] == ["needed", "young"]


def test_only_the_user_can_read_it(tmp_path: Path) -> None:
    if os.name != "posix":
        pytest.skip("no modes here")
    file = Spool(tmp_path).begin("a", 5, 0, "/")
    assert os.stat(file.path).st_mode & 0o077 == 0
    assert os.stat(tmp_path / "spool").st_mode & 0o077 == 0


def test_a_file_whose_description_was_cut_off_is_begun_again(tmp_path: Path) -> None:
    """A kill between two writes leaves no file that can neither be sent nor removed."""
    spool = Spool(tmp_path)
    file = spool.begin("a", 5, 0, "/")
    (tmp_path / "spool" / file.spool_id / "about.json").write_text("{", encoding="utf-8")
    again = Spool(tmp_path)
    assert again.list() == []
    assert again.begin("a", 5, 0, "/").offset == 0


def test_names_that_are_none_are_refused(tmp_path: Path) -> None:
    for name in ("", ".", "..", "a/b", "a\\b", "a\0", "\udcff"):
        with pytest.raises(FileNameError):
            Spool(tmp_path).begin(name, 1, 0, "/")


def test_two_pages_that_send_the_same_file_do_not_mix_it_up(tmp_path: Path) -> None:
    """The same film open in two tabs: each piece is written once, at its place."""
    spool = Spool(tmp_path)
    content = os.urandom(200_000)
    file = spool.begin("a", len(content), 0, "/")
    refused = [0]

    def page() -> None:
        offset = 0
        while offset < len(content):
            try:
                found = spool.append(file.spool_id, offset, content[offset : offset + 1000])
                assert found is not None
                offset = found.offset
            except WrongOffsetError as error:
                refused[0] += 1
                offset = error.offset

    pages = [threading.Thread(target=page) for _ in range(2)]
    for one in pages:
        one.start()
    for one in pages:
        one.join()
    assert Path(file.path).read_bytes() == content


@settings(max_examples=30, deadline=None)
@given(pieces=st.lists(st.binary(max_size=50), max_size=12), data=st.data())
def test_whatever_is_sent_twice_or_lost_the_file_is_its_content(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], data: st.DataObject
) -> None:
    """A bad line repeats and loses pieces; the server is started again in between."""
    folder = tmp_path_factory.mktemp("spool")
    content = b"".join(pieces)
    spool = Spool(folder)
    offset = 0
    for _ in range(40):
        file = spool.begin("a", len(content), 0, "/")
        if file.is_whole:
            break
        if data.draw(st.booleans(), label="a lost answer"):
            offset = data.draw(st.integers(0, len(content)), label="where the page believes it is")
        try:
            spool.append(file.spool_id, offset, content[offset : offset + data.draw(st.integers(1, 60))])
        except WrongOffsetError as error:
            offset = error.offset
        else:
            offset = spool.begin("a", len(content), 0, "/").offset
        if data.draw(st.booleans(), label="a new server"):
            spool = Spool(folder)
    found = Path(spool.begin("a", len(content), 0, "/").path).read_bytes()
    assert content.startswith(found)


def test_a_promise_does_not_cost_more_with_many_files(tmp_path: Path) -> None:
    """Ten thousand photos dropped at once: no walk over all of them for each."""
    spool = Spool(tmp_path)
    looked: list[str] = []
    find: Callable[[str], Any] = spool._find

    def counting(spool_id: str) -> Any:
        looked.append(spool_id)
        return find(spool_id)

    spool._find = counting  # type: ignore[method-assign]
    for number in range(200):
        spool.begin(f"{number}.jpg", 10, 0, "/")
    assert len(looked) <= 400
