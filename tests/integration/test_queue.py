"""The queue: how many at once, in which order, and that every command ends in the state it asked for."""

from __future__ import annotations

import asyncio
import concurrent.futures
import itertools
import os
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from upload_support import PART, PATIENCE, Stage, ended, until

from pan115kit import OssError, Pan115Client, Pan115Error, UploadCancelled, UploadJob, UploadProgress, UploadStatus
from pan115kit._base import event_loops
from pan115kit.transfer import hashing
from pan115kit.transfer.queue import UploadQueue
from pan115kit.transfer.queued_job import QueuedJob
from pan115kit.transfer.records import UploadRecords


def _most_at_once(history: pd.DataFrame) -> int:
    """How many uploads were running at the same moment, from history's times."""
    events = sorted(
        [(begun, 1) for begun in history["started_at"]] + [(done, -1) for done in history["finished_at"]],
        key=lambda event: (event[0], event[1]),
    )
    return max(itertools.accumulate(step for _, step in events))


def _files(stage: Stage, count: int, size: int = 4 * PART) -> list[Path]:
    return [stage.file(f"{n}.bin", size, n) for n in range(count)]


def _running(client: Pan115Client) -> int:
    return sum(job.status.is_active for job in client.jobs())


def _held(stage: Stage, client: Pan115Client, path: Path) -> UploadJob:
    """An upload that stands in its middle until ``stage.go_on()``."""
    stage.hold("upload_part", after=2)
    job = client.submit(path, "/x")
    stage.wait_held("upload_part", 3)
    return job


# -- how many, in which order ------------------------------------------------------------------------------------


def test_three_files_at_once_and_never_more(stage: Stage) -> None:
    """More than three at once and 115 throttles the account; fewer and the line idles."""
    client = stage.client()
    stage.box.fault("upload_part", "stall", times=None)
    batch = client.submit_many(_files(stage, 12), "/x")
    stage.wait_held("upload_part", 3, hanging=3)
    stage.go_on()
    assert batch.wait(PATIENCE).done == 12
    assert _most_at_once(client.history()) == 3


def test_limit_can_be_changed_while_uploads_run(stage: Stage) -> None:
    """The slider of the panel: more start at once, and after lowering it no more than allowed start."""
    client = stage.client(max_concurrent_uploads=2)
    stage.box.fault("upload_part", "stall", times=None)
    batch = client.submit_many(_files(stage, 9), "/x")
    stage.wait_held("upload_part", 2, hanging=2)
    assert _running(client) <= 3  # two, and perhaps one that is hashed ahead
    client.max_concurrent_uploads = 5
    stage.wait_held("upload_part", 5, hanging=5)
    client.max_concurrent_uploads = 1
    stage.go_on()
    assert batch.wait(PATIENCE).done == 9
    history = client.history()
    assert _most_at_once(history) == 5
    assert _most_at_once(history.sort_values("started_at").iloc[5:]) == 1


def test_higher_priority_starts_earlier(stage: Stage) -> None:
    """The one that is needed now does not wait for the folder that was begun before."""
    client = stage.client(max_concurrent_uploads=1)
    stage.hold("upload_part")
    first, *paths = _files(stage, 6)
    client.submit(first, "/x")
    stage.wait_held("upload_part")
    jobs = [client.submit(path, "/x", priority=5 if n == 3 else 0) for n, path in enumerate(paths)]
    urgent = client.submit(stage.file("urgent.bin", PART, 50), "/x", priority=9)
    stage.go_on()
    until(lambda: all(job.done for job in client.jobs()))
    order = client.history().sort_values("started_at")["job_id"].tolist()
    wanted = [urgent, jobs[3], jobs[0], jobs[1], jobs[2], jobs[4]]
    assert order[1:] == [job.job_id for job in wanted]


def test_next_file_is_hashed_while_others_upload(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line does not wait for the hash of the next film; and no file is hashed twice."""
    hashed: list[str] = []
    original = hashing._hash

    async def counting(file: hashing.LocalFile, on_progress: object) -> str:
        hashed.append(file.name)
        return await original(file, on_progress)  # type: ignore[arg-type]

    monkeypatch.setattr(hashing, "_hash", counting)
    client = stage.client(max_concurrent_uploads=1)
    paths = _files(stage, 4)
    for path in paths:
        os.utime(path, (1_700_000_000, 1_700_000_000))  # settled: its hash may be kept
    stage.box.fault("upload_part", "stall", times=None)
    jobs = [client.submit(path, "/x") for path in paths]
    stage.wait_held("upload_part")
    until(lambda: jobs[1].progress.hashed_bytes == jobs[1].progress.file_size)
    until(lambda: jobs[1].status is UploadStatus.PENDING)
    assert sorted(hashed) == ["0.bin", "1.bin"]  # the next one, not the whole queue
    stage.go_on()
    assert all(job.wait(PATIENCE).success for job in jobs)
    assert sorted(hashed) == ["0.bin", "1.bin", "2.bin", "3.bin"]


def test_ended_upload_makes_room_whatever_its_end(stage: Stage) -> None:
    """A failed, cancelled, paused or missing file does not block its slot."""
    client = stage.client(max_concurrent_uploads=1)
    missing = client.submit(stage.folder / "missing.bin", "/x")
    stage.hold("upload_part")
    paused = client.submit(stage.file("paused.bin", seed=1), "/x")
    stage.wait_held("upload_part")
    stage.hold("upload_part")
    cancelled = client.submit(stage.file("cancelled.bin", seed=2), "/x")
    paused.pause()
    stage.wait_held("upload_part", 2)
    last = client.submit(stage.file("last.bin", seed=3), "/x")
    cancelled.cancel()
    assert last.wait(PATIENCE).success
    assert missing.status is UploadStatus.FAILED
    assert paused.status is UploadStatus.PAUSED
    stage.go_on()
    paused.resume()
    assert paused.wait(PATIENCE).success


# -- commands ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["pause", "cancel"])
def test_command_right_after_submit_is_not_lost(stage: Stage, command: str) -> None:
    """A quick finger: the stop comes before the upload has taken its first step, or hardly later."""
    client = stage.client()
    paths = _files(stage, 20, PART)
    stage.box.fault("uploadinfo", "stall", times=None)  # no further than here, however slow the finger is
    for path in paths:
        job = client.submit(path, "/x")
        getattr(job, command)()
    wanted = UploadStatus.PAUSED if command == "pause" else UploadStatus.CANCELLED
    until(lambda: all(job.status is wanted for job in client.jobs()))
    stage.go_on()
    for job in client.jobs():
        (job.resume if command == "pause" else job.retry)()
    until(lambda: all(job.status is UploadStatus.SUCCESS for job in client.jobs()))
    assert len(stage.box.files()) == 20


def test_pause_resume_pause_ends_paused(stage: Stage) -> None:
    """The last word counts, however fast the words come."""
    client = stage.client()
    stage.box.fault("upload_part", "stall", times=None, after=1)  # it cannot end between two words
    job = client.submit(stage.file(), "/x")
    stage.wait_held("upload_part", 2)
    for _ in range(5):
        job.pause()
        job.resume()
    job.pause()
    until(lambda: job.status is UploadStatus.PAUSED)
    stage.go_on()
    assert job.status is UploadStatus.PAUSED
    assert not job.done
    job.resume()
    assert job.wait(PATIENCE).success


def test_cancel_right_after_pause_cancels(stage: Stage) -> None:
    """A cancel while the pause is being written down is not forgotten."""
    client = stage.client(max_concurrent_uploads=10)
    stage.box.fault("upload_part", "stall", times=None)
    jobs = [client.submit(path, "/x") for path in _files(stage, 10)]
    stage.wait_held("upload_part", 10, hanging=10)
    for job in jobs:
        job.pause()
        job.cancel()
    for job in jobs:
        with pytest.raises(UploadCancelled):
            job.wait(PATIENCE)
    stage.go_on()
    until(lambda: stage.box.uploads() == [])
    assert len(client.sessions()) == 0


def test_commands_to_all(stage: Stage) -> None:
    """pause_all stops running and waiting ones, resume_all finishes them, cancel_all leaves nothing behind."""
    client = stage.client()
    stage.box.fault("upload_part", "stall", times=None)
    jobs = [client.submit(path, "/x") for path in _files(stage, 8)]
    stage.wait_held("upload_part", 3, hanging=3)
    client.pause_all()
    until(lambda: all(job.status is UploadStatus.PAUSED for job in jobs))
    stage.wait_ended()
    stage.go_on()
    client.resume_all()
    assert all(job.wait(PATIENCE).success for job in jobs)
    sent = stage.box.count("upload_part")
    stage.box.fault("upload_part", "stall", times=None)
    more = [client.submit(stage.file(f"more {n}.bin", seed=100 + n), "/y") for n in range(8)]
    stage.wait_held("upload_part", sent + 3, hanging=3)
    client.cancel_all()
    until(lambda: all(ended(job) for job in more))
    assert {job.status for job in more} == {UploadStatus.CANCELLED}
    stage.go_on()
    until(lambda: stage.box.uploads() == [])
    assert len(stage.box.files()) == 8


def test_giving_up_waiting_does_not_stop_the_upload(stage: Stage) -> None:
    """A timeout of the one who waits is not a cancel, for nobody."""
    client = stage.client()
    stage.hold("upload_part", after=1)
    job = client.submit(stage.file(), "/x")
    stage.wait_held("upload_part", 2)
    with pytest.raises(TimeoutError):
        job.wait(0.05)

    async def impatient() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(_awaited(job), 0.05)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.wrap_future(job.future), 0.05)

    asyncio.run(impatient())
    assert not job.future.cancel()
    done, _ = concurrent.futures.wait([job.future], timeout=0.05)
    assert not done
    stage.go_on()
    assert job.wait(PATIENCE).success


async def _awaited(job: UploadJob) -> object:
    return await job


def test_closed_client_says_so(stage: Stage) -> None:
    """Neither a hang nor a riddle: who submits to a closed client is told."""
    client = stage.client()
    job = client.submit(stage.folder / "missing.bin", "/x")
    until(lambda: job.done)
    its_queue = client.queue
    client.close()
    with pytest.raises(Pan115Error, match="closed"):
        client.submit(stage.file(), "/x")
    with pytest.raises(Pan115Error, match="closed"):
        its_queue.submit(stage.file(), "/x")
    for command in (job.retry, job.resume):
        with pytest.raises(Pan115Error, match="closed"):
            command()
    with pytest.raises(Pan115Error, match="missing"):
        job.wait(PATIENCE)


@pytest.mark.parametrize("at", ["books", "store"])
def test_closing_does_not_wait_for_books_that_cannot_be_closed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """A disk that hangs at the end: the program ends all the same, and whoever waits for the upload is told."""
    client = stage.client()
    job = _held(stage, client, stage.file())

    async def hang(*_: object) -> None:
        await asyncio.Event().wait()

    its_queue = client.queue
    owner, name = (UploadRecords, "history") if at == "books" else (its_queue.store, "call")
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, hang)
        event_loops.wait(event_loops.engine().submit(its_queue.close(grace=0.05)), timeout=PATIENCE)
        with pytest.raises(UploadCancelled, match="kept"):
            job.wait(PATIENCE)


def test_closing_with_thousands_that_wait_is_quick(stage: Stage) -> None:
    """A folder of 5,000 files and the notebook is closed: nobody waits for 5,000 entries of history."""
    client = stage.client(max_concurrent_uploads=1)
    job = _held(stage, client, stage.file())
    waiting = client.submit_many([stage.folder / f"{n}.bin" for n in range(5000)], "/x").jobs
    client.close()
    with pytest.raises(UploadCancelled, match="kept"):
        job.wait(PATIENCE)
    for waited in waiting:
        assert waited.done
        with pytest.raises(UploadCancelled, match="before its turn"):
            waited.wait(PATIENCE)
    again = stage.client()
    assert again.history()["file_name"].tolist() == ["film.mkv"]


# -- random commands ---------------------------------------------------------------------------------------------


@pytest.fixture
def never_too_many(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Looks whenever an upload starts whether it may; what it found wrong."""
    wrong: list[str] = []
    start, fill, limits = UploadQueue._start, UploadQueue._fill_slots, [0]

    def filling(self: UploadQueue, limit: int) -> None:
        limits[0] = limit  # that which the choice is made by: another thread may turn it meanwhile
        fill(self, limit)

    def looking(self: UploadQueue, job: QueuedJob) -> None:
        running = sum(other.task is not None for other in self.jobs())
        if running >= limits[0]:
            wrong.append(f"{running} run, {limits[0]} may")
        start(self, job)

    monkeypatch.setattr(UploadQueue, "_fill_slots", filling)
    monkeypatch.setattr(UploadQueue, "_start", looking)
    yield wrong
    assert wrong == []


@pytest.mark.slow
@pytest.mark.timeout(1800)  # a busy machine may take ten times as long
def test_random_commands_end_well(stage: Stage, never_too_many: list[str]) -> None:
    """Whatever is clicked in whatever order: every upload ends, in a state its commands explain, with its bytes."""
    for seed in range(12):
        _random_run(stage, random.Random(seed), seed)


def _random_run(stage: Stage, chance: random.Random, seed: int) -> None:
    client = stage.client(state_dir=stage.folder / f"state {seed}", retries=20)
    paths = [stage.file(f"{seed}-{n}.bin", chance.randrange(0, 6 * PART), 1000 * seed + n) for n in range(14)]
    cancelled: set[str] = set()
    for _ in range(6):
        route = chance.choice(["upload_part", "initupload", "complete", "put_object", "list_parts"])
        kind = chance.choice(["reset_before", "reset_after", "status"])
        stage.box.fault(route, kind, after=chance.randrange(10))

    def click(hand: random.Random) -> None:
        for _ in range(40):
            jobs = client.jobs()
            what = hand.choice(["pause", "pause", "resume", "resume", "resume", "cancel", "retry", "all", "limit"])
            if what == "limit":
                client.max_concurrent_uploads = hand.randrange(1, 5)
            elif what == "all":
                hand.choice([client.pause_all, client.resume_all])()
            elif jobs:
                job = hand.choice(jobs)
                if what == "cancel":
                    cancelled.add(job.job_id)
                getattr(job, what)()
            time.sleep(hand.random() * 0.005)  # no synchronisation: a person's pace, a thousand times faster

    hands = [threading.Thread(target=click, args=(random.Random(chance.random()),)) for _ in range(3)]
    for hand in hands:
        hand.start()
    for path in paths:
        client.submit(path, f"/{seed}", priority=chance.randrange(3))
    for hand in hands:
        hand.join()
    client.max_concurrent_uploads = 3
    client.resume_all()
    until(lambda: all(job.done for job in client.jobs()), f"seed {seed}: all to end")
    for job in client.jobs():
        # a PUT that was paused may have arrived all the same: its next run finds the content there
        assert job.status.is_success or job.job_id in cancelled, (seed, job, job.exception)
        if job.status is UploadStatus.CANCELLED:
            job.retry()
    until(lambda: all(job.status.is_success for job in client.jobs()), f"seed {seed}: retried")
    assert len(client.sessions()) == 0
    stage.go_on()
    for path in paths:
        there = [file for file in stage.box.files() if file.path == f"/{seed}/{path.name}"]
        assert there, f"seed {seed}: {path.name} is not there"
        assert stage.box.read(there[0].path) == path.read_bytes()
    client.close()


# -- batches -----------------------------------------------------------------------------------------------------


def _folder(stage: Stage) -> Path:
    root = stage.folder / "photos"
    for place, size in (("a.jpg", 10), ("b.jpg", 2 * PART), ("2024/夏/c.jpg", 4 * PART), ("2024/d.jpg", 0)):
        path = root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(size))
    (root / "loop").symlink_to(root)
    os.mkfifo(root / "fifo")
    return root


def test_dry_run_sends_nothing(stage: Stage) -> None:
    """Looking first costs nothing but lists: nothing is sent, nothing is made."""
    batch = stage.client().submit_folder(_folder(stage), "/照片", dry_run=True)
    assert not batch.started
    assert [file.target_path for file in batch.plan.files] == ["/照片", "/照片", "/照片/2024", "/照片/2024/夏"]
    assert {os.path.basename(left.file_path) for left in batch.plan.skipped} == {"loop", "fifo"}
    assert stage.calls() <= {"getid", "files"}
    assert stage.box.files(folders=True) == []
    assert batch.start().wait(PATIENCE).done == 4


def test_report_adds_up(stage: Stage) -> None:
    """Every file of a folder is accounted for: done, instant, failed or skipped; and retry_failed finishes it."""
    client = stage.client(retries=0)
    root = _folder(stage)
    stage.box.add_content((root / "b.jpg").read_bytes())
    stage.box.fault("upload_part", "status", times=None, status=403, code="Forbidden")
    batch = client.submit_folder(root, "/照片")
    report = batch.wait(PATIENCE)
    assert (report.total, report.done, report.instant, report.failed, report.skipped) == (6, 2, 1, 1, 2)
    assert report.adds_up
    assert not report.success
    assert [os.path.basename(path) for path, _ in report.errors] == ["c.jpg"]
    assert isinstance(batch[[job.file_path.endswith("c.jpg") for job in batch].index(True)].exception, OssError)
    stage.go_on()

    async def again() -> None:
        renewed = await batch.retry_failed()
        assert (renewed.done, renewed.instant, renewed.failed, renewed.skipped) == (3, 1, 0, 2)
        assert renewed.adds_up
        assert renewed.success

    asyncio.run(again())
    assert stage.box.read("/照片/2024/夏/c.jpg") == (root / "2024/夏/c.jpg").read_bytes()
    second = client.submit_folder(root, "/照片").wait(PATIENCE)
    assert (second.instant, second.bytes_sent) == (4, 0)  # nothing is sent or doubled by a second run
    assert len(stage.box.files()) == 4


def test_cancelled_batch_is_skipped_not_failed(stage: Stage) -> None:
    """What the user gave up is no failure."""
    client = stage.client()
    stage.box.fault("upload_part", "stall", times=None)
    batch = client.submit_many(_files(stage, 5), "/x")
    stage.wait_held("upload_part", 3)
    batch.cancel()
    report = batch.wait(PATIENCE)
    assert (report.skipped, report.failed, report.adds_up) == (5, 0, True)


def test_retry_then_await_gives_the_new_outcome(stage: Stage) -> None:
    """The old error must not answer for the new try."""
    client = stage.client(retries=0)
    stage.box.fault("upload_part", "reset_before", after=2)
    job = client.submit(stage.file(), "/x")
    with pytest.raises(Pan115Error):
        job.wait(PATIENCE)
    job.retry()
    result = job.wait(PATIENCE)
    assert (result.success, result.resumed) == (True, True)
    assert job.exception is None
    assert client.history()["status"].tolist() == ["success"]  # one row a job: how it stands in the end


@pytest.mark.parametrize("held_at", ["upload_part", "initupload", "abort"])
def test_retry_right_after_cancel_uploads_again(stage: Stage, held_at: str) -> None:
    """``job.cancel(); job.retry(); await job`` in one cell: the retry counts, wherever the cancel has got to."""
    client, path = stage.client(), stage.file()
    held_first = "upload_part" if held_at == "abort" else held_at
    if held_at == "abort":
        stage.hold("abort")
    stage.hold(held_first, after=2 if held_first == "upload_part" else 0)
    job = client.submit(path, "/x")
    stage.wait_held(held_first)
    job.cancel()
    job.retry()
    stage.go_on()
    assert job.wait(PATIENCE).success
    stage.assert_arrived(path, "/x/film.mkv")
    assert len(client.sessions()) == 0


def test_the_last_command_counts(stage: Stage) -> None:
    """Cancel, retry and cancel again: cancelled, and whoever waits is told."""
    client = stage.client()
    job = _held(stage, client, stage.file())
    job.cancel()
    job.retry()
    job.cancel()
    with pytest.raises(UploadCancelled):
        job.wait(PATIENCE)
    assert job.status is UploadStatus.CANCELLED


def _slow_records(monkeypatch: pytest.MonkeyPatch) -> tuple[threading.Event, threading.Event]:
    """History that is written only when the second event is set; the first tells that it has begun."""
    begun, go_on, write = threading.Event(), threading.Event(), UploadRecords.history

    async def slowly(*arguments: Any) -> None:
        begun.set()
        await asyncio.to_thread(go_on.wait, PATIENCE)
        await write(*arguments)

    monkeypatch.setattr(UploadRecords, "history", slowly)
    return begun, go_on


@pytest.mark.parametrize("commands", [["retry"], ["cancel", "retry"], ["cancel", "cancel", "retry"]])
@pytest.mark.parametrize("fails", [True, False])
def test_retry_while_the_end_is_being_written_down(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, commands: list[str], fails: bool
) -> None:
    """A double click on cancel, then retry: it is uploaded, and whoever waits hears of it."""
    begun, go_on = _slow_records(monkeypatch)
    client, path = stage.client(retries=0), stage.file()
    if fails:
        stage.box.fault("upload_part", "reset_before", after=2)
        job = client.submit(path, "/x")
    else:
        job = _held(stage, client, path)
        job.cancel()
    assert begun.wait(PATIENCE)
    for command in commands:
        getattr(job, command)()
    go_on.set()
    stage.go_on()
    assert job.wait(PATIENCE).success
    stage.assert_arrived(path, "/x/film.mkv")


def test_closing_while_a_retry_waits_for_the_cancel(stage: Stage) -> None:
    """Nobody waits for ever for a retry that does not come any more."""
    client = stage.client()
    job = _held(stage, client, stage.file())
    job.cancel()
    job.retry()
    client.close()
    with pytest.raises(UploadCancelled):
        job.wait(PATIENCE)


def test_retry_from_the_callback_that_hears_of_the_failure(stage: Stage) -> None:
    """The callback comes before the upload's last line is written; its retry is not lost."""
    client, tried = stage.client(retries=0), []

    def again(shot: UploadProgress) -> None:
        if shot.status is UploadStatus.FAILED and not tried:
            tried.append(shot.job_id)
            next(job for job in client.jobs() if job.job_id == shot.job_id).retry()

    stage.box.fault("upload_part", "reset_before", after=2)
    job = client.submit(stage.file(), "/x", progress=again)
    until(lambda: job.status is UploadStatus.SUCCESS, "the retry to arrive")
    assert job.wait(PATIENCE).resumed
    assert tried == [job.job_id]
