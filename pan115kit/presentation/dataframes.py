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

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from ..drive.data import Entry
from ..folders.verify import Comparison
from ..models import HISTORY_COLUMNS, SESSION_COLUMNS, HistoryEntry, Phase, Sample, UploadSession, UploadStatus

T = TypeVar("T")

#: "python" by name: pandas 3 would else take Arrow's strings where pyarrow is installed, and NaN as missing.
TEXT = pd.StringDtype("python")


def _category(states: type[StrEnum]) -> pd.CategoricalDtype:
    return pd.CategoricalDtype(pd.Index([str(state) for state in states], dtype=TEXT), ordered=True)


#: The order of an upload's life: pending < hashing < … < cancelled.
STATUS = _category(UploadStatus)
PHASE = _category(Phase)
_CATEGORIES: dict[type, pd.CategoricalDtype] = {UploadStatus: STATUS, Phase: PHASE}


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
    stored = [column.name for column in SESSION_COLUMNS if column.is_stored]
    shown: dict[str, Sequence[Any]] = {name: [getattr(row, name) for row in rows] for name in stored}
    counts = {
        "uploaded_parts": [len(row.uploaded_parts) for row in rows],
        "uploaded_bytes": [row.bytes_done for row in rows],
    }
    return sessions_table(shown | counts)


def sessions_table(columns: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    """:func:`sessions_frame` of what :meth:`SessionStore.columns` gives: the quick way for very many."""
    size = np.array(columns["file_size"], dtype=np.int64)
    done = np.array(columns["uploaded_bytes"], dtype=np.int64)
    values = {**columns, "progress": np.where(size > 0, 100.0 * done / np.maximum(size, 1), 0.0)}
    return pd.DataFrame({c.name: _array(c.kind, values[c.name]) for c in SESSION_COLUMNS}, copy=False)


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
        {c.name: _array(c.kind, [getattr(row, c.name) for row in rows]) for c in HISTORY_COLUMNS}, copy=False
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
    kinds = {"time": datetime, "uploaded_bytes": int, "speed_mbps": float, "phase": Phase}
    return pd.DataFrame(
        {name: _array(kind, [getattr(row, name) for row in rows]) for name, kind in kinds.items()}, copy=False
    )


def entries_frame(entries: Iterable[tuple[str, Entry]]) -> pd.DataFrame:
    """What is on the drive as a DataFrame, one row each, in the order given.

    Columns: ``name``; ``path`` (whole); ``kind`` (``file``, ``folder``); ``size`` (bytes; 0 for folders); ``sha1``
    (upper-case hex; missing for folders); ``modified``; ``file_id`` (a folder's cid); ``pick_code``.

    Args:
        entries: Each with its path.

    Example:
        >>> entries_frame([("/x/a.txt", Entry("1", "a.txt", 3, "AB" * 20))])["path"].tolist()
        ['/x/a.txt']
    """
    rows = list(entries)
    found = [entry for _, entry in rows]
    return pd.DataFrame(
        {
            "name": _array(str, [entry.name for entry in found]),
            "path": _array(str, [path for path, _ in rows]),
            "kind": _array(str, [str(entry.kind) for entry in found]),
            "size": _array(int, [entry.size for entry in found]),
            "sha1": _array(str, [entry.sha1 or None for entry in found]),
            "modified": _moments([entry.modified for entry in found]),
            "file_id": _array(str, [entry.file_id for entry in found]),
            "pick_code": _array(str, [entry.pick_code for entry in found]),
        }
    )


def comparison_frame(rows: Iterable[Comparison]) -> pd.DataFrame:
    """How a folder and its counterpart on the drive compare, one row a file, in the order given.

    Columns: ``path`` (from the folder, with ``/``); ``state`` (``same``, ``changed``, ``missing`` from the drive,
    ``extra`` there); ``local_size``, ``drive_size`` (bytes; missing where there is no file); ``local_sha1`` (missing
    where the sizes decide), ``drive_sha1``.

    Args:
        rows: As :func:`pan115kit.folders.verify.verify_folder` gives them.
    """
    found = list(rows)
    return pd.DataFrame(
        {
            "path": _array(str, [row.path for row in found]),
            "state": _array(str, [str(row.state) for row in found]),
            "local_size": pd.array([row.local_size for row in found], dtype="Int64"),
            "drive_size": pd.array([row.drive_size for row in found], dtype="Int64"),
            "local_sha1": _array(str, [row.local_sha1 or None for row in found]),
            "drive_sha1": _array(str, [row.drive_sha1 or None for row in found]),
        }
    )


def _rows(items: Iterable[T]) -> Sequence[T]:
    return items if isinstance(items, list) else list(items)


def _array(kind: type, values: Any) -> Any:
    """One column's values with the dtype of their kind (:attr:`pan115kit.models.Column.kind`)."""
    if kind is str:
        return pd.array(values, dtype=TEXT)
    if kind is int:
        return pd.array(np.array(values, dtype=np.int64), dtype="Int64")
    if kind is bool:
        return pd.array(np.array(values, dtype=np.bool_), dtype="boolean")
    if kind is float:
        return np.array(values, dtype=np.float64)
    return _moments(values) if kind is datetime else _coded(values, _CATEGORIES[kind], kind)


def _coded(values: Sequence[str], dtype: pd.CategoricalDtype, states: type[StrEnum]) -> Any:
    code = {str(state): number for number, state in enumerate(states)}
    return pd.Categorical.from_codes([code[value] for value in values], dtype=dtype)


def _moments(values: Sequence[float]) -> Any:
    """Epoch seconds as ``datetime64[us, UTC]``; 0 ("unknown" in our models) and what is no number become NaT."""
    seconds = np.array(values, dtype=np.float64)
    known = np.isfinite(seconds) & (seconds > 0)
    micros = np.full(len(seconds), np.datetime64("NaT", "us"), dtype="datetime64[us]")
    micros[known] = np.round(seconds[known] * 1e6).astype("int64").astype("datetime64[us]")
    return pd.DatetimeIndex(micros).tz_localize("UTC")
