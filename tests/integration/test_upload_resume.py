"""An upload that was interrupted goes on where it stopped: whatever stopped it, whoever goes on."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from upload_support import PART, PATIENCE, Stage, content, until

from pan115kit import NetworkError, SessionBusyError, UploadCancelled, UploadJob, UploadStatus
from pan115kit.sandbox.oss import xml as oss_xml
from pan115kit.store import session_id_for

both_routes = pytest.mark.parametrize("route", ["cookie", "open"])


def _pause_at(stage: Stage, job: UploadJob, part: int) -> None:
    """Pause while part ``part`` is on the wire."""
    stage.wait_held("upload_part", part)
    job.pause()
    until(lambda: job.status is UploadStatus.PAUSED, "paused")
    stage.wait_ended()
    stage.go_on()


@both_routes
def test_pause_and_resume_send_no_part_twice(stage: Stage, route: str) -> None:
    """Only the part that was on the wire is sent again."""
    client, path = stage.client(route), stage.file()
    stage.hold("upload_part", after=4)
    job = client.submit(path, "/x")
    _pause_at(stage, job, 5)
    row = client.sessions().iloc[0]
    assert (row["status"], row["uploaded_parts"], row["file_name"]) == ("paused", 4, "film.mkv")
    assert row["progress"] == pytest.approx(100 * 4 * PART / path.stat().st_size)
    job.resume()
    result = job.wait(PATIENCE)
    assert result.resumed
    assert stage.box.count("upload_part") == 11 + 1
    assert set(stage.parts().values()) == {1}
    stage.assert_arrived(path, "/x/film.mkv")


@both_routes
def test_lost_reply_of_a_part_costs_nothing(stage: Stage, route: str) -> None:
    """The part arrived, its answer did not: ListParts settles it, not a byte goes twice."""
    client, path = stage.client(route), stage.file()
    stage.box.fault("upload_part", "reset_after", after=4)
    result = client.upload(path, "/x", progress="none")
    assert set(stage.parts().values()) == {1}
    assert result.bytes_sent == path.stat().st_size
    assert stage.box.count("list_parts") >= 1
    stage.assert_arrived(path, "/x/film.mkv")


@pytest.mark.parametrize("part", [1, 4, 11])
def test_next_run_goes_on_when_tries_are_used_up(stage: Stage, part: int) -> None:
    """A dead line ends in a clear error with the session kept; run again it goes on at that part."""
    client, path = stage.client(), stage.file()
    stage.box.fault("upload_part", "reset_before", times=None, after=part - 1)
    with pytest.raises(NetworkError):
        client.upload(path, "/x", progress="none")
    assert client.sessions()["status"].tolist() == ["failed"]
    stage.go_on()
    client.close()
    result = stage.client().upload(path, "/x", progress="none")
    assert result.resumed is (part > 1)
    assert set(stage.parts(whole=7).values()) == {1}
    assert result.bytes_sent == path.stat().st_size - (part - 1) * PART
    stage.assert_arrived(path, "/x/film.mkv")


def test_upload_id_that_died_begins_anew(stage: Stage) -> None:
    """OSS forgets unfinished uploads after a while: the next run starts over instead of failing for ever."""
    client, path = stage.client(), stage.file()
    stage.hold("upload_part", after=4)
    job = client.submit(path, "/x")
    _pause_at(stage, job, 5)
    _abort_behind_its_back(stage)
    job.resume()
    result = job.wait(PATIENCE)
    assert result.success
    assert stage.box.count("initiate") == 2
    stage.assert_arrived(path, "/x/film.mkv")


def _abort_behind_its_back(stage: Stage) -> None:
    left = stage.box.uploads()[0]
    other = stage.client(state_dir=stage.folder / "other")
    queue = other.queue
    asyncio.run(_on_engine(queue.context.bucket(left.bucket).abort(left.object, left.upload_id)))
    assert stage.box.uploads() == []


async def _on_engine(work: object) -> object:
    from pan115kit._base import event_loops

    return await event_loops.wait_async(event_loops.engine().submit(work))  # type: ignore[arg-type]


def test_upload_id_that_dies_in_the_middle_begins_anew(stage: Stage) -> None:
    """The same while parts are being sent."""
    client, path = stage.client(), stage.file()
    stage.hold("upload_part", after=4)
    job = client.submit(path, "/x")
    stage.wait_held("upload_part", 5)
    _abort_behind_its_back(stage)
    stage.go_on()
    assert job.wait(PATIENCE).success
    stage.assert_arrived(path, "/x/film.mkv")


def test_upload_that_another_client_completed_is_found(stage: Stage) -> None:
    """The file is there already: found and reported, neither sent again nor doubled."""
    client, path = stage.client(), stage.file()
    stage.hold("complete")
    job = client.submit(path, "/x")
    stage.wait_held("complete")
    client.close()
    with pytest.raises(UploadCancelled):
        job.wait(PATIENCE)
    stage.wait_ended()
    stage.go_on()
    shutil.copytree(stage.state_dir, stage.folder / "copy")
    twin = stage.client(state_dir=stage.folder / "copy").upload(path, "/x", progress="none")
    assert (twin.success, twin.bytes_sent) == (True, 0)
    stage.box.clear_requests()
    result = stage.client().upload(path, "/x", progress="none")
    assert (result.success, result.file_id, result.bytes_sent) == (True, twin.file_id, 0)
    stage.assert_nothing_sent()
    stage.assert_arrived(path, "/x/film.mkv")


@pytest.mark.parametrize("when", ["before", "after"])
def test_pause_during_complete(stage: Stage, when: str) -> None:
    """Whether Complete had arrived or not, resume ends with the one file that was wanted."""
    client, path = stage.client(), stage.file()
    stage.hold("complete", when=when)
    job = client.submit(path, "/x")
    stage.wait_held("complete")
    assert bool(stage.box.files()) is (when == "after")
    job.pause()
    until(lambda: job.status is UploadStatus.PAUSED)
    stage.wait_ended()
    stage.go_on()
    job.resume()
    assert job.wait(PATIENCE).success
    assert set(stage.parts().values()) == {1}
    stage.assert_arrived(path, "/x/film.mkv")


def test_sandbox_that_restarts_in_the_middle(stage: Stage) -> None:
    """115 is away for a moment: the upload waits, asks what is there, and goes on."""
    client, path = stage.client(retries=100_000), stage.file()
    stage.hold("upload_part", after=4)
    job = client.submit(path, "/x")
    stage.wait_held("upload_part", 5)
    stage.box.restart(0.2)
    result = job.wait(PATIENCE)
    assert result.success
    assert result.retries >= 1
    assert min(stage.parts()) >= 5  # nothing that was there is sent again
    stage.assert_arrived(path, "/x/film.mkv")


def test_file_grown_between_runs_begins_anew_and_leaves_nothing(stage: Stage) -> None:
    """A longer file is another file; what OSS has of the shorter one is aborted."""
    client, path = stage.client(), stage.file()
    stage.hold("upload_part", after=4)
    job = client.submit(path, "/x")
    _pause_at(stage, job, 5)
    path.write_bytes(content(12 * PART, 3))
    job.resume()
    assert job.wait(PATIENCE).success
    stage.assert_arrived(path, "/x/film.mkv")


@pytest.mark.parametrize("lists_crc", [True, False])
def test_part_that_is_not_ours_is_not_built_upon(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, lists_crc: bool
) -> None:
    """OSS has a part that our row does not know and that is not of this file: begin anew, do not complete it.

    An OSS that lists no CRC-64 tells by the ETag.
    """
    if not lists_crc:
        whole = oss_xml._part
        monkeypatch.setattr(oss_xml, "_part", lambda part: re.sub("<HashCrc.*ecma>", "", whole(part)))
    client, path = stage.client(), stage.file()
    stage.hold("upload_part", after=4)
    job = client.submit(path, "/x")
    _pause_at(stage, job, 5)
    left = stage.box.uploads()[0]
    bucket = client.queue.context.bucket(left.bucket)

    async def foreign():  # type: ignore[no-untyped-def]
        yield b"z" * PART

    asyncio.run(_on_engine(bucket.upload_part(left.object, left.upload_id, 5, foreign, PART)))
    job.resume()
    assert job.wait(PATIENCE).success
    assert stage.box.count("initiate") == 2
    assert stage.box.count("complete") == 1
    stage.assert_arrived(path, "/x/film.mkv")


@pytest.mark.parametrize("lists_crc", [True, False])
def test_part_whose_reply_was_lost_is_told_from_another_by_crc_or_etag(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, lists_crc: bool
) -> None:
    """Whatever OSS lists, a part that arrived is not sent twice."""
    if not lists_crc:
        whole = oss_xml._part
        monkeypatch.setattr(oss_xml, "_part", lambda part: re.sub("<HashCrc.*ecma>", "", whole(part)))
    client, path = stage.client(), stage.file()
    stage.box.fault("upload_part", "reset_after", after=3)
    assert client.upload(path, "/x", progress="none").success
    assert set(stage.parts().values()) == {1}
    stage.assert_arrived(path, "/x/film.mkv")


@pytest.mark.parametrize(("size", "route"), [(PART, "put_object"), (5 * PART, "initiate"), (5 * PART, "upload_part")])
def test_place_that_oss_does_not_know_is_asked_for_anew(stage: Stage, size: int, route: str) -> None:
    """115's ticket names a bucket that is not there (any more): a new ticket helps, the old one never."""
    client, path = stage.client(), stage.file(size=size)
    stage.box.fault(route, "status", status=404, code="NoSuchBucket")
    assert client.upload(path, "/x", progress="none").success
    assert stage.box.count("initupload") == 2
    stage.assert_arrived(path, "/x/film.mkv")


# -- sessions ----------------------------------------------------------------------------------------------------


def test_sessions_of_an_earlier_run_are_listed_and_go_on(stage: Stage) -> None:
    """After a restart the user sees what was left and one call goes on with all of it."""
    first = stage.client()
    paths = [stage.file(f"{n}.mkv", seed=n) for n in range(3)]
    jobs = []
    for number, path in enumerate(paths, 1):
        stage.hold("upload_part", after=2)
        jobs.append(first.submit(path, "/x"))
        stage.wait_held("upload_part", 3 * number, hanging=number)
    first.close()
    stage.wait_ended()
    stage.go_on()
    assert all(isinstance(job.exception, UploadCancelled) for job in jobs)
    second = stage.client()
    assert sorted(second.sessions()["file_name"]) == ["0.mkv", "1.mkv", "2.mkv"]
    results = [job.wait(PATIENCE) for job in second.resume_unfinished()]
    assert all(result.success and result.resumed for result in results)
    for path in paths:
        stage.assert_arrived(path, f"/x/{path.name}")
    assert len(second.sessions()) == 0


def test_session_of_a_folder_id_goes_on_in_that_folder(stage: Stage) -> None:
    """A session begun by folder id has the id as its target: resume finds it again."""
    client, path = stage.client(), stage.file()
    folder = client.upload(stage.file("first.bin", 5), "/by/id", progress="none").target_dir_id
    stage.hold("upload_part", after=4)
    job = client.submit(path, target_dir_id=folder)
    _pause_at(stage, job, 5)
    client.close()
    again = stage.client()
    session = again.sessions().iloc[0]
    assert again.resume(session["session_id"]).wait(PATIENCE).resumed
    stage.assert_arrived(path, "/by/id/film.mkv")


def test_cancel_removes_what_oss_has(stage: Stage) -> None:
    """Cancel means away with it: no session, no parts that cost the account space."""
    client, path = stage.client(), stage.file()
    stage.hold("upload_part", after=4)
    job = client.submit(path, "/x")
    stage.wait_held("upload_part", 5)
    job.cancel()
    with pytest.raises(UploadCancelled):
        job.wait(PATIENCE)
    until(lambda: stage.box.uploads() == [], "the abort")
    assert job.status is UploadStatus.CANCELLED
    assert len(client.sessions()) == 0
    assert client.history()["status"].tolist() == ["cancelled"]


def test_abort_that_fails_is_made_up_for_at_the_next_start(stage: Stage) -> None:
    """A cancel on a dead line must not leave parts on OSS for ever."""
    client, path = stage.client(), stage.file()
    stage.hold("upload_part", after=4)
    stage.box.fault("abort", "reset_before", times=None)
    job = client.submit(path, "/x")
    stage.wait_held("upload_part", 5)
    job.cancel()
    with pytest.raises(UploadCancelled):
        job.wait(PATIENCE)
    stage.wait_asked("abort")
    client.close()
    assert len(stage.box.uploads()) == 1
    stage.go_on()
    _ = stage.client().queue  # starts the engine
    until(lambda: stage.box.uploads() == [], "the remembered abort")


def test_expired_sessions_are_cleaned_with_their_parts(stage: Stage) -> None:
    """Old sessions do not pile up, neither here nor on OSS; running ones are left alone."""
    client, path = stage.client(), stage.file()
    stage.hold("upload_part", after=4)
    job = client.submit(path, "/x")
    _pause_at(stage, job, 5)
    assert client.clean_sessions(days=1) == 0
    assert client.clean_sessions(days=0) == 1
    until(lambda: stage.box.uploads() == [], "the abort")
    assert len(client.sessions()) == 0
    job.resume()  # the paused upload itself still works, from the beginning
    assert job.wait(PATIENCE).success
    stage.assert_arrived(path, "/x/film.mkv")


# -- two processes -----------------------------------------------------------------------------------------------


def _other_process(stage: Stage, path: Path) -> subprocess.Popen[bytes]:
    environment = os.environ | {
        "PAN115_ENDPOINT": stage.box.endpoint,
        "PAN115_COOKIE": stage.box.cookie,
        "PAN115_ECDH_PUBLIC_KEY": stage.box.ecdh_public_key,
        "PAN115_STATE_DIR": str(stage.state_dir),
        "PAN115_PART_SIZE": str(PART),
        "PAN115_MULTIPART_THRESHOLD": "1",
        "PAN115_API_RATE": "0",
    }
    command = [sys.executable, "-m", "pan115kit", "upload", str(path), "--to", "/x", "--no-progress"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_two_processes_never_work_on_one_session(stage: Stage) -> None:
    """The second process says who is at it; when the first dies, the next one takes over what it left."""
    path = stage.file()
    stage.hold("upload_part", after=4)
    other = _other_process(stage, path)
    try:
        stage.wait_held("upload_part", 5)
        client = stage.client()
        with pytest.raises(SessionBusyError, match="another process"):
            client.upload(path, "/x", progress="none")
        session = client.sessions().iloc[0]
        assert session["session_id"] == session_id_for(path, "/x")
        assert session["uploaded_parts"] == 4
        # the refused one has not touched it: neither its parts nor what it says of itself
        assert session["status"] == "uploading"
        assert pd.isna(session["error_message"])
        assert client.resume_unfinished() == []
    finally:
        other.send_signal(signal.SIGKILL)
        assert other.wait(PATIENCE) == -signal.SIGKILL
    stage.wait_ended()
    stage.go_on()
    result = client.upload(path, "/x", progress="none")
    assert result.resumed
    assert set(stage.parts(whole=PART).values()) == {1}
    stage.assert_arrived(path, "/x/film.mkv")


@pytest.mark.slow
@pytest.mark.timeout(1800)  # a busy machine may take ten times as long
def test_resume_over_two_pages_of_parts(stage: Stage) -> None:
    """OSS lists a thousand parts at a time: of a large upload not one beyond them is sent again."""
    client, path = stage.client(), stage.folder / "large.mkv"
    with path.open("wb") as file:
        file.truncate(1010 * PART)
    stage.hold("upload_part", after=1004)
    job = client.submit(path, "/x")
    stage.wait_held("upload_part", 1005)
    client.close()
    stage.wait_ended()
    stage.go_on()
    assert job.done
    result = stage.client().upload(path, "/x", progress="none")
    assert result.bytes_sent == 6 * PART
    assert stage.box.count("list_parts") == 2
    assert stage.box.files()[0].size == 1010 * PART
