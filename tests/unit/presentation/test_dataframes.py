"""DataFrames: fixed columns and dtypes, whatever is (not) in them."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pan115kit.models import HistoryEntry, Part, Phase, Sample, UploadSession, UploadStatus
from pan115kit.presentation.dataframes import history_frame, samples_frame, sessions_frame, sessions_table
from pan115kit.store import Store

SESSION_COLUMNS = {
    "session_id": "string", "file_path": "string", "file_name": "string", "file_size": "Int64",
    "file_sha1": "string", "target_dir_id": "string", "target_path": "string", "status": "category",
    "total_parts": "Int64", "uploaded_parts": "Int64", "progress": "float64", "upload_id": "string",
    "created_at": "datetime64[us, UTC]", "updated_at": "datetime64[us, UTC]", "error_message": "string",
}  # fmt: skip
HISTORY_COLUMNS = {
    "job_id": "string", "file_path": "string", "file_name": "string", "file_size": "Int64", "sha1": "string",
    "target_path": "string", "status": "category", "quick_upload": "boolean", "bytes_sent": "Int64",
    "resumed": "boolean", "retries": "Int64", "started_at": "datetime64[us, UTC]",
    "finished_at": "datetime64[us, UTC]", "elapsed_seconds": "float64", "mean_speed_mbps": "float64",
    "file_id": "string", "pick_code": "string", "error_message": "string",
}  # fmt: skip
SAMPLE_COLUMNS = {
    "time": "datetime64[us, UTC]", "uploaded_bytes": "Int64", "speed_mbps": "float64", "phase": "category",
}  # fmt: skip

SESSION = UploadSession(
    "id", "/a/影 片.mkv", "影 片.mkv", 2**40, "A" * 40, "0", "/影视", UploadStatus.UPLOADING, 10, 4, (1, 2), 2**39,
    upload_id="UP", created_at=1_760_000_000.25, updated_at=1_760_000_001.000001,
)  # fmt: skip
ENTRY = HistoryEntry(
    "job", "/a/b", "b", 4_000_000, "A" * 40, "/", UploadStatus.QUICK_SUCCESS, True, 3_000_000, False, 2, 10.0, 12.0,
    2.0, "file", "pick", None,
)  # fmt: skip
SAMPLE = Sample(1_760_000_000.5, 5, 1.5, Phase.UPLOADING)

FRAMES = [
    pytest.param(sessions_frame, SESSION, SESSION_COLUMNS, id="sessions"),
    pytest.param(history_frame, ENTRY, HISTORY_COLUMNS, id="history"),
    pytest.param(samples_frame, SAMPLE, SAMPLE_COLUMNS, id="samples"),
]


def dtypes(frame: pd.DataFrame) -> dict[str, str]:
    return {column: str(dtype) for column, dtype in frame.dtypes.items()}


@pytest.mark.parametrize(("convert", "row", "columns"), FRAMES)
@pytest.mark.parametrize("count", [0, 1, 3])
def test_columns_and_dtypes_are_always_the_same(convert, row, columns, count) -> None:
    """A notebook written while there was nothing yet must work when there is something, and on each pandas."""
    frame = convert([row] * count)
    assert dtypes(frame) == columns
    assert list(frame.columns) == list(columns)
    assert frame.index.equals(pd.RangeIndex(count))
    assert type(frame.index) is pd.RangeIndex
    for column, dtype in columns.items():
        if dtype == "string":
            assert frame[column].dtype == pd.StringDtype("python")
            assert frame[column].dtype.na_value is pd.NA


@pytest.mark.parametrize(("convert", "row", "columns"), FRAMES)
def test_frames_of_different_sizes_can_be_put_together(convert, row, columns) -> None:
    joined = pd.concat([convert([row]), convert([row, row])], ignore_index=True)
    assert dtypes(joined) == columns
    assert convert(iter([row, row])).equals(convert([row, row]))


def test_a_session_is_shown_as_it_is() -> None:
    row = sessions_frame([SESSION]).iloc[0]
    assert row["progress"] == 50.0
    assert row["uploaded_parts"] == 2
    assert row["status"] == "uploading"
    assert row["created_at"] == pd.Timestamp("2025-10-09 08:53:20.250", tz="UTC")
    assert row["updated_at"] == pd.Timestamp("2025-10-09 08:53:21.000001", tz="UTC")
    assert row["error_message"] is pd.NA
    assert (row["file_name"], row["file_size"]) == ("影 片.mkv", 2**40)


def test_history_is_shown_as_it_was() -> None:
    frame = history_frame([ENTRY])
    assert frame["mean_speed_mbps"].tolist() == [1.5]
    assert frame["quick_upload"].tolist() == [True]
    assert frame["resumed"].sum() == 0


def test_unknown_times_are_missing_not_1970() -> None:
    frame = sessions_frame([replace(SESSION, created_at=0.0, updated_at=math.nan)])
    assert frame["created_at"].isna().all()
    assert frame["updated_at"].isna().all()


def test_states_sort_and_compare_in_the_order_of_an_uploads_life() -> None:
    frame = sessions_frame([replace(SESSION, status=status) for status in reversed(UploadStatus)])
    assert frame["status"].cat.ordered
    assert list(frame["status"].cat.categories) == [str(status) for status in UploadStatus]
    assert frame.sort_values("status")["status"].tolist() == [str(status) for status in UploadStatus]
    assert (frame["status"] == UploadStatus.SUCCESS).sum() == 1
    assert frame.groupby("status", observed=False).size().tolist() == [1] * len(UploadStatus)
    assert samples_frame([SAMPLE])["phase"].cat.categories.tolist() == ["hashing", "uploading"]


@settings(max_examples=60)
@given(st.lists(st.text(st.characters(codec=None, categories=None), max_size=8), max_size=5))
def test_file_names_survive_whatever_they_are(names: list[str]) -> None:
    """A path from the table must open the file."""
    frame = sessions_frame([replace(SESSION, file_path=name, error_message=name) for name in names])
    assert frame["file_path"].tolist() == names
    assert dtypes(frame) == SESSION_COLUMNS


def test_a_store_is_shown_alike_in_one_piece_and_session_by_session(tmp_path: Path) -> None:
    """client.sessions() takes the quick way; it must not tell another story."""
    with Store(tmp_path) as store:
        empty = sessions_table(store.sessions.columns())
        for number, name in enumerate(("a.bin", "影.mkv", "caf\udce9.bin", "empty")):
            row = replace(SESSION, session_id=name, file_name=name, file_path=f"/{name}", file_size=number % 4 * 100)
            store.sessions.save(replace(row, updated_at=float(number), error_message=name or None))
            for part in range(number):
                store.sessions.add_part(name, Part(part + 1, 7, "A"))
        quick = sessions_table(store.sessions.columns())
        whole = sessions_frame(store.sessions.list())
    pd.testing.assert_frame_equal(quick, whole)
    pd.testing.assert_frame_equal(empty, whole.head(0))
    assert quick["uploaded_parts"].tolist() == [3, 2, 1, 0]
    assert quick["progress"].tolist() == [7.0, 7.0, 7.0, 0.0]


def test_ten_thousand_sessions_arrive_whole_and_in_order() -> None:
    rows = [replace(SESSION, session_id=f"{n}", uploaded_bytes=n) for n in range(10_000)]
    frame = sessions_frame(rows)
    assert frame["session_id"].tolist() == [f"{n}" for n in range(10_000)]
    assert frame["progress"].is_monotonic_increasing
