"""What runs next: wrong choices starve an upload for ever, or drown the line."""

from hypothesis import given
from hypothesis import strategies as st

from pan115kit.transfer.jobs import Waiting, choose

waiting_jobs = st.lists(st.integers(-3, 3), max_size=20).map(
    lambda priorities: [Waiting(f"job {n}", priority, n) for n, priority in enumerate(priorities)]
)


@given(waiting_jobs, st.integers(0, 10), st.integers(1, 10))
def test_a_free_slot_and_a_runnable_job_always_meet(waiting: list[Waiting], running: int, limit: int) -> None:
    chosen = choose(waiting, running, limit)
    assert len(chosen) == min(len(waiting), max(0, limit - running))
    assert len(set(chosen)) == len(chosen)


@given(waiting_jobs, st.integers(1, 10))
def test_nobody_is_overtaken_by_the_less_urgent_or_the_later(waiting: list[Waiting], limit: int) -> None:
    chosen = set(choose(waiting, 0, limit))
    first = [job for job in waiting if job.job_id in chosen]
    rest = [job for job in waiting if job.job_id not in chosen]
    for early in first:
        for late in rest:
            assert (-early.priority, early.order) < (-late.priority, late.order)
