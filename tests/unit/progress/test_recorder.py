"""Progress is what people look at for hours: it must be true, and callbacks must never hurt an upload."""

import asyncio
import math
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pan115kit.models import Phase, UploadStatus
from pan115kit.progress import tracker as tracker_module
from pan115kit.progress.recorder import ProgressRecorder
from pan115kit.progress.snapshot import UploadProgress
from pan115kit.progress.tracker import ProgressTracker


class Clock:
    """A clock that tests turn."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def begin(size: int = 1000) -> tuple[ProgressTracker, ProgressRecorder, Clock]:
    clock = Clock()
    tracker = ProgressTracker(clock=clock, wall_clock=clock)
    return tracker, tracker.open("job", "/tmp/a.bin", "a.bin", size, "/x"), clock


@given(st.lists(st.integers(-10, 2000), max_size=50))
def test_percent_never_falls_and_never_passes_100(steps: list[int]) -> None:
    """A bar that jumps back, or shows 103 %, is not believed again."""
    _, recorder, clock = begin()
    recorder.set_status(UploadStatus.UPLOADING)
    last = 0.0
    for step in steps:
        clock.now += 0.1
        recorder.set_uploaded(step)
        shot = recorder.snapshot()
        assert last <= shot.percentage <= 100.0
        last = shot.percentage


def test_pauses_are_not_working_time_and_not_speed() -> None:
    _, recorder, clock = begin()
    recorder.set_status(UploadStatus.UPLOADING)
    for _ in range(10):
        clock.now += 1
        recorder.set_uploaded(recorder.snapshot().uploaded_bytes + 10)
    recorder.set_status(UploadStatus.PAUSED)
    clock.now += 3600
    shot = recorder.snapshot()
    assert shot.elapsed_seconds == 10.0
    assert shot.speed_mbps == 0.0
    assert shot.eta_seconds is None
    recorder.set_status(UploadStatus.UPLOADING)
    clock.now += 1
    recorder.set_uploaded(110)
    assert recorder.snapshot().speed_mbps == pytest.approx(10 / 1e6)


def test_the_examples_of_the_specification_can_format_the_eta_always() -> None:
    """``f"{progress.get_eta():.1f}"`` must not raise while the remaining time is unknown."""
    _, recorder, _ = begin()
    shot = recorder.snapshot()
    assert shot.eta_seconds is None
    assert math.isinf(shot.get_eta())
    assert f"{shot.get_eta():.1f}" == "inf"
    assert shot.get_elapsed_time() == 0.0


def test_json_has_exactly_the_fields_of_the_specification() -> None:
    assert set(begin()[1].snapshot().to_dict()) == {
        "file_name", "file_size", "status", "percentage", "uploaded_bytes", "total_bytes", "total_parts",
        "uploaded_parts", "speed_mbps", "elapsed_seconds", "eta_seconds", "error_message", "file_id",
        "is_quick_upload",
    }  # fmt: skip


def test_hashing_has_its_own_progress_and_sample_phase() -> None:
    _, recorder, _ = begin()
    recorder.set_status(UploadStatus.HASHING)
    recorder.set_hashed(250)
    shot = recorder.snapshot()
    assert (shot.hash_percentage, shot.percentage) == (25.0, 0.0)
    assert recorder.sample().phase is Phase.HASHING


def test_an_empty_file_is_done_when_it_is_done() -> None:
    _, recorder, _ = begin(size=0)
    assert recorder.snapshot().percentage == 0.0
    recorder.set_status(UploadStatus.SUCCESS, file_id="1")
    assert recorder.snapshot().percentage == 100.0


def test_changed_since_tells_only_what_changed() -> None:
    tracker, _, _ = begin()
    version, first = tracker.changed_since(0)
    assert [shot.job_id for shot in first] == ["job"]
    assert tracker.changed_since(version)[1] == []
    tracker.open("other", "/tmp/b", "b", 5)
    assert [shot.job_id for shot in tracker.changed_since(version)[1]] == ["other"]


def test_the_newest_upload_of_a_path_is_found_by_any_spelling(tmp_path: Path) -> None:
    tracker, _, _ = begin()
    tracker.open("newer", "/tmp/a.bin", "a.bin", 1000)
    found = asyncio.run(tracker.get_progress("/tmp/../tmp/a.bin"))
    assert found is not None
    assert found.job_id == "newer"
    assert asyncio.run(tracker.get_progress(tmp_path / "none")) is None
    assert list(asyncio.run(tracker.list_progresses())) == ["/tmp/a.bin"]


def test_callbacks_sync_and_async_see_the_last_state_before_the_upload_returns() -> None:
    """Example 4 of the specification prints ✅ from the callback; losing the last call loses it."""
    tracker, recorder, _ = begin()
    plain: list[UploadProgress] = []
    awaited: list[UploadProgress] = []

    async def on_progress(shot: UploadProgress) -> None:
        await asyncio.sleep(0)
        awaited.append(shot)

    tracker.register_callback("/tmp/a.bin", plain.append)
    tracker.watch("job", on_progress)
    for done in range(0, 1001, 10):
        recorder.set_uploaded(done)
    recorder.set_status(UploadStatus.SUCCESS, file_id="1")
    asyncio.run(tracker.flush("job", timeout=60))
    assert plain[-1].status == awaited[-1].status == "success"
    assert len(plain) < 50  # throttled, not one call a change


def test_a_callback_that_raises_is_logged_and_hurts_nobody(caplog: pytest.LogCaptureFixture) -> None:
    tracker, recorder, _ = begin()
    seen: list[UploadProgress] = []

    def bad(_: UploadProgress) -> None:
        raise ValueError("mine")

    tracker.watch("job", bad)
    tracker.watch("job", seen.append)
    recorder.set_status(UploadStatus.SUCCESS)
    asyncio.run(tracker.flush("job", timeout=60))
    assert seen[-1].status == "success"
    assert "the upload goes on" in caplog.text


def test_a_stuck_callback_does_not_hold_an_upload_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    tracker, recorder, _ = begin()
    release = threading.Event()

    async def stuck(_: UploadProgress) -> None:
        while not release.is_set():  # noqa: ASYNC110 - set from another thread
            await asyncio.sleep(0.01)

    tracker.watch("job", stuck)
    recorder.set_status(UploadStatus.SUCCESS)
    asyncio.run(tracker.flush("job", timeout=0.05))
    release.set()
    assert "has not returned" in caplog.text
    asyncio.run(tracker.flush("job", timeout=60))


def test_an_unregistered_callback_is_not_called_again() -> None:
    tracker, recorder, _ = begin()
    seen: list[UploadProgress] = []
    tracker.register_callback("/tmp/a.bin", seen.append)
    asyncio.run(tracker.flush("job", timeout=60))
    tracker.unregister_callback("/tmp/a.bin", seen.append)
    before = len(seen)
    recorder.set_status(UploadStatus.SUCCESS)
    asyncio.run(tracker.flush("job", timeout=60))
    assert len(seen) == before


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(UploadStatus)), max_size=40), st.integers(0, 40))
def test_a_look_finds_what_changed_since_the_last_one(steps: list[tuple[int, UploadStatus]], looked: int) -> None:
    """A panel that misses a change shows an upload that stands still, or one that never ends."""
    tracker = ProgressTracker()
    recorders = {}
    seen, changed = 0, set()
    for count, (number, status) in enumerate(steps):
        if count == looked:
            seen, changed = tracker.version, set()
        if number not in recorders:
            recorders[number] = tracker.open(f"job-{number}", f"/{number}", f"{number}", 10)
        recorders[number].set_status(status)
        changed.add(f"job-{number}")
    if looked >= len(steps):
        seen, changed = tracker.version, set()
    active = {f"job-{n}" for n, recorder in recorders.items() if recorder.status.is_active}
    found = [shot.job_id for shot in tracker.changed_since(seen)[1]]
    assert set(found) == changed | active
    assert len(found) == len(set(found))


def test_a_look_costs_nothing_for_uploads_that_stand_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five looks a second at 10,000 ended uploads took a twentieth of a processor, for ever."""
    tracker = ProgressTracker()
    for number in range(2000):
        tracker.open(f"job-{number}", f"/{number}", "x", 10).set_status(UploadStatus.SUCCESS)
    moving = tracker.open("moving", "/moving", "x", 10)
    moving.set_status(UploadStatus.UPLOADING)
    version = tracker.version
    reads: list[str] = []
    monkeypatch.setattr(
        ProgressRecorder, "version", property(lambda self: reads.append(self.job_id) or self._state.version)
    )
    assert [shot.job_id for shot in tracker.changed_since(version)[1]] == ["moving"]
    assert len(reads) <= 2


def test_ended_uploads_are_forgotten_from_the_oldest_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory of a process that uploads for weeks does not grow; what waits or runs is never forgotten."""
    monkeypatch.setattr(tracker_module, "KEPT_FINISHED", 3)
    tracker = ProgressTracker()
    waiting = tracker.open("waiting", "/waiting", "x", 10)
    for number in range(6):
        tracker.open(f"job-{number}", f"/{number}", "x", 10).set_status(UploadStatus.SUCCESS)
    assert tracker.job_ids()[0] == "waiting"
    assert tracker.job_ids()[-1] == "job-5"
    assert len(tracker.job_ids()) <= 4
    assert tracker.snapshot("job-0") is None
    waiting.set_status(UploadStatus.FAILED)
    waiting.set_status(UploadStatus.PENDING)  # tried again: not an ended one any more
    tracker.open("last", "/last", "x", 10).set_status(UploadStatus.CANCELLED)
    assert "waiting" in tracker.job_ids()
    assert {shot.job_id for shot in tracker.changed_since(0)[1]} == set(tracker.job_ids())
