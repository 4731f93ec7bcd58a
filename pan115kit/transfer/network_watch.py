"""Is there a network?  An outage is waited out, not counted as failures of files (laws.md 18).

When a request got no answer, the hosts are asked for a connection.  If one of them gives it, the network is there and
the request's own tries count.  If none does, everybody waits until one does again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from enum import Enum
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

logger = logging.getLogger("pan115kit")

#: Seconds between two looks for a host: doubled from the first to the last of these.
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
#: Seconds that a host has to take a connection.
PROBE_TIMEOUT = 10.0

#: A host and its port.
Address = tuple[str, int]


class Network(Enum):
    """What :meth:`NetworkWatch.wait` found."""

    UP = "a host answers: there was no outage"
    BACK = "no host answered, and now one does"
    LOST = "no host has answered for as long as one may wait"


def address_of(url: str) -> Address:
    """Where a request for ``url`` connects to: its host, or the proxy that the environment names for it."""
    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    if proxy and not proxy_bypass(parts.hostname or ""):
        parts = urlsplit(proxy if "//" in proxy else f"//{proxy}")
    return parts.hostname or "", parts.port or (80 if parts.scheme == "http" else 443)


async def takes_connections(address: Address) -> bool:
    """Whether a host takes a connection now."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(*address), PROBE_TIMEOUT)
    except (OSError, TimeoutError, UnicodeError):  # UnicodeError: a host name that is none
        return False
    writer.close()
    return True


class NetworkWatch:
    """One look at the network for all uploads of a client.

    Args:
        addresses: The hosts in question, as they are known now.
        probe: Whether one of them takes connections.
        sleep: Waits that many seconds.
        clock: Epoch seconds.
    """

    def __init__(
        self,
        addresses: Callable[[], Iterable[Address]],
        *,
        probe: Callable[[Address], Awaitable[bool]] = takes_connections,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._addresses = addresses
        self._probe = probe
        self._sleep = sleep
        self._clock = clock
        self._waiting = 0
        self._search: asyncio.Task[None] | None = None
        self.down_since: float | None = None

    async def wait(self, patience: float, waiting: Callable[[float], None]) -> Network:
        """Return at once where a host answers; else wait until one does.

        Args:
            patience: Seconds to wait at most.
            waiting: Called once, with the epoch seconds since when the network is down, when the wait begins.
        """
        if patience <= 0 or await self._answers():
            return Network.UP
        self._waiting += 1
        try:
            if self._search is None or self._search.done():
                self.down_since = self._clock()
                logger.warning("no host answers: waiting for the network")
                self._search = asyncio.get_running_loop().create_task(self._find(), name="network")
            waiting(self.down_since or self._clock())
            await asyncio.wait_for(asyncio.shield(self._search), patience)
        except TimeoutError:
            return Network.LOST
        finally:
            self._waiting -= 1
            if self._waiting == 0 and self._search is not None:
                self._search.cancel()
        logger.warning("the network is back")
        return Network.BACK

    async def _find(self) -> None:
        """End when a host answers."""
        pause = FIRST_PAUSE
        while True:
            await self._sleep(pause)
            if await self._answers():
                self.down_since = None
                return
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _answers(self) -> bool:
        """Whether any host takes a connection; all are asked at once."""
        probes = {asyncio.ensure_future(self._probe(address)) for address in dict.fromkeys(self._addresses())}
        try:
            while probes:
                done, probes = await asyncio.wait(probes, return_when=asyncio.FIRST_COMPLETED)
                if any(probe.result() for probe in done):
                    return True
            return False
        finally:
            for probe in probes:
                probe.cancel()
