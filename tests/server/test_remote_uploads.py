"""Uploads of other processes in the same state directory: seen with their speed, left alone, told to their end."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from server_support import http, next_data, until, ws

from pan115kit import Pan115Client
from pan115kit.config import KIB
from pan115kit.models import HistoryEntry, Phase, Sample, UploadSession, UploadStatus
from pan115kit.server.remote_uploads import END_PATIENCE, FRESH_SAMPLE, RemoteUploads, is_remote, running_progress
from pan115kit.store import LeaseOwner, Store

OWNER = LeaseOwner(4711, "laptop", "job", 100.0)


def row(**fields: Any) -> UploadSession:
    values: dict[str, Any] = {
        "status": UploadStatus.UPLOADING,
        "job_id": "job",
        "part_size": 100,
        "total_parts": 10,
        "uploaded_parts": (1, 2),
        "uploaded_bytes": 200,
    }
    return UploadSession("session", "/data/a.bin", "a.bin", 1000, **(values | fields))


def test_a_fresh_sample_tells_bytes_speed_and_rest() -> None:
    """Between two acknowledged parts the sample is nearer to the truth than the row."""
    shot = running_progress(row(), OWNER, Sample(110.0, 250, 25e-6, Phase.UPLOADING), 111.0)
    assert (shot.uploaded_bytes, shot.speed_mbps, shot.eta_seconds) == (250, 25e-6, 30.0)
    assert (shot.uploaded_parts, shot.total_parts, shot.elapsed_seconds) == (2, 10, 11.0)


def test_an_old_sample_tells_no_speed() -> None:
    """A stalled upload must not show the speed it once had."""
    shot = running_progress(row(), OWNER, Sample(110.0, 250, 25e-6, Phase.UPLOADING), 110.1 + FRESH_SAMPLE)
    assert (shot.uploaded_bytes, shot.speed_mbps, shot.eta_seconds) == (250, 0.0, None)


def test_a_sample_of_an_earlier_run_tells_nothing() -> None:
    shot = running_progress(row(), OWNER, Sample(99.0, 900, 25e-6, Phase.UPLOADING), 101.0)
    assert (shot.uploaded_bytes, shot.speed_mbps) == (200, 0.0)


def test_hashing_elsewhere_is_not_taken_for_uploading() -> None:
    session = row(status=UploadStatus.HASHING, uploaded_parts=(), uploaded_bytes=0)
    shot = running_progress(session, OWNER, Sample(110.0, 600, 5e-6, Phase.HASHING), 111.0)
    assert (shot.percentage, shot.hash_percentage, shot.eta_seconds) == (0.0, 60.0, None)


@given(
    st.sampled_from(UploadStatus), st.integers(0, 2000), st.floats(0, 1e6), st.sampled_from(Phase), st.floats(0, 300)
)
def test_whatever_was_persisted_makes_a_sane_upload(
    status: UploadStatus, done: int, speed: float, phase: Phase, now: float
) -> None:
    """Percent, bytes and seconds stay in their bounds and are JSON."""
    shot = running_progress(row(status=status), OWNER, Sample(now, done, speed, phase), now)
    assert 0 <= shot.percentage <= 100
    assert 0 <= shot.uploaded_bytes <= 1000
    assert shot.elapsed_seconds >= 0
    assert shot.eta_seconds is None or shot.eta_seconds >= 0


def test_who_is_another_process() -> None:
    """The same pid on another host is another process: pids are not unique across machines."""
    assert is_remote(OWNER, 4711, "desktop")
    assert not is_remote(OWNER, 4711, "laptop")


def test_own_sessions_and_dead_ones_are_not_shown(store: Store) -> None:
    """A session nobody works on belongs to the list of sessions, an own upload is in the tracker."""
    store.sessions.save(row())
    assert store.leases.acquire("session", "job")
    others = RemoteUploads(store, lambda job_id: False)
    asyncio.run(others.look())
    assert others.rows == {}


class Stranger(RemoteUploads):
    """One who takes the leases of this process for another's."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        super().__init__(store, lambda job_id: False, clock=clock)
        self._me = -1, "elsewhere"


def ended(job_id: str = "job") -> HistoryEntry:
    return HistoryEntry(
        job_id, "/data/a.bin", "a.bin", 1000, "AB", "/", UploadStatus.SUCCESS, False, 1000, False, 0, 1.0, 2.0, 1.0,
        "42", "pick", None,
    )  # fmt: skip


def test_an_upload_seen_between_giving_back_its_session_and_writing_its_end_does_not_get_lost(store: Store) -> None:
    """Its page would lose it at 99 %, and never say that it arrived."""
    now = [1000.0]
    others = Stranger(store, lambda: now[0])

    def look() -> list[str]:
        now[0] += 1.0
        asyncio.run(others.look())
        return [str(one.shot.status) for one in others.rows.values()]

    store.sessions.save(row())
    assert store.leases.acquire("session", "job")
    assert look() == ["uploading"]
    store.leases.release("session", "job")
    assert look() == ["uploading"]
    store.history.add(ended(), closes="session")
    assert look() == ["success"]


def test_one_that_died_is_not_waited_for_long(store: Store) -> None:
    """Nobody will ever write how it ended."""
    now = [1000.0]
    others = Stranger(store, lambda: now[0])
    store.sessions.save(row())
    assert store.leases.acquire("session", "job")
    asyncio.run(others.look())
    store.leases.release("session", "job")
    for seconds, shown in ((1.0, True), (1.0, True), (END_PATIENCE, False)):
        now[0] += seconds
        asyncio.run(others.look())
        assert bool(others.rows) is shown


def test_one_that_was_paused_is_gone_at_once(store: Store) -> None:
    """It does not move, and says so itself."""
    now = [1000.0]
    others = Stranger(store, lambda: now[0])
    store.sessions.save(row())
    assert store.leases.acquire("session", "job")
    asyncio.run(others.look())
    store.leases.release("session", "job")
    store.sessions.update("session", status=UploadStatus.PAUSED)
    now[0] += 1.0
    asyncio.run(others.look())
    assert others.rows == {}


# -- with a real second process ------------------------------------------------------------------------------------


@pytest.fixture
def upload_elsewhere(client: Pan115Client, files: Path) -> Iterator[subprocess.Popen[bytes]]:
    """``python -m pan115kit upload`` in a process of its own, into the state directory of ``client``.

    So slow that it ends long after everything has been looked at; the test gives it the whole line then.
    """
    path = files / "elsewhere.bin"
    path.write_bytes(os.urandom(14_000_000))
    box = client.local_sandbox
    box.set(bandwidth=500_000)
    environment = os.environ | {
        "PAN115_ENDPOINT": box.endpoint,
        "PAN115_COOKIE": box.cookie,
        "PAN115_ECDH_PUBLIC_KEY": box.ecdh_public_key,
        "PAN115_STATE_DIR": str(client.state_dir),
        "PAN115_API_RATE": "0",
        "PAN115_PART_SIZE": str(200 * KIB),
        "PAN115_MULTIPART_THRESHOLD": str(400 * KIB),
    }
    command = [sys.executable, "-m", "pan115kit", "upload", str(path), "--to", "/there", "--no-progress"]
    child = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        yield child
    finally:
        child.kill()
        child.wait(60)


def only(api: httpx.Client) -> dict[str, Any] | None:
    uploads = api.get("api/upload/progress").json()["uploads"]
    return uploads[0] if uploads else None


def test_an_upload_of_another_process_is_watched_to_its_end(
    client: Pan115Client, files: Path, upload_elsewhere: subprocess.Popen[bytes]
) -> None:
    """A terminal uploads, the page of a notebook shows it: bar, speed, end and file id; commands are refused."""
    server = client.serve(roots=[files])
    with http(server) as api:
        upload = until(lambda: (one := only(api)) and one["uploaded_parts"] > 3 and one["speed_mbps"] > 0 and one)
        assert upload["process"].startswith(f"{upload_elsewhere.pid}@")
        assert upload["status"] == "uploading"
        assert 0 < upload["percentage"] < 100
        assert upload["eta_seconds"] > 0
        assert api.get("api/upload/progress/" + upload["file_path"].replace("/", "%2F")).json()["process"]
        for command in ("pause", "resume", "cancel", "retry"):
            answer = api.post(f"api/upload/{upload['job_id']}/{command}")
            assert answer.status_code == 409
            assert str(upload_elsewhere.pid) in answer.json()["detail"]
        (session,) = api.get("api/upload/sessions").json()["sessions"]
        assert api.delete(f"api/upload/sessions/{session['session_id']}").status_code == 409
        assert api.post(f"api/upload/sessions/{session['session_id']}/resume").status_code == 409
        api.post("api/upload/sessions/cleanup?days=0")
        assert len(api.get("api/upload/sessions").json()["sessions"]) == 1
        with ws(server) as socket:
            seen = []
            client.local_sandbox.set(bandwidth=None)
            while not seen or seen[-1]["status"] != "success":
                seen.append(next_data(socket)["uploads"][0])
        assert upload_elsewhere.wait(60) == 0
        assert seen[-1]["file_id"]
        assert seen[-1]["percentage"] == 100.0
        percents = [one["percentage"] for one in seen]
        assert percents == sorted(percents)


def test_a_killed_process_is_no_longer_shown_and_its_session_goes_on_here(
    client: Pan115Client, files: Path, upload_elsewhere: subprocess.Popen[bytes]
) -> None:
    """Its upload is not running any more, whatever its row says; this process can take it over."""
    with http(client.serve(roots=[files])) as api:
        until(lambda: (one := only(api)) and one["uploaded_parts"] > 3)
        upload_elsewhere.send_signal(signal.SIGKILL)
        upload_elsewhere.wait(60)
        client.local_sandbox.set(bandwidth=None)
        until(lambda: only(api) is None, "the dead process's upload to go")
        (session,) = api.get("api/upload/sessions").json()["sessions"]
        assert api.post(f"api/upload/sessions/{session['session_id']}/resume").status_code == 202
        ended = until(lambda: (one := only(api)) and one["status"] in ("success", "failed") and one)
        assert (ended["status"], ended["process"]) == ("success", None)
        assert ended["resumed_bytes"] > 0
