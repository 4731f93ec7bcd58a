"""Figures from the tables: drawn without warnings, without pyplot, in fonts that are there."""

from __future__ import annotations

import dataclasses
import io
import subprocess
import sys
import time
import warnings

import pandas as pd
import pytest
from matplotlib.dates import num2date

from pan115kit.models import HistoryEntry, Phase, Sample, UploadStatus
from pan115kit.presentation import plots
from pan115kit.presentation.dataframes import history_frame, samples_frame

SAMPLES = [Sample(1e9 + n, n * 2_000_000, 9.0, Phase.HASHING if n < 4 else Phase.UPLOADING) for n in range(12)]


def entry(day: int, status: UploadStatus, size: int = 10**9) -> HistoryEntry:
    quick = status is UploadStatus.QUICK_SUCCESS
    finished = 1.6e9 + day * 86400
    return HistoryEntry(
        f"{day}{status}", "/a", "a", size, "", "/", status, quick, 0, False, 0, finished, finished, 1, "", "", None
    )


HISTORY = [entry(day, status) for day in (0, 1, 5) for status in (UploadStatus.SUCCESS, UploadStatus.QUICK_SUCCESS)]


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("font", [True, False], ids=["chinese-font", "no-chinese-font"])
def test_figures_draw_without_a_warning(lang: str, font: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Boxes instead of signs, and a page of "Glyph missing" warnings, where no Chinese font is installed."""
    monkeypatch.setenv("PAN115_LANG", lang)
    if not font:
        monkeypatch.setattr(plots, "cjk_font", lambda: None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for figure in (
            plots.plot_samples(samples_frame(SAMPLES), "电影 $2025$ 🎬.mkv"),
            plots.plot_samples(samples_frame([])),
            plots.plot_history(history_frame(HISTORY)),
            plots.plot_history(history_frame(HISTORY[:1])),
            plots.plot_history(history_frame([])),
        ):
            figure.savefig(io.BytesIO(), format="png")


def test_the_curve_has_the_samples_values() -> None:
    """A chart in the wrong unit is worse than none."""
    (axes,) = plots.plot_samples(samples_frame(SAMPLES)).axes
    hashing, uploading = axes.lines
    assert axes.get_ylabel() == "MB/s"
    assert uploading.get_xdata()[-1] == 11.0
    assert uploading.get_ydata()[-1] == pytest.approx(2.0)
    assert pd.isna(hashing.get_ydata()[-1])


def test_a_point_right_after_another_is_no_drop() -> None:
    """The last sample comes with the end, whenever that is: a dive to nearly zero there would be an invention."""
    rows = [Sample(1e9 + at, done, 3.0, Phase.UPLOADING) for at, done in ((0, 0), (1, 8_000_000), (1.1, 8_100_000))]
    (axes,) = plots.plot_samples(samples_frame(rows)).axes
    assert list(axes.lines[0].get_ydata()) == pytest.approx([3.0, 8.0, 8.0])


def test_days_are_those_of_the_readers_calendar(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was uploaded at eight in the morning in Shanghai stood under the day before."""
    if not hasattr(time, "tzset"):
        pytest.skip("this system has one time zone for all its processes")
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    try:
        (axes,) = plots.plot_history(history_frame([entry(0, UploadStatus.SUCCESS)])).axes
        (bar,) = axes.containers[0]
        middle = num2date(bar.get_x() + bar.get_width() / 2)
        assert (middle.year, middle.month, middle.day) == (2020, 9, 13)  # 20:26 there, 12:26 UTC
        late = dataclasses.replace(entry(0, UploadStatus.SUCCESS), finished_at=1.6e9 + 4 * 3600)  # 00:26 there
        (axes,) = plots.plot_history(history_frame([late])).axes
        (bar,) = axes.containers[0]
        assert num2date(bar.get_x() + bar.get_width() / 2).day == 14
    finally:
        monkeypatch.undo()
        time.tzset()


def test_bytes_per_day_count_only_what_arrived() -> None:
    """A failed upload brought nothing; instant ones are told apart from sent ones."""
    history = history_frame([*HISTORY, entry(0, UploadStatus.FAILED), entry(1, UploadStatus.CANCELLED)])
    (axes,) = plots.plot_history(history).axes
    sent, instant = axes.containers
    assert [bar.get_height() for bar in sent] == [1e9] * 3
    assert [bar.get_height() for bar in instant] == [1e9] * 3
    assert [bar.get_y() for bar in instant] == [1e9] * 3


def test_plots_leave_pyplot_alone() -> None:
    """Figures kept by pyplot fill a long session's memory and change the user's backend."""
    code = "import sys, pan115kit.presentation.plots; sys.exit('matplotlib.pyplot' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=240)
