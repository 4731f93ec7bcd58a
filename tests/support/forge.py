"""A process that has imported the kit and forks uploaders, each of which may kill itself: quick, and really dead.

It reads one JSON order a line on stdin and answers one JSON line on stdout.  An order is::

    {"path": …, "target": …, "options": …, "point": [name, n] or null, "after": seconds or null}

``point``: the uploader sends itself SIGKILL at the n-th point of that name in its run, where every store write and
every HTTP exchange has two points: before it, and after it (the write is committed, the answer is there) but before
anybody knows.  ``after``: the forge kills it after so many seconds.  Neither: it runs to its end.
"""

from __future__ import annotations

import functools
import json
import os
import select
import signal
import ssl
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx

from pan115kit import Pan115Client, Pan115Error
from pan115kit.store.database import Database
from pan115kit.transfer import queue

ssl.create_default_context = functools.cache(ssl.create_default_context)  # type: ignore[assignment]
ssl.create_default_context()


def install(fatal: list[Any] | None, reached: list[str]) -> None:
    """Count the points of a run, and die at one of them."""
    queue.SAMPLE_INTERVAL = 3600.0  # on a slow machine a run would have more samples, and so more points
    lock = threading.Lock()

    def point(name: str) -> None:
        with lock:
            reached.append(name)
            if fatal == [name, reached.count(name)]:
                os.kill(os.getpid(), signal.SIGKILL)

    write, send = Database.write, httpx.AsyncClient.send

    def counted_write(self: Database, function: Callable[..., Any]) -> Any:
        point("before a write")
        outcome = write(self, function)
        point("after a write")
        return outcome

    async def counted_send(self: httpx.AsyncClient, request: httpx.Request, **options: Any) -> httpx.Response:
        point(f"before {request.method}")
        reply = await send(self, request, **options)
        point(f"after {request.method}")
        return reply

    Database.write = counted_write  # type: ignore[method-assign]
    httpx.AsyncClient.send = counted_send  # type: ignore[method-assign]


def upload(order: dict[str, Any], tell: int) -> None:
    """In the child: one upload; its result goes through the pipe ``tell``."""
    reached: list[str] = []
    install(order.get("point"), reached)
    with Pan115Client() as client:
        job = client.submit(order["path"], order["target"], **order["options"])
        try:
            told = job.wait(120).to_dict()
        except Pan115Error as error:
            told = job.failure(error).to_dict()
    os.write(tell, json.dumps({"result": told, "points": reached}).encode())


def run(order: dict[str, Any]) -> dict[str, Any]:
    """Fork an uploader, perhaps kill it, say how it ended."""
    hear, tell = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(hear)
            upload(order, tell)
            code = 0
        finally:
            os._exit(code)
    os.close(tell)
    if order.get("after") is not None:
        # the pipe is closed by the child's end: whichever comes first
        select.select([hear], [], [], order["after"])
        os.kill(child, signal.SIGKILL)
    told = b""
    while piece := os.read(hear, 1 << 16):
        told += piece
    os.close(hear)
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    answer = json.loads(told) if told else {}
    return {"killed": killed, "code": None if killed else os.waitstatus_to_exitcode(status), **answer}


def main() -> None:
    """Serve until stdin ends."""
    for line in sys.stdin:
        begun = time.monotonic()
        answer = run(json.loads(line))
        print(json.dumps({**answer, "seconds": time.monotonic() - begun}), flush=True)


if __name__ == "__main__":
    main()
