"""Waiting from any thread: an answer that is there must reach whoever waits."""

from __future__ import annotations

import concurrent.futures

import pytest

from pan115kit._base import event_loops


class _EndsAsTheTickRunsOut(concurrent.futures.Future[int]):
    """A future whose result comes between the end of a wait and the look at it."""

    def result(self, timeout: float | None = None) -> int:
        if not self.done():
            self.set_result(42)
            raise TimeoutError
        return super().result(timeout)


def test_an_end_at_the_last_moment_of_a_tick_is_no_timeout() -> None:
    """One in some thousand waits ended in a TimeoutError although the upload had succeeded."""
    assert event_loops.wait(_EndsAsTheTickRunsOut()) == 42


def test_an_outcome_that_is_a_timeout_itself_is_raised() -> None:
    future: concurrent.futures.Future[int] = concurrent.futures.Future()
    future.set_exception(TimeoutError("115 took too long"))
    with pytest.raises(TimeoutError, match="115 took too long"):
        event_loops.wait(future)
