"""The job's table: every order of clicks ends somewhere sensible, and nobody waits for ever."""

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pan115kit.transfer.job_state import TO_RETRY, TRANSITIONS, JobEvent, JobState, next_state

COMMANDS = (JobEvent.PAUSE, JobEvent.RESUME, JobEvent.STOP, JobEvent.CANCEL, JobEvent.RETRY)
#: How a run may end by itself.
ENDS = (JobEvent.SUCCEED, JobEvent.FAIL, JobEvent.BLOCK, JobEvent.HALT)

events = st.lists(st.sampled_from([*COMMANDS, *ENDS, JobEvent.START, JobEvent.RECORDED]), max_size=30)


def after(state: JobState, *happened: JobEvent) -> JobState:
    for event in happened:
        state = next_state(state, event)
    return state


def test_every_state_is_in_the_table_and_can_be_reached() -> None:
    """A state that nothing leads to is a line nobody needs; one that is missing would be a KeyError in the queue."""
    assert set(TRANSITIONS) == set(JobState)
    reached, new = {JobState.WAITING}, deque([JobState.WAITING])
    while new:
        for following in TRANSITIONS[new.popleft()].values():
            if following not in reached:
                reached.add(following)
                new.append(following)
    assert reached == set(JobState)


@given(events, st.sampled_from(ENDS))
def test_whoever_waits_is_answered(happened: list[JobEvent], end: JobEvent) -> None:
    """Whatever was clicked: once the run ends and that is written down, the job rests."""
    state = after(JobState.WAITING, *happened)
    if not state.rests:
        state = after(state, end, JobEvent.RECORDED)
    assert state.rests


@given(events, st.sampled_from(ENDS))
def test_closing_ends_every_job(happened: list[JobEvent], end: JobEvent) -> None:
    """The client closes in whatever state: no job is left that somebody could wait for."""
    state = after(JobState.WAITING, *happened, JobEvent.STOP)
    if not state.rests:
        state = after(state, end, JobEvent.RECORDED)
    if not state.is_final:  # it was held or paused by what came while it was closing
        state = after(state, JobEvent.STOP, JobEvent.HALT, JobEvent.RECORDED)
    assert state.is_final


@given(events)
def test_a_cancel_is_the_end_unless_the_file_is_there_or_it_had_failed(happened: list[JobEvent]) -> None:
    """What was cancelled must not go on by itself."""
    before = after(JobState.WAITING, *happened)
    state = after(before, JobEvent.CANCEL)
    if not state.rests:
        state = after(state, JobEvent.HALT, JobEvent.RECORDED)
    ended = {JobState.SUCCEEDED, JobState.FAILED, JobState.STOPPED, JobState.CANCELLED}
    assert state in ended
    if before not in (JobState.SUCCEEDING, JobState.FAILING, JobState.FAILING_TO_RETRY, *ended):
        assert state is JobState.CANCELLED


@pytest.mark.parametrize("state", [s for s in JobState if s not in (JobState.SUCCEEDING, JobState.SUCCEEDED)])
def test_a_retry_after_an_end_waits_again(state: JobState) -> None:
    """Cancel or failure, then retry: it runs again, however early the retry is clicked."""
    ending = after(state, JobEvent.CANCEL, JobEvent.RETRY)
    if not ending.rests:
        ending = after(ending, JobEvent.RECORDED)
    assert ending is JobState.WAITING


@given(events)
def test_a_stop_takes_back_a_retry(happened: list[JobEvent]) -> None:
    """Retry and then cancel, both while it is ending: the last word counts."""
    state = after(JobState.WAITING, *happened)
    for last in (JobEvent.PAUSE, JobEvent.STOP, JobEvent.CANCEL):
        assert after(state, last) not in TO_RETRY


@given(events)
def test_an_end_is_final(happened: list[JobEvent]) -> None:
    """Only a retry brings an ended upload back, and nothing brings back one that is on the drive."""
    for state in JobState:
        if state.is_final:
            ended = after(state, *(event for event in happened if event is not JobEvent.RETRY))
            assert ended is state
    assert after(JobState.SUCCEEDED, *happened) is JobState.SUCCEEDED


@given(st.lists(st.sampled_from([JobEvent.PAUSE, JobEvent.RESUME]), min_size=1, max_size=9))
def test_the_last_of_pause_and_resume_counts(clicks: list[JobEvent]) -> None:
    """A quick finger on one button: what it pressed last is what happens."""
    state = after(JobState.WAITING, JobEvent.START, JobEvent.PAUSE, *clicks)
    state = after(state, JobEvent.HALT, JobEvent.RECORDED)
    assert state is (JobState.PAUSED if clicks[-1] is JobEvent.PAUSE else JobState.WAITING)
