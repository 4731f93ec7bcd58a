"""Fixtures of the server's tests: every one listens on a real loopback socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from server_support import QuietQueue, http

from pan115kit import Pan115Client, UploadConfig
from pan115kit.config import KIB
from pan115kit.progress.tracker import ProgressTracker
from pan115kit.server import Server, serve
from pan115kit.store import Store


@pytest.fixture
def tracker() -> ProgressTracker:
    return ProgressTracker()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "state") as opened:
        yield opened


@pytest.fixture
def start(tracker: ProgressTracker, store: Store) -> Iterator[Callable[..., Server]]:
    """Starts servers over ``tracker`` and ``store``; they stop with the test."""
    running: list[Server] = []

    def starting(**options: Any) -> Server:
        running.append(serve(QuietQueue(), tracker, store, **options))  # type: ignore[arg-type]
        return running[-1]

    yield starting
    for server in running:
        server.stop()


@pytest.fixture
def server(start: Callable[..., Server]) -> Server:
    return start()


@pytest.fixture
def api(server: Server) -> Iterator[httpx.Client]:
    with http(server) as client:
        yield client


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Pan115Client]:
    """A client of a local 115; a test that commands an upload in its middle holds it there (``hold``)."""
    config = UploadConfig(
        part_size=200 * KIB, multipart_threshold=400 * KIB, api_rate=0, retries=2, retry_base=0.01, retry_cap=0.05
    )
    with Pan115Client.sandbox(state_dir=tmp_path / "client-state", config=config) as made:
        yield made


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The folder that may be uploaded from."""
    folder = tmp_path / "files"
    folder.mkdir()
    return folder


@pytest.fixture
def live(client: Pan115Client, files: Path) -> Iterator[httpx.Client]:
    """REST over the real queue."""
    with http(client.serve(roots=[files])) as made:
        yield made
