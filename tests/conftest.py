"""What every test may rely on: no leftovers of others, and none of its own."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from pan115kit import config
from pan115kit._base import event_loops
from pan115kit.progress import tracker

# A slow machine must not fail a test, nor the draw of the day: the gate tries the same examples each time.  New
# ones are sought with HYPOTHESIS_PROFILE=explore, and what they find becomes a test of its own.
hypothesis.settings.register_profile(
    "gate", deadline=None, derandomize=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.register_profile(
    "explore", deadline=None, max_examples=3000, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "gate"))


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Doctests are the package's: scripts that tests run elsewhere may import what is not here."""
    name = collection_path.name
    return True if name.endswith(".py") and not name.startswith("test_") else None


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees the user's credentials, settings or state, nor another test's uploads."""
    for name in list(os.environ):
        if name.startswith("PAN115_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PAN115_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("PAN115_LANG", "en")
    monkeypatch.setattr(tracker, "_shared", None)
    monkeypatch.setattr(config, "_warned_about_parts", False)


@pytest.fixture(autouse=True)
def _no_leaks() -> Iterator[None]:
    """A thread that outlives its test, or a task left on the kit's loops, fails the test."""
    before = set(threading.enumerate())
    yield
    for thread in list(event_loops._threads.values()):
        left, deadline = _tasks(thread), time.monotonic() + 20
        while left and time.monotonic() < deadline:  # some are just about to end
            time.sleep(0.01)
            left = _tasks(thread)
        assert not left, f"tasks left on {thread.name}: {left}"
    event_loops.shutdown()
    late = [t for t in threading.enumerate() if t not in before and not _ends(t)]
    assert not late, f"threads left behind: {late}"


def _tasks(thread: event_loops.LoopThread) -> set[object]:
    import asyncio

    return set(asyncio.all_tasks(thread.loop)) if thread.alive else set()  # those that are not done


def _ends(thread: threading.Thread) -> bool:
    """Some threads are just about to end; those of the pool that reads files wait for the next file."""
    if thread.name.startswith("pan115kit-file"):
        return True
    thread.join(20)
    return not thread.is_alive()
