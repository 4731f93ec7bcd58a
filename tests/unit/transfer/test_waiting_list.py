"""What runs next: wrong choices starve an upload for ever, or drown the line."""

from hypothesis import given
from hypothesis import strategies as st

from pan115kit.transfer.waiting_list import WaitingList

#: (priority, order) by job id.
Jobs = dict[str, tuple[int, int]]

waiting_jobs = st.lists(st.integers(-3, 3), max_size=20).map(
    lambda priorities: {f"job {n}": (priority, n) for n, priority in enumerate(priorities)}
)


def listed(jobs: Jobs) -> WaitingList:
    made = WaitingList()
    for job_id, (priority, order) in jobs.items():
        made.add(job_id, priority, order)
    return made


def taken(waiting: WaitingList, slots: int) -> list[str]:
    return [job_id for _ in range(slots) if (job_id := waiting.pop()) is not None]


@given(waiting_jobs, st.integers(0, 10))
def test_a_free_slot_and_a_waiting_job_always_meet(jobs: Jobs, slots: int) -> None:
    chosen = taken(listed(jobs), slots)
    assert len(chosen) == min(len(jobs), slots)
    assert len(set(chosen)) == len(chosen)


@given(waiting_jobs, st.integers(1, 10))
def test_nobody_is_overtaken_by_the_less_urgent_or_the_later(jobs: Jobs, slots: int) -> None:
    chosen = taken(listed(jobs), slots)
    for early in chosen:
        for late in set(jobs) - set(chosen):
            assert (-jobs[early][0], jobs[early][1]) < (-jobs[late][0], jobs[late][1])


@given(waiting_jobs, st.sets(st.integers(0, 19)), st.sets(st.integers(0, 19)))
def test_who_leaves_is_not_chosen_and_who_comes_back_has_the_old_place(
    jobs: Jobs, leaving: set[int], back: set[int]
) -> None:
    """A paused upload must not start; one that goes on must neither be lost nor run twice."""
    waiting = listed(jobs)
    for number in leaving:
        waiting.discard(f"job {number}")
    returned = {f"job {number}" for number in back} & set(jobs)
    for job_id in returned:
        waiting.add(job_id, *jobs[job_id])
    there = (set(jobs) - {f"job {number}" for number in leaving}) | returned
    assert len(waiting) == len(there)
    assert taken(waiting, 50) == sorted(there, key=lambda job_id: (-jobs[job_id][0], jobs[job_id][1]))
