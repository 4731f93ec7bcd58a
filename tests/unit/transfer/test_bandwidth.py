"""The bandwidth limit: kept over all uploads together, fairly, and changed while they run.  Time is virtual."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oss_support import VirtualTimeLoop

from pan115kit.errors import ConfigError
from pan115kit.transfer.bandwidth import Allowance, Bandwidth

T = TypeVar("T")


def virtually(main: Callable[[VirtualTimeLoop], Awaitable[T]]) -> tuple[T, float]:
    """Run on a loop whose time jumps; the result and the seconds that seemed to pass."""
    loop = VirtualTimeLoop()
    try:
        result = loop.run_until_complete(asyncio.ensure_future(main(loop), loop=loop))
        return result, loop.now
    finally:
        loop.close()


# -- arithmetic


@given(
    rate=st.floats(1, 1e9),
    pieces=st.lists(st.tuples(st.integers(1, 1 << 20), st.floats(0, 100)), min_size=1, max_size=50),
)
def test_no_more_goes_than_the_rate_allows(rate: float, pieces: list[tuple[int, float]]) -> None:
    """Whatever the pieces and pauses: rate times time, one piece, and a tenth of a second's slack."""
    allowance = Allowance(rate=rate)
    now = sent = 0.0
    for count, pause in pieces:
        now += pause
        now += allowance.wait(now)
        assert allowance.wait(now) <= 1e-6 * max(1.0, now)
        allowance.spend(count)
        sent += count
        assert sent - count <= (rate * (now + 0.1)) * (1 + 1e-6) + 1


@given(rate=st.floats(1, 1e9), count=st.integers(1, 1 << 20), tries=st.integers(2, 50))
def test_no_less_goes_than_the_rate_allows(rate: float, count: int, tries: int) -> None:
    """A limit of 10 MB/s that yields 7 would be no limit but a brake."""
    allowance = Allowance(rate=rate)
    now = 0.0
    for _ in range(tries):
        now += allowance.wait(now)
        allowance.spend(count)
    assert now <= count * tries / rate * (1 + 1e-6)


@given(old=st.floats(1, 1e9), new=st.floats(1, 1e9), debt=st.integers(0, 1 << 20))
def test_a_debt_takes_no_longer_to_pay_after_a_change_than_before(old: float, new: float, debt: int) -> None:
    """Going from 100 MB/s to 10 kB/s must not freeze everything for a minute."""
    allowance = Allowance(rate=old)
    allowance.spend(debt)
    before = allowance.wait(0.0)
    allowance.set_rate(new, 0.0)
    assert allowance.wait(0.0) == pytest.approx(min(before, debt / new), abs=1 / new)


# -- waiting


def test_uploads_together_keep_the_limit() -> None:
    """Three files at 1 MB/s each would be 3 MB/s."""

    async def main(loop: VirtualTimeLoop) -> None:
        bandwidth = Bandwidth(1_000_000)

        async def upload() -> None:
            for _ in range(16):
                await bandwidth.take(65_536)

        await asyncio.gather(*(upload() for _ in range(3)))

    _, seconds = virtually(main)
    assert seconds == pytest.approx(3 * 16 * 65_536 / 1_000_000, rel=0.05)


def test_large_and_small_pieces_get_the_same_share() -> None:
    """An upload must not crowd out another by asking for more at a time."""

    async def main(loop: VirtualTimeLoop) -> tuple[int, int]:
        bandwidth = Bandwidth(1_000_000)
        got = {"large": 0, "small": 0}

        async def upload(name: str, piece: int) -> None:
            while True:
                await bandwidth.take(piece)
                got[name] += piece

        tasks = [asyncio.create_task(upload("large", 1 << 20)), asyncio.create_task(upload("small", 65_536))]
        await asyncio.sleep(60)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return got["large"], got["small"]

    (large, small), _ = virtually(main)
    assert large + small == pytest.approx(60_000_000, rel=0.1)
    assert large == pytest.approx(small, rel=0.15)


@pytest.mark.parametrize("limit", [None, 10_000_000_000])
def test_lifting_the_limit_wakes_whoever_waits(limit: int | None) -> None:
    """At once, not when the old limit would have granted the next byte."""

    async def main(loop: VirtualTimeLoop) -> None:
        bandwidth = Bandwidth(1)
        task = asyncio.create_task(bandwidth.take(1 << 20))
        await asyncio.sleep(10.5)
        bandwidth.limit = limit
        assert bandwidth.limit == limit
        await task

    _, seconds = virtually(main)
    assert seconds == pytest.approx(10.5, abs=0.01)


def test_a_low_limit_set_in_mid_upload_holds_from_the_first_byte() -> None:
    """Granting one large turn first would be a debt that freezes all uploads for minutes."""

    async def main(loop: VirtualTimeLoop) -> None:
        bandwidth = Bandwidth(None)
        bandwidth.limit = 1000
        await bandwidth.take(2000)

    _, seconds = virtually(main)
    assert seconds == pytest.approx(2, abs=0.1)


def test_a_limit_set_in_mid_upload_holds() -> None:
    """From no limit at all to 100 kB/s."""

    async def main(loop: VirtualTimeLoop) -> float:
        bandwidth = Bandwidth(None)
        await bandwidth.take(1 << 30)
        assert loop.time() == 0
        bandwidth.limit = 100_000
        for _ in range(10):
            await bandwidth.take(65_536)
        return loop.time()

    seconds, _ = virtually(main)
    assert seconds == pytest.approx(10 * 65_536 / 100_000, rel=0.05)


def test_the_limit_may_be_set_from_another_thread() -> None:
    """The cell and the engine live in different threads."""

    async def main() -> None:
        bandwidth = Bandwidth(1)
        task = asyncio.create_task(bandwidth.take(1 << 30))
        await asyncio.sleep(0)
        await asyncio.to_thread(setattr, bandwidth, "limit", None)
        await asyncio.wait_for(task, 60)

    asyncio.run(main())


def test_a_cancelled_upload_gives_up_its_place() -> None:
    """Its share goes to the others at once, and nobody waits for it."""

    async def main(loop: VirtualTimeLoop) -> None:
        bandwidth = Bandwidth(100_000)
        await bandwidth.take(5_000)
        quitter = asyncio.create_task(bandwidth.take(100_000_000))
        other = asyncio.create_task(bandwidth.take(100_000))
        await asyncio.sleep(0.5)
        quitter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await quitter
        await other

    _, seconds = virtually(main)
    assert seconds < 1.6


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_that_lets_nothing_through_is_refused(limit: int) -> None:
    """Zero does not mean "no limit": that is None."""
    with pytest.raises(ConfigError):
        Bandwidth(limit)
    bandwidth = Bandwidth(5)
    with pytest.raises(ConfigError):
        bandwidth.limit = limit
    assert bandwidth.limit == 5
