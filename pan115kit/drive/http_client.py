"""One HTTP client for all calls of one account: rate, retries, breaker, errors (laws.md 12, protocol.md §7)."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
from aiolimiter import AsyncLimiter

from ..config import UploadConfig
from ..errors import AccountBlockedError, ConfigError, DriveProtocolError, NetworkError, Pan115Error
from ..i18n import say
from .auth.credentials import Route
from .error_codes import check_reply, error_for_http, read_object

T = TypeVar("T")

#: A block is believed for this long: 770004 lasts at least ten minutes, the firewall's page minutes to hours.
BLOCK_SECONDS = 600.0
#: Longer waits than this are the user's decision, not a retry's.
LONGEST_PATIENCE = 300.0
#: Answers of 115's hosts are small and quick; ``read_timeout`` is made for OSS parts.  QR polls take about 30 s.
LONGEST_READ = 60.0

# A shorter beginning of a secret gives nothing away.
_SHORTEST_CUT = 4
_NEVER_SENT = ("ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError", "UnsupportedProtocol")


@dataclass(frozen=True, slots=True)
class Timing:
    """Clock, sleep and chance, so that tests need none of the real ones."""

    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    random: Callable[[], float] = random.random


def may_have_arrived(error: Pan115Error) -> bool:
    """Whether the request may have been carried out although no (whole) answer came."""
    if isinstance(error, NetworkError):
        return error.code not in _NEVER_SENT
    if isinstance(error, DriveProtocolError):
        return True
    return isinstance(error.code, int) and 500 <= error.code < 600


def is_http_status(code: int | str | None) -> bool:
    """Whether an error's code is an HTTP status rather than 115's own."""
    return isinstance(code, int) and 300 <= code < 600


def redact(text: str, secrets: Iterable[str]) -> str:
    """``text`` without the secrets, also without one that was cut off at its end."""
    for secret in secrets:
        text = text.replace(secret, "…")
        for size in range(len(secret) - 1, _SHORTEST_CUT - 1, -1):
            if text.endswith(secret[:size]):
                text = text[:-size] + "…"
                break
    return text


class Breaker:
    """Once the account is blocked, further calls would lengthen the block: they fail at once instead."""

    def __init__(self) -> None:
        self._cause: AccountBlockedError | None = None
        self._until = 0.0

    def trip(self, cause: AccountBlockedError, *, now: float) -> None:
        """Open it for :data:`BLOCK_SECONDS`; calls refused by the open breaker itself do not lengthen that."""
        if self._cause is not None and now < self._until:
            return
        self._cause = cause
        self._until = now + BLOCK_SECONDS

    def check(self, *, now: float) -> None:
        """Pass, or raise the block again.

        Raises:
            AccountBlockedError: As :meth:`trip` was given.
        """
        if self._cause is None:
            return
        if now >= self._until:
            self.reset()
            return
        cause = self._cause
        # A new object: one exception raised in many tasks would collect all their tracebacks.
        raise AccountBlockedError(
            cause.message, hint=cause.hint, code=cause.code, server_message=cause.server_message
        )

    def reset(self) -> None:
        """Close it: the user says go on."""
        self._cause = None


class ApiClient:
    """Calls to 115's hosts.

    Args:
        config: Rate, retries and timeouts.
        route: How code 99 and HTTP 401 are read.
        secrets: Texts cut out of 115's words before they reach an error.
        transport: httpx transport, for tests.
        timing: Clock, sleep and chance, for tests.
    """

    def __init__(
        self,
        config: UploadConfig,
        *,
        route: Route = Route.COOKIE,
        secrets: Iterable[str] = (),
        transport: httpx.AsyncBaseTransport | None = None,
        timing: Timing | None = None,
    ) -> None:
        self.config = config
        self.route = route
        self.timing = timing or Timing()
        self.breaker = Breaker()
        self._secrets = {secret for secret in secrets if secret}
        self._transport = transport
        self._client: httpx.AsyncClient | None = None
        self._limiter = _limiter(config)
        self._not_before = 0.0

    def __repr__(self) -> str:
        return f"<ApiClient for the {self.route} route>"

    def hide(self, *secrets: str) -> None:
        """Add texts that must not appear in errors."""
        self._secrets.update(secret for secret in secrets if secret)

    async def call(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str | int] | None = None,
        form: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """:meth:`once`, repeated where the error says that helps."""
        return await self.retrying(lambda: self.once(method, url, params=params, form=form, headers=headers))

    async def once(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str | int] | None = None,
        form: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        check: bool = True,
    ) -> dict[str, Any]:
        """One call that is answered with a JSON object.

        Args:
            check: Whether the envelope's ``state`` and code are looked at.

        Raises:
            DriveError: What 115 answered.
            NetworkError: No answer.
        """
        reply = read_object(await self.send(method, url, params=params, form=form, headers=headers))
        if check:
            self.check(reply)
        return reply

    def check(self, reply: Mapping[str, Any]) -> None:
        """Raise what the envelope says, for this route."""
        check_reply(reply, route=self.route)

    async def send(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str | int] | None = None,
        form: Mapping[str, str | int] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """One request within the account's rate; the body of its answer."""
        await self._turn()
        try:
            response = await self._http().request(
                method,
                url,
                params=params,
                data=None if form is None else {name: str(value) for name, value in form.items()},
                content=content,
                headers=headers,
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _network_error(url, error) from None
        now = self.timing.wall()
        failure = error_for_http(response.status_code, response.headers, response.content, now=now, route=self.route)
        if failure is not None:
            raise failure
        return response.content

    async def retrying(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """``attempt``, repeated as often as ``config.retries`` while its error says a retry helps.

        A wait the server names (429) holds for all calls of the account; a block opens the breaker.
        """
        tries = 0
        while True:
            try:
                return await attempt()
            except Pan115Error as error:
                self._clean(error)
                if isinstance(error, AccountBlockedError):
                    self.breaker.trip(error, now=self.timing.clock())
                if not error.retryable or tries >= self.config.retries:
                    raise
                if (error.retry_after or 0.0) > LONGEST_PATIENCE:
                    raise
                asked = error.retry_after or 0.0
            if asked:
                self._not_before = max(self._not_before, self.timing.clock() + asked)
            await self.timing.sleep(self._pause(tries))
            tries += 1

    def reset(self) -> None:
        """Forget a block and a wait: the user says go on."""
        self.breaker.reset()
        self._not_before = 0.0

    async def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def _pause(self, tries: int) -> float:
        return self.config.retry_wait(tries + 1, self.timing.random())

    async def _turn(self) -> None:
        """Wait until this call may go."""
        self.breaker.check(now=self.timing.clock())
        while (wait := self._not_before - self.timing.clock()) > 0:
            await self.timing.sleep(wait)
        if self._limiter is not None:
            await self._limiter.acquire()
        # The block may have come while we waited for our turn.
        self.breaker.check(now=self.timing.clock())

    def _http(self) -> httpx.AsyncClient:
        if self._client is None:
            read = min(self.config.read_timeout, LONGEST_READ)
            try:
                self._client = httpx.AsyncClient(
                    transport=self._transport,
                    timeout=httpx.Timeout(read, connect=self.config.connect_timeout),
                    follow_redirects=False,
                    trust_env=True,
                )
            except (ValueError, ImportError, httpx.InvalidURL):
                # Not shown: a proxy's address may hold its password.
                raise ConfigError(say("drive.proxy"), hint=say("drive.proxy.hint")) from None
        return self._client

    def _clean(self, error: Pan115Error) -> None:
        """Cut our secrets out of 115's words."""
        error.server_message = redact(error.server_message, self._secrets)


def _limiter(config: UploadConfig) -> AsyncLimiter | None:
    if config.api_rate <= 0:
        return None
    return AsyncLimiter(config.api_burst, config.api_burst / config.api_rate)


def _network_error(url: str, error: Exception) -> NetworkError:
    """Names the host and the kind of failure, nothing of the request."""
    host = urlsplit(url).netloc.rpartition("@")[2]
    kind = type(error).__name__
    return NetworkError(say("drive.no_answer", host=host), hint=say("drive.no_answer.hint"), code=kind)
