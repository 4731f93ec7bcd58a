"""Users' progress callbacks: called live, one at a time, never in the way of an upload.

They run on the kit's own thread for display (:func:`pan115kit._base.event_loops.ui_loop`), so that they are live
while a notebook cell blocks, and a slow one delays nobody but itself.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .._base import event_loops
from .recorder import ProgressRecorder
from .snapshot import UploadProgress

logger = logging.getLogger("pan115kit")

#: A callback: a plain function or a coroutine function of one snapshot.
ProgressCallback = Callable[[UploadProgress], Any]

#: Seconds between two calls of one callback; the last state is always delivered.
CALLBACK_INTERVAL = 0.2


@dataclass(slots=True, eq=False)
class _Subscription:
    """One callback and the state of its delivery.

    ``wanted`` and ``scheduled`` are guarded by the registry's lock; the rest is touched on the ui loop only.
    """

    callback: ProgressCallback
    context: contextvars.Context
    wanted: ProgressRecorder | None = None
    scheduled: bool = False
    urgent: bool = False
    last: float = -math.inf
    timer: asyncio.TimerHandle | None = None
    task: asyncio.Task[None] | None = None


class CallbackRegistry:
    """Who wants to be called for which key (a local path or a job id).

    Args:
        lock: The tracker's lock.
    """

    def __init__(self, lock: threading.RLock) -> None:
        self._lock = lock
        self._table: dict[str, list[_Subscription]] = {}

    @property
    def empty(self) -> bool:
        """Whether nobody wants anything: the usual case, kept free of cost."""
        return not self._table

    def subscribe(self, key: str, callback: ProgressCallback, now: ProgressRecorder | None = None) -> None:
        """Call ``callback`` for ``key`` from now on, and once at once if there is something to show already."""
        # the caller's context travels along, so that print() in the callback lands in the caller's cell
        subscription = _Subscription(callback, contextvars.copy_context())
        with self._lock:
            self._table.setdefault(key, []).append(subscription)
            if now is not None:
                self._want(subscription, now, urgent=now.status.is_final)

    def unsubscribe(self, key: str, callback: ProgressCallback) -> None:
        """Undo :meth:`subscribe`; unknown pairs are ignored."""
        with self._lock:
            kept = [s for s in self._table.get(key, []) if s.callback != callback]
            if kept:
                self._table[key] = kept
            else:
                self._table.pop(key, None)

    def drop(self, key: str) -> None:
        """Forget every callback of ``key``."""
        with self._lock:
            self._table.pop(key, None)

    def notify(self, recorder: ProgressRecorder, *, urgent: bool) -> None:
        """``recorder`` changed; called under the lock."""
        for subscription in self._of(recorder):
            self._want(subscription, recorder, urgent=urgent)

    async def flush(self, recorder: ProgressRecorder, timeout: float) -> None:
        """Wait until every callback has seen the newest state; a stuck one is left behind after ``timeout``."""
        with self._lock:
            waiting = self._of(recorder)
        if not waiting:
            return
        drained = event_loops.ui_loop().submit(self._drain(waiting), fresh_context=True)
        try:
            await asyncio.wait_for(asyncio.wrap_future(drained), timeout)
        except TimeoutError:
            logger.warning("a progress callback has not returned for %.0f s; going on without it", timeout)

    def _of(self, recorder: ProgressRecorder) -> list[_Subscription]:
        return [*self._table.get(recorder.file_path, ()), *self._table.get(recorder.job_id, ())]

    def _want(self, subscription: _Subscription, recorder: ProgressRecorder, *, urgent: bool) -> None:
        subscription.wanted = recorder
        if subscription.scheduled and not urgent:
            return
        subscription.scheduled = True
        event_loops.ui_loop().call(self._schedule, subscription, urgent)

    # -- on the ui loop ------------------------------------------------------------------------------------------

    def _schedule(self, subscription: _Subscription, urgent: bool) -> None:
        loop = asyncio.get_running_loop()
        subscription.urgent = subscription.urgent or urgent
        if subscription.timer is not None:
            subscription.timer.cancel()
            subscription.timer = None
        wait = 0.0 if subscription.urgent else subscription.last + CALLBACK_INTERVAL - loop.time()
        if wait > 0:
            subscription.timer = loop.call_later(wait, self._deliver, subscription)
        else:
            self._deliver(subscription)

    def _deliver(self, subscription: _Subscription) -> None:
        if subscription.task is not None and not subscription.task.done():
            return  # one call at a time; the end of this one delivers what is wanted by then
        with self._lock:
            recorder, subscription.wanted = subscription.wanted, None
            subscription.scheduled = subscription.urgent = False
            if recorder is None:
                return
            shot = recorder.snapshot()
        loop = asyncio.get_running_loop()
        subscription.last = loop.time()
        subscription.task = loop.create_task(_call(subscription.callback, shot), context=subscription.context)
        subscription.task.add_done_callback(lambda _: self._after(subscription))

    def _after(self, subscription: _Subscription) -> None:
        subscription.task = None
        if subscription.wanted is not None:
            self._schedule(subscription, subscription.urgent)

    async def _drain(self, subscriptions: list[_Subscription]) -> None:
        for subscription in subscriptions:
            while subscription.task is not None or subscription.wanted is not None:
                self._schedule(subscription, True)
                if subscription.task is not None:
                    await asyncio.wait([subscription.task])
                await asyncio.sleep(0)  # let the task's done callback run


async def _call(callback: ProgressCallback, shot: UploadProgress) -> None:
    try:
        outcome = callback(shot)
        if inspect.isawaitable(outcome):
            await outcome
    except Exception:  # the user's code: whatever it raises, the upload goes on
        logger.exception("a progress callback raised; the upload goes on")
