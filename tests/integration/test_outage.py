"""The line is gone for a while: files wait for it instead of failing one after another (laws.md 18)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from line_support import Line
from upload_support import PART, PATIENCE, Stage, until

from pan115kit import NetworkError, Pan115Client, UploadCancelled, UploadStatus
from pan115kit.models import OssToken, WaitingFor


@pytest.fixture
def line(stage: Stage) -> Iterator[Line]:
    """What stands between the client and the sandbox."""
    with Line(stage.box.endpoint) as made:
        yield made


def client_on(stage: Stage, line: Line, **config: Any) -> Pan115Client:
    """A client whose every request, to 115 and to OSS, goes over the line."""
    client = stage.client(endpoint=line.endpoint, **({"network_patience": PATIENCE, "retries": 1} | config))
    context = client.queue.context
    fetch = context.credentials._fetch

    async def by_the_line() -> OssToken:
        return replace(await fetch(), endpoint=line.endpoint)

    context.credentials._fetch = by_the_line
    context.network._sleep = lambda seconds: asyncio.sleep(min(seconds, 0.05))
    return client


def waiting(client: Pan115Client) -> int:
    """How many uploads say that they wait for the network."""
    return sum(job.progress.waiting_for is WaitingFor.NETWORK for job in client.jobs())


def test_a_large_file_waits_and_sends_no_acknowledged_part_again(stage: Stage, line: Line) -> None:
    """The line is lost at night: in the morning the file is there, and every part went once."""
    client, path = client_on(stage, line), stage.file()
    stage.hold("upload_part", after=4)
    job = client.submit(path, "/x")
    stage.wait_held("upload_part", 5)
    line.cut()
    stage.wait_ended()
    stage.go_on()
    until(lambda: waiting(client) == 1, "the upload to wait for the network")
    until(lambda: job.progress.waiting_seconds > 0)
    assert job.progress.label.startswith("Waiting for the network")
    assert job.progress.eta_seconds is None
    line.restore()
    assert job.wait(PATIENCE).success
    stage.assert_arrived(path, "/x/film.mkv")
    sent = stage.parts(whole=PART)
    assert [number for number in sent if sent[number] > 1] in ([], [5])  # at most the one that was on its way
    assert job.progress.waiting_for is None


def test_many_files_wait_and_none_fails(stage: Stage, line: Line) -> None:
    """A folder of 30 files, and the line goes: without this they would all have failed within seconds."""
    client = client_on(stage, line)
    batch = client.submit_many([stage.file(f"{n}.bin", PART // 2, n) for n in range(30)], "/x")
    until(lambda: any(job.done for job in batch))
    line.cut()
    until(lambda: waiting(client) == 3, "all that run to wait")
    assert any(
        job.status is UploadStatus.PENDING for job in batch
    )  # they keep their place: nobody starts what cannot go
    line.restore()
    report = batch.wait(PATIENCE)
    assert (report.failed, report.done + report.instant) == (0, 30)


def test_patience_ends(stage: Stage, line: Line) -> None:
    """A script that must end does: with the error, after as long as was asked for."""
    client = client_on(stage, line, network_patience=0.2)
    line.cut()
    with pytest.raises(NetworkError):
        client.upload(stage.file(), "/x", progress="none")


def test_waiting_can_be_stopped(stage: Stage, line: Line) -> None:
    """Pause, go on, cancel: buttons work while the network does not."""
    client = client_on(stage, line)
    line.cut()
    job = client.submit(stage.file(), "/x")
    until(lambda: waiting(client) == 1)
    begun = time.monotonic()
    job.pause()
    until(lambda: job.status is UploadStatus.PAUSED)
    job.resume()
    until(lambda: waiting(client) == 1)
    job.cancel()
    with pytest.raises(UploadCancelled):
        job.wait(PATIENCE)
    assert time.monotonic() - begun < PATIENCE / 2


def test_a_host_that_answers_badly_is_no_outage(stage: Stage, line: Line) -> None:
    """A server that resets every request is told as that, after the usual tries: there is a network."""
    client = client_on(stage, line, retries=1)
    stage.box.fault("initupload", "reset_before", times=None)
    with pytest.raises(NetworkError):
        client.upload(stage.file(), "/x", progress="none")
