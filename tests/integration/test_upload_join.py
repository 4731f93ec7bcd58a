"""Running it again does nothing twice: the same file to the same place joins the upload that runs (laws.md 11)."""

from __future__ import annotations

import asyncio
import os

import pytest
from upload_support import PATIENCE, Stage, until

from pan115kit import Pan115Error, SessionBusyError, UploadJob, UploadStatus
from pan115kit.models import WaitingFor


def held(stage: Stage) -> tuple[UploadJob, object]:
    client, path = stage.client(), stage.file()
    stage.hold("upload_part", after=2)
    job = client.submit(path, "/x")
    stage.wait_held("upload_part", 3)
    return job, path


def test_the_same_cell_run_twice_is_one_upload(stage: Stage) -> None:
    """A second upload would fight the first over its session, or fail with an error nobody understands."""
    client, path = stage.client(), stage.file()
    stage.hold("upload_part", after=2)
    first = client.submit(path, "/x")
    stage.wait_held("upload_part", 3)
    second = client.submit(path, "/x")
    assert second.job_id == first.job_id
    stage.go_on()
    assert first.wait(PATIENCE) == second.wait(PATIENCE)
    assert asyncio.run(client.upload_file(path, "/x")).success  # ended: instant, and the same entry
    stage.assert_arrived(path, "/x/film.mkv")
    assert set(stage.parts().values()) == {1}


def test_another_client_of_the_same_state_directory_joins(stage: Stage) -> None:
    """People make a new client in every cell."""
    client, other, path = stage.client(), stage.client(), stage.file()
    stage.hold("upload_part", after=2)
    first = client.submit(path, "/x")
    stage.wait_held("upload_part", 3)
    second = other.submit(path, "/x")
    assert second.job_id == first.job_id
    stage.go_on()
    assert second.wait(PATIENCE).success
    stage.assert_arrived(path, "/x/film.mkv")


def test_another_place_is_another_upload(stage: Stage) -> None:
    """The same file into two folders is two files on the drive."""
    client, path = stage.client(), stage.file()
    stage.hold("upload_part", after=2)
    first = client.submit(path, "/x")
    stage.wait_held("upload_part", 3)
    second = client.submit(path, "/y")
    assert second.job_id != first.job_id
    stage.go_on()
    assert first.wait(PATIENCE).success
    assert second.wait(PATIENCE).success


@pytest.mark.parametrize("state", ["paused", "stopping", "cancelling"])
def test_what_rests_or_ends_goes_on(stage: Stage, state: str) -> None:
    """Paused an hour ago and run again: it must go on, not hang."""
    job, path = held(stage)
    client = next(iter(stage._clients))
    if state == "paused":
        job.pause()
        until(lambda: job.status is UploadStatus.PAUSED)
    else:
        (job.stop if state == "stopping" else job.cancel)()
    again = client.submit(str(path), "/x")
    stage.go_on()
    assert again.wait(PATIENCE).success


def test_one_file_by_two_names_is_sent_once(stage: Stage) -> None:
    """A hard link or a copy beside it: the second waits and is instant."""
    client, path = stage.client(), stage.file()
    link = path.with_name("link.mkv")
    os.link(path, link)
    stage.hold("upload_part", after=2)
    first = client.submit(path, "/x")
    stage.wait_held("upload_part", 3)
    second = client.submit(link, "/x")
    until(lambda: second.progress.waiting_for is WaitingFor.CONTENT)
    stage.go_on()
    assert first.wait(PATIENCE).success
    assert second.wait(PATIENCE).quick_upload
    assert set(stage.parts().values()) == {1}


def test_another_process_is_named_and_may_be_waited_for(stage: Stage) -> None:
    """Who is it, where, and what can I do: host and pid, and ``wait=True``."""
    client, path = stage.client(), stage.file()
    leases = client.store.leases
    request = client.submit(stage.folder / "no such file", "/x")  # for a session of the same kind
    with pytest.raises(Pan115Error):
        request.wait(PATIENCE)
    from pan115kit.store import session_id_for

    session_id = session_id_for(str(path), "/x")
    assert leases.acquire(session_id, "somebody else")  # of this process, which is told as another upload
    with pytest.raises(SessionBusyError, match="another upload of this process"):
        client.upload(path, "/x", progress="none")
    waiting = client.submit(path, "/x", wait=True)
    until(lambda: waiting.progress.waiting_for is WaitingFor.PROCESS)
    leases.release(session_id, "somebody else")
    assert waiting.wait(PATIENCE).success
