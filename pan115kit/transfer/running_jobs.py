"""The uploads of this process by session: starting what already runs joins it (laws.md 11)."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")

#: Where an upload's session lives, and which: (state directory, session_id).
JobKey = tuple[str, str]


class RunningJobs(Generic[T]):
    """Who works on which session; whoever ends takes itself off.

    Attributes:
        lock: Held by who looks and then adds.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._running: dict[JobKey, T] = {}

    def get(self, key: JobKey) -> T | None:
        """Who works on this session, or None."""
        return self._running.get(key)

    def add(self, key: JobKey, running: T) -> None:
        """``running`` works on this session from now on."""
        with self.lock:
            self._running[key] = running

    def discard(self, key: JobKey, running: T) -> None:
        """``running`` has ended; nothing happens where another works on this session by now."""
        with self.lock:
            if self._running.get(key) == running:
                del self._running[key]
