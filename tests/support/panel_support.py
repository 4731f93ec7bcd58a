"""What panel tests share: a queue without an engine, widgets counted, messages counted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import comm
import ipywidgets

from pan115kit.models import UploadStatus
from pan115kit.progress.tracker import ProgressTracker


class QuietQueue:
    """A queue whose uploads stand as the test says; it notes what it is told."""

    def __init__(self) -> None:
        self.tracker = ProgressTracker()
        self.told: list[tuple[str, str]] = []
        self.recorders: dict[str, Any] = {}
        self.store = SimpleNamespace(history=SimpleNamespace(samples=lambda job_id: []))

    def add(self, name: str, size: int = 1000, status: UploadStatus = UploadStatus.PENDING, done: int = 0) -> Any:
        """A new upload; its id is its name."""
        recorder = self.recorders[name] = self.tracker.open(name, f"/data/{name}", name, size, "/影视")
        if status is not UploadStatus.PENDING:
            recorder.set_status(UploadStatus.UPLOADING)
            recorder.set_uploaded(done)
            recorder.set_status(status, error_message="it broke" if status is UploadStatus.FAILED else None)
        return recorder

    def get(self, job_id: str) -> Any:
        return self.recorders.get(job_id)

    def __getattr__(self, name: str) -> Callable[[Any], None]:
        if name not in ("pause", "resume", "cancel", "retry", "resume_session"):
            raise AttributeError(name)
        return lambda what: self.told.append((name, getattr(what, "session_id", what)))


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until something is so; the test fails if it never is."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def models() -> int:
    """Widget models alive in this process."""
    return len(ipywidgets.widget._instances if hasattr(ipywidgets, "_instances") else _registry())


def _registry() -> dict[str, Any]:
    from ipywidgets.widgets import widget

    return widget._instances


@contextmanager
def messages() -> Iterator[list[tuple[str, Any]]]:
    """Every comm message sent meanwhile: (kind, data)."""
    sent: list[tuple[str, Any]] = []

    class Counting(comm.DummyComm):
        def publish_msg(self, msg_type: str, data: Any = None, *arguments: Any, **more: Any) -> None:
            sent.append((msg_type, data))

    make, comm.create_comm = comm.create_comm, Counting
    try:
        yield sent
    finally:
        comm.create_comm = make
