"""Starting and commanding uploads through REST, with the real queue and a local 115."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import httpx
import pytest
from server_support import SPEC_UPLOAD, hold, until

from pan115kit import Pan115Client, UploadStatus
from pan115kit.errors import AccountBlockedError
from pan115kit.models import UploadSession
from pan115kit.store import session_id_for


def make(folder: Path, name: str = "电影.mkv", size: int = 3_000_000) -> Path:
    path = folder / name
    path.write_bytes(os.urandom(size))
    return path


def started(live: httpx.Client, path: Path | str, target: str = "/影视") -> dict[str, Any]:
    answer = live.post("api/upload", json={"file_path": str(path), "target_path": target})
    assert answer.status_code == 202, answer.text
    upload: dict[str, Any] = answer.json()["upload"]
    return upload


def now(live: httpx.Client, job_id: str) -> dict[str, Any]:
    uploads = live.get("api/upload/progress").json()["uploads"]
    found: dict[str, Any] = next(upload for upload in uploads if upload["job_id"] == job_id)
    return found


def reach(live: httpx.Client, job_id: str, *statuses: str) -> dict[str, Any]:
    found: dict[str, Any] = until(
        lambda: (one := now(live, job_id))["status"] in statuses and one, f"{job_id} to be {statuses}"
    )
    return found


def test_a_file_is_uploaded_paused_and_resumed(live: httpx.Client, files: Path, client: Pan115Client) -> None:
    """The whole way by REST: start, pause inside, go on, and the drive has the file."""
    hold(client.local_sandbox, after=2)
    path = make(files)
    upload = started(live, path)
    assert set(upload) >= SPEC_UPLOAD
    job_id = upload["job_id"]
    until(lambda: now(live, job_id)["uploaded_parts"] >= 2)
    paused = live.post(f"api/upload/{job_id}/pause")
    assert (paused.status_code, paused.json()["upload"]["job_id"]) == (200, job_id)
    stopped = reach(live, job_id, "paused")
    assert 0 < stopped["percentage"] < 100
    client.local_sandbox.clear_faults()
    assert live.post(f"api/upload/{job_id}/resume").status_code == 200
    ended = reach(live, job_id, "success", "failed")
    assert (ended["status"], ended["percentage"], ended["eta_seconds"]) == ("success", 100.0, 0.0)
    assert ended["file_id"]
    assert client.local_sandbox.read("/影视/电影.mkv") == path.read_bytes()
    history = live.get("api/upload/history").json()
    assert (history["total"], history["history"][0]["file_id"]) == (1, ended["file_id"])


def test_a_cancelled_upload_can_be_retried(live: httpx.Client, files: Path, client: Pan115Client) -> None:
    hold(client.local_sandbox, after=1)
    job_id = started(live, make(files))["job_id"]
    until(lambda: now(live, job_id)["uploaded_parts"] >= 1)
    assert live.post(f"api/upload/{job_id}/cancel").status_code == 200
    reach(live, job_id, "cancelled")
    client.local_sandbox.clear_faults()
    assert live.post(f"api/upload/{job_id}/retry").status_code == 200
    assert reach(live, job_id, "success", "failed")["status"] == "success"


def test_commands_that_make_no_sense_are_409(live: httpx.Client, files: Path) -> None:
    """A button pressed too late is told so."""
    job_id = started(live, make(files, size=1000))["job_id"]
    reach(live, job_id, "success")
    for command in ("pause", "resume", "cancel", "retry"):
        answer = live.post(f"api/upload/{job_id}/{command}")
        assert (answer.status_code, set(answer.json())) == (409, {"detail"}), command


def test_all_are_commanded_at_once(live: httpx.Client, files: Path, client: Pan115Client) -> None:
    hold(client.local_sandbox)
    jobs = [started(live, make(files, f"{number}.bin"))["job_id"] for number in range(4)]
    assert live.post("api/upload/all/pause").json()["count"] == 4
    for job_id in jobs:
        reach(live, job_id, "paused")
    assert live.post("api/upload/all/resume").json()["count"] == 4
    until(lambda: now(live, jobs[0])["status"] not in ("paused", "pending"))
    assert live.post("api/upload/all/cancel").json()["count"] == 4
    for job_id in jobs:
        reach(live, job_id, "cancelled")
    assert live.post("api/upload/all/retry").json()["count"] == 0  # nobody wants the cancelled ones back


def test_all_failed_ones_are_retried(live: httpx.Client, files: Path, client: Pan115Client) -> None:
    path = make(files, size=1000)
    path.chmod(0)
    if os.access(path, os.R_OK):  # root reads everything: make it unreadable in another way
        path.chmod(0o644)
        path.unlink()
        job_id = client.submit(path, "/").job_id
    else:
        job_id = started(live, path)["job_id"]
    reach(live, job_id, "failed")
    path.unlink(missing_ok=True)
    make(files, size=1000)
    assert live.post("api/upload/all/retry").json()["count"] == 1
    assert reach(live, job_id, "success")["error_message"] is None


# -- which files ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spelled",
    ["{files}/../secret.bin", "{files}/link.bin", "/etc/passwd", "../secret.bin", "{files}/folder/secret.bin"],
)
def test_nothing_outside_the_allowed_folder_is_uploaded(live: httpx.Client, files: Path, spelled: str) -> None:
    """Neither by dots, nor by links to a file, nor through a link to a folder."""
    (files.parent / "secret.bin").write_bytes(b"secret")
    (files / "link.bin").symlink_to(files.parent / "secret.bin")
    (files / "folder").symlink_to(files.parent)
    answer = live.post("api/upload", json={"file_path": spelled.format(files=files)})
    assert answer.status_code == 403
    assert live.get("api/upload/progress").json()["uploads"] == []


def test_what_does_not_exist_outside_is_refused_alike(live: httpx.Client, files: Path) -> None:
    """Else a caller could find out what lies on the disk."""
    there = live.post("api/upload", json={"file_path": "/etc/passwd"})
    nothing = live.post("api/upload", json={"file_path": "/etc/no-such-file"})
    assert (there.status_code, there.json()) == (nothing.status_code, nothing.json())


def test_links_and_dots_inside_the_folder_work(live: httpx.Client, files: Path) -> None:
    make(files, "a.bin", 1000)
    (files / "link.bin").symlink_to(files / "a.bin")
    (files / "sub").mkdir()
    for spelled in (f"{files}/sub/../a.bin", "a.bin", f"{files}/link.bin"):
        assert started(live, spelled)["file_path"] == str(files / "a.bin")


def test_a_root_that_is_a_link_keeps_its_name(tmp_path: Path, files: Path) -> None:
    """Sessions are known by their path: the same file must not get a second one because of a link above it."""
    from pan115kit.server.allowed_folders import AllowedFolders

    make(files, "a.bin", 10)
    (tmp_path / "alias").symlink_to(files)
    found = AllowedFolders([tmp_path / "alias"]).file(str(files / "a.bin"))
    assert (found.path, found.folder) == (str(tmp_path / "alias" / "a.bin"), str(tmp_path / "alias"))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"file_path": "missing.bin"}, 404),
        ({"file_path": "n" * 3000}, 404),
        ({"file_path": "."}, 422),
        ({"file_path": ""}, 422),
        ({"file_path": "a\0b"}, 422),
        ({"file_path": "x" * 5000}, 422),
        ({"target_path": "/"}, 422),
        ({"file_path": "a.bin", "target_path": '/a"b'}, 422),
        ({"file_path": "a.bin", "target_path": "/../x"}, 422),
        ({"file_path": "a.bin", "priority": "high"}, 422),
        ({"file_path": "a.bin", "unknown": 1}, 422),
        ({"file_path": ["a.bin"]}, 422),
        ([], 422),
    ],
)
def test_starts_that_make_no_sense_are_refused(live: httpx.Client, files: Path, body: Any, status: int) -> None:
    make(files, "a.bin", 10)
    answer = live.post("api/upload", json=body)
    assert answer.status_code == status, answer.text
    assert isinstance(answer.json()["detail"], str)
    assert live.get("api/upload/progress").json()["uploads"] == []


def test_a_body_that_is_no_json_is_422(live: httpx.Client) -> None:
    answer = live.post("api/upload", content=b"{nonsense", headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert isinstance(answer.json()["detail"], str)


# -- sessions and blocks -------------------------------------------------------------------------------------------


def test_an_unfinished_session_goes_on(live: httpx.Client, files: Path, client: Pan115Client) -> None:
    """What an earlier run left is resumed by its id."""
    hold(client.local_sandbox, after=2)
    path = make(files)
    job_id = started(live, path)["job_id"]
    until(lambda: now(live, job_id)["uploaded_parts"] >= 2)
    client.queue.stop(job_id)
    reach(live, job_id, "cancelled")
    client.local_sandbox.clear_faults()
    (session,) = live.get("api/upload/sessions").json()["sessions"]
    answer = live.post(f"api/upload/sessions/{session['session_id']}/resume")
    assert answer.status_code == 202
    ended = reach(live, answer.json()["upload"]["job_id"], "success", "failed")
    assert ended["status"] == "success"
    assert ended["resumed_bytes"] > 0
    assert live.get("api/upload/sessions").json()["sessions"] == []


def test_a_paused_uploads_session_is_not_taken_from_it(live: httpx.Client, files: Path, client: Pan115Client) -> None:
    """Deleting or resuming it beside its upload would make two of one."""
    hold(client.local_sandbox, after=1)
    job_id = started(live, make(files))["job_id"]
    until(lambda: now(live, job_id)["uploaded_parts"] >= 1)
    live.post(f"api/upload/{job_id}/pause")
    session_id = reach(live, job_id, "paused")["session_id"]
    assert live.delete(f"api/upload/sessions/{session_id}").status_code == 409
    assert live.post(f"api/upload/sessions/{session_id}/resume").status_code == 409
    live.post(f"api/upload/{job_id}/cancel")
    reach(live, job_id, "cancelled")


def test_a_deleted_session_leaves_nothing_at_oss(live: httpx.Client, files: Path, client: Pan115Client) -> None:
    """What was uploaded of it is aborted, not left to be paid for."""
    hold(client.local_sandbox, after=1)
    job_id = started(live, make(files))["job_id"]
    until(lambda: now(live, job_id)["uploaded_parts"] >= 1)
    client.queue.stop(job_id)
    reach(live, job_id, "cancelled")
    (session,) = live.get("api/upload/sessions").json()["sessions"]
    assert len(client.local_sandbox.uploads()) == 1
    assert live.delete(f"api/upload/sessions/{session['session_id']}").status_code == 200
    until(lambda: client.local_sandbox.uploads() == [], "the multipart to be aborted")


def test_a_session_whose_file_is_gone_fails_with_a_clear_reason(
    live: httpx.Client, files: Path, client: Pan115Client
) -> None:
    gone = str(files / "gone.bin")
    session_id = session_id_for(gone, "/")
    client.store.sessions.save(UploadSession(session_id, gone, "gone.bin", 10, status=UploadStatus.PAUSED))
    answer = live.post(f"api/upload/sessions/{session_id}/resume")
    assert answer.status_code == 202
    assert reach(live, answer.json()["upload"]["job_id"], "failed")["error_message"]


def test_a_blocked_account_is_told_and_ends_with_resume_all(
    live: httpx.Client, files: Path, client: Pan115Client
) -> None:
    """115 blocks now and then: the page says so, and one resume must not hammer it."""
    queue = client.queue
    hold(client.local_sandbox, after=1)
    job_id = started(live, make(files))["job_id"]
    until(lambda: now(live, job_id)["uploaded_parts"] >= 1)
    live.post(f"api/upload/{job_id}/pause")
    reach(live, job_id, "paused")
    client.local_sandbox.clear_faults()
    queue.blocked = AccountBlockedError("115 blocks the account", hint="wait")
    assert "blocks" in live.get("api/upload/about").json()["blocked"]
    assert live.post(f"api/upload/{job_id}/resume").status_code == 409
    assert live.post("api/upload/all/resume").json()["count"] == 1
    assert reach(live, job_id, "success", "failed")["status"] == "success"
    assert live.get("api/upload/about").json()["blocked"] is None


def test_an_upload_of_another_client_of_this_process_is_shown_and_left_alone(
    live: httpx.Client, files: Path, tmp_path: Path
) -> None:
    """The tracker is shared by all clients of a process, their queues are not."""
    with Pan115Client.sandbox(state_dir=tmp_path / "other") as other:
        hold(other.local_sandbox, route="put_object")
        job_id = other.submit(make(files), "/").job_id
        reach(live, job_id, "uploading")
        assert live.post(f"api/upload/{job_id}/pause").status_code == 409
        other.cancel_all()
        reach(live, job_id, "cancelled")


# -- the allowed folder at the time of reading ---------------------------------------------------------------------


def swap_for_secret(path: Path) -> None:
    """Put a link to a file outside in the file's place."""
    secret = path.parent.parent / "secret.bin"
    secret.write_bytes(b"s" * 3_000_000)
    path.unlink()
    path.symlink_to(secret)


def test_a_link_swapped_in_before_a_retry_is_not_followed(
    live: httpx.Client, files: Path, client: Pan115Client
) -> None:
    """The path was checked when it was posted, the file is read when it is retried."""
    hold(client.local_sandbox, after=1)
    path = make(files)
    job_id = started(live, path)["job_id"]
    until(lambda: now(live, job_id)["uploaded_parts"] >= 1)
    live.post(f"api/upload/{job_id}/cancel")
    reach(live, job_id, "cancelled")
    client.local_sandbox.clear_faults()
    swap_for_secret(path)
    assert live.post(f"api/upload/{job_id}/retry").status_code == 200
    failed = reach(live, job_id, "success", "failed")
    assert failed["status"] == "failed"
    assert str(path) in failed["error_message"]
    assert client.local_sandbox.files() == []


def test_a_link_swapped_in_before_a_session_goes_on_is_not_followed(
    live: httpx.Client, files: Path, client: Pan115Client
) -> None:
    """A session begins again with whatever its path names."""
    hold(client.local_sandbox, after=1)
    path = make(files)
    job_id = started(live, path)["job_id"]
    until(lambda: now(live, job_id)["uploaded_parts"] >= 1)
    client.queue.stop(job_id)
    reach(live, job_id, "cancelled")
    client.local_sandbox.clear_faults()
    swap_for_secret(path)
    (session,) = live.get("api/upload/sessions").json()["sessions"]
    assert live.post(f"api/upload/sessions/{session['session_id']}/resume").status_code == 403
    assert client.local_sandbox.files() == []


def test_a_session_outside_the_allowed_folders_does_not_go_on_here(
    live: httpx.Client, tmp_path: Path, client: Pan115Client
) -> None:
    """A caller must not have a file read that the server may not read, however its session came to be."""
    path = make(tmp_path, "outside.bin", 100)
    session_id = session_id_for(str(path), "/")
    client.store.sessions.save(UploadSession(session_id, str(path), path.name, 100, status=UploadStatus.PAUSED))
    answer = live.post(f"api/upload/sessions/{session_id}/resume")
    assert (answer.status_code, set(answer.json())) == (403, {"detail"})
    assert live.get("api/upload/progress").json()["uploads"] == []


def test_what_the_program_itself_has_begun_may_be_retried_from_the_page(
    live: httpx.Client, tmp_path: Path, client: Pan115Client
) -> None:
    """The notebook's own uploads come from anywhere; the page's buttons work for them."""
    hold(client.local_sandbox, after=1)
    path = make(tmp_path, "outside.bin")
    job = client.submit(path, "/")
    until(lambda: now(live, job.job_id)["uploaded_parts"] >= 1)
    live.post(f"api/upload/{job.job_id}/cancel")
    reach(live, job.job_id, "cancelled")
    client.local_sandbox.clear_faults()
    live.post(f"api/upload/{job.job_id}/retry")
    assert reach(live, job.job_id, "success", "failed")["status"] == "success"
