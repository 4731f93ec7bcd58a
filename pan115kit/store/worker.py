"""One thread that runs jobs in the order they came: SQLite's single writer.

A thread of our own instead of ``concurrent.futures``: an executor refuses work as soon as the interpreter begins to
exit (and its threads hold the exit up), but the last state of an upload is written exactly then.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from typing import TypeVar

from ..errors import StoreError
from ..i18n import say

T = TypeVar("T")


class Worker:
    """A daemon thread with a queue.

    Args:
        name: The thread's name.
        inline: Start without a thread: the interpreter is exiting and would not give one.

    Attributes:
        busy: Held while a job runs, so that a fork can wait for a quiet moment.
        inline: True once the interpreter exits: jobs then run on the caller's thread.
    """

    def __init__(self, name: str, *, inline: bool = False) -> None:
        self.busy = threading.RLock()
        self.inline = inline
        self._name = name
        self._stopped = False
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        # Re-entrant: a signal handler may write while the code it interrupted is handing in a job.
        self._gate = threading.RLock()

    def submit(self, function: Callable[[], T]) -> Future[T]:
        """Hand in a job; once handed in it runs, whoever stops waiting for it.

        Raises:
            StoreError: The worker was stopped.
        """
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()  # from here on nobody can cancel it halfway
        job = partial(self._perform, function, future)
        with self._gate:
            if self._stopped:
                raise StoreError(say("store.closed"), hint=say("store.closed.hint"))
            inline = self.inline
            if not inline:
                self._ensure_thread()
                self._jobs.put(job)
        if inline:
            job()
        return future

    def run(self, function: Callable[[], T]) -> T:
        """Run a job and wait for its result; direct when already on the worker's thread.

        Raises:
            StoreError: The worker was stopped.
        """
        if threading.current_thread() is self._thread:
            return function()
        return self.submit(function).result()

    def stop(self, *, then_inline: bool = False) -> None:
        """Finish what was handed in and end the thread.

        Args:
            then_inline: Go on running later jobs on the thread that brings them (interpreter exit), instead of
                refusing them.
        """
        with self._gate:
            self._stopped = not then_inline
            self.inline = then_inline
            thread = self._thread
            if thread is not None:
                self._jobs.put(None)
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _ensure_thread(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            del job  # or the last job's objects would live until the next one comes

    def _perform(self, function: Callable[[], T], future: Future[T]) -> None:
        with self.busy:
            try:
                result = function()
            except BaseException as error:  # noqa: BLE001 - handed to whoever waits, whatever it is
                future.set_exception(error)
            else:
                future.set_result(result)
