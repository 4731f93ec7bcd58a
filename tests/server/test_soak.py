"""Two hundred pages, ten of them asleep: nobody waits for anybody, and the server's memory stays where it is."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from server_support import PATIENCE, Joined
from websockets.asyncio.client import ClientConnection, connect

CLIENTS, ASLEEP = 200, 10
#: Bytes the server's process may grow by with all clients connected.
ROOM = 100_000_000


@contextlib.contextmanager
def moving_server(uploads: int, moving: int) -> Iterator[tuple[dict[str, Any], subprocess.Popen[str]]]:
    """A server in a process of its own, so that its memory can be told from its clients'."""
    script = Path(__file__).parents[1] / "support" / "soak_server.py"
    child = subprocess.Popen(
        [sys.executable, str(script), str(uploads), str(moving)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None
        yield json.loads(child.stdout.readline()), child
    finally:
        with contextlib.suppress(BrokenPipeError):
            child.communicate(timeout=PATIENCE)
        child.kill()
        child.wait()


def address(told: dict[str, Any]) -> str:
    return f"{told['url'].replace('http', 'ws')}ws/upload/progress?token={told['token']}"


@contextlib.asynccontextmanager
async def everybody(
    told: dict[str, Any], follow: Callable[[int, ClientConnection], Coroutine[Any, Any, None]]
) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Clients that read from the moment they are connected, beside sleepers that do not."""
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(ASLEEP):
            raw = socket.create_connection(
                (told["url"].split("/")[2].split(":")[0], int(told["url"].split(":")[2][:-1]))
            )
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stack.callback(raw.close)
            path = "/" + address(told).split("/", 3)[3]
            raw.sendall(
                f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
            )
        following = []
        for number in range(CLIENTS - ASLEEP):
            socket_ = await stack.enter_async_context(
                connect(
                    address(told),
                    max_size=None,
                    proxy=None,
                    compression=None,
                    open_timeout=PATIENCE,
                    ping_interval=None,
                )
            )
            following.append(asyncio.create_task(follow(number, socket_)))
        yield following


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("uploads", "moving"), [(50, 20), (2000, 20)])
def test_two_hundred_clients_ten_asleep(uploads: int, moving: int) -> None:
    """Whole lists (50 uploads) and pages with changes (2,000)."""
    with moving_server(uploads, moving) as (told, child):
        process = psutil.Process(told["pid"])
        before = process.memory_info().rss
        asyncio.run(_soak(told, child, process, before, uploads, moving))


async def _soak(
    told: dict[str, Any],
    child: subprocess.Popen[str],
    process: psutil.Process,
    before: int,
    uploads: int,
    moving: int,
) -> None:
    pages = max(1, -(-uploads // 200)) if uploads > 200 else 0
    begun = time.monotonic()
    counts = [0] * (CLIENTS - ASLEEP)

    async def follow(number: int, messages: ClientConnection) -> None:
        joined = Joined()
        async for message in messages:
            counts[number] += 1
            joined.take(message)
            if '"success"' in str(message):
                done = sum(upload["status"] == "success" for upload in joined.uploads.values())
                if done == moving and len(joined.uploads) == uploads:
                    return

    async with everybody(told, follow) as following:
        peak = before
        connected = time.monotonic()
        # six seconds, and until everybody has heard about it while it went on
        while (lasted := time.monotonic() - connected) < 6 or min(counts) < pages + 5:
            assert lasted < 2 * PATIENCE, f"somebody got {min(counts)} messages only"
            await asyncio.sleep(0.25)
            peak = max(peak, process.memory_info().rss)
        assert child.stdin is not None
        child.stdin.write("finish\n")
        child.stdin.flush()
        await asyncio.wait_for(asyncio.gather(*following), 2 * PATIENCE)
        peak = max(peak, process.memory_info().rss)
    print(f"\n{uploads} uploads: rss {before / 1e6:.0f} -> {peak / 1e6:.0f} MB, messages {min(counts)}-{max(counts)}")
    assert peak - before < ROOM
    assert max(counts) <= pages + 2 * (time.monotonic() - begun) + 5, "two messages a second at most"
