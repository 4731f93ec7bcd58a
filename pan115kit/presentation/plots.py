"""Figures from the kit's tables.  No pyplot: a figure belongs to whoever asked for it and leaves no state behind."""

from __future__ import annotations

import functools
import io
from datetime import date

import pandas as pd
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from .._base.environment import shell
from ..i18n import FALLBACK, format_bytes, language, say
from ..models import Phase, UploadStatus
from .rows import BLUE, GREEN, GREY

#: Seconds between two points that are enough for a speed: the last point may come right after the one before.
_SHORTEST = 0.25
#: Fonts with Chinese, on Linux, macOS and Windows.
_CJK_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "PingFang SC",
    "Hiragino Sans GB",
    "Heiti SC",
    "Arial Unicode MS",
    "Microsoft YaHei",
    "SimHei",
    "SimSun",
)


@functools.cache
def cjk_font() -> str | None:
    """The first installed font with Chinese, or None: then labels are English and other signs are left out."""
    installed = {font.name for font in font_manager.fontManager.ttflist}
    return next((name for name in _CJK_FONTS if name in installed), None)


def plot_samples(samples: pd.DataFrame, title: str = "") -> Figure:
    """Speed over time, with the hash phase in grey.

    Args:
        samples: As :func:`pan115kit.presentation.dataframes.samples_frame` gives them.
        title: e.g. the file's name.

    Example:
        >>> from pan115kit.presentation.dataframes import samples_frame
        >>> plot_samples(samples_frame([])).axes[0].get_ylabel()
        'MB/s'
    """
    figure, axes = _canvas(title)
    seconds = (samples["time"].astype("int64") - samples["time"].astype("int64").min()) / 1e6
    speeds = _between(samples)
    for phase, colour, key in (
        (Phase.HASHING, GREY, "plot.hashing"),
        (Phase.UPLOADING, BLUE, "plot.uploading"),
    ):
        # the other phase's points are gaps, so that no line is drawn across them
        speed = speeds.where(samples["phase"].astype(str) == str(phase))
        if not speed.notna().any():
            continue
        axes.plot(seconds, speed, color=colour, linewidth=1.6, label=_label(key))
        axes.fill_between(seconds, 0, speed, color=colour, alpha=0.12, linewidth=0)
    if not len(samples):
        _empty(axes)
    elif len(axes.lines) > 1:
        axes.legend(frameon=False, prop=_font())
    axes.set_xlabel(_label("plot.seconds"), fontproperties=_font())
    axes.set_ylabel("MB/s")
    axes.set_ylim(bottom=0)
    return figure


def _between(samples: pd.DataFrame) -> pd.Series[float]:
    """MB/s from point to point: ``speed_mbps`` is a mean of the last seconds, in which short changes drown."""
    seconds = samples["time"].diff().dt.total_seconds()
    speed = samples["uploaded_bytes"].astype("float64").diff() / seconds / 1e6
    follows = samples["phase"] == samples["phase"].shift()
    # the first point of a phase has nothing to compare with; one right after another says what that one said
    speeds: pd.Series[float] = speed.where(follows & (speed >= 0), samples["speed_mbps"])
    return speeds.where(~follows | (seconds >= _SHORTEST)).ffill()


def plot_history(history: pd.DataFrame) -> Figure:
    """Bytes per day of the local calendar: what was sent, and what 115 had already (秒传).

    Args:
        history: As :func:`pan115kit.presentation.dataframes.history_frame` gives it.

    Example:
        >>> from pan115kit.presentation.dataframes import history_frame
        >>> len(plot_history(history_frame([])).axes)
        1
    """
    figure, axes = _canvas(_label("plot.per_day"))
    done = history[history["status"].isin([str(UploadStatus.SUCCESS), str(UploadStatus.QUICK_SUCCESS)])]
    if not len(done):
        _empty(axes)
        return figure
    day = _local_days(done["finished_at"])
    sizes = done["file_size"].astype("float64")
    sent = sizes.where(~done["quick_upload"].astype(bool), 0.0).groupby(day).sum()
    instant = sizes.where(done["quick_upload"].astype(bool), 0.0).groupby(day).sum()
    axes.bar(sent.index, sent.to_numpy(), width=0.8, color=BLUE, label=_label("plot.sent"))
    axes.bar(
        instant.index,
        instant.to_numpy(),
        width=0.8,
        bottom=sent.to_numpy(),
        color=GREEN,
        label=_label("plot.instant"),
    )
    if len(sent) == 1:  # one bar alone would fill the figure
        middle = sent.index[0]
        axes.set_xlim(middle - pd.Timedelta(days=3), middle + pd.Timedelta(days=3))
    locator = AutoDateLocator(minticks=3, maxticks=10)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: format_bytes(value)))
    axes.legend(frameon=False, prop=_font())
    return figure


def _local_days(times: pd.Series[pd.Timestamp]) -> pd.Series[pd.Timestamp]:
    """Midnight of each moment's day where the reader is; summer time is that of the day."""
    seconds = times.astype("int64") // 10**6
    return pd.to_datetime(pd.Series([date.fromtimestamp(moment) for moment in seconds], index=times.index))


def _show_figures() -> None:
    """IPython draws figures only once pyplot or ``%matplotlib`` has taught it to; ours need neither."""
    formatter = getattr(shell(), "display_formatter", None)
    if formatter is not None:
        images = formatter.formatters["image/png"]
        if Figure not in images:
            images.for_type(Figure, _png)


def _png(figure: Figure) -> bytes:
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=110)
    return image.getvalue()


def _canvas(title: str) -> tuple[Figure, Axes]:
    _show_figures()
    figure = Figure(figsize=(7.5, 3.0), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.25)
    axes.set_axisbelow(True)
    if title:
        axes.set_title(_drawable(title), fontproperties=_font(), loc="left", fontsize=11)
    return figure, axes


def _empty(axes: Axes) -> None:
    axes.text(
        0.5,
        0.5,
        _label("plot.empty"),
        transform=axes.transAxes,
        ha="center",
        color=GREY,
        fontproperties=_font(),
    )


def _label(key: str) -> str:
    return say(key, lang=language() if cjk_font() else FALLBACK)


def _font() -> font_manager.FontProperties:
    return font_manager.FontProperties(family=[cjk_font() or "sans-serif"])


def _drawable(text: str) -> str:
    """``text`` without what no font here can draw (else every sign is a warning and a box); ``$`` is no formula."""
    has_glyph = font_manager.get_font(font_manager.findfont(_font())).get_char_index
    return "".join(sign if has_glyph(ord(sign)) else "?" for sign in text).replace("$", r"\$")
