"""Sessions, history and progress curves as pandas DataFrames.

Columns and their dtypes are always the same, also for empty frames and on pandas 2.2 and 3:

- texts: ``string`` (``pandas.StringDtype("python")``, missing is ``pandas.NA``; it also holds file names that are not
  valid Unicode, which Arrow's strings do not),
- counts and bytes: ``Int64``; yes/no: ``boolean``; percent, seconds and MB/s (10^6 bytes per second): ``float64``,
- times: ``datetime64[us, UTC]``; unknown ones are ``NaT``,
- states: an ordered ``category`` with all values of :class:`~pan115kit.models.UploadStatus` (or ``Phase``).

The index is a plain range.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from ..models import HistoryEntry, Phase, Sample, UploadSession, UploadStatus

T = TypeVar("T")

#: "python" by name: pandas 3 would else take Arrow's strings where pyarrow is installed, and NaN as missing.
TEXT = pd.StringDtype("python")


def _category(states: type[StrEnum]) -> pd.CategoricalDtype:
    return pd.CategoricalDtype(pd.Index([str(state) for state in states], dtype=TEXT), ordered=True)


#: The order of an upload's life: pending < hashing < … < cancelled.
STATUS = _category(UploadStatus)
PHASE = _category(Phase)
_SESSION_FIELDS = (
    "session_id", "file_path", "file_name", "file_size", "file_sha1", "target_dir_id", "target_path", "status",
    "total_parts", "upload_id", "created_at", "updated_at", "error_message",
)  # fmt: skip


def sessions_frame(sessions: Iterable[UploadSession]) -> pd.DataFrame:
    """Upload sessions as a DataFrame, one row each, in the order given.

    Columns: ``session_id``; ``file_path``, ``file_name``, ``file_size`` (bytes), ``file_sha1`` (the local file);
    ``target_dir_id``, ``target_path`` (the folder on the drive); ``status``; ``total_parts``, ``uploaded_parts``
    (how many parts there are and how many OSS has); ``progress`` (percent of the bytes); ``upload_id`` (OSS's name of
    the multipart upload, empty before it began); ``created_at``, ``updated_at``; ``error_message`` (missing if none).

    Args:
        sessions: As :meth:`SessionStore.list` gives them.

    Example:
        >>> frame = sessions_frame([UploadSession("id", "/a/b.bin", "b.bin", 100, uploaded_bytes=60)])
        >>> frame["file_name"].tolist(), frame["progress"].tolist()
        (['b.bin'], [60.0])
    """
    rows = _rows(sessions)
    shown: dict[str, Sequence[Any]] = {name: [getattr(row, name) for row in rows] for name in _SESSION_FIELDS}
    counts = {
        "uploaded_parts": [len(row.uploaded_parts) for row in rows],
        "uploaded_bytes": [row.bytes_done for row in rows],
    }
    return sessions_table(shown | counts)


def sessions_table(columns: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    """:func:`sessions_frame` of what :meth:`SessionStore.columns` gives: the quick way for very many.

    Example:
        >>> frame = sessions_table({name: [] for name in (*_SESSION_FIELDS, "uploaded_parts", "uploaded_bytes")})
        >>> len(frame), str(frame["file_size"].dtype)
        (0, 'Int64')
    """
    size = np.array(columns["file_size"], dtype=np.int64)
    done = np.array(columns["uploaded_bytes"], dtype=np.int64)
    return pd.DataFrame(
        {
            "session_id": pd.array(columns["session_id"], dtype=TEXT),
            "file_path": pd.array(columns["file_path"], dtype=TEXT),
            "file_name": pd.array(columns["file_name"], dtype=TEXT),
            "file_size": pd.array(size, dtype="Int64"),
            "file_sha1": pd.array(columns["file_sha1"], dtype=TEXT),
            "target_dir_id": pd.array(columns["target_dir_id"], dtype=TEXT),
            "target_path": pd.array(columns["target_path"], dtype=TEXT),
            "status": _coded(columns["status"], STATUS, UploadStatus),
            "total_parts": _counts(columns["total_parts"]),
            "uploaded_parts": _counts(columns["uploaded_parts"]),
            "progress": np.where(size > 0, 100.0 * done / np.maximum(size, 1), 0.0),
            "upload_id": pd.array(columns["upload_id"], dtype=TEXT),
            "created_at": _moments(columns["created_at"]),
            "updated_at": _moments(columns["updated_at"]),
            "error_message": pd.array(columns["error_message"], dtype=TEXT),
        },
        copy=False,
    )


def history_frame(entries: Iterable[HistoryEntry]) -> pd.DataFrame:
    """Finished uploads as a DataFrame, one row each, in the order given.

    Columns: ``job_id``; ``file_path``, ``file_name``, ``file_size`` (bytes), ``sha1``; ``target_path``; ``status``;
    ``quick_upload`` (115 had the content already); ``bytes_sent`` (put on the wire); ``resumed`` (went on with parts
    of an earlier run); ``retries``; ``started_at``, ``finished_at``; ``elapsed_seconds``; ``mean_speed_mbps``
    (bytes sent over the whole time); ``file_id``, ``pick_code`` (115's names of the file); ``error_message`` (missing
    if none).

    Args:
        entries: As :meth:`HistoryStore.list` gives them.

    Example:
        >>> list(history_frame([]).columns)[:3]
        ['job_id', 'file_path', 'file_name']
    """
    rows = _rows(entries)
    return pd.DataFrame(
        {
            "job_id": _text(rows, lambda e: e.job_id),
            "file_path": _text(rows, lambda e: e.file_path),
            "file_name": _text(rows, lambda e: e.file_name),
            "file_size": _integers(rows, lambda e: e.file_size),
            "sha1": _text(rows, lambda e: e.sha1),
            "target_path": _text(rows, lambda e: e.target_path),
            "status": _states(rows, lambda e: e.status, STATUS, UploadStatus),
            "quick_upload": _booleans(rows, lambda e: e.quick_upload),
            "bytes_sent": _integers(rows, lambda e: e.bytes_sent),
            "resumed": _booleans(rows, lambda e: e.resumed),
            "retries": _integers(rows, lambda e: e.retries),
            "started_at": _times(rows, lambda e: e.started_at),
            "finished_at": _times(rows, lambda e: e.finished_at),
            "elapsed_seconds": _floats(rows, lambda e: e.elapsed_seconds),
            "mean_speed_mbps": _floats(rows, lambda e: e.mean_speed_mbps),
            "file_id": _text(rows, lambda e: e.file_id),
            "pick_code": _text(rows, lambda e: e.pick_code),
            "error_message": _text(rows, lambda e: e.error_message),
        },
        copy=False,
    )


def samples_frame(samples: Iterable[Sample]) -> pd.DataFrame:
    """A progress curve as a DataFrame, one row a point (1 Hz), in the order given.

    Columns: ``time``; ``uploaded_bytes`` (hashed ones while ``phase`` is ``hashing``); ``speed_mbps`` (MB/s, 10^6);
    ``phase``.

    Args:
        samples: As :meth:`HistoryStore.samples` gives them.

    Example:
        >>> samples_frame([Sample(0.5, 1_000_000, 2.0, Phase.UPLOADING)])["speed_mbps"].tolist()
        [2.0]
    """
    rows = _rows(samples)
    return pd.DataFrame(
        {
            "time": _times(rows, lambda s: s.time),
            "uploaded_bytes": _integers(rows, lambda s: s.uploaded_bytes),
            "speed_mbps": _floats(rows, lambda s: s.speed_mbps),
            "phase": _states(rows, lambda s: s.phase, PHASE, Phase),
        },
        copy=False,
    )


def _rows(items: Iterable[T]) -> Sequence[T]:
    return items if isinstance(items, list) else list(items)


def _text(rows: Sequence[T], value: Callable[[T], str | None]) -> Any:
    return pd.array([value(row) for row in rows], dtype=TEXT)


def _integers(rows: Sequence[T], value: Callable[[T], int]) -> Any:
    return _counts([value(row) for row in rows])


def _counts(values: Sequence[int]) -> Any:
    return pd.array(np.array(values, dtype=np.int64), dtype="Int64")


def _booleans(rows: Sequence[T], value: Callable[[T], bool]) -> Any:
    return pd.array(np.array([value(row) for row in rows], dtype=np.bool_), dtype="boolean")


def _floats(rows: Sequence[T], value: Callable[[T], float]) -> Any:
    return np.array([value(row) for row in rows], dtype=np.float64)


def _states(
    rows: Sequence[T], value: Callable[[T], StrEnum], dtype: pd.CategoricalDtype, states: type[StrEnum]
) -> Any:
    return _coded([value(row) for row in rows], dtype, states)


def _coded(values: Sequence[str], dtype: pd.CategoricalDtype, states: type[StrEnum]) -> Any:
    code = {str(state): number for number, state in enumerate(states)}
    return pd.Categorical.from_codes([code[value] for value in values], dtype=dtype)


def _times(rows: Sequence[T], value: Callable[[T], float]) -> Any:
    return _moments([value(row) for row in rows])


def _moments(values: Sequence[float]) -> Any:
    """Epoch seconds as ``datetime64[us, UTC]``; 0 ("unknown" in our models) and what is no number become NaT."""
    seconds = np.array(values, dtype=np.float64)
    known = np.isfinite(seconds) & (seconds > 0)
    micros = np.full(len(seconds), np.datetime64("NaT", "us"), dtype="datetime64[us]")
    micros[known] = np.round(seconds[known] * 1e6).astype("int64").astype("datetime64[us]")
    return pd.DatetimeIndex(micros).tz_localize("UTC")
