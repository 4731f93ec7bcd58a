"""One HTTP client for all calls of one account: rate, retries, breaker, errors (laws.md 12, protocol.md §7)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies

import httpx
from aiolimiter import AsyncLimiter

from .._base.dead_lines import short_request_options
from ..config import UploadConfig
from ..errors import AccountBlockedError, ConfigError, DriveProtocolError, NetworkError, Pan115Error
from ..i18n import format_duration, say
from .auth.credentials import Route
from .error_codes import check_reply, error_for_http, http_date, read_object
from .redaction import Redactor
from .secret import RedactedDict

T = TypeVar("T")
logger = logging.getLogger("pan115kit")

#: A block is believed for this long: 770004 lasts at least ten minutes, the firewall's page minutes to hours.
BLOCK_SECONDS = 600.0
#: Longer waits than this are the user's decision, not a retry's.
LONGEST_PATIENCE = 300.0
#: Answers of 115's hosts are small and quick; ``read_timeout`` is made for OSS parts.  QR polls take about 30 s.
LONGEST_READ = 60.0

#: What 115's firewall calls its mark.
FIREWALL_COOKIE = "acw_tc"
#: Seconds by which clocks may differ before it is said and put right: Date counts whole seconds, lines are slow.
CLOCK_TOLERANCE = 60.0

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
        self._redactor = Redactor(secrets)
        self._transport = transport
        self._client: httpx.AsyncClient | None = None
        self._downloads: httpx.AsyncClient | None = None
        self._limiter = _limiter(config)
        self._not_before = 0.0
        #: Seconds by which this computer's clock is ahead of 115's, as the last answer's Date said.
        self._clock_ahead = 0.0

    def __repr__(self) -> str:
        return f"<ApiClient for the {self.route} route>"

    def hide(self, *secrets: str) -> None:
        """Add texts that must not appear in errors."""
        self._redactor.add(*secrets)

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
        return (await self.exchange(method, url, params=params, form=form, content=content, headers=headers)).content

    async def exchange(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str | int] | None = None,
        form: Mapping[str, str | int] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """As :meth:`send`, for a caller who needs the answer's headers too."""
        await self._turn()
        client = self._http()
        headers = self._with_firewall_cookie(client, url, headers)
        broken: NetworkError | None = None
        asked_at = self.timing.wall()
        try:
            response = await client.request(
                method,
                url,
                params=params,
                data=None if form is None else {name: str(value) for name, value in form.items()},
                content=content,
                headers=headers,
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            broken = network_error(url, error)
        if broken is not None:
            # Raised outside the handler: httpx's error, its request and the cookie in it would stay in __context__.
            raise broken from None
        now = self.timing.wall()
        self._compare_clocks(response.headers.get("Date", ""), asked_at, now)
        failure = error_for_http(response.status_code, response.headers, response.content, now=now, route=self.route)
        if failure is not None:
            raise failure
        return response

    @staticmethod
    def _with_firewall_cookie(
        client: httpx.AsyncClient, url: str, headers: Mapping[str, str] | None
    ) -> Mapping[str, str] | None:
        """115's firewall marks a client with a cookie; who never sends it back is blocked after half an hour (D6).

        httpx adds its jar's cookies only where there is no Cookie header yet.
        """
        if headers is None or "Cookie" not in headers:
            return headers
        host = urlsplit(url).hostname or ""
        marks = [
            f"{mark.name}={mark.value}"
            for mark in client.cookies.jar
            if mark.name == FIREWALL_COOKIE and f".{host}".endswith(f".{mark.domain.lstrip('.')}")
        ]
        return RedactedDict({**headers, "Cookie": "; ".join([headers["Cookie"], *marks])}) if marks else headers

    async def open_download(self, url: str, headers: Mapping[str, str]) -> httpx.Response:
        """Begin to read what a link leads to; neither the account's rate nor its cookies are for that host.

        Returns:
            The answer, whatever its status, with its body still to be read; the caller closes it.

        Raises:
            NetworkError: No answer.
        """
        if self._downloads is None:
            self._downloads = self._new_client()
        if self._downloads is None:
            raise ConfigError(say("drive.proxy"), hint=say("drive.proxy.hint"))
        self._downloads.cookies.clear()
        broken: NetworkError | None = None
        try:
            request = self._downloads.build_request("GET", url, headers=headers)
            return await self._downloads.send(request, stream=True)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            broken = network_error(url, error)
        raise broken from None

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
        clients = (self._client, self._downloads)
        self._client = self._downloads = None
        for client in clients:
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
            self._client = self._new_client()
        if self._client is None:
            # Not shown, and not in __context__: a proxy's address may hold its password.
            raise ConfigError(say("drive.proxy"), hint=say("drive.proxy.hint"))
        return self._client

    def _new_client(self) -> httpx.AsyncClient | None:
        """Connections to 115, or None where the environment's proxy cannot be used."""
        read = min(self.config.read_timeout, LONGEST_READ)
        with contextlib.suppress(ValueError, ImportError, httpx.InvalidURL):
            context = httpx.create_ssl_context()
            # as in oss.transport: beside the environment's proxies, not in their place
            mounts = None
            if self._transport is None and "all" not in getproxies():
                options = short_request_options()
                mounts = {"all://": httpx.AsyncHTTPTransport(verify=context, socket_options=options)}
            return httpx.AsyncClient(
                verify=context,
                transport=self._transport,
                mounts=mounts,
                timeout=httpx.Timeout(read, connect=self.config.connect_timeout),
                follow_redirects=False,
                trust_env=True,
            )
        return None

    # -- clocks ------------------------------------------------------------------------------------------------

    def server_time(self) -> float:
        """Epoch seconds as 115 counts them: this computer's, put right by 115's own where they differ much."""
        return self.timing.wall() - (self._clock_ahead if self.clock_is_wrong else 0.0)

    @property
    def clock_is_wrong(self) -> bool:
        """Whether 115's answers say that this computer's clock is off by more than :data:`CLOCK_TOLERANCE`."""
        return abs(self._clock_ahead) > CLOCK_TOLERANCE

    def clock_hint(self) -> str:
        """How wrong the clock is, and what to do."""
        key = "drive.clock.fast" if self._clock_ahead > 0 else "drive.clock.slow"
        return say(key, time=format_duration(abs(self._clock_ahead)))

    def _compare_clocks(self, date: str, asked_at: float, now: float) -> None:
        """115's Date is from some moment between question and answer, which may be minutes apart."""
        moment = http_date(date)
        if moment is None:
            return
        was_wrong = self.clock_is_wrong
        self._clock_ahead = max(0.0, asked_at - moment) + min(0.0, now - moment)
        if self.clock_is_wrong and not was_wrong:
            logger.warning("this computer's clock differs from 115's by %.0f s; set it", self._clock_ahead)

    def _clean(self, error: Pan115Error) -> None:
        """Cut our secrets out of 115's words."""
        error.server_message = self._redactor.redact(error.server_message)


def _limiter(config: UploadConfig) -> AsyncLimiter | None:
    if config.api_rate <= 0:
        return None
    return AsyncLimiter(config.api_burst, config.api_burst / config.api_rate)


def network_error(url: str, error: Exception) -> NetworkError:
    """Names the host and the kind of failure, nothing of the request."""
    host = urlsplit(url).netloc.rpartition("@")[2]
    kind = type(error).__name__
    text = str(error)
    by_clock = "certificate is not yet valid" in text or "certificate has expired" in text
    hint = say("drive.no_answer.clock") if by_clock else say("drive.no_answer.hint")
    return NetworkError(say("drive.no_answer", host=host), hint=hint, code=kind)
