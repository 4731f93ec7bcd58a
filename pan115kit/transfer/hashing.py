"""The SHA-1 of a whole file: 115's identity of it, needed before the first request (protocol.md §0).

Hashed in a thread (OpenSSL lets go of the GIL, 1.7 GB/s with a 1 MiB buffer), with progress, and remembered where
that is safe.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from hashlib import md5, sha1

from ..models import FileIdentity
from .local_file import SETTLED_AFTER, LocalFile, in_thread

#: Seconds between two progress reports.
_REPORT_EVERY = 0.05


def is_settled(identity: FileIdentity, now: float, settling_time: float) -> bool:
    """Whether any later write must show in the file's identity.

    Args:
        identity: As it was before the first byte was hashed.
        now: Epoch seconds at that time.
        settling_time: From :meth:`LocalFile.settling_time`, called at that time.
    """
    return now - identity.mtime_ns / 1e9 > settling_time


async def sha1_file(
    file: LocalFile,
    *,
    on_progress: Callable[[int], None] | None = None,
    cached: Callable[[FileIdentity], Awaitable[str | None]] | None = None,
    remember: Callable[[FileIdentity, str], Awaitable[None]] | None = None,
) -> str:
    """SHA-1 of the whole file, upper-case hex.

    Args:
        file: An open file.
        on_progress: Called on the loop with the bytes done, at most about 20 times a second, and at the end.
        cached: Looks up a hash by the file's identity.
        remember: Keeps a hash; not called for a file that was changed while it was hashed or just before, nor where
            a later write might not show in the file's times.

    Raises:
        FileChangedError: The file was changed meanwhile.
        FileUnreadableError: Reading failed.
    """
    known = await cached(file.identity) if cached is not None else None
    if known:
        file.check_unchanged()
        if on_progress is not None:
            on_progress(file.size)
        return known
    begun = time.time()
    # a file of just now is not written out for nothing
    settled = is_settled(file.identity, begun, SETTLED_AFTER)
    settled = settled and is_settled(file.identity, begun, await in_thread(lambda _: file.settling_time()))
    value = await _hash(file, on_progress)
    file.check_unchanged()
    if remember is not None and settled:
        await remember(file.identity, value)
    return value


async def _hash(file: LocalFile, on_progress: Callable[[int], None] | None) -> str:
    digest = sha1(usedforsecurity=False)
    done = 0

    def update(view: memoryview) -> None:
        nonlocal done
        digest.update(view)
        done += len(view)

    work = asyncio.ensure_future(in_thread(lambda stop: file.feed(update, 0, file.size, stop)))
    try:
        while not (await asyncio.wait((work,), timeout=_REPORT_EVERY))[0]:
            if on_progress is not None:
                on_progress(done)
        await work
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)  # the thread has been told to stop when we return
    if on_progress is not None:
        on_progress(done)
    return digest.hexdigest().upper()


async def md5_range(file: LocalFile, offset: int, length: int) -> str:
    """MD5 (upper-case hex) of ``length`` bytes from ``offset``: the ETag OSS gives a part (protocol.md §4.2).

    Raises:
        FileChangedError: The file ended early.
        FileUnreadableError: Reading failed.
    """
    digest = md5(usedforsecurity=False)
    await in_thread(partial(file.feed, digest.update, offset, length))
    return digest.hexdigest().upper()
