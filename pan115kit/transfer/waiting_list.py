"""Which job runs next: the highest priority first, then the oldest.  Pure."""

from __future__ import annotations

import heapq


class WaitingList:
    """The jobs that could run now.

    Each call costs the logarithm of the list's length at most: what has left the list is passed over when it comes to
    the front.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, str]] = []
        self._listed: set[str] = set()

    def __len__(self) -> int:
        return len(self._listed)

    def add(self, job_id: str, priority: float, order: int) -> None:
        """Put a job on the list; one that is on it stays where it is.

        Args:
            job_id: Which.
            priority: Higher is earlier.
            order: Among equals, lower is earlier.
        """
        if job_id not in self._listed:
            self._listed.add(job_id)
            heapq.heappush(self._heap, (-priority, order, job_id))

    def discard(self, job_id: str) -> None:
        """Take a job off the list, if it is on it."""
        self._listed.discard(job_id)

    def first(self) -> str | None:
        """The next job, or None where nobody waits."""
        while self._heap:
            job_id = self._heap[0][-1]
            if job_id in self._listed:
                return job_id
            heapq.heappop(self._heap)
        return None

    def pop(self) -> str | None:
        """Take the next job off the list."""
        job_id = self.first()
        if job_id is not None:
            heapq.heappop(self._heap)
            self._listed.remove(job_id)
        return job_id
