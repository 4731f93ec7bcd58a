"""What the tests of the server share: real sockets, clients that read them, a list joined as pages do it."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Iterable
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

from pan115kit.models import UploadStatus
from pan115kit.progress.recorder import ProgressRecorder
from pan115kit.progress.tracker import ProgressTracker
from pan115kit.sandbox import Sandbox
from pan115kit.server import Server

#: The specification's upload object, field by field.
SPEC_UPLOAD = {
    "file_name", "file_size", "status", "percentage", "uploaded_bytes", "total_bytes", "total_parts",
    "uploaded_parts", "speed_mbps", "elapsed_seconds", "eta_seconds", "error_message", "file_id", "is_quick_upload",
}  # fmt: skip
#: The specification's session object.
SPEC_SESSION = {
    "session_id", "file_path", "file_size", "file_sha1", "target_dir_id", "total_parts", "uploaded_parts",
    "upload_id", "progress", "created_at", "updated_at",
}  # fmt: skip
#: Seconds to wait for what must come; only a test that fails waits so long.
PATIENCE = 60.0


def until(condition: Callable[[], Any], what: str = "", *, seconds: float = PATIENCE) -> Any:
    """Look again until ``condition`` holds; what it gave.  Fails loudly instead of hanging."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s for: {what or condition}"
        time.sleep(0.01)
    return found


class QuietQueue:
    """A queue of which no upload is this process's own: what the tracker shows is written by the test."""

    def __init__(self) -> None:
        self.chores = 0
        self.blocked = None

    def jobs(self) -> list[Any]:
        return []

    def get(self, job_id: str) -> None:
        return None

    def start_chores(self) -> None:
        self.chores += 1

    def pause_all(self) -> None:
        """There is nothing to pause."""

    resume_all = cancel_all = pause_all


def hold(box: Sandbox, *, after: int = 0, route: str = "upload_part") -> None:
    """OSS answers ``after`` requests and no more, until ``box.clear_faults()``: uploads stand still in the middle."""
    box.fault(route, "stall", times=None, after=after)


def bearer(server: Server) -> dict[str, str]:
    return {"authorization": f"Bearer {server.token}"}


def http(server: Server) -> httpx.Client:
    """A client that belongs."""
    return httpx.Client(base_url=server.url, headers=bearer(server), timeout=PATIENCE, verify=False, trust_env=False)


def ask(method: str, url: str, **options: Any) -> httpx.Response:
    """One request of anybody; without certificates to load, which takes longer than the request."""
    return httpx.request(method, url, verify=False, trust_env=False, timeout=PATIENCE, **options)


def socket_url(server: Server, *, token: bool = True) -> str:
    url = server.url.replace("http://", "ws://") + "ws/upload/progress"
    return f"{url}?token={server.token}" if token else url


def ws(server: Server, **options: Any) -> ClientConnection:
    """A WebSocket client that belongs."""
    return connect(socket_url(server), **({"max_size": None, "proxy": None, "open_timeout": PATIENCE} | options))


def next_data(socket: ClientConnection, timeout: float = PATIENCE) -> dict[str, Any]:
    """The data of the next ``upload_progress`` message."""
    while True:
        message = json.loads(socket.recv(timeout))
        if message["type"] == "upload_progress":
            data: dict[str, Any] = message["data"]
            return data


@functools.lru_cache(maxsize=256)
def _data_of(message: str | bytes) -> dict[str, Any]:
    """Parsed once, however many clients of a test get it: they must not be the bottleneck."""
    data: dict[str, Any] = json.loads(message)["data"]
    return data


class Joined:
    """The list a page has after the messages it got (the same rules as ``progress.js``)."""

    def __init__(self) -> None:
        self.uploads: dict[str, Any] = {}
        self._pages: dict[str, Any] = {}
        self.whole = False

    def take(self, message: str | bytes) -> None:
        data = _data_of(message)
        new = {upload["job_id"]: upload for upload in data["uploads"]}
        if data.get("partial"):
            assert self.whole, "changes of a list that was never sent"
            self.uploads.update(new)
            for job_id in data.get("removed", []):
                self.uploads.pop(job_id, None)
        elif data.get("pages", 1) > 1:
            self._pages = new if data["page"] == 1 else self._pages | new
            if data["page"] == data["pages"]:
                self.uploads, self.whole = self._pages, True
        else:
            self.uploads, self.whole = new, True

    def take_all(self, messages: Iterable[str]) -> None:
        for message in messages:
            self.take(message)


def begin(tracker: ProgressTracker, number: int, *, size: int = 1_000_000) -> ProgressRecorder:
    """An upload that has been tracked and does nothing yet."""
    return tracker.open(f"job-{number}", f"/data/file-{number}.bin", f"file-{number}.bin", size, "/备份")


def uploading(tracker: ProgressTracker, number: int, *, size: int = 1_000_000) -> ProgressRecorder:
    """An upload that moves."""
    recorder = begin(tracker, number, size=size)
    recorder.set_status(UploadStatus.UPLOADING)
    return recorder
