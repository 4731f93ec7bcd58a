"""REST as the specification has it: fields, messages, errors; over a real socket."""

from __future__ import annotations

import os
from urllib.parse import quote

import httpx
import pytest
from server_support import SPEC_SESSION, SPEC_UPLOAD, begin, uploading

from pan115kit.models import HistoryEntry, Part, UploadSession, UploadStatus
from pan115kit.progress.tracker import ProgressTracker
from pan115kit.store import Store

DAY = 86_400.0


def session(number: int, **fields: object) -> UploadSession:
    values: dict[str, object] = {
        "file_sha1": "9302CFAC",
        "part_size": 60,
        "total_parts": 2,
        "upload_id": f"upload-{number}",
        "status": UploadStatus.PAUSED,
    }
    name = f"file-{number}.bin"
    return UploadSession(f"session-{number}", f"/data/{name}", name, 100, **(values | fields))  # type: ignore[arg-type]


def test_progress_has_exactly_the_specified_fields(api: httpx.Client, tracker: ProgressTracker) -> None:
    """A program written against the specification reads them by these names."""
    recorder = uploading(tracker, 1)
    recorder.set_parts(5, 10)
    recorder.set_uploaded(455_000)
    body = api.get("api/upload/progress").json()
    assert set(body) == {"uploads"}
    (upload,) = body["uploads"]
    assert set(upload) >= SPEC_UPLOAD
    assert upload["percentage"] == 45.5
    assert (upload["uploaded_bytes"], upload["total_bytes"], upload["file_size"]) == (455_000, 1_000_000, 1_000_000)
    assert (upload["uploaded_parts"], upload["total_parts"]) == (5, 10)
    assert (upload["status"], upload["error_message"], upload["file_id"]) == ("uploading", None, None)
    assert (upload["job_id"], upload["file_path"], upload["target_path"]) == ("job-1", "/data/file-1.bin", "/备份")


def test_no_uploads_is_an_empty_list(api: httpx.Client) -> None:
    assert api.get("api/upload/progress").json() == {"uploads": []}


def test_one_file_is_found_by_its_encoded_path(api: httpx.Client, tracker: ProgressTracker) -> None:
    """An absolute path begins with a slash, which arrives as %2F."""
    begin(tracker, 1)
    path = quote("/data/file-1.bin", safe="")
    assert path.startswith("%2F")
    answer = api.get(f"api/upload/progress/{path}")
    assert answer.status_code == 200
    assert set(answer.json()) >= SPEC_UPLOAD
    assert answer.json()["file_name"] == "file-1.bin"


@pytest.mark.parametrize("spelled", ["/data/file-1.bin", "data/file-1.bin", "%2Fdata%2Ffile-1.bin"])
def test_proxies_that_change_slashes_do_not_hide_a_file(
    api: httpx.Client, tracker: ProgressTracker, spelled: str
) -> None:
    begin(tracker, 1)
    assert api.get(f"api/upload/progress/{spelled}").json()["job_id"] == "job-1"


@pytest.mark.parametrize(
    "name", ["电影 100%.mkv", "a\nb.bin", "a?b#c&d=e.bin", "ü+ %2F.bin", "..", "\udcff\udcfe.bin"]
)
def test_any_file_name_can_be_asked_for(api: httpx.Client, tracker: ProgressTracker, name: str) -> None:
    """Whatever the file system allows: spaces, percent signs, line breaks, bytes that are no valid UTF-8."""
    path = os.path.join("/data", f"x{name}")
    tracker.open("job", path, f"x{name}", 10)
    answer = api.get(f"api/upload/progress/{quote(os.fsencode(path), safe='')}")
    assert answer.status_code == 200, answer.text
    assert answer.json()["job_id"] == "job"
    assert len(api.get("api/upload/progress").json()["uploads"]) == 1


def test_the_newest_upload_of_a_file_is_told(api: httpx.Client, tracker: ProgressTracker) -> None:
    """Uploaded twice, the one that runs is meant."""
    tracker.open("old", "/data/a.bin", "a.bin", 10).set_status(UploadStatus.FAILED)
    tracker.open("new", "/data/a.bin", "a.bin", 10)
    assert api.get("api/upload/progress/%2Fdata%2Fa.bin").json()["job_id"] == "new"


def test_an_unknown_file_is_404_in_clear_json(api: httpx.Client) -> None:
    answer = api.get("api/upload/progress/%2Fnowhere")
    assert (answer.status_code, set(answer.json())) == (404, {"detail"})
    assert answer.json()["detail"]


def test_progress_comes_in_pages_on_request(api: httpx.Client, tracker: ProgressTracker) -> None:
    for number in range(7):
        begin(tracker, number)
    body = api.get("api/upload/progress", params={"page": 2, "page_size": 3}).json()
    assert [upload["job_id"] for upload in body["uploads"]] == ["job-3", "job-4", "job-5"]
    assert (body["page"], body["pages"], body["total"]) == (2, 3, 7)
    assert api.get("api/upload/progress", params={"page": 9, "page_size": 3}).json()["uploads"] == []


def test_sessions_have_exactly_the_specified_fields(api: httpx.Client, store: Store) -> None:
    """``uploaded_parts`` is the list of numbers here, as specified."""
    store.sessions.save(session(1))
    store.sessions.add_part("session-1", Part(1, 60, "A" * 32))
    body = api.get("api/upload/sessions").json()
    assert set(body) == {"sessions"}
    (told,) = body["sessions"]
    assert set(told) >= SPEC_SESSION
    assert told["uploaded_parts"] == [1]
    assert told["progress"] == 60.0
    assert told["upload_id"] == "upload-1"
    assert told["created_at"].startswith("20")


def test_a_session_is_deleted_with_the_specified_message(api: httpx.Client, store: Store) -> None:
    store.sessions.save(session(1))
    answer = api.delete("api/upload/sessions/session-1")
    assert (answer.status_code, answer.json()) == (200, {"message": "会话已删除"})
    assert store.sessions.list() == []
    assert api.delete("api/upload/sessions/session-1").status_code == 404


def test_a_session_that_is_being_uploaded_is_not_deleted(api: httpx.Client, store: Store) -> None:
    """Its upload would fail at its next part."""
    store.sessions.save(session(1))
    assert store.leases.acquire("session-1", "somebody")
    answer = api.delete("api/upload/sessions/session-1")
    assert (answer.status_code, set(answer.json())) == (409, {"detail"})
    assert len(store.sessions.list()) == 1


def test_old_sessions_are_cleaned_with_the_specified_message(api: httpx.Client, store: Store) -> None:
    """Seven days by default, as specified; younger ones stay."""
    assert store.sessions.list() == []
    import time

    store.sessions.save(session(1, updated_at=time.time() - 8 * DAY))
    store.sessions.save(session(2, updated_at=time.time() - 6 * DAY))
    answer = api.post("api/upload/sessions/cleanup")
    assert (answer.status_code, answer.json()) == (200, {"message": "已清理超过7天未更新的会话"})
    assert [row.session_id for row in store.sessions.list()] == ["session-2"]
    assert api.post("api/upload/sessions/cleanup?days=3").json() == {"message": "已清理超过3天未更新的会话"}
    assert store.sessions.list() == []


@pytest.mark.parametrize("days", ["-1", "x", "nan", "inf", "", "1e9"])
def test_days_that_make_no_sense_are_422_in_clear_json(api: httpx.Client, store: Store, days: str) -> None:
    store.sessions.save(session(1, updated_at=1.0))
    answer = api.post("api/upload/sessions/cleanup", params={"days": days})
    assert answer.status_code == 422
    assert isinstance(answer.json()["detail"], str)
    assert answer.json()["errors"][0]["field"] == "query.days"
    assert len(store.sessions.list()) == 1


def entry(number: int) -> HistoryEntry:
    return HistoryEntry(
        f"job-{number}", f"/data/{number}", str(number), 10, "AB", "/", UploadStatus.SUCCESS, False, 10, False, 0,
        1000.0 + number, 1002.0 + number, 2.0, f"id-{number}", "pick", None,
    )  # fmt: skip


def test_history_comes_newest_first_in_pages(api: httpx.Client, store: Store) -> None:
    for number in range(5):
        store.history.add(entry(number))
    body = api.get("api/upload/history", params={"limit": 2, "offset": 1}).json()
    assert [row["job_id"] for row in body["history"]] == ["job-3", "job-2"]
    assert body["total"] == 5
    assert body["history"][0]["file_id"] == "id-3"
    assert body["history"][0]["finished_at"].startswith("1970-01-01T00:16:45")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "api/upload/nothing", 404),
        ("GET", "api", 404),
        ("PUT", "api/upload/progress", 405),
        ("POST", "api/upload/progress/x", 405),
        ("POST", "api/upload/sessions/x", 405),
        ("POST", "api/upload/job/explode", 404),
        ("POST", "api/upload/job-1/pause", 404),
        ("POST", "api/upload/sessions/x/resume", 404),
        ("GET", "api/upload/history?limit=0", 422),
        ("GET", "api/upload/history?offset=-1", 422),
        ("GET", "api/upload/history?limit=99999999999999999999999", 422),
        ("GET", "api/upload/progress?page=0", 422),
    ],
)
def test_every_error_has_one_shape(api: httpx.Client, method: str, path: str, status: int) -> None:
    """``{"detail": "…"}`` wherever it comes from, so that a caller needs one line to show it."""
    answer = api.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert isinstance(answer.json()["detail"], str)
    assert set(answer.json()) <= {"detail", "errors"}


def test_a_store_that_fails_is_503(api: httpx.Client, store: Store) -> None:
    """A full disk is not the caller's fault and not a traceback."""
    store.close()
    answer = api.get("api/upload/sessions")
    assert (answer.status_code, set(answer.json())) == (503, {"detail"})


def test_without_roots_no_local_file_may_be_uploaded(api: httpx.Client) -> None:
    """The default of a server that nobody configured."""
    answer = api.post("api/upload", json={"file_path": "/etc/passwd"})
    assert answer.status_code == 403
    assert "--root" in answer.json()["detail"]


def test_the_servers_own_description_is_told(api: httpx.Client, tracker: ProgressTracker) -> None:
    begin(tracker, 1)
    assert api.get("api/upload/about").json() | {"version": ""} == {
        "version": "",
        "roots": [],
        "uploads": 1,
        "blocked": None,
    }
