"""uvicorn's HTTP on a socket of ours: it says when it listens, bounds its connections, ends at once.

uvicorn's own server looks ten times a second whether it should end and then pauses another 100 ms, accepts as many
connections at once as wait, and has no limit of them.  Here its protocols, its configuration and the application's
lifespan are used, and the few lines around them are ours.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from email.utils import formatdate
from typing import Any

import uvicorn
from uvicorn.server import ServerState

logger = logging.getLogger("pan115kit")

#: Seconds to wait before the next try, where no connection can be accepted (the process has no descriptor left).
ACCEPT_PAUSE = 0.1
#: Seconds that connections which were asked to close get for it, before those that are still at work are waited for.
QUICK_END = 0.1

#: Whether a new connection may be served, given those there are; it may close one of them to make room.
Admission = Callable[[set[Any]], bool]


def _admit_all(_: set[Any]) -> bool:
    return True


class HttpServer:
    """Serves an application on a listening socket until it is asked to end.

    Args:
        config: What to serve, and with which protocols.
        listener: Bound and listening; it is closed at the end.
        on_ready: Called in the loop when connections are accepted.
        admit: Asked for every new connection.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        listener: socket.socket,
        on_ready: Callable[[], None],
        *,
        admit: Admission = _admit_all,
    ) -> None:
        self._config = config
        self._listener = listener
        self._on_ready = on_ready
        self._admit = admit
        self._state = ServerState()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending = asyncio.Event()
        self._accepting: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        """Serve until :meth:`end`.

        Raises:
            RuntimeError: The application did not start; its log says why.
        """
        self._loop = asyncio.get_running_loop()
        if not self._config.loaded:
            self._config.load()
        lifespan = self._config.lifespan_class(self._config)
        await lifespan.startup()
        if lifespan.should_exit:
            self.close_listener()
            raise RuntimeError("the application did not start")
        self._listener.setblocking(False)
        self._accepting = self._loop.create_task(self._accept(lifespan.state), name="accept connections")
        self._on_ready()
        while not self._ending.is_set():
            self._set_date()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), 1.0)
        self.close_listener()
        await self._end_connections()
        await lifespan.shutdown()

    def end(self) -> None:
        """Take no more connections, finish those there are, and end; from any thread, any number of times."""
        if self._loop is None:
            self._ending.set()
            return
        with suppress(RuntimeError):  # the loop is closed: it has ended
            self._loop.call_soon_threadsafe(self._ending.set)

    def close_listener(self) -> None:
        """Take no more connections; on the loop."""
        if self._accepting is not None:
            self._accepting.cancel()
        self._listener.close()

    async def _accept(self, app_state: dict[str, Any]) -> None:
        loop = asyncio.get_running_loop()

        def protocol() -> asyncio.Protocol:
            return self._config.http_protocol_class(  # type: ignore[call-arg]
                config=self._config, server_state=self._state, app_state=app_state, _loop=loop
            )

        failing = False
        while True:
            try:
                connection, _ = await loop.sock_accept(self._listener)
            except OSError as error:
                if not failing:
                    logger.warning("no connection can be accepted: %s", error)
                failing = True
                await asyncio.sleep(ACCEPT_PAUSE)
                continue
            failing = False
            if self._admit(self._state.connections):
                with suppress(OSError):  # it has gone already
                    await loop.connect_accepted_socket(protocol, connection)
            else:
                connection.close()

    def _set_date(self) -> None:
        date = [(b"date", formatdate(time.time(), usegmt=True).encode())] if self._config.date_header else []
        self._state.default_headers = date + self._config.encoded_headers

    async def _end_connections(self) -> None:
        """Idle connections end now; who is still at work gets the time that ``timeout_graceful_shutdown`` gives."""
        for connection in list(self._state.connections):
            connection.shutdown()
        loop = asyncio.get_running_loop()
        begun = loop.time()
        patience = self._config.timeout_graceful_shutdown
        while self._state.connections or self._state.tasks:
            waited = loop.time() - begun
            if patience is not None and waited > patience:
                break
            await asyncio.sleep(0.005 if waited < QUICK_END else 0.05)
        for task in list(self._state.tasks):
            task.cancel()
        for connection in list(self._state.connections):
            connection.transport.abort()
        if self._state.tasks:
            await asyncio.wait(self._state.tasks, timeout=1.0)
