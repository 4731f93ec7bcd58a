"""Keys and tokens that run out in the middle of an upload must not cost it, nor be renewed more than once."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from upload_support import PART, PATIENCE, Stage, until

from pan115kit import LoginError, UploadStatus
from pan115kit._base import event_loops
from pan115kit.sandbox.drive.replies import Refusal
from pan115kit.sandbox.object_store import ObjectStore, Part, Segment, Upload

#: Seconds: how long keys live, and how long each part takes by the clock of the next test.
KEYS_LIVE, PART_TAKES = 1800, 90


@pytest.mark.parametrize(("route", "call"), [("cookie", "gettoken"), ("open", "open_get_token")])
def test_keys_are_replaced_in_time_through_a_long_upload(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, route: str, call: str
) -> None:
    """OSS keys live an hour, a 100 GB upload longer: they are replaced in time and cost no part, on both routes."""
    client, path = stage.client(route), stage.file(size=75 * PART)
    real, ahead, add_part = time.time, 0, ObjectStore.add_part

    def slowly(self: ObjectStore, upload: Upload, number: int, segment: Segment) -> Part:
        nonlocal ahead
        ahead += PART_TAKES
        return add_part(self, upload, number, segment)

    monkeypatch.setattr(ObjectStore, "add_part", slowly)
    monkeypatch.setattr(time, "time", lambda: real() + ahead)  # of this computer, and so of the sandbox, too
    client.queue.context.credentials._clock = time.time
    stage.box.set(sts_life=KEYS_LIVE)
    result = client.upload(path, "/x", progress="none")
    assert (result.success, result.retries) == (True, 0)
    stage.assert_arrived(path, "/x/film.mkv")
    assert ahead > 3 * KEYS_LIVE
    assert 5 <= stage.box.count(call) <= 6  # asked for anew when three quarters of their life are over
    assert set(stage.parts().values()) == {1}
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
    stage.box.fault("upload_part", "stall", times=None)
    jobs = [client.submit(path, "/x") for path in paths]
    stage.wait_held("upload_part", 50, hanging=50)  # each has keys and hangs in its first part
    asked = stage.box.count("gettoken")
    assert asked == 1
    stage.box.expire_sts()
    stage.go_on()
    assert all(job.wait(PATIENCE).success for job in jobs)
    assert stage.box.count("gettoken") == asked + 1
    assert len(stage.box.files()) == 50


def _shown_to_115(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every access token that 115 is shown, from now on."""
    shown: list[str] = []
    accounts = stage.box._services.drive.accounts
    check = accounts.check_bearer

    def looking(header: str) -> Refusal | None:
        shown.append(header.removeprefix("Bearer "))
        return check(header)

    monkeypatch.setattr(accounts, "check_bearer", looking)
    return shown


def test_access_token_that_runs_out_is_renewed_once_and_kept_first(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refresh token works once: two renewals, or a pair used before it is saved, would log the user out."""
    kept: list[tuple[str, str]] = []
    shown = _shown_to_115(stage, monkeypatch)
    used_before: list[bool] = []

    def on_tokens(access: str, refresh: str) -> None:
        kept.append((access, refresh))
        used_before.append(access in shown)

    client = stage.client("open", on_tokens=on_tokens, max_concurrent_uploads=10)
    paths = [stage.file(f"{n}.bin", size=4 * PART, seed=n) for n in range(10)]
    stage.box.fault("upload_part", "stall", times=None)
    jobs = [client.submit(path, "/x") for path in paths]
    stage.wait_held("upload_part", 10, hanging=10)
    stage.box.expire_access_token()
    more = [client.submit(stage.file(f"more {n}.bin", size=PART, seed=100 + n), "/y") for n in range(10)]
    client.max_concurrent_uploads = 20
    stage.go_on()
    assert all(job.wait(PATIENCE).success for job in [*jobs, *more])
    assert stage.box.count("refresh_token") == 1
    assert kept == [(stage.box.access_token, stage.box.refresh_token)]
    assert used_before == [False]
    assert stage.box.access_token in shown


def test_async_on_tokens_is_awaited_before_the_tokens_are_used(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Saving may take a while (a keyring that asks): nothing overtakes it."""
    shown = _shown_to_115(stage, monkeypatch)
    saving, saved = threading.Event(), threading.Event()
    order: list[str] = []

    async def on_tokens(access: str, refresh: str) -> None:
        saving.set()
        await asyncio.to_thread(saved.wait, PATIENCE)
        order.append(f"saved after {stage.box.count('open_user_info')}, used before: {access in shown}")

    client = stage.client("open", on_tokens=on_tokens)
    stage.box.expire_access_token()
    job = client.submit(stage.file(), "/x")
    assert saving.wait(PATIENCE)
    asked = stage.box.count("open_user_info")
    other = event_loops.engine().submit(client.queue.context.drive.oss_token())  # a call that comes meanwhile
    until(lambda: any(record.route == "open_get_token" and record.seconds for record in stage.box.requests))
    saved.set()
    assert other.result(PATIENCE)
    assert job.wait(PATIENCE).success
    assert order == [f"saved after {asked}, used before: False"]
    assert stage.box.count("open_user_info") == asked + 1


def test_withdrawn_authorisation_is_final_and_clear(stage: Stage) -> None:
    """A dead refresh token is not asked for again and again."""
    client = stage.client("open")
    stage.box.revoke_refresh_token()
    jobs = [client.submit(stage.file(f"{n}.bin", PART, n), "/x") for n in range(5)]
    for job in jobs:
        with pytest.raises(LoginError, match=r"authorise|log in"):
            job.wait(PATIENCE)
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
    stage.wait_ended()
    stage.go_on()
    stage.box.expire_sts()
    job.resume()
    assert job.wait(PATIENCE).resumed
    assert stage.box.count("initiate") == 1
    stage.assert_arrived(path, "/x/film.mkv")
