"""The engine's loop on its own thread, and how sync callers and other loops reach it.

A notebook's kernel has its own event loop, and a busy cell blocks it.  Uploads must go on all the same, so the kit
runs on two daemon threads of its own: ``engine()`` moves bytes, ``ui_loop()`` draws panels and runs callbacks, so
that a slow callback never slows an upload.  Nothing here patches anybody's loop.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextvars
import logging
import os
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from ..errors import UploadInterrupted
from ..i18n import say

T = TypeVar("T")
logger = logging.getLogger("pan115kit")

#: Waits are cut into ticks so that Ctrl-C and ■ are felt on every system and in every kernel.
TICK = 0.1


class LoopThread:
    """An event loop running in a daemon thread."""

    def __init__(self, name: str) -> None:
        self.name = name
        # new_event_loop, not asyncio.run: a user may have patched the latter (nest_asyncio)
        self.loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._thread = threading.Thread(target=self._main, name=name, daemon=True)
        self._thread.start()

    def _main(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    @property
    def alive(self) -> bool:
        """Whether the loop takes work."""
        return self._thread.is_alive() and not self.loop.is_closed()

    @property
    def is_current(self) -> bool:
        """Whether the caller is on this thread."""
        return threading.get_ident() == self._thread.ident

    def call(self, function: Callable[..., object], *arguments: Any) -> None:
        """Run ``function`` on the loop soon; at once when already on it."""
        if self.is_current:
            function(*arguments)
        else:
            self.loop.call_soon_threadsafe(function, *arguments)

    def submit(
        self, coroutine: Coroutine[Any, Any, T], *, fresh_context: bool = False
    ) -> concurrent.futures.Future[T]:
        """Start ``coroutine`` on the loop.

        Args:
            coroutine: What to run.
            fresh_context: Start it with an empty context, so that a notebook cell's output capture does not travel
                with it and its updates outlive the cell.

        Returns:
            A future for any thread.  Cancelling it has no effect once the coroutine runs: nobody's waiting, or
            giving up waiting, may stop an upload.
        """
        future: concurrent.futures.Future[T] = concurrent.futures.Future()
        context = contextvars.Context() if fresh_context else contextvars.copy_context()

        def start() -> None:
            if not future.set_running_or_notify_cancel():
                coroutine.close()
                return
            task = self.loop.create_task(coroutine)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            task.add_done_callback(lambda done: _copy_outcome(done, future))

        self.loop.call_soon_threadsafe(start, context=context)
        return future

    def close(self, grace: float = 3.0) -> None:
        """Cancel what runs, give it ``grace`` seconds to save its state, stop the thread."""
        if not self.alive:
            return
        finished = threading.Event()

        async def wind_down() -> None:
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks, timeout=grace)
            await self.loop.shutdown_asyncgens()
            finished.set()

        self.loop.call_soon_threadsafe(lambda: self.loop.create_task(wind_down()))
        if not self.is_current:
            finished.wait(grace + 1)
        self.loop.call_soon_threadsafe(self.loop.stop)
        if not self.is_current:
            self._thread.join(grace)
            if not self._thread.is_alive():
                self.loop.close()


def _copy_outcome(task: asyncio.Task[T], future: concurrent.futures.Future[T]) -> None:
    if task.cancelled():
        future.set_exception(concurrent.futures.CancelledError())
    elif (error := task.exception()) is not None:
        future.set_exception(error)
    else:
        future.set_result(task.result())


_threads: dict[str, LoopThread] = {}
_threads_lock = threading.Lock()


def _thread(name: str) -> LoopThread:
    with _threads_lock:
        found = _threads.get(name)
        if found is None or not found.alive:
            found = _threads[name] = LoopThread(name)
        return found


def engine() -> LoopThread:
    """The loop that moves bytes, one per process; made when first asked for, and again after a fork."""
    return _thread("pan115-engine")


def ui_loop() -> LoopThread:
    """The loop that draws panels and bars and runs users' callbacks."""
    return _thread("pan115-ui")


_at_exit: list[Callable[[], None]] = []


def at_exit(function: Callable[[], None]) -> None:
    """Run ``function`` before the loops are stopped at interpreter exit; the newest first."""
    _at_exit.append(function)


def not_at_exit(function: Callable[[], None]) -> None:
    """Undo :func:`at_exit`; unknown functions are ignored."""
    if function in _at_exit:
        _at_exit.remove(function)


def shutdown() -> None:
    """Stop both loops (tests, interpreter exit); the next use starts new ones."""
    while _at_exit:
        _at_exit.pop()()
    for name in ("pan115-engine", "pan115-ui"):
        with _threads_lock:
            found = _threads.pop(name, None)
        if found is not None:
            found.close()


def _after_fork_in_child() -> None:
    # threads do not survive a fork; their locks may be held for ever
    global _threads_lock
    _threads_lock = threading.Lock()
    _threads.clear()
    _at_exit.clear()


atexit.register(shutdown)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def wait(
    future: concurrent.futures.Future[T],
    *,
    timeout: float | None = None,
    on_interrupt: Callable[[], str] | None = None,
) -> T:
    """Block the calling thread until ``future`` is done.

    Args:
        future: From :meth:`LoopThread.submit`.
        timeout: Seconds, or None to wait for ever.
        on_interrupt: Called on Ctrl-C or ■; what it returns is the one line the user sees.

    Raises:
        TimeoutError: ``timeout`` ran out; the work goes on.
        UploadInterrupted: Ctrl-C or ■ while waiting, when ``on_interrupt`` is given.
        RuntimeError: Called on one of the kit's own loops, where blocking would hang for ever.
    """
    if not future.done() and any(thread.is_current for thread in list(_threads.values())):
        raise RuntimeError(say("loop.blocking_call"))
    end = None if timeout is None else time.monotonic() + timeout
    try:
        while True:
            step = TICK if end is None else min(TICK, max(0.0, end - time.monotonic()))
            try:
                return future.result(step)
            except concurrent.futures.TimeoutError:
                if future.done():  # it may have ended just as the tick ran out: its own outcome counts
                    return future.result()
                if end is not None and time.monotonic() >= end:
                    raise TimeoutError(say("loop.still_running")) from None
    except KeyboardInterrupt:
        if on_interrupt is None:
            raise
        raise UploadInterrupted(on_interrupt()) from None


async def wait_async(future: concurrent.futures.Future[T], *, interrupted: Callable[[], str] | None = None) -> T:
    """Wait for ``future`` from any event loop, in ticks, so that a notebook's ■ is felt at once.

    Cancelling the waiter never cancels the work.

    Args:
        future: From :meth:`LoopThread.submit`.
        interrupted: Gives the one line that a notebook shows instead of a traceback when the cell is interrupted;
            called when it is shown.
    """
    loop = asyncio.get_running_loop()
    finished = asyncio.Event()

    def wake(_: object) -> None:
        # the waiter's loop may be gone by the time the work ends
        if not loop.is_closed():
            loop.call_soon_threadsafe(finished.set)

    future.add_done_callback(wake)
    while not future.done():
        try:
            await asyncio.wait_for(finished.wait(), TICK)
        except TimeoutError:
            continue
        except asyncio.CancelledError as error:
            if interrupted is not None:
                # on the instance: a subclass would break asyncio.timeout() on Python 3.11
                error._render_traceback_ = lambda: [interrupted()]  # type: ignore[attr-defined]
            raise
    return future.result()
