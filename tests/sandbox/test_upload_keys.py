"""Keys and tokens that run out in the middle of an upload must not cost it, nor be renewed more than once."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from upload_support import PART, Stage, until

from pan115kit import LoginError, UploadStatus


def test_keys_of_three_seconds_last_through_a_long_upload(stage: Stage) -> None:
    """OSS keys live an hour, a 100 GB upload longer: they are replaced in time and cost no part, on both routes."""
    stage.box.set(sts_life=3.0, bandwidth=1_800_000)
    clients = {route: stage.client(route, state_dir=stage.folder / route) for route in ("cookie", "open")}
    paths = {route: stage.file(f"{route}.mkv", size=75 * PART, seed=len(route)) for route in clients}
    jobs = {route: client.submit(paths[route], "/x") for route, client in clients.items()}
    results = {route: job.wait(60) for route, job in jobs.items()}  # both, before OSS must be found empty
    for route, result in results.items():
        assert (result.success, result.retries) == (True, 0)
        assert result.elapsed_seconds > 6  # at least twice the life of the keys
        stage.assert_arrived(paths[route], f"/x/{route}.mkv")
    for call in ("gettoken", "open_get_token"):
        assert 2 <= stage.box.count(call) <= 10
    assert set(stage.parts().values()) == {2}  # each of the two files sent each number once
    assert [record for record in stage.box.requests if record.status == 403] == []


def test_keys_that_oss_refuses_are_replaced_at_once(stage: Stage) -> None:
    """A computer whose clock is wrong does not know that keys ran out: OSS's 403 is enough."""
    client, path = stage.client(), stage.file()
    for after in (2, 4, 6):
        stage.box.fault("upload_part", "expire_sts", after=after)
    result = client.upload(path, "/x", progress="none")
    assert (result.success, result.retries) == (True, 0)
    assert stage.box.count("gettoken") == 4
    stage.assert_arrived(path, "/x/film.mkv")


def test_fifty_uploads_waiting_for_keys_ask_once(stage: Stage) -> None:
    """115 throttles who asks for keys too often: all that wait share one answer."""
    client = stage.client(max_concurrent_uploads=50)
    paths = [stage.file(f"{n}.bin", size=4 * PART, seed=n) for n in range(50)]
    stage.box.fault("upload_part", "stall", times=None, after=50)
    jobs = [client.submit(path, "/x") for path in paths]
    stage.wait_held("upload_part", 100)  # each has sent one part and hangs in its second
    asked = stage.box.count("gettoken")
    assert asked == 1
    stage.box.expire_sts()
    stage.go_on()
    assert all(job.wait(60).success for job in jobs)
    assert stage.box.count("gettoken") == asked + 1
    assert len(stage.box.files()) == 50


def test_access_token_that_runs_out_is_renewed_once_and_kept_first(stage: Stage) -> None:
    """A refresh token works once: two renewals, or a pair used before it is saved, would log the user out."""
    kept: list[tuple[str, str]] = []
    seen_at_115: list[int] = []

    def on_tokens(access: str, refresh: str) -> None:
        kept.append((access, refresh))
        seen_at_115.append(len([r for r in stage.box.requests if r.route.startswith("open_")]))

    client = stage.client("open", on_tokens=on_tokens, max_concurrent_uploads=10)
    paths = [stage.file(f"{n}.bin", size=4 * PART, seed=n) for n in range(10)]
    stage.box.fault("upload_part", "stall", times=None)
    jobs = [client.submit(path, "/x") for path in paths]
    stage.wait_held("upload_part", 10)
    stage.box.expire_access_token()
    more = [client.submit(stage.file(f"more {n}.bin", size=PART, seed=100 + n), "/y") for n in range(10)]
    client.max_concurrent_uploads = 20
    stage.go_on()
    assert all(job.wait(60).success for job in [*jobs, *more])
    assert stage.box.count("refresh_token") == 1
    assert kept == [(stage.box.access_token, stage.box.refresh_token)]
    # between the renewal and the saving nothing was asked with the new token: the next call came after it
    refreshed = next(r.number for r in stage.box.requests if r.route == "refresh_token")
    before = [r for r in stage.box.requests if r.route.startswith("open_") and r.number < refreshed]
    assert seen_at_115[0] == len(before)


def test_async_on_tokens_is_awaited_before_the_tokens_are_used(stage: Stage) -> None:
    """Saving may take a while (a keyring that asks): nothing overtakes it."""
    saved = threading.Event()
    order: list[str] = []

    async def on_tokens(access: str, refresh: str) -> None:
        await asyncio.to_thread(saved.wait, 30)
        order.append(f"saved after {stage.box.count('open_user_info')}")

    client = stage.client("open", on_tokens=on_tokens)
    stage.box.expire_access_token()
    job = client.submit(stage.file(), "/x")
    stage.wait_held("refresh_token")
    asked = stage.box.count("open_user_info")
    saved.set()
    assert job.wait(30).success
    assert order == [f"saved after {asked}"]
    assert stage.box.count("open_user_info") == asked + 1


def test_withdrawn_authorisation_is_final_and_clear(stage: Stage) -> None:
    """A dead refresh token is not asked for again and again."""
    client = stage.client("open")
    stage.box.revoke_refresh_token()
    jobs = [client.submit(stage.file(f"{n}.bin", PART, n), "/x") for n in range(5)]
    for job in jobs:
        with pytest.raises(LoginError, match=r"authorise|log in"):
            job.wait(30)
        assert job.status is UploadStatus.FAILED
    assert stage.box.count("refresh_token") == 1


def test_upload_pauses_and_goes_on_with_new_keys(stage: Stage) -> None:
    """An upload paused overnight: its keys are long dead, its upload_id is not."""
    client, path = stage.client(), stage.file()
    stage.hold("upload_part", after=4)
    job = client.submit(path, "/x")
    stage.wait_held("upload_part", 5)
    job.pause()
    until(lambda: job.status is UploadStatus.PAUSED)
    until(lambda: all(record.seconds for record in stage.box.requests))
    stage.go_on()
    stage.box.expire_sts()
    begun = time.monotonic()
    job.resume()
    assert job.wait(30).resumed
    assert time.monotonic() - begun < 30
    assert stage.box.count("initiate") == 1
    stage.assert_arrived(path, "/x/film.mkv")
