"""Progress while a call lasts: a panel or tqdm bars, chosen by one word (``progress=``)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .._base.environment import has_widgets, in_kernel
from ..errors import ConfigError
from ..i18n import say
from ..presentation.progress_bars import Bars
from ..progress.snapshot import UploadProgress
from ..transfer.queue import UploadQueue

#: What ``progress=`` may be, besides a function of one snapshot.
CHOICES = ("auto", "panel", "tqdm", "none")

Watcher = Callable[[UploadProgress], Any]


def watcher(progress: str | Watcher | None) -> Watcher | None:
    """The function behind ``progress=``, or None where it is one of the words.

    Raises:
        ConfigError: It is neither; told before anything is sent.

    Example:
        >>> watcher("tqdm") is None, watcher(print) is print
        (True, True)
    """
    if progress is None or callable(progress):
        return progress
    if progress not in CHOICES:
        choices = ", ".join(repr(choice) for choice in CHOICES)
        raise ConfigError(
            say("progress.unknown", value=repr(progress)), hint=say("progress.unknown.hint", choices=choices)
        )
    return None


@contextlib.contextmanager
def show(progress: str, queue: UploadQueue, job_ids: Sequence[str]) -> Iterator[None]:
    """Show uploads while the ``with`` block lasts.

    Args:
        progress: ``panel``, ``tqdm``, ``none``, or ``auto``: the panel in a kernel with anywidget, else tqdm.
        queue: Whose uploads.
        job_ids: Which.

    Raises:
        ConfigError: ``progress`` is none of these.

    Example:
        >>> with show("tqdm", queue, [job.job_id]):       # doctest: +SKIP
        ...     job.wait()
    """
    kind = _kind(progress)
    if kind == "none" or not job_ids:
        yield
    elif kind == "panel":
        from .panel import Panel

        panel = Panel(queue, job_ids)
        panel.show()
        yield  # after an error or ■ the panel stays live: it has the button to go on
        panel.freeze()
    else:
        bars = Bars(queue, job_ids)
        bars.start()
        try:
            yield
        finally:
            bars.stop()


def begin(progress: str, queue: UploadQueue, job_ids: Sequence[str]) -> None:
    """Show uploads and return at once; what is shown ends with them.

    Raises:
        ConfigError: ``progress`` is not known.
    """
    kind = _kind(progress)
    if kind == "panel":
        from .panel import Panel

        Panel(queue, job_ids).show()
    elif kind == "tqdm":
        Bars(queue, job_ids).start()


def _kind(progress: str) -> str:
    watcher(progress)
    if progress in ("auto", "panel"):
        return "panel" if in_kernel() and has_widgets("anywidget") else "tqdm"
    return progress
