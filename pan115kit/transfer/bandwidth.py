"""A limit in bytes per second over all uploads together, changeable while they run.

:class:`Allowance` is the arithmetic, with the clock passed in; :class:`Bandwidth` lets the uploads wait in turn.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from ..errors import ConfigError
from ..i18n import say

#: Bytes granted at one turn, so that an upload with large pieces gets no more than one with small ones.
_TURN = 64 << 10
#: Seconds' worth of bytes that may gather unused, to make up for late timers.
_SLACK = 0.1


@dataclass(slots=True)
class Allowance:
    """How many bytes may go, as time passes.  May be in debt; nothing goes until that is paid.

    Attributes:
        rate: Bytes per second, or None for no limit.
        balance: Bytes that may go now; negative for a debt.
        updated: When ``balance`` was right, in seconds of any clock.
    """

    rate: float | None
    balance: float = 0.0
    updated: float = 0.0

    def wait(self, now: float) -> float:
        """Seconds until something may go; 0 for now."""
        if self.rate is None:
            return 0.0
        self.balance += max(now - self.updated, 0.0) * self.rate
        self.balance = min(self.balance, self.rate * _SLACK)
        self.updated = now
        # less than a byte is rounding, and a wait that no clock can tell from none
        return -self.balance / self.rate if self.balance <= -1 else 0.0

    def spend(self, count: int) -> None:
        """``count`` bytes go."""
        if self.rate is not None:
            self.balance -= count

    def set_rate(self, rate: float | None, now: float) -> None:
        """Go on with another rate.  What is owed takes no longer to pay at it than it would have at the old one."""
        self.wait(now)
        if self.rate is not None and rate is not None:
            self.balance *= min(rate / self.rate, 1.0)
        else:
            self.balance = 0.0
        self.rate = rate
        self.updated = now

    def turn(self) -> int:
        """How many bytes to grant at once: what goes in a twentieth of a second, at most 64 KiB.

        A power of two, as the pieces of a file are: no piece ends with a small turn, which would cost its share.
        """
        return _TURN if self.rate is None else min(_TURN, 1 << max(int(self.rate / 20).bit_length() - 1, 0))


class Bandwidth:
    """The limit that all uploads share; each waits its turn, so none starves.

    Args:
        limit: Bytes per second, or None.
    """

    def __init__(self, limit: int | None) -> None:
        self._limit = _checked(limit)
        self._allowance = Allowance(rate=limit)
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def limit(self) -> int | None:
        """Bytes per second over all uploads, or None.  May be set at any time, from any thread.

        Raises:
            ConfigError: Set to something that is not positive.
        """
        return self._limit

    @limit.setter
    def limit(self, limit: int | None) -> None:
        self._limit = _checked(limit)
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._serve)

    async def take(self, count: int) -> None:
        """Wait until ``count`` more bytes may be sent.

        Bytes are granted in small turns, one upload after the other.  Cancelling gives up the place in the queue.
        """
        if self._limit is None and not self._waiting:
            return
        self._loop = asyncio.get_running_loop()
        self._follow_limit(self._loop.time())
        while count > 0 and self._limit is not None:
            granted = min(count, self._allowance.turn())
            count -= granted
            await self._one_turn(granted)

    async def _one_turn(self, count: int) -> None:
        assert self._loop is not None
        granted = self._loop.create_future()
        self._waiting.append((count, granted))
        if len(self._waiting) == 1:
            self._serve()
        await granted  # when this is cancelled, the future is, and _serve passes it over

    def _serve(self) -> None:
        """Grant whose turn it is, and come back when the next may be granted."""
        assert self._loop is not None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = self._loop.time()
        self._follow_limit(now)
        while self._waiting:
            wait = self._allowance.wait(now)
            if wait > 0:
                self._timer = self._loop.call_later(wait, self._serve)
                return
            count, future = self._waiting.popleft()
            if not future.done():
                self._allowance.spend(count)
                future.set_result(None)

    def _follow_limit(self, now: float) -> None:
        """The limit may have been set from another thread; the arithmetic is done on the loop only."""
        limit = self._limit
        if self._allowance.rate != limit:
            self._allowance.set_rate(limit, now)


def _checked(limit: int | None) -> int | None:
    if limit is not None and limit <= 0:
        raise ConfigError(say("bandwidth.not_positive", limit=limit), hint=say("bandwidth.not_positive.hint"))
    return limit
