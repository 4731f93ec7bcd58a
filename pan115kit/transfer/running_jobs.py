"""The uploads of one state directory by session: starting what already runs joins it (laws.md 11)."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class RunningJobs(Generic[T]):
    """Who works on which session; whoever ends takes itself off.

    Attributes:
        lock: Held by who looks and then adds.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._running: dict[str, T] = {}

    def get(self, session_id: str) -> T | None:
        """Who works on this session, or None."""
        return self._running.get(session_id)

    def add(self, session_id: str, running: T) -> None:
        """``running`` works on this session from now on."""
        with self.lock:
            self._running[session_id] = running

    def discard(self, session_id: str, running: T) -> None:
        """``running`` has ended; nothing happens where another works on this session by now."""
        with self.lock:
            if self._running.get(session_id) == running:
                del self._running[session_id]
