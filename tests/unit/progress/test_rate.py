"""Speed and ETA: wrong ones would make people wait for nothing, or give up too early."""

from hypothesis import given
from hypothesis import strategies as st

from pan115kit.progress.rate import RateMeter


def run(points: list[tuple[float, int]], done: int = 0) -> RateMeter:
    meter = RateMeter(now=0.0, done=done)
    for time, total in points:
        meter.add(time, total)
    return meter


def test_bytes_of_an_earlier_run_are_not_speed() -> None:
    """A resumed upload would otherwise claim gigabytes per second in its first moment."""
    meter = run([(1.0, 10_000_100)], done=10_000_000)
    assert meter.speed(1.0) == 100.0


def test_a_stall_has_no_eta_and_no_speed() -> None:
    """A panel that counts down while nothing moves would be a lie."""
    meter = run([(t, int(t * 5_000_000)) for t in range(1, 21)])
    assert meter.eta(20.0, 5_000_000) is not None
    assert meter.eta(50.0, 5_000_000) is None
    assert meter.speed(50.0) == 0.0


def test_speed_after_a_stall_is_the_new_speed() -> None:
    """5 MB/s, 30 s of nothing, then 2 MB/s: the figure is 2 once the window has passed."""
    meter = run([(t, int(t * 5_000_000)) for t in range(1, 11)])
    for t in range(1, 11):
        meter.add(40.0 + t, 50_000_000 + t * 2_000_000)
    assert abs(meter.speed(50.0) - 2_000_000) < 50_000
    eta = meter.eta(50.0, 20_000_000)
    assert eta is not None
    assert 8 < eta < 30


def test_steady_speed_gives_the_exact_eta() -> None:
    meter = run([(t / 10, t * 100_000) for t in range(1, 200)])
    eta = meter.eta(19.9, 10_000_000)
    assert eta is not None
    assert abs(eta - 10.0) < 0.1


def test_nothing_left_means_no_time_left() -> None:
    assert run([]).eta(0.0, 0) == 0.0


@given(
    st.lists(st.tuples(st.floats(0, 1e6), st.integers(0, 1 << 40)), max_size=60),
    st.floats(0, 2e6),
    st.integers(0, 1 << 40),
)
def test_figures_are_never_negative_nor_nonsense(points: list[tuple[float, int]], now: float, remaining: int) -> None:
    """Whatever a bad line does (time jumps, parts sent again), nobody sees "-3 MB/s" or "nan"."""
    meter = run(points)
    now = max([now, *(time for time, _ in points)])
    speed, eta = meter.speed(now), meter.eta(now, remaining)
    assert speed >= 0.0
    assert speed < float("inf")
    assert eta is None or eta >= 0.0
