"""Stop means stop, also in a stuck socket; and a blocked account stops the queue without losing a file."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from upload_support import PART, PATIENCE, Stage, until

from pan115kit import AccountBlockedError, UploadCancelled, UploadJob, UploadStatus
from pan115kit.transfer.queue import UploadQueue

#: Seconds.  The requirement is 0.5; the tests only make sure that no timeout of a socket or pause was waited for.
AT_ONCE, MUCH_LATER = 30.0, 3600.0
#: Where an upload can be stuck: the route, and how far its request has got.
STUCK = [
    ("uploadinfo", {}),
    ("initupload", {}),
    ("gettoken", {}),
    ("initiate", {"when": "after"}),
    ("upload_part", {}),
    ("upload_part", {"after_bytes": PART // 2}),
    ("upload_part", {"when": "after"}),
    ("complete", {}),
    ("put_object", {"after_bytes": PART // 2}),
]
STOPS: list[tuple[Callable[[UploadJob], None], UploadStatus]] = [
    (UploadJob.pause, UploadStatus.PAUSED),
    (UploadJob.cancel, UploadStatus.CANCELLED),
]


@pytest.mark.parametrize(("route", "details"), STUCK)
@pytest.mark.parametrize(("stop", "status"), STOPS)
def test_stop_is_felt_in_a_stuck_socket(
    stage: Stage,
    route: str,
    details: dict[str, object],
    stop: Callable[[UploadJob], None],
    status: UploadStatus,
    record_property: Callable[[str, object], None],
) -> None:
    """A dead line must not keep a button waiting for five minutes."""
    client = stage.client(read_timeout=MUCH_LATER, connect_timeout=MUCH_LATER)
    path = stage.file(size=2 * PART if route == "put_object" else 6 * PART)
    stage.hold(route, **details)
    job = client.submit(path, "/x")
    stage.wait_held(route)
    begun = time.monotonic()
    stop(job)
    until(lambda: job.status is status, seconds=AT_ONCE)
    record_property("seconds until stopped", round(time.monotonic() - begun, 3))
    stage.go_on()
    if status is UploadStatus.PAUSED:
        job.resume()
        assert job.wait(PATIENCE).success
        assert stage.box.read("/x/film.mkv") == path.read_bytes()
    else:
        with pytest.raises(UploadCancelled):
            job.wait(PATIENCE)
        assert len(client.sessions()) == 0


def test_stop_is_felt_while_hashing(stage: Stage) -> None:
    """Nobody waits for the hash of a file he no longer wants."""
    client = stage.client()
    stage.box.size_limit = 10**12
    path = stage.folder / "huge.bin"
    with path.open("wb") as file:
        file.truncate(10**12)  # a hole: takes no room, and minutes to hash
    job = client.submit(path, "/x")
    until(lambda: job.progress.hashed_bytes > 0)
    job.cancel()
    until(lambda: job.done, seconds=AT_ONCE)
    assert job.status is UploadStatus.CANCELLED
    assert job.progress.hashed_bytes < job.progress.file_size
    stage.assert_nothing_sent()


def test_stop_is_felt_while_waiting_for_the_next_try(stage: Stage) -> None:
    """A long back-off is cut short, too."""
    client, waits = stage.client(retries=50), threading.Event()

    async def sleep(seconds: float) -> None:
        waits.set()
        await asyncio.sleep(seconds)

    client.queue.context.sleep = sleep
    client.queue.context.config = client.config.with_(retry_base=MUCH_LATER, retry_cap=MUCH_LATER)
    stage.box.fault("upload_part", "status", times=None, status=503)
    job = client.submit(stage.file(), "/x")
    assert waits.wait(PATIENCE)
    job.pause()
    until(lambda: job.status is UploadStatus.PAUSED, seconds=AT_ONCE)


def test_closing_the_client_is_quick_and_keeps_sessions(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script that ends, a kernel that restarts: nothing hangs, everything can go on."""
    monkeypatch.setattr(UploadQueue.close, "__defaults__", (MUCH_LATER,))  # nor was the grace used up that it gives
    client = stage.client(read_timeout=MUCH_LATER)
    stage.hold("upload_part", after=2)
    job = client.submit(stage.file(), "/x")
    stage.wait_held("upload_part", 3)
    client.close()
    with pytest.raises(UploadCancelled, match="session is kept"):
        job.wait(PATIENCE)
    again = stage.client()
    assert again.sessions()["uploaded_parts"].tolist() == [2]


# -- the account is blocked --------------------------------------------------------------------------------------

BLOCKS = [
    ("html_405", {}),
    ("state_false", {"code": 911, "message": "请验证账号"}),
    ("state_false", {"code": 770004, "message": "已达到当前访问上限，请稍后再试"}),
]


@pytest.mark.parametrize(("kind", "details"), BLOCKS)
@pytest.mark.parametrize(("account", "route"), [("cookie", "initupload"), ("open", "open_init")])
def test_blocked_account_holds_the_queue(
    stage: Stage, account: str, route: str, kind: str, details: dict[str, object]
) -> None:
    """115 blocks: one call says so, no file fails, nobody waits for ever, and resume_all finishes the work."""
    client = stage.client(account)
    paths = [stage.file(f"{n}.bin", size=PART, seed=n) for n in range(12)]
    stage.box.fault(route, kind, times=None, **details)
    batch = client.submit_many(paths, "/x")
    report = batch.wait(PATIENCE)
    assert (report.failed, report.done, report.adds_up) == (12, 0, True)
    assert all(job.status is UploadStatus.PAUSED for job in batch)
    assert all(isinstance(job.exception, AccountBlockedError) for job in batch)
    asked = stage.box.count(route)
    assert asked <= client.max_concurrent_uploads  # not one call per file
    late = client.submit(stage.file("late.bin", size=PART, seed=99), "/x")
    with pytest.raises(AccountBlockedError):
        late.wait(PATIENCE)
    assert stage.box.count(route) == asked
    stage.go_on()
    client.resume_all()
    report = batch.wait(PATIENCE)
    assert (report.failed, report.done) == (0, 12)
    assert late.wait(PATIENCE).success
    assert len(stage.box.files()) == 13


def test_upload_under_way_is_finished_while_the_account_is_blocked(stage: Stage) -> None:
    """OSS takes parts whatever 115 thinks: a running upload is not thrown away."""
    client, path = stage.client(), stage.file()
    stage.hold("upload_part", after=3)
    running = client.submit(path, "/x")
    stage.wait_held("upload_part", 4)
    stage.box.fault("initupload", "html_405", times=None)
    blocked = client.submit(stage.file("second.bin", PART, 2), "/x")
    with pytest.raises(AccountBlockedError):
        blocked.wait(PATIENCE)
    stage.go_on()
    assert running.wait(PATIENCE).success
    stage.assert_arrived(path, "/x/film.mkv")


def test_batch_tried_again_after_a_block_goes_on(stage: Stage) -> None:
    """``retry_failed`` is the user's word that it may go on: no need to know of ``resume_all``."""
    client = stage.client()
    stage.box.fault("initupload", "html_405", times=3)
    batch = client.submit_many([stage.file(f"{n}.bin", PART, n) for n in range(6)], "/x")
    assert batch.wait(PATIENCE).failed == 6
    stage.go_on()
    assert batch.retry_failed().wait(PATIENCE).done == 6


@pytest.mark.parametrize("how", ["cancel", "close"])
def test_held_upload_can_be_given_up(stage: Stage, how: str) -> None:
    """What is held can be cancelled; closing the client does not trip over it."""
    client = stage.client()
    stage.box.fault("initupload", "html_405", times=None)
    job = client.submit(stage.file(), "/x")
    with pytest.raises(AccountBlockedError):
        job.wait(PATIENCE)
    getattr(job if how == "cancel" else client, how)()
    until(lambda: job.done)
    assert job.status is UploadStatus.CANCELLED
    with pytest.raises(UploadCancelled):
        job.wait(PATIENCE)


def test_logged_out_account_fails_clearly(stage: Stage, tmp_path: Path) -> None:
    """A kicked cookie is not a block: each file says "log in again"."""
    from pan115kit import LoginError

    client = stage.client()
    stage.box.log_out()
    with pytest.raises(LoginError, match="log in again"):
        client.upload(stage.file(), "/x", progress="none")
    stage.assert_nothing_sent()
