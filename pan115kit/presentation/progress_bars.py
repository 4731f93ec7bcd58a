"""tqdm bars, fed by the same snapshots as every other view, by one coroutine on the kit's UI thread.

The engine never prints.
"""

from __future__ import annotations

import asyncio
import functools
import sys
import threading
import time
import warnings
from collections.abc import Sequence
from typing import Any

from .._base import event_loops
from .._base.environment import has_widgets, in_kernel
from .._base.safe_output import SafeStream
from .._base.text_table import shorten
from ..i18n import say, visible
from ..models import UploadStatus
from ..progress.snapshot import UploadProgress
from ..transfer.queue import UploadQueue
from . import labels
from .rows import Group
from .upload_list import UploadList

#: Seconds between two looks at the uploads.
TICK = 0.2
#: Seconds between two lines where nobody watches: stderr goes to a file or a log.
LOG_INTERVAL = 10.0
#: Bars left standing after their upload; later ones vanish, the total counts them.
KEPT_BARS = 20
#: Cells of a file's name at the head of a line.
_NAME_WIDTH = 32

_COLOURS = {UploadStatus.PAUSED: "#f57c00", UploadStatus.FAILED: "#d1242f", UploadStatus.CANCELLED: "#d1242f"}


@functools.cache
def _tqdm() -> Any:
    """tqdm's class for this place; its complaint about missing ipywidgets is answered by text bars."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tqdm.auto import tqdm

    class Bar(tqdm):  # type: ignore[type-arg]
        """We look on a timer ourselves: tqdm's own thread, which lives for ever, has nothing to do."""

        monitor_interval = 0

    return Bar


class Bars:
    """A tqdm line per upload, a line for hashing, and a total where there are several.

    Args:
        queue: Whose uploads.
        job_ids: Which.
        file: Where text bars go; stderr if None.

    Example:
        >>> bars = Bars(queue, [job.job_id])      # doctest: +SKIP
        >>> bars.start(); job.wait(); bars.stop() # doctest: +SKIP
    """

    def __init__(self, queue: UploadQueue, job_ids: Sequence[str], *, file: Any = None) -> None:
        self._queue = queue
        self._ids = dict.fromkeys(job_ids)
        self._version = -1
        self._uploads = UploadList(time.monotonic())
        self._not_sent = 0  # bytes of earlier runs, and those that 115 had: they are no speed
        self._file = _safe_stream(file or sys.stderr)
        self._class = _tqdm()
        self._drawn = in_kernel() and has_widgets()
        self._coloured = self._drawn or self._file.isatty()
        self._stacked = len(self._ids) > 1 and not self._drawn
        self._bars: dict[str, Any] = {}
        self._hashing: dict[str, Any] = {}
        self._ended: set[str] = set()
        self._total: Any = None
        self._over = threading.Event()

    def start(self) -> None:
        """Begin to draw; it ends with the uploads, or with :meth:`stop`."""
        # not in a fresh context: text bars belong to the cell that asked for them
        self._future = event_loops.ui_loop().submit(self._draw_on())

    def stop(self) -> None:
        """Draw the last state and close the bars; idempotent."""
        self._over.set()
        if not event_loops.ui_loop().is_current:
            self._future.result(10)

    async def _draw_on(self) -> None:
        while not self._over.is_set() and len(self._ended) < len(self._ids):
            self._draw()
            await asyncio.sleep(TICK / 2 if not self._bars else TICK)
        self._draw()
        self._close()

    def _draw(self) -> None:
        self._version, changed = self._queue.tracker.changed_since(self._version)
        shots = [shot for shot in changed if shot.job_id in self._ids]
        for shot in shots:
            before = self._uploads.get(shot.job_id)
            self._not_sent += _not_sent(shot) - (_not_sent(before.shot) if before is not None else 0)
        self._uploads.update(shots, time.monotonic())
        if len(self._ids) > 1 and len(self._uploads):
            self._draw_total()  # first, so that it keeps the first line
        for shot in shots:
            if shot.job_id not in self._ended:
                self._draw_one(shot)

    def _draw_one(self, shot: UploadProgress) -> None:
        status = shot.status
        if status is UploadStatus.HASHING:
            bar = self._hashing.get(shot.job_id) or self._open_hash(shot)
            _advance(bar, shot.hashed_bytes)
            return
        hashing = self._hashing.pop(shot.job_id, None)
        if hashing is not None:
            if status is not UploadStatus.FAILED:
                _advance(hashing, shot.file_size)
            hashing.close()
        bar = self._bars.get(shot.job_id)
        if bar is None:
            if status in (UploadStatus.PENDING, UploadStatus.CHECKING):
                return  # a waiting upload gets its line when it begins
            if status.is_final and status is not UploadStatus.FAILED and len(self._ended) >= KEPT_BARS:
                self._ended.add(shot.job_id)  # over between two looks: the total counts it
                return
            bar = self._open(shot)
        if shot.resumed_bytes > bar.initial:
            # found only after the line was drawn: bytes of an earlier run are no speed
            bar.initial = bar.n = bar.last_print_n = shot.resumed_bytes
        _advance(bar, shot.uploaded_bytes)
        self._dress(bar, shot)
        if status.is_final:
            self._ended.add(shot.job_id)
            self._end(bar)

    def _end(self, bar: Any) -> None:
        bar.close()
        if self._stacked and len(self._ended) <= KEPT_BARS:
            # a closed bar of a stack would leave scraps of itself among the others
            self._class.write(str(bar), file=self._file)

    def _dress(self, bar: Any, shot: UploadProgress) -> None:
        colour = _COLOURS.get(shot.status)
        plain = shot.status in (UploadStatus.UPLOADING, UploadStatus.SUCCESS) and shot.waiting_for is None
        text = "" if plain else shot.label
        if shot.status is UploadStatus.FAILED and shot.error_message:
            text += f": {' '.join(shot.error_message.split())}"
        recoloured = self._coloured and bar.colour != colour
        if recoloured:
            bar.colour = colour
        if (bar.postfix or "") != text:
            bar.set_postfix_str(text, refresh=False)
        elif not recoloured:
            return
        if not shot.status.is_final or self._drawn:  # a text bar is drawn once more when it is closed
            bar.refresh()

    def _draw_total(self) -> None:
        totals = self._uploads.totals(time.monotonic(), time.time())
        there = self._not_sent
        if self._total is None:
            self._total = self._bar(say("bars.total"), totals.size, there, leave=True)
        self._total.total = totals.size
        if there > self._total.initial:
            self._total.n += there - self._total.initial
            self._total.last_print_n = self._total.n
            self._total.initial = there
        _advance(self._total, totals.uploaded)
        done = totals.counts.get(Group.DONE, 0)
        self._total.set_postfix_str(say("bars.files", done=done, total=len(self._ids)), False)

    def _open_hash(self, shot: UploadProgress) -> Any:
        name = say("bars.hashing", name=shot.file_name)
        bar = self._hashing[shot.job_id] = self._bar(name, shot.file_size, 0, leave=False)
        return bar

    def _open(self, shot: UploadProgress) -> Any:
        begin = shot.file_size if shot.status is UploadStatus.QUICK_SUCCESS else shot.resumed_bytes
        leave = not self._stacked and len(self._bars) < KEPT_BARS
        name = f"{labels.file_icon(shot.file_name)} {shot.file_name}" if self._drawn else shot.file_name
        bar = self._bars[shot.job_id] = self._bar(name, shot.file_size, begin, leave=leave)
        return bar

    def _bar(self, name: str, size: int, begin: int, *, leave: bool) -> Any:
        return self._class(
            total=size,
            initial=begin,
            desc=shorten(visible(name), _NAME_WIDTH),
            unit="B",
            unit_scale=True,
            unit_divisor=1000,
            mininterval=0.1 if self._coloured else LOG_INTERVAL,
            leave=leave,
            position=None if self._coloured else 0,  # a log cannot move its cursor up
            file=self._file,
            dynamic_ncols=True,
        )

    def _close(self) -> None:
        for bar in (*self._hashing.values(), *self._bars.values(), self._total):
            if bar is not None:
                bar.close()


_last_stream = SafeStream(None)


def _safe_stream(stream: Any) -> SafeStream:
    """One outlet for all bars of a stream: tqdm moves them out of each other's way, and knows it by its object.

    Where the last one had to give up, a new one tries again.
    """
    global _last_stream
    if not _last_stream.writes_to(stream):
        _last_stream = SafeStream(stream)
    return _last_stream


def _not_sent(shot: UploadProgress) -> int:
    return shot.file_size if shot.status is UploadStatus.QUICK_SUCCESS else shot.resumed_bytes


def _advance(bar: Any, done: int) -> None:
    if done > bar.n:
        bar.update(done - bar.n)
