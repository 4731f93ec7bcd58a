"""What the routes work with."""

from __future__ import annotations

from dataclasses import dataclass

from ..store import Store
from ..transfer.queue import UploadQueue
from .board import Board
from .paths import AllowedRoots


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Queue, uploads, state directory and allowed folders of one server."""

    queue: UploadQueue
    board: Board
    store: Store
    roots: AllowedRoots
