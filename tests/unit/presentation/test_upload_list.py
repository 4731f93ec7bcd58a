"""The panel's memory: totals, order, pages, curve."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from pan115kit.models import UploadSession, UploadStatus
from pan115kit.presentation.rows import Action, Filter, Group, Row, session_row, settle
from pan115kit.presentation.upload_list import Board, Curve
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
    board = Board(now=0.0)
    for number, change in enumerate(changes):
        board.update([change], now=float(number))
    latest = {change.job_id: change for change in changes}
    totals = board.totals(now=99.0, wall=200.0)
    assert totals.files == len(latest)
    assert totals.size == sum(s.file_size for s in latest.values())
    assert totals.uploaded == sum(s.file_size if s.status.is_success else s.uploaded_bytes for s in latest.values())
    assert sum(totals.counts.values()) == len(latest)
    assert sum(totals.sizes.values()) == totals.uploaded <= totals.size
    assert 0.0 <= totals.percentage <= 100.0


@given(st.lists(shots, max_size=40), st.sampled_from(Filter), st.integers(1, 5))
def test_paging_reaches_every_row_exactly_once(changes: list[UploadProgress], which: Filter, size: int) -> None:
    """A row on no page could never be resumed or retried; one on two pages is counted twice."""
    board = Board(now=0.0)
    board.update(changes, now=0.0)
    pages = board.page(which, 0, size).pages
    seen = [row.key for number in range(pages) for row in board.page(which, number, size).rows]
    assert len(seen) == len(set(seen)) == board.count(which)
    assert set(seen) == {row.key for row in board if row.group in which.groups}


@given(st.lists(st.sampled_from("abcdefgh"), unique=True), st.lists(st.sampled_from("abcdefgh"), unique=True))
def test_rows_on_show_stay_in_their_place(shown: list[str], wanted: list[str]) -> None:
    """A row that jumps away under the pointer makes the user cancel another upload."""
    slots = settle(shown, wanted)
    assert sorted(slots) == sorted(wanted)
    for place, key in enumerate(shown[: len(wanted)]):
        if key in wanted:
            assert slots[place] == key


def test_a_long_list_shows_first_what_moves_or_needs_the_user() -> None:
    """Among a thousand files the failed one must not be on page 80."""
    board = Board(now=0.0)
    board.update([shot(f"done{n}", UploadStatus.SUCCESS) for n in range(20)], now=0.0)
    board.update([shot("broken", UploadStatus.FAILED), shot("moving", UploadStatus.UPLOADING)], now=0.0)
    assert [row.key for row in board.page(Filter.ALL, 0, 5).rows][:2] == ["moving", "broken"]
    assert [row.key for row in board.page(Filter.FAILED, 0, 5).rows] == ["broken"]


def test_100_percent_means_every_file_is_there() -> None:
    """An empty file that failed has no bytes to miss: by bytes alone the bar would say all is done."""
    board = Board(now=0.0)
    board.update([shot("a", UploadStatus.SUCCESS), shot("empty", UploadStatus.FAILED, size=0)], now=0.0)
    assert board.totals(now=1.0, wall=101.0).percentage == 50.0


def test_bytes_of_an_earlier_run_and_instant_files_are_not_speed() -> None:
    """A remaining time taken from resumed or instant bytes would promise seconds instead of hours."""
    board = Board(now=0.0)
    board.update([shot("a", UploadStatus.UPLOADING, 10_000, 0), shot("b", UploadStatus.CHECKING, 5_000)], now=0.0)
    board.update([shot("a", UploadStatus.UPLOADING, 10_000, 5_000, resumed_bytes=5_000)], now=1.0)
    board.update([shot("b", UploadStatus.QUICK_SUCCESS, 5_000, 5_000)], now=2.0)
    board.update([shot("a", UploadStatus.UPLOADING, 10_000, 5_100, resumed_bytes=5_000, speed_mbps=0.00005)], now=4.0)
    eta = board.totals(now=4.0, wall=104.0).eta
    assert eta is not None
    assert eta > 100, "4,900 bytes are left and 100 came in 4 seconds"


def test_the_clock_stops_when_all_has_ended() -> None:
    """A report frozen an hour later must not say the upload took an hour."""
    board = Board(now=0.0)
    board.update([shot("a", UploadStatus.UPLOADING)], now=0.0)
    assert board.totals(now=5.0, wall=105.0).elapsed == 5.0
    board.update([shot("a", UploadStatus.UPLOADING, done=50)], now=5.0)
    board.update([shot("a", UploadStatus.SUCCESS, done=100)], now=10.0)
    assert board.totals(now=10.0, wall=110.0).elapsed == 10.0
    assert board.totals(now=999.0, wall=999.0).elapsed == 10.0


def test_a_panel_made_after_the_end_knows_how_long_it_took() -> None:
    """``job`` shown in a later cell must not count the time since."""
    board = Board(now=0.0)
    board.update([shot("a", UploadStatus.SUCCESS, done=100, elapsed_seconds=7.0)], now=0.0)
    assert board.totals(now=0.0, wall=5000.0).elapsed == 7.0


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
    board = Board(now=0.0)
    by_id = UploadSession("s1", "/d/a", "a", 100)
    by_path = UploadSession("s2", "/d/b", "b", 100, target_path="/")
    ended = UploadSession("s3", "/d/c", "c", 100, job_id="c")
    board.set_sessions([(by_id, None), (by_path, None), (ended, None)])
    assert board.count(Filter.UNFINISHED) == 3
    board.update([shot("a", UploadStatus.UPLOADING, session_id="s1")], now=0.0)
    board.update([shot("b", UploadStatus.PENDING), shot("c", UploadStatus.SUCCESS)], now=0.0)
    assert board.count(Filter.UNFINISHED) == 0
    assert board.get("session:s1") is not None
    assert [row.group for row in board] == [Group.ACTIVE, Group.WAITING, Group.DONE]


@given(st.integers(1, 2000), st.integers(2, 50))
def test_the_curve_of_a_long_upload_stays_small(seconds: int, capacity: int) -> None:
    """A week at one point a second would be 600,000 points in every painting."""
    curve = Curve(capacity=capacity)
    for second in range(seconds):
        curve.add(float(second), 1.0)
    assert 1 <= len(curve.points) <= capacity
    assert curve.points[0][0] == 0.0
    assert curve.points[-1][0] > (seconds - 1) / 2 - 2
