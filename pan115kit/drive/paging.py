"""Lists that come in pages, as one stream of entries, each once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

from ..errors import DriveError
from ..i18n import say
from .data import Entry
from .rows import Page

#: Fetches the page that begins at this row.
FetchPage = Callable[[int], Awaitable[Page]]
#: A list that shrinks more often than this while it is read is given up.
MOST_RESTARTS = 5


async def every_entry(fetch: FetchPage, *, window: int | None = None) -> AsyncIterator[Entry]:
    """The entries of all pages.

    Where the list shrinks between two pages, rows have moved up into pages that were read already: it is read again
    from its beginning, and what was seen is left out.

    Args:
        fetch: One page.
        window: 115 gives no rows from this one on.

    Raises:
        DriveError: It shrinks again and again.
    """
    seen: set[str] = set()
    offset = restarts = 0
    total: int | None = None
    while True:
        page = await fetch(offset)
        if total is not None and page.total < total:
            restarts += 1
            if restarts > MOST_RESTARTS:
                raise DriveError(say("drive.list.changes"), hint=say("drive.list.changes.hint"), retryable=True)
            offset, total = 0, None
            continue
        total = page.total
        for entry in page.entries:
            if entry.file_id not in seen:
                seen.add(entry.file_id)
                yield entry
        offset += page.rows
        # The count may include what is never listed, so an empty page is an end too.
        if page.rows == 0 or offset >= total or (window is not None and offset >= window):
            return
