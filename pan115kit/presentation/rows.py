"""The rows of a panel: which group each belongs to, which buttons it gets, in which slot it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from ..models import UploadSession, UploadStatus
from ..progress.snapshot import UploadProgress
from ..store import LeaseOwner


class Group(StrEnum):
    """What a row is to the reader; the order is that of a long list."""

    ACTIVE = "active"
    FAILED = "failed"
    PAUSED = "paused"
    UNFINISHED = "unfinished"  # a session of an earlier run or another process
    WAITING = "waiting"
    DONE = "done"
    CANCELLED = "cancelled"


GROUP_OF = {
    UploadStatus.PENDING: Group.WAITING,
    UploadStatus.HASHING: Group.ACTIVE,
    UploadStatus.CHECKING: Group.ACTIVE,
    UploadStatus.UPLOADING: Group.ACTIVE,
    UploadStatus.PAUSED: Group.PAUSED,
    UploadStatus.QUICK_SUCCESS: Group.DONE,
    UploadStatus.SUCCESS: Group.DONE,
    UploadStatus.FAILED: Group.FAILED,
    UploadStatus.CANCELLED: Group.CANCELLED,
}


class Filter(StrEnum):
    """Which rows the reader wants."""

    ALL = "all"
    OPEN = "open"
    FAILED = "failed"
    DONE = "done"
    UNFINISHED = "unfinished"

    @property
    def groups(self) -> frozenset[Group]:
        """The groups it lets through."""
        return _FILTERS[self]


_FILTERS = {
    Filter.ALL: frozenset(Group),
    Filter.OPEN: frozenset({Group.ACTIVE, Group.PAUSED, Group.WAITING}),
    Filter.FAILED: frozenset({Group.FAILED, Group.CANCELLED}),
    Filter.DONE: frozenset({Group.DONE}),
    Filter.UNFINISHED: frozenset({Group.UNFINISHED}),
}


class Action(StrEnum):
    """What a button asks for."""

    PAUSE = "pause"
    RESUME = "resume"
    RETRY = "retry"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a panel.

    Attributes:
        key: The job id, or ``session:`` and the session id.
        shot: How it stands; a session is told in the same words.
        session: Set for a session nobody in this panel works on.
        owner: Who else is working on that session.
    """

    key: str
    shot: UploadProgress
    session: UploadSession | None = None
    owner: LeaseOwner | None = None

    @property
    def group(self) -> Group:
        """Where it belongs in a long list."""
        return Group.UNFINISHED if self.session is not None else GROUP_OF[self.shot.status]

    @property
    def actions(self) -> tuple[Action, ...]:
        """The buttons it gets.

        Example:
            >>> Row("job", UploadProgress("job", "/a", "a", 1, UploadStatus.FAILED)).actions
            (<Action.RETRY: 'retry'>,)
        """
        if self.session is not None:
            return () if self.owner is not None else (Action.RESUME,)
        if self.shot.status is UploadStatus.PAUSED:
            return (Action.RESUME, Action.CANCEL)
        if not self.shot.status.is_final:
            return (Action.PAUSE, Action.CANCEL)
        return () if self.shot.status.is_success else (Action.RETRY,)


def session_row(session: UploadSession, owner: LeaseOwner | None = None) -> Row:
    """A session of an earlier run as a row.

    Example:
        >>> session_row(UploadSession("id", "/a/b.bin", "b.bin", 100, uploaded_bytes=60)).shot.percentage
        60.0
    """
    shot = UploadProgress(
        job_id=f"session:{session.session_id}",
        file_path=session.file_path,
        file_name=session.file_name,
        file_size=session.file_size,
        status=UploadStatus.PAUSED,
        target_path=session.target_path,
        session_id=session.session_id,
        uploaded_bytes=session.bytes_done,
        resumed_bytes=session.bytes_done,
        total_parts=session.total_parts,
        uploaded_parts=len(session.uploaded_parts),
        error_message=session.error_message,
        created_at=session.created_at,
    )
    return Row(shot.job_id, shot, session, owner)


def settle(shown: Sequence[str | None], wanted: Sequence[str]) -> list[str]:
    """Put ``wanted`` rows into slots so that those on show stay where they are; new ones fill the gaps in order.

    Rows that jump away under the reader's pointer make him press another upload's button.

    Example:
        >>> settle(["a", "b", "c"], ["b", "c", "d"])
        ['d', 'b', 'c']
    """
    slots: list[str | None] = [key if key in wanted else None for key in shown[: len(wanted)]]
    slots += [None] * (len(wanted) - len(slots))
    rest = iter([key for key in wanted if key not in slots])
    return [key if key is not None else next(rest) for key in slots]
