"""``WS /ws/upload/progress``: many clients, one look at the uploads, one encoding of each message.

No client has a queue of its own: each has a place in the shared feed and takes what comes after it, as fast as its
line allows.  So memory does not grow with slow clients.  One that falls too far behind gets the list again; one that
takes nothing for :data:`SEND_PATIENCE` seconds is closed with 1013 ("try again later").
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from ..errors import StoreError
from ..i18n import say
from .all_uploads import AllUploads, ChangeCursor
from .change_feed import ChangeFeed
from .connections import connection_limit
from .json_text import encode

logger = logging.getLogger("pan115kit")

#: Seconds between two updates at least (specification: 500 ms).
INTERVAL = 0.5
#: Seconds between two looks for something new.
LOOK = 0.05
#: Seconds one message may take to leave.
SEND_PATIENCE = 10.0
#: Seconds a slow client has to take the message that says it was too slow.
CLOSE_PATIENCE = 20.0
#: The part of the connections that WebSockets may take: a page that is turned away can still be told so.
SHARE = 0.75

TRY_AGAIN_LATER = 1013


class WebSocketHub:
    """Sends every client how the uploads stand.

    Args:
        uploads: What they are shown.
        interval: Seconds between two updates at least.
        patience: Seconds one message may take to leave.
        max_clients: More are turned away with 1013; None follows the limit of connections.
        clock: Steady seconds.
    """

    def __init__(
        self,
        uploads: AllUploads,
        *,
        interval: float = INTERVAL,
        patience: float = SEND_PATIENCE,
        max_clients: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._uploads = uploads
        self._interval = interval
        self._patience = patience
        self._max_clients = int(connection_limit() * SHARE) if max_clients is None else max_clients
        self._clock = clock
        self._cursor = ChangeCursor(uploads)
        self._feed = ChangeFeed()
        self._changed = asyncio.Event()
        self._looker: asyncio.Task[None] | None = None
        self._next = 0.0
        self._starting = asyncio.Lock()
        self._clients: set[_Client] = set()

    @property
    def clients(self) -> int:
        """How many are connected."""
        return len(self._clients)

    async def attend(self, socket: WebSocket) -> None:
        """Serve one client until it goes."""
        await socket.accept()
        if len(self._clients) >= self._max_clients:
            await socket.close(TRY_AGAIN_LATER, say("server.too_many_clients"))
            return
        client = _Client(socket, self._patience)
        self._clients.add(client)
        tasks: set[asyncio.Task[None]] = set()
        try:
            looking = await self._start_looking()
            tasks = {asyncio.create_task(self._send_to(client)), asyncio.create_task(client.listen())}
            done, _ = await asyncio.wait({*tasks, looking}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._clients.discard(client)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for error in (task.exception() for task in done if not task.cancelled()):
            if isinstance(error, TimeoutError):
                await client.turn_away()
            elif error is not None and not isinstance(error, (WebSocketDisconnect, RuntimeError)):
                raise error

    async def close(self) -> None:
        """Stop looking; the server itself ends the connections."""
        if self._looker is not None:
            self._looker.cancel()
            with suppress(asyncio.CancelledError):
                await self._looker

    async def _send_to(self, client: _Client) -> None:
        """The list, then whatever comes after it; the list again where too much has come."""
        place: int | None = None
        while True:
            changed = self._changed
            after = None if place is None else self._feed.since(place)
            if after is None:
                listing = self._feed.listing()
                messages, place = listing.messages, listing.number
            else:
                messages, place = tuple(after), self._feed.number
            if not messages:
                await changed.wait()
            for message in messages:
                await client.send(message)

    # -- looking -----------------------------------------------------------------------------------------------

    async def _start_looking(self) -> asyncio.Task[None]:
        """See to it that somebody looks while somebody is connected; the first client waits for the first look."""
        async with self._starting:
            idle = self._looker is None or self._looker.done()
            if idle or self._clock() >= self._next:
                await self._look()
            if idle:
                self._feed.forget_messages()
            if self._looker is None or self._looker.done():
                self._looker = asyncio.create_task(self._keep_looking(), name="uploads for WebSocket clients")
            return self._looker

    async def _keep_looking(self) -> None:
        while self._clients:
            await asyncio.sleep(LOOK)
            if self._clock() >= self._next:
                await self._look()

    async def _look(self) -> None:
        try:
            await self._uploads.remote.look()
        except StoreError as error:
            # this process's own uploads are shown all the same
            logger.warning("uploads of other processes cannot be seen: %s", error)
        changes = self._cursor.step()
        if changes is not None:
            new = self._feed.update(changes.texts, changes.order)
        else:
            new = self._feed.waiting and self._feed.update({})
        if new:
            self._next = self._clock() + self._interval
            changed, self._changed = self._changed, asyncio.Event()
            changed.set()


class _Client:
    """One socket; messages leave one at a time, and none takes for ever."""

    def __init__(self, socket: WebSocket, patience: float) -> None:
        self._socket = socket
        self._patience = patience
        self._turn = asyncio.Lock()

    async def send(self, message: str) -> None:
        """Send one text message.

        Raises:
            TimeoutError: The client does not take it.
        """
        async with self._turn, asyncio.timeout(self._patience):
            await self._socket.send_text(message)

    async def listen(self) -> None:
        """Answer pings until the client goes."""
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            answer = reply(message.get("text"), time.time())
            if answer is not None:
                await self.send(encode(answer))

    async def turn_away(self) -> None:
        """Tell a client that it was too slow, if it ever listens again."""
        logger.info("a WebSocket client took no message for %g seconds and is closed", self._patience)
        with suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
            async with asyncio.timeout(CLOSE_PATIENCE):
                await self._socket.close(TRY_AGAIN_LATER, say("server.too_slow"))


def reply(text: str | None, now: float) -> dict[str, Any] | None:
    """The answer to a client's message, or None where it needs none.

    Args:
        text: The message; None for a binary one.
        now: Seconds since the epoch.
    """
    try:
        message = json.loads(text or "")
    except (ValueError, RecursionError):
        return {"type": "error", "detail": say("server.message_not_json")}
    if not isinstance(message, dict) or message.get("type") != "ping":
        return None
    stamp = message.get("timestamp")
    known = isinstance(stamp, (int, float)) and not isinstance(stamp, bool) and abs(stamp) < 2**53
    return {"type": "pong", "timestamp": stamp if known else int(now * 1000)}
