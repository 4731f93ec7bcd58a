"""One row for every list: what may be asked of it, and its JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from pan115kit.models import HistoryEntry, UploadSession, UploadStatus
from pan115kit.presentation.rows import Action, Row, row_json, session_row
from pan115kit.progress.snapshot import UploadProgress
from pan115kit.store import LeaseOwner

ENDED_WELL = (UploadStatus.SUCCESS, UploadStatus.QUICK_SUCCESS)
ENDED_BADLY = (UploadStatus.FAILED, UploadStatus.CANCELLED)


@pytest.fixture
def far_east(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    if hasattr(time, "tzset"):
        time.tzset()
    yield
    monkeypatch.undo()
    if hasattr(time, "tzset"):
        time.tzset()


@pytest.mark.parametrize("status", UploadStatus)
def test_what_a_button_offers_may_be_asked_for(status: UploadStatus) -> None:
    """A button that the server then refuses would be a lie."""
    offered = Row("job", UploadProgress("job", "/a", "a", 1, status)).actions
    assert all(action.may_ask(status) for action in offered)


@pytest.mark.parametrize("status", UploadStatus)
def test_pause_and_resume_are_idempotent_until_the_end(status: UploadStatus) -> None:
    """Who presses twice, or resumes what is still being paused, must not be shown an error."""
    ended = status in (*ENDED_WELL, *ENDED_BADLY)
    assert Action.PAUSE.may_ask(status) is Action.RESUME.may_ask(status) is not ended
    assert Action.CANCEL.may_ask(status) is not ended
    assert Action.RETRY.may_ask(status) is (status in ENDED_BADLY)
    assert not Action.DISCARD.may_ask(status)


def test_a_session_shows_what_is_on_disk_and_who_works_on_it() -> None:
    """The reader sees how much of it need not be sent again, and why no button is there."""
    session = UploadSession("id", "/a/b.bin", "b.bin", 100, uploaded_bytes=60, status=UploadStatus.UPLOADING)
    row = session_row(session, LeaseOwner(7, "host", "job", 0.0))
    shown = row_json(row)
    assert (shown["job_id"], shown["percentage"], shown["resumed_bytes"]) == ("session:id", 60.0, 60)
    assert (shown["group"], shown["process"], shown["actions"]) == ("unfinished", "7@host", [])


def test_times_are_utc_wherever_the_machine_is(far_east: None) -> None:
    """Programs on two machines compare them; a local time without its zone would be eight hours off."""
    shot = UploadProgress("job", "/a", "a", 1, created_at=0.0)
    entry = HistoryEntry(
        "job", "/a", "a", 1, "AB", "/", UploadStatus.SUCCESS, False, 1, False, 0, 0.0, 2.0, 2.0, "id", "pick", None
    )
    assert row_json(Row("job", shot))["created_at"] == "1970-01-01T00:00:00+00:00"
    assert entry.to_dict()["finished_at"] == "1970-01-01T00:00:02+00:00"
    assert UploadSession("id", "/a", "a", 1).to_dict()["updated_at"] == "1970-01-01T00:00:00+00:00"
    assert json.loads(json.dumps(entry.to_dict()))["status"] == "success"
