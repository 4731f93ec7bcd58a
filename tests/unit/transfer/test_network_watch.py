"""Is there a network?  A wrong yes fails every file of a folder, a wrong no lets uploads hang."""

from __future__ import annotations

import asyncio
import socket

import pytest

from pan115kit.transfer.network_watch import (
    LONGEST_PAUSE,
    Address,
    Network,
    NetworkWatch,
    address_of,
    takes_connections,
)

HOSTS: list[Address] = [("one", 443), ("two", 80)]


class World:
    """Hosts that answer from a moment on, and a clock that only sleeping moves."""

    def __init__(self, back_at: float = float("inf"), only: Address | None = None) -> None:
        self.now = 1000.0
        self.back_at = back_at
        self.only = only
        self.pauses: list[float] = []
        self.probes = 0
        self.watch = NetworkWatch(lambda: HOSTS, probe=self.probe, sleep=self.sleep, clock=lambda: self.now)

    async def probe(self, address: Address) -> bool:
        self.probes += 1
        return self.now >= self.back_at and self.only in (None, address)

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


def test_one_host_that_answers_is_a_network() -> None:
    """115 is there and OSS is not: that is OSS's fault, and its requests' own tries count."""
    world = World(back_at=0, only=HOSTS[1])
    assert asyncio.run(world.watch.wait(60, lambda since: pytest.fail("nobody waits"))) is Network.UP
    assert world.pauses == []


def test_an_outage_is_waited_out_and_looked_at_at_least_every_30_seconds() -> None:
    """Ten minutes without a line, and the upload goes on within half a minute of its return."""
    world, said = World(back_at=1600.0), []
    assert asyncio.run(world.watch.wait(3600, said.append)) is Network.BACK
    assert said == [1000.0]
    assert max(world.pauses) == LONGEST_PAUSE == 30.0
    assert 1600 <= world.now < 1600 + LONGEST_PAUSE
    assert world.watch.down_since is None


def test_all_uploads_share_one_look() -> None:
    """Hundreds that wait must not ask hundreds of times."""
    world = World(back_at=1100.0)

    async def main() -> list[Network]:
        return await asyncio.gather(*(world.watch.wait(3600, lambda since: None) for _ in range(100)))

    assert set(asyncio.run(main())) == {Network.BACK}
    assert world.probes <= 100 * len(HOSTS) + len(HOSTS) * len(world.pauses)
    assert len(world.pauses) < 10


def test_patience_ends_and_no_patience_does_not_even_look() -> None:
    world = World()

    async def stuck(seconds: float) -> None:
        await asyncio.sleep(3600)

    world.watch._sleep = stuck
    assert asyncio.run(world.watch.wait(0.01, lambda since: None)) is Network.LOST
    before = world.probes
    assert asyncio.run(world.watch.wait(0, lambda since: None)) is Network.UP
    assert world.probes == before


@pytest.mark.parametrize(
    ("url", "proxy", "expected"),
    [
        ("https://uplb.115.com/3.0", None, ("uplb.115.com", 443)),
        ("http://127.0.0.1:8115", None, ("127.0.0.1", 8115)),
        ("https://uplb.115.com", "http://proxy.home:3128", ("proxy.home", 3128)),
    ],
)
def test_where_a_request_connects_to(
    monkeypatch: pytest.MonkeyPatch, url: str, proxy: str | None, expected: Address
) -> None:
    """Behind a proxy 115's own hosts take no connection, and the network is there all the same."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    if proxy:
        monkeypatch.setenv("https_proxy", proxy)
    assert address_of(url) == expected


def test_a_real_port_takes_connections_and_a_closed_one_does_not() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        address = listener.getsockname()
        assert asyncio.run(takes_connections(address))
    assert not asyncio.run(takes_connections(address))
    assert not asyncio.run(takes_connections(("no..such..host", 80)))
