"""Speed and remaining time from (time, bytes) points: pure, no clock of its own.

The shown speed is what moved in a sliding window; the remaining time uses a time-weighted average, which answers
more calmly, and is unknown while nothing moves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RateSettings:
    """How the meter looks at the past.

    Attributes:
        window: Seconds over which the shown speed is taken.
        smoothing: Time constant of the average behind the ETA, seconds.
        stall: Seconds without a byte after which the ETA is unknown.
        warm_up: Seconds before any figure is given.
    """

    window: float = 5.0
    smoothing: float = 16.0
    stall: float = 5.0
    warm_up: float = 0.3


class RateMeter:
    """Counts bytes over time; bytes that were there at the start are not speed.

    Args:
        now: Time of the first point, seconds on any steady clock.
        done: Bytes already there (an earlier run's); they never count as speed.

    Example:
        >>> meter = RateMeter(now=0.0, done=700)
        >>> meter.add(1.0, 1700)
        >>> meter.speed(1.0), round(meter.eta(1.0, remaining=2000), 6)
        (1000.0, 2.0)
        >>> meter.eta(60.0, remaining=2000) is None
        True
    """

    __slots__ = ("_average", "_folded", "_moved", "_points", "_settings", "_started", "_weight")

    def __init__(self, now: float, done: int = 0, settings: RateSettings | None = None) -> None:
        self._settings = settings or RateSettings()
        self.reset(now, done)

    def reset(self, now: float, done: int) -> None:
        """Forget the past: after a pause, a resume, or a restart."""
        # a list, though its front is cut off: it holds a hundred points at most, and an empty deque takes 600 bytes
        self._points: list[tuple[float, int]] = [(now, done)]
        self._started = now
        self._folded = (now, done)
        self._moved = now
        self._average = 0.0
        self._weight = 0.0

    def add(self, now: float, done: int) -> None:
        """Note that ``done`` bytes are there at ``now``; falling counts (a part sent again) are held."""
        last_time, last_done = self._points[-1]
        if now < last_time:
            return
        if done > last_done:
            self._moved = now
        done = max(done, last_done)
        # a point every hundredth of the window is fine enough and keeps the list short
        if len(self._points) > 1 and now - self._points[-2][0] < self._settings.window / 100:
            self._points[-1] = (now, done)
        else:
            self._points.append((now, done))
        while len(self._points) > 2 and self._points[1][0] <= now - self._settings.window:
            del self._points[0]
        if now - self._folded[0] >= 0.5:
            self._average, self._weight = self._fold(now, done)
            self._folded = (now, done)

    def speed(self, now: float) -> float:
        """Bytes per second over the window that ends at ``now``."""
        if now - self._started < self._settings.warm_up:
            return 0.0
        begin = max(now - self._settings.window, self._started)
        elapsed = now - begin
        return max(0.0, (self._points[-1][1] - self._at(begin)) / elapsed) if elapsed > 0 else 0.0

    def eta(self, now: float, remaining: int) -> float | None:
        """Seconds until ``remaining`` bytes are sent, or None while that cannot be known honestly."""
        if remaining <= 0:
            return 0.0
        if now - self._started < self._settings.warm_up or now - self._moved >= self._settings.stall:
            return None
        average, weight = self._fold(now, self._points[-1][1])
        rate = average / weight if weight > 0 else 0.0
        return remaining / rate if rate > 0 else None

    def _at(self, time: float) -> float:
        """Bytes at ``time``, interpolated between the points around it."""
        before = self._points[0]
        for point in self._points:
            if point[0] > time:
                span = point[0] - before[0]
                share = (time - before[0]) / span if span > 0 else 1.0
                return before[1] + share * (point[1] - before[1])
            before = point
        return before[1]

    def _fold(self, now: float, done: int) -> tuple[float, float]:
        """The average with the stretch since the last fold in it; the weight corrects the bias of a young average."""
        span = now - self._folded[0]
        if span <= 0:
            return self._average, self._weight
        keep = math.exp(-span / self._settings.smoothing)
        rate = (done - self._folded[1]) / span
        return keep * self._average + (1 - keep) * rate, keep * self._weight + (1 - keep)
