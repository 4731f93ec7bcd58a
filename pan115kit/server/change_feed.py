"""What WebSocket clients get, and in which messages.  Pure: no socket, no clock.

Up to :data:`PAGE` uploads every message is the whole list, as the specification has it, and only the newest counts.
Beyond that a client gets the list once, in pages, and then only what changed.  Messages are encoded once, whoever
reads them, and only the last few are kept: a client that has fallen behind them starts again with the list.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from .json_text import progress_message

#: Uploads in one message.
PAGE = 200
#: Messages of changes in one step; more wait for the next one.
PAGES_PER_STEP = 5
#: Messages of changes kept for those who read slowly.
KEPT = 64


@dataclass(frozen=True, slots=True)
class Listing:
    """The whole list.

    Attributes:
        number: The last message that is contained in it.
        messages: One, or one per page.
    """

    number: int
    messages: tuple[str, ...]


class ChangeFeed:
    """The messages about one list of uploads.

    Args:
        page: Uploads in one message.
        pages_per_step: Messages of changes in one step.
        kept: Messages of changes kept for those who read slowly.
    """

    def __init__(self, *, page: int = PAGE, pages_per_step: int = PAGES_PER_STEP, kept: int = KEPT) -> None:
        self._page = page
        self._per_step = page * pages_per_step
        self._texts: dict[str, str] = {}
        self._waiting: dict[str, None] = {}
        self._messages: deque[str] = deque(maxlen=kept)
        self._number = 0
        self._whole = True
        self._listing: Listing | None = None
        self._shared = kept // 2  # a list so many messages old is still begun with: those since then are kept

    @property
    def number(self) -> int:
        """How many messages there have been."""
        return self._number

    @property
    def total(self) -> int:
        """How many uploads there are."""
        return len(self._texts)

    @property
    def waiting(self) -> bool:
        """Whether changes wait for the next step."""
        return bool(self._waiting)

    def update(self, texts: Mapping[str, str], order: Sequence[str] | None = None) -> bool:
        """One step: what may have changed becomes messages.

        Args:
            texts: Job id -> upload as JSON, for those that may have changed.
            order: Every job id, in the order of display; None if none came or went.

        Returns:
            Whether there is a new message.
        """
        if order is None:
            order = [*self._texts]
        changed = {job_id: text for job_id, text in texts.items() if self._texts.get(job_id) != text}
        removed = (
            [] if len(self._texts) + len(changed.keys() - self._texts.keys()) == len(order) else self._gone(order)
        )
        self._texts.update(changed)
        for job_id in removed:
            del self._texts[job_id]
            self._waiting.pop(job_id, None)
        if not changed and not removed and not self._waiting:
            return False
        if len(self._texts) <= self._page:
            self._push_list(order)
        else:
            self._push_change_pages(changed, removed)
        return True

    def forget_messages(self) -> None:
        """Nobody reads any more: whoever comes next begins with the list, which holds everything."""
        self._waiting.clear()
        self._messages.clear()
        self._listing = None
        self._number += 1

    def since(self, number: int) -> list[str] | None:
        """The messages after ``number``; None if some are not kept any more: begin with :meth:`listing`."""
        behind = self._number - number
        if behind > len(self._messages):
            return [self._messages[-1]] if self._whole and self._messages else None
        return list(self._messages)[len(self._messages) - behind :] if behind else []

    def listing(self) -> Listing:
        """The whole list; several who ask within a short time get the same one."""
        kept = self._listing
        if kept is None or self._number - kept.number > (0 if self._whole else self._shared):
            kept = self._listing = Listing(self._number, tuple(self._list_messages()))
        return kept

    def _gone(self, order: Iterable[str]) -> list[str]:
        present = set(order)
        return [job_id for job_id in self._texts if job_id not in present]

    def _push_list(self, order: Iterable[str]) -> None:
        self._waiting.clear()
        self._messages.clear()
        self._texts = {job_id: self._texts[job_id] for job_id in order if job_id in self._texts}
        self._whole = True
        self._push(progress_message(self._texts.values()))

    def _push_change_pages(self, changed: Mapping[str, str], removed: Sequence[str]) -> None:
        if self._whole:  # the list has outgrown one message: who knows the short one knows what it had
            self._whole = False
            self._listing = None
        queue = [*changed, *(job_id for job_id in self._waiting if job_id not in changed)]
        now, later = queue[: self._per_step], queue[self._per_step :]
        self._waiting = dict.fromkeys(later)
        gone = list(removed)
        for chunk in _chunks(now, self._page):
            self._push_changes(chunk, gone)
            gone = []
        if gone:
            self._push_changes([], gone)

    def _push_changes(self, chunk: Sequence[str], gone: Sequence[str]) -> None:
        beside = {"removed": list(gone)} if gone else {}
        texts = (self._texts[job_id] for job_id in chunk)
        self._push(progress_message(texts, partial=True, total=len(self._texts), **beside))

    def _push(self, message: str) -> None:
        self._messages.append(message)
        self._number += 1

    def _list_messages(self) -> Iterator[str]:
        total = len(self._texts)
        if total <= self._page:
            yield progress_message(self._texts.values())
            return
        pages = -(-total // self._page)
        for page, chunk in enumerate(_chunks(list(self._texts.values()), self._page), start=1):
            yield progress_message(chunk, page=page, pages=pages, total=total)


def _chunks(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
