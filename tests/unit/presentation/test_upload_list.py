"""The panel's memory: totals, order, pages, curve."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from pan115kit.models import UploadSession, UploadStatus
from pan115kit.presentation.rows import Action, Group, Row, row_json, session_row
from pan115kit.presentation.upload_list import Curve, UploadList
from pan115kit.progress.snapshot import UploadProgress
from pan115kit.store import LeaseOwner

OWNER = LeaseOwner(7, "host", "job", 0.0)


def shot(
    key: str, status: UploadStatus = UploadStatus.PENDING, size: int = 100, done: int = 0, **more: Any
) -> UploadProgress:
    base = UploadProgress(key, f"/d/{key}", key, size, status, uploaded_bytes=done, created_at=100.0)
    return replace(base, **more)


shots = st.builds(
    lambda key, status, size, part: shot(key, status, size, size * part // 10),
    st.sampled_from("abcdef"),
    st.sampled_from(UploadStatus),
    st.integers(0, 1000),
    st.integers(0, 10),
)


@given(st.lists(shots, max_size=30))
def test_the_head_line_always_tells_the_sum_of_the_rows(changes: list[UploadProgress]) -> None:
    """Sums are kept running; one missed change and the overall bar would lie for the rest of the day."""
    uploads = UploadList(now=0.0)
    for number, change in enumerate(changes):
        uploads.update([change], now=float(number))
    latest = {change.job_id: change for change in changes}
    totals = uploads.totals(now=99.0, wall=200.0)
    assert totals.files == len(latest)
    assert totals.size == sum(s.file_size for s in latest.values())
    assert totals.uploaded == sum(s.file_size if s.status.is_success else s.uploaded_bytes for s in latest.values())
    assert sum(totals.counts.values()) == len(latest)
    assert sum(totals.sizes.values()) == totals.uploaded <= totals.size
    assert 0.0 <= totals.percentage <= 100.0


def test_100_percent_means_every_file_is_there() -> None:
    """An empty file that failed has no bytes to miss: by bytes alone the bar would say all is done."""
    uploads = UploadList(now=0.0)
    uploads.update([shot("a", UploadStatus.SUCCESS), shot("empty", UploadStatus.FAILED, size=0)], now=0.0)
    assert uploads.totals(now=1.0, wall=101.0).percentage == 50.0


def test_bytes_of_an_earlier_run_and_instant_files_are_not_speed() -> None:
    """A remaining time taken from resumed or instant bytes would promise seconds instead of hours."""
    uploads = UploadList(now=0.0)
    uploads.update([shot("a", UploadStatus.UPLOADING, 10_000, 0), shot("b", UploadStatus.CHECKING, 5_000)], now=0.0)
    uploads.update([shot("a", UploadStatus.UPLOADING, 10_000, 5_000, resumed_bytes=5_000)], now=1.0)
    uploads.update([shot("b", UploadStatus.QUICK_SUCCESS, 5_000, 5_000)], now=2.0)
    uploads.update(
        [shot("a", UploadStatus.UPLOADING, 10_000, 5_100, resumed_bytes=5_000, speed_mbps=0.00005)], now=4.0
    )
    eta = uploads.totals(now=4.0, wall=104.0).eta
    assert eta is not None
    assert eta > 100, "4,900 bytes are left and 100 came in 4 seconds"


def test_the_clock_stops_when_all_has_ended() -> None:
    """A report frozen an hour later must not say the upload took an hour."""
    uploads = UploadList(now=0.0)
    uploads.update([shot("a", UploadStatus.UPLOADING)], now=0.0)
    assert uploads.totals(now=5.0, wall=105.0).elapsed == 5.0
    uploads.update([shot("a", UploadStatus.UPLOADING, done=50)], now=5.0)
    uploads.update([shot("a", UploadStatus.SUCCESS, done=100, ended_at=110.0)], now=10.0)
    assert uploads.totals(now=10.0, wall=110.0).elapsed == 10.0
    assert uploads.totals(now=999.0, wall=999.0).elapsed == 10.0


def test_a_panel_made_after_the_end_knows_how_long_it_took() -> None:
    """``job`` shown in a later cell must not count the time since."""
    uploads = UploadList(now=0.0)
    uploads.update([shot("a", UploadStatus.SUCCESS, done=100, elapsed_seconds=7.0)], now=0.0)
    assert uploads.totals(now=0.0, wall=5000.0).elapsed == 7.0
    later = [shot(f"{n}", UploadStatus.SUCCESS, done=100, elapsed_seconds=1.0, ended_at=101.0 + n) for n in range(12)]
    uploads.update(later, now=0.0)  # one after the other: each worked a second, all together took twelve
    assert uploads.totals(now=0.0, wall=5000.0).elapsed == 12.0


@pytest.mark.parametrize(
    ("status", "actions"),
    [
        (UploadStatus.PENDING, (Action.PAUSE, Action.CANCEL)),
        (UploadStatus.HASHING, (Action.PAUSE, Action.CANCEL)),
        (UploadStatus.UPLOADING, (Action.PAUSE, Action.CANCEL)),
        (UploadStatus.PAUSED, (Action.RESUME, Action.CANCEL)),
        (UploadStatus.FAILED, (Action.RETRY,)),
        (UploadStatus.CANCELLED, (Action.RETRY,)),
        (UploadStatus.SUCCESS, ()),
        (UploadStatus.QUICK_SUCCESS, ()),
    ],
)
def test_every_state_has_the_buttons_that_make_sense(status: UploadStatus, actions: tuple[Action, ...]) -> None:
    """A missing button strands the user, a senseless one lies."""
    assert Row("a", shot("a", status)).actions == actions


def test_a_session_can_be_resumed_unless_somebody_works_on_it() -> None:
    """Two processes on one session would fight; a dead one's session must not be locked away."""
    session = UploadSession("s", "/d/x", "x", 100, uploaded_bytes=40)
    assert session_row(session).actions == (Action.RESUME, Action.DISCARD)
    assert session_row(session, OWNER).actions == ()


def test_a_session_is_not_shown_beside_the_job_that_works_on_it() -> None:
    """One file on two rows, one of them with a button that would start it twice."""
    uploads = UploadList(now=0.0)
    by_id = UploadSession("s1", "/d/a", "a", 100)
    by_path = UploadSession("s2", "/d/b", "b", 100, target_path="/")
    ended = UploadSession("s3", "/d/c", "c", 100, job_id="c")
    uploads.set_sessions([(by_id, None), (by_path, None), (ended, None)])
    assert len(uploads.free_sessions()) == 3
    uploads.update([shot("a", UploadStatus.UPLOADING, session_id="s1")], now=0.0)
    uploads.update([shot("b", UploadStatus.PENDING), shot("c", UploadStatus.SUCCESS)], now=0.0)
    assert len(uploads.free_sessions()) == 0
    assert uploads.get("session:s1") is not None
    assert [row.group for row in uploads] == [Group.ACTIVE, Group.WAITING, Group.DONE]


def test_many_small_files_have_a_speed_together() -> None:
    """Each is over before it has a speed of its own: "0 B/s, — left" for hours of a folder of photos."""
    uploads = UploadList(now=0.0)
    uploads.update([shot(f"{n}", UploadStatus.PENDING, 1000) for n in range(100)], now=0.0)
    for second in range(1, 21):
        uploads.update([shot(f"{second}", UploadStatus.SUCCESS, 1000, 1000)], now=float(second))
    totals = uploads.totals(now=20.0, wall=120.0)
    assert totals.speed == pytest.approx(1000, rel=0.1)
    assert totals.eta == pytest.approx(80, rel=0.1)


def test_a_cancelled_uploads_session_can_still_be_discarded() -> None:
    """It was left, not given up: without a row of its own what OSS has of it could never be removed."""
    uploads = UploadList(now=0.0)
    uploads.set_sessions([(UploadSession("s", "/d/a", "a", 100, job_id="a"), None)])
    uploads.update([shot("a", UploadStatus.FAILED, session_id="s")], now=0.0)
    assert uploads.free_sessions() == []
    uploads.update([shot("a", UploadStatus.CANCELLED, session_id="s")], now=1.0)
    assert [row.key for row in uploads.free_sessions()] == ["session:s"]


def test_a_row_is_json_with_what_a_list_needs() -> None:
    """The page decides nothing: which buttons a row has comes with it."""
    row = Row("job", shot("job", UploadStatus.PAUSED, done=40), process="7@host")
    made = row_json(row)
    assert (made["job_id"], made["percentage"], made["group"], made["actions"]) == ("job", 40.0, "paused", [])
    session = row_json(session_row(UploadSession("s", "/d/x", "x", 100, uploaded_bytes=60)))
    assert (session["job_id"], session["percentage"], session["group"]) == ("session:s", 60.0, "unfinished")


@given(st.integers(1, 2000), st.integers(2, 50))
def test_the_curve_of_a_long_upload_stays_small(seconds: int, capacity: int) -> None:
    """A week at one point a second would be 600,000 points in every painting."""
    curve = Curve(capacity=capacity)
    for second in range(seconds):
        curve.add(float(second), 1.0)
    assert 1 <= len(curve.points) <= capacity
    assert curve.points[0][0] == 0.0
    assert curve.points[-1][0] > (seconds - 1) / 2 - 2
