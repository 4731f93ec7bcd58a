"""The states of one upload in the queue, and what each command or event makes of them.  Pure: one table.

A job rests in ``WAITING``, ``PAUSED``, ``HELD`` or one of the final states; in every other state a task of the queue
is at work on it, and that task ends in :attr:`JobEvent.RECORDED`.  So nobody who waits for a job waits for ever.  The
queue only carries out what the table says; docs/state-machine.md draws it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


class JobState(Enum):
    """Where a job stands in the queue."""

    WAITING = "waiting for a free slot"
    RUNNING = "its file is hashed, checked or sent"
    PAUSING = "asked to pause; its run is coming to an end"
    RESUMING = "asked to go on while it was pausing; waits again once its run has ended"
    STOPPING = "asked to stop and keep its session"
    STOPPING_TO_RETRY = "as STOPPING; waits again after that"
    CANCELLING = "asked to cancel; its session goes"
    CANCELLING_TO_RETRY = "as CANCELLING; waits again after that"
    SUCCEEDING = "the file is on the drive; its history is being written"
    FAILING = "an error ended its run; its history is being written"
    FAILING_TO_RETRY = "as FAILING; waits again after that"
    HOLDING = "115 blocks the account; that is being written down"
    PAUSED = "rests until it is asked to go on"
    HELD = "rests until the user says that 115's block is over"
    SUCCEEDED = "the file is on the drive"
    FAILED = "ended by an error; its session is kept where it can be continued"
    STOPPED = "ended by a stop; its session is kept"
    CANCELLED = "ended by a cancel; nothing of it is kept"

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens by itself."""
        return self in _FINAL

    @property
    def rests(self) -> bool:
        """Whether no task works on the job."""
        return self in _RESTING


class JobEvent(Enum):
    """What happens to a job: commands of users, then what the queue's tasks report."""

    PAUSE = "stop where it is, to go on later"
    RESUME = "go on"
    STOP = "stop and keep the session: Ctrl-C, a cancelled await, the client closes"
    CANCEL = "stop for good"
    RETRY = "run a failed, stopped or cancelled job again"
    START = "the queue has a slot for it"
    SUCCEED = "the run ended: the file is on the drive"
    FAIL = "the run ended with an error"
    BLOCK = "115 blocks the account"
    HALT = "the run ended because it was asked to"
    RECORDED = "its end is written down"


_S, _E = JobState, JobEvent

#: state -> event -> the state after it.  An event that is not named changes nothing.
TRANSITIONS: Mapping[JobState, Mapping[JobEvent, JobState]] = {
    _S.WAITING: {
        _E.START: _S.RUNNING,
        _E.PAUSE: _S.PAUSED,
        _E.STOP: _S.STOPPING,
        _E.CANCEL: _S.CANCELLING,
        _E.BLOCK: _S.HELD,
    },
    _S.RUNNING: {
        _E.PAUSE: _S.PAUSING,
        _E.STOP: _S.STOPPING,
        _E.CANCEL: _S.CANCELLING,
        _E.SUCCEED: _S.SUCCEEDING,
        _E.FAIL: _S.FAILING,
        _E.BLOCK: _S.HOLDING,
        _E.HALT: _S.STOPPING,  # its task was ended from outside: at close, when the time for tidying up is over
    },
    _S.PAUSING: {
        _E.RESUME: _S.RESUMING,
        _E.STOP: _S.STOPPING,
        _E.CANCEL: _S.CANCELLING,
        _E.SUCCEED: _S.SUCCEEDING,
        _E.FAIL: _S.FAILING,
        _E.BLOCK: _S.HOLDING,
        _E.RECORDED: _S.PAUSED,
    },
    _S.RESUMING: {
        _E.PAUSE: _S.PAUSING,
        _E.STOP: _S.STOPPING,
        _E.CANCEL: _S.CANCELLING,
        _E.SUCCEED: _S.SUCCEEDING,
        _E.FAIL: _S.FAILING,
        _E.BLOCK: _S.HOLDING,
        _E.RECORDED: _S.WAITING,
    },
    _S.STOPPING: {
        _E.RETRY: _S.STOPPING_TO_RETRY,
        _E.CANCEL: _S.CANCELLING,
        _E.SUCCEED: _S.SUCCEEDING,
        _E.FAIL: _S.FAILING,
        _E.RECORDED: _S.STOPPED,
    },
    _S.STOPPING_TO_RETRY: {
        _E.PAUSE: _S.STOPPING,
        _E.STOP: _S.STOPPING,
        _E.CANCEL: _S.CANCELLING,
        _E.SUCCEED: _S.SUCCEEDING,
        _E.FAIL: _S.FAILING_TO_RETRY,
        _E.RECORDED: _S.WAITING,
    },
    _S.CANCELLING: {
        _E.RETRY: _S.CANCELLING_TO_RETRY,
        _E.SUCCEED: _S.SUCCEEDING,  # too late: the file is there
        _E.RECORDED: _S.CANCELLED,
    },
    _S.CANCELLING_TO_RETRY: {
        _E.PAUSE: _S.CANCELLING,
        _E.STOP: _S.CANCELLING,
        _E.CANCEL: _S.CANCELLING,
        _E.SUCCEED: _S.SUCCEEDING,
        _E.RECORDED: _S.WAITING,
    },
    _S.SUCCEEDING: {_E.RECORDED: _S.SUCCEEDED},
    _S.FAILING: {_E.RETRY: _S.FAILING_TO_RETRY, _E.RECORDED: _S.FAILED},
    _S.FAILING_TO_RETRY: {
        _E.PAUSE: _S.FAILING,
        _E.STOP: _S.FAILING,
        _E.CANCEL: _S.FAILING,
        _E.RECORDED: _S.WAITING,
    },
    _S.HOLDING: {_E.STOP: _S.STOPPING, _E.CANCEL: _S.CANCELLING, _E.RECORDED: _S.HELD},
    _S.PAUSED: {_E.RESUME: _S.WAITING, _E.STOP: _S.STOPPING, _E.CANCEL: _S.CANCELLING},
    _S.HELD: {_E.RESUME: _S.WAITING, _E.STOP: _S.STOPPING, _E.CANCEL: _S.CANCELLING},
    _S.SUCCEEDED: {},
    _S.FAILED: {_E.RETRY: _S.WAITING},
    _S.STOPPED: {_E.RETRY: _S.WAITING},
    _S.CANCELLED: {_E.RETRY: _S.WAITING},
}

_FINAL = frozenset({_S.SUCCEEDED, _S.FAILED, _S.STOPPED, _S.CANCELLED})
_RESTING = _FINAL | {_S.WAITING, _S.PAUSED, _S.HELD}

#: A run in one of these states ends in WAITING: who waits for the job waits for its next run.
TO_RETRY = frozenset({_S.STOPPING_TO_RETRY, _S.CANCELLING_TO_RETRY, _S.FAILING_TO_RETRY})


def next_state(state: JobState, event: JobEvent) -> JobState:
    """The state that ``event`` leads to; the same one where the event means nothing to it."""
    return TRANSITIONS[state].get(event, state)
