"""tqdm bars: one line per upload, in a terminal or a notebook."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from ..transfer.queue import UploadQueue


@contextlib.contextmanager
def show(progress: str, queue: UploadQueue, job_ids: Sequence[str]) -> Iterator[None]:
    """Show uploads while the ``with`` block lasts."""
    yield
