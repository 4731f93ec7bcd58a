"""What panel tests share: a queue without an engine, widgets counted, messages counted."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
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
        if name not in ("pause", "resume", "cancel", "retry", "resume_session", "start_chores"):
            raise AttributeError(name)
        return lambda what=None: self.told.append((name, getattr(what, "session_id", what)))


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


class FrontEnd:
    """What a page has of a kernel's widgets, by the messages it was sent; it finds out when one is missing."""

    def __init__(self) -> None:
        self.states: dict[str, dict[str, Any]] = {}
        self.lists: dict[str, dict[str, Any]] = {}

    def take(self, kind: str, comm_id: str, data: Mapping[str, Any]) -> None:
        """One comm message."""
        if kind == "comm_open":
            self.states[comm_id] = dict(data["state"])
            self._take_whole(comm_id, data["state"].get("snapshot"))
        elif kind == "comm_close":
            self.states.pop(comm_id, None)
        elif data.get("method") == "update" and comm_id in self.states:
            self.states[comm_id].update(data["state"])
            self._take_whole(comm_id, data["state"].get("snapshot"))
        elif data.get("method") == "custom" and comm_id in self.lists:
            self._take_message(comm_id, data["content"])

    def _take_whole(self, comm_id: str, whole: Mapping[str, Any] | None) -> None:
        if whole:
            rows = {row["job_id"]: row for row in whole["uploads"]}
            self.lists[comm_id] = {"number": whole["number"], "rows": rows}

    def _take_message(self, comm_id: str, message: Mapping[str, Any]) -> None:
        found = self.lists[comm_id]
        if message["kind"] == "whole":
            self._take_whole(comm_id, message)
        elif message["kind"] == "changes":
            assert message["number"] == found["number"] + 1, "a message is missing"
            found["number"] += 1
            found["rows"] |= {row["job_id"]: row for row in message["uploads"]}
            for key in message["removed"]:
                found["rows"].pop(key, None)
        else:
            assert message == {"kind": "number", "number": found["number"]}

    def rows(self) -> list[dict[str, Any]]:
        """The rows of all lists."""
        return [row for found in self.lists.values() for row in found["rows"].values()]

    def text(self) -> str:
        """All that the rows say."""
        return json.dumps(self.rows(), ensure_ascii=False)


def action(word: str, *keys: str) -> dict[str, Any]:
    """What a page sends when a button is pressed; without keys it is one over all rows."""
    return {"kind": "action", "id": secrets.token_hex(4), "action": word, "job_ids": list(keys) or None}


def press(panel: Any, word: str, *keys: str) -> None:
    """Press a button of a panel, as its page would say it."""
    panel.widget._handle_custom_msg(action(word, *keys), [])


@contextmanager
def messages() -> Iterator[tuple[list[tuple[str, Any]], FrontEnd]]:
    """Every comm message sent meanwhile, (kind, data), and the page that got them."""
    sent: list[tuple[str, Any]] = []
    page = FrontEnd()

    class Counting(comm.DummyComm):
        def publish_msg(self, msg_type: str, data: Any = None, *arguments: Any, **more: Any) -> None:
            data = json.loads(json.dumps(data))  # as it goes over the wire
            sent.append((msg_type, data))
            page.take(msg_type, self.comm_id, data or {})

    make, comm.create_comm = comm.create_comm, Counting
    try:
        yield sent, page
    finally:
        comm.create_comm = make
