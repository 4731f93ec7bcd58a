"""STS keys: fetched once for everybody, renewed in time, never shown."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oss_support import SECRETS, Keys, keys

from pan115kit.errors import LoginError, NetworkError
from pan115kit.models import OssToken
from pan115kit.oss.sts_keys import CredentialsProvider, renewal_time


class Clock:
    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@given(life=st.floats(0.1, 1e5), margin=st.floats(0, 1e5), fetched=st.floats(0, 2e9))
def test_keys_are_renewed_before_they_end_but_not_right_after_they_came(
    life: float, margin: float, fetched: float
) -> None:
    """Too late costs an upload a 403, too early asks 115 for keys with every part."""
    due = renewal_time(fetched, fetched + life, margin)
    assert fetched + 0.7 * life <= due + 1e-3
    assert due <= fetched + life + 1e-3


def test_hour_long_keys_are_renewed_ten_minutes_before_their_end() -> None:
    """A part that takes minutes must not outlive its keys."""
    assert renewal_time(0.0, 3600.0, 600.0) == 3000.0


def test_keys_that_live_three_seconds_are_not_fetched_for_every_request() -> None:
    """115 answers such a storm with Throttling.User."""
    clock = Clock()

    async def fetch() -> OssToken:
        fetched.append(clock.now)
        return keys(expires_at=clock.now + 3)

    fetched: list[float] = []

    async def run() -> None:
        provider = CredentialsProvider(fetch, clock=clock)
        for _ in range(300):
            assert (await provider.get()).expires_at > clock.now
            clock.now += 0.1

    asyncio.run(run())
    assert len(fetched) <= 30 / (3 * 0.7)


def test_a_wrong_clock_here_does_not_fetch_keys_without_end() -> None:
    """A computer whose clock is a day ahead sees every key as expired."""
    fetch = Keys(expires_at=500.0)

    async def run() -> None:
        provider = CredentialsProvider(fetch, clock=Clock(90_000.0))
        for _ in range(50):
            await provider.get()

    asyncio.run(run())
    assert fetch.fetched == 1


def test_many_waiters_cause_one_fetch() -> None:
    """Three uploads that start together must not ask three times."""
    gate: asyncio.Event
    count = 0

    async def fetch() -> OssToken:
        nonlocal count
        count += 1
        await gate.wait()
        return keys(count)

    async def run() -> list[OssToken]:
        nonlocal gate
        gate = asyncio.Event()
        provider = CredentialsProvider(fetch)
        waiters = [asyncio.create_task(provider.get()) for _ in range(20)]
        await asyncio.sleep(0)
        gate.set()
        return await asyncio.gather(*waiters)

    tokens = asyncio.run(run())
    assert count == 1
    assert all(token is tokens[0] for token in tokens)


def test_cancelling_one_upload_does_not_fail_the_others() -> None:
    """The one who asked first is cancelled while 115 is thinking."""
    gate: asyncio.Event

    async def fetch() -> OssToken:
        await gate.wait()
        return keys()

    async def run() -> OssToken:
        nonlocal gate
        gate = asyncio.Event()
        provider = CredentialsProvider(fetch)
        first = asyncio.create_task(provider.get())
        second = asyncio.create_task(provider.get())
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        gate.set()
        return await second

    assert asyncio.run(run()).access_key_id == "STS.1"


def test_renewing_replaces_all_three_and_only_once_for_the_same_stale_keys() -> None:
    """Ten parts that got 403 with the same keys renew them once; a late one gets the new ones."""
    fetch = Keys()

    async def run() -> None:
        provider = CredentialsProvider(fetch)
        stale = await provider.get()
        renewed = await asyncio.gather(*(provider.renew(stale) for _ in range(10)))
        assert {token.access_key_id for token in renewed} == {"STS.2"}
        assert renewed[0].access_key_secret.endswith("2")
        assert renewed[0].security_token.endswith("2")
        assert await provider.renew(stale) is renewed[0]
        assert await provider.get() is renewed[0]

    asyncio.run(run())
    assert fetch.fetched == 2


def test_valid_keys_go_on_working_when_renewing_ahead_of_time_fails() -> None:
    """115 being busy for a minute must not fail an upload whose keys are good for ten more."""
    clock = Clock(0.0)
    fails = False
    tries = 0

    async def fetch() -> OssToken:
        nonlocal tries
        tries += 1
        if fails:
            raise NetworkError("115 is away")
        return keys(tries, expires_at=clock.now + 3600)

    async def run() -> None:
        nonlocal fails
        provider = CredentialsProvider(fetch, clock=clock)
        first = await provider.get()
        fails = True
        clock.now = 3100
        for _ in range(5):
            assert await provider.get() is first
        assert tries == 2, "and 115 is not asked for each part meanwhile"
        clock.now = 3601
        with pytest.raises(NetworkError):
            await provider.get()
        fails = False
        assert (await provider.get()).access_key_id == f"STS.{tries}"

    asyncio.run(run())


def test_a_failed_fetch_reaches_every_waiter_and_the_next_call_tries_again() -> None:
    """A dead login is told to all, and after logging in again things work without a restart."""
    answers: list[OssToken | Exception] = [LoginError("log in again"), keys()]

    async def fetch() -> OssToken:
        await asyncio.sleep(0)
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def run() -> None:
        provider = CredentialsProvider(fetch)
        results = await asyncio.gather(provider.get(), provider.get(), return_exceptions=True)
        assert [type(result) for result in results] == [LoginError, LoginError]
        assert (await provider.get()).access_key_id == "STS.1"

    asyncio.run(run())


def test_no_repr_shows_a_secret() -> None:
    """Notebook outputs are shared."""

    async def run() -> str:
        provider = CredentialsProvider(Keys())
        return f"{await provider.get()!r} {provider!r}"

    shown = asyncio.run(run())
    assert not any(secret in shown for secret in SECRETS)
