"""uvicorn for a thread of ours: it says when it listens, and ends at once."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress

import uvicorn


class QuickServer(uvicorn.Server):
    """A server that begins and ends as another thread wants.

    uvicorn itself looks ten times a second whether it should end and then pauses another 100 ms: for somebody who
    starts and stops servers all day (every test does) that is most of the time.

    Args:
        config: What to serve.
        on_ready: Called in the loop when connections are accepted.

    Example:
        >>> async def app(scope, receive, send): ...
        >>> server = QuickServer(uvicorn.Config(app, lifespan="off"), lambda: print("it listens"))
        >>> server.started
        False
    """

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        self._on_ready()

    async def main_loop(self) -> None:
        ticks = 0
        while not await self.on_tick(ticks):
            ticks += 1
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), 0.1)

    def end(self) -> None:
        """Take no more connections, finish those there are, and end; from any thread, any number of times."""
        self.should_exit = True
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed: it has ended
                self._loop.call_soon_threadsafe(self._ending.set)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for listener in self.servers:
            listener.close()
        for listening in sockets or []:
            listening.close()
        state = self.server_state
        for connection in list(state.connections):
            connection.shutdown()
        for _ in range(20):
            if state.connections or state.tasks:
                await asyncio.sleep(0.005)
        if state.connections or state.tasks:
            await super().shutdown(sockets)  # somebody is still at it: they get the time they may have
            return
        for listener in self.servers:
            await listener.wait_closed()
        if not self.force_exit:
            await self.lifespan.shutdown()
