"""The tries of one request: how many are left, and the wait before the next."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from ..errors import Pan115Error

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Retries:
    """Counts the tries of one request and waits between them.

    Attributes:
        limit: Tries after the first one.
        wait: Waits before try ``attempt``, counted from 1.
        count: Called before each further try, for history and progress.
        outage_is_over: Waits out an outage of the network; whether there was one that is over, so that the try
            does not count.
    """

    limit: int
    wait: Callable[[int], Awaitable[None]]
    count: Callable[[], None] = lambda: None
    outage_is_over: Callable[[Pan115Error], Awaitable[bool]] | None = None
    attempt: int = 0

    async def next(self, error: Pan115Error) -> None:
        """Return when the request may be made again.

        Args:
            error: What the last try ended with.

        Raises:
            Pan115Error: ``error``, where no try is left.
        """
        if self.outage_is_over is not None and await self.outage_is_over(error):
            self.attempt = 0
            self.count()
            return
        self.attempt += 1
        if self.attempt > self.limit:
            raise error
        self.count()
        await self.wait(self.attempt)

    async def call(self, request: Callable[[], Awaitable[T]]) -> T:
        """``request`` until it works, while its errors say that a retry helps and tries are left.

        Only for requests that may be made twice (initiate, ListParts, abort): what became of a part or of a file is
        asked before it is sent again.

        Raises:
            Pan115Error: A retry would not help, or no try is left.
        """
        while True:
            try:
                return await request()
            except Pan115Error as error:
                if not error.retryable:
                    raise
                await self.next(error)
