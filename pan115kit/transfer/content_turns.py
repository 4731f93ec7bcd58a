"""One content at a time: a file known by two names (a link, a copy) is sent once, then it is there for the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class ContentTurns:
    """Lets uploads of the same content go one after the other; others pass freely."""

    def __init__(self) -> None:
        self._locks: dict[tuple[str, int], tuple[asyncio.Lock, int]] = {}

    def taken(self, sha1: str, size: int) -> bool:
        """Whether another upload has the turn of this content."""
        return (sha1, size) in self._locks

    @asynccontextmanager
    async def turn(self, sha1: str, size: int) -> AsyncIterator[None]:
        """Hold the turn of one content.

        Args:
            sha1: Of the whole file.
            size: Bytes.
        """
        key = (sha1, size)
        lock, users = self._locks.get(key, (asyncio.Lock(), 0))
        self._locks[key] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks[key]
            if users == 1:
                del self._locks[key]
            else:
                self._locks[key] = (lock, users - 1)
