"""What a pressed button tells the queue."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ..presentation.rows import Action, Group
from ..presentation.upload_list import Board
from ..transfer.queue import UploadQueue


def orders(queue: UploadQueue, board: Board, action: Action, key: str, *, single: bool) -> list[Callable[[], object]]:
    """Calls to be made on the engine's loop.

    Args:
        queue: Whom to tell.
        board: The uploads and sessions on show.
        action: What was pressed.
        key: The row's; empty for the buttons over all rows.
        single: The panel is about one upload: its buttons over all rows are that upload's.
    """
    row = board.get(key)
    if row is not None and row.session is not None:
        return [partial(queue.resume_session, row.session)]
    do = {
        Action.PAUSE: queue.pause,
        Action.RESUME: queue.resume,
        Action.RETRY: queue.retry,
        Action.CANCEL: queue.cancel,
    }[action]
    groups = action.groups_of_all | ({Group.CANCELLED} if single and action is Action.RETRY else set())
    job_ids = [key] if key else board.keys(*groups)
    return [partial(do, job_id) for job_id in job_ids]
