"""A row of any list of uploads: its group, the actions it allows, its colour, its JSON.

Every list in every place (notebook panel, server page, React, static report) shows these rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from ..models import UploadSession, UploadStatus, iso_utc
from ..progress.snapshot import UploadProgress
from ..store import LeaseOwner


class Group(StrEnum):
    """What a row is to the reader; the order is that of a list: running, needs the user, waiting, ended."""

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

#: Mid-tones that can be read on light and on dark, for static pictures and reports.
GREEN, RED, AMBER, BLUE, GREY = "#2da44e", "#d1242f", "#bf8700", "#1f7ae0", "#8b949e"
COLOUR_OF = {
    Group.DONE: GREEN,
    Group.ACTIVE: BLUE,
    Group.WAITING: BLUE,
    Group.PAUSED: AMBER,
    Group.UNFINISHED: AMBER,
    Group.FAILED: RED,
    Group.CANCELLED: GREY,
}


class Action(StrEnum):
    """What a button asks for."""

    PAUSE = "pause"
    RESUME = "resume"
    RETRY = "retry"
    CANCEL = "cancel"
    DISCARD = "discard"

    @property
    def groups_of_all(self) -> frozenset[Group]:
        """Which rows are meant where it is asked for all: who cancelled something does not want it retried."""
        return _MEANT_BY_ALL[self]

    def may_ask(self, status: UploadStatus) -> bool:
        """Whether a request for it makes sense for an upload in ``status``.

        What its row offers; pause and resume also as long as it has not ended, for they are idempotent: a button is
        pressed twice, or before the list has caught up.
        """
        if self in (Action.PAUSE, Action.RESUME):
            return not status.is_final
        return self in _ACTIONS[GROUP_OF[status]]


_ACTIONS: dict[Group, tuple[Action, ...]] = {
    Group.ACTIVE: (Action.PAUSE, Action.CANCEL),
    Group.WAITING: (Action.PAUSE, Action.CANCEL),
    Group.PAUSED: (Action.RESUME, Action.CANCEL),
    Group.UNFINISHED: (Action.RESUME, Action.DISCARD),
    Group.FAILED: (Action.RETRY,),
    Group.CANCELLED: (Action.RETRY,),
    Group.DONE: (),
}
_MEANT_BY_ALL = {
    Action.PAUSE: frozenset({Group.ACTIVE, Group.WAITING}),
    Action.RESUME: frozenset({Group.PAUSED}),
    Action.RETRY: frozenset({Group.FAILED}),
    Action.CANCEL: frozenset({Group.ACTIVE, Group.WAITING, Group.PAUSED}),
    Action.DISCARD: frozenset({Group.UNFINISHED}),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a list.

    Attributes:
        key: The job id, or ``session:`` and the session id.
        shot: How it stands; a session is shown in the same fields.
        session: Set for a session that no upload of this list works on.
        process: ``pid@host`` of the other process that works on it, None if none does.
    """

    key: str
    shot: UploadProgress
    session: UploadSession | None = None
    process: str | None = None

    @property
    def group(self) -> Group:
        """Where it belongs in a long list."""
        return Group.UNFINISHED if self.session is not None else GROUP_OF[self.shot.status]

    @property
    def actions(self) -> tuple[Action, ...]:
        """The buttons it gets; none where another process works on it."""
        return () if self.process is not None else _ACTIONS[self.group]


def process_name(owner: LeaseOwner) -> str:
    """The process behind a lease as people and programs read it, ``pid@host``."""
    return f"{owner.pid}@{owner.host}"


def session_progress(session: UploadSession) -> UploadProgress:
    """How far an upload is by what its session has on disk."""
    return UploadProgress(
        job_id=session.job_id,
        file_path=session.file_path,
        file_name=session.file_name,
        file_size=session.file_size,
        status=session.status,
        target_path=session.target_path,
        session_id=session.session_id,
        uploaded_bytes=session.bytes_done,
        total_parts=session.total_parts,
        uploaded_parts=len(session.uploaded_parts),
        error_message=session.error_message,
        created_at=session.created_at,
    )


def session_row(session: UploadSession, owner: LeaseOwner | None = None) -> Row:
    """A session of an earlier run as a row."""
    key = f"session:{session.session_id}"
    shot = replace(
        session_progress(session), job_id=key, status=UploadStatus.PAUSED, resumed_bytes=session.bytes_done
    )
    return Row(key, shot, session, None if owner is None else process_name(owner))


def row_json(row: Row) -> dict[str, Any]:
    """The JSON of a row, the same in REST, WebSocket and notebook: the specification's upload object and more.

    Beside the specification's fields it has what a list needs: ids, paths, the hash's progress, ``created_at``
    and ``ended_at`` (ISO 8601, UTC), ``process``, and ``group`` and ``actions``: no page decides which button makes
    sense.
    """
    shot = row.shot
    return shot.to_dict() | {
        "job_id": row.key,
        "file_path": shot.file_path,
        "target_path": shot.target_path,
        "session_id": shot.session_id,
        "hash_percentage": round(shot.hash_percentage, 2),
        "resumed_bytes": shot.resumed_bytes,
        "retries": shot.retries,
        "waiting_for": None if shot.waiting_for is None else str(shot.waiting_for),
        "waiting_seconds": round(shot.waiting_seconds),
        "created_at": iso_utc(shot.created_at),
        "ended_at": None if shot.ended_at is None else iso_utc(shot.ended_at),
        "process": row.process,
        "group": str(row.group),
        "actions": [str(action) for action in row.actions],
    }
