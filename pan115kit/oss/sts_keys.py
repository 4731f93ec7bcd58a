"""The temporary STS keys of OSS: fetched when first needed, kept, renewed once for everybody who waits.

They live for an hour (protocol.md §2.2, §4.6).  They are renewed by the clock before they run out, and at once when
OSS refuses them.  Access key id, secret and security token belong together, so the triple is always replaced whole.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from ..errors import Pan115Error
from ..models import OssToken

#: Keys are used for at least this share of their life, so that short-lived ones are not fetched per request.
_SHARE_OF_LIFE = 0.75
#: Seconds for which keys are used that are over already by this computer's clock: whether they are, OSS decides.
_TRUST_IN_SPITE_OF_CLOCK = 30.0
#: Seconds until the next try when renewing ahead of time failed and the present keys still work.
_PAUSE_AFTER_FAILURE = 15.0


def renewal_time(fetched_at: float, expires_at: float, margin: float) -> float:
    """When keys are due for renewal (epoch seconds).

    ``margin`` seconds before they run out, but not before three quarters of their life are over.  Keys that come
    expired, because this computer's clock is wrong, are used for a while all the same.
    """
    life = expires_at - fetched_at
    if life <= 0:
        return fetched_at + _TRUST_IN_SPITE_OF_CLOCK
    return max(expires_at - margin, fetched_at + _SHARE_OF_LIFE * life)


class CredentialsProvider:
    """STS keys for every upload of one account.

    Args:
        fetch: Asks 115 for fresh keys (``Drive.oss_token``).
        clock: Epoch seconds.
        margin: Seconds before the end at which keys are renewed.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[OssToken]],
        *,
        clock: Callable[[], float] = time.time,
        margin: float = 600.0,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._margin = margin
        self._token: OssToken | None = None
        self._renew_at = 0.0
        self._renewal: asyncio.Task[OssToken] | None = None

    def __repr__(self) -> str:
        return f"<CredentialsProvider with {self._token!r}>"

    def endpoints(self) -> list[str]:
        """Where OSS is, as far as 115 has said it yet."""
        return [self._token.endpoint] if self._token is not None else []

    async def get(self) -> OssToken:
        """Keys that are good for a while yet.

        When renewing ahead of time fails, the present keys are used as long as they are valid.

        Raises:
            Pan115Error: There are no valid keys and fetching some failed.
        """
        token = self._token
        if token is not None and self._clock() < self._renew_at:
            return token
        try:
            return await self._renewed()
        except Pan115Error:
            if token is None or self._clock() >= token.expires_at:
                raise
            self._renew_at = self._clock() + _PAUSE_AFTER_FAILURE
            return token

    async def renew(self, stale: OssToken) -> OssToken:
        """Keys other than ``stale``, which OSS refused.

        Returns at once if somebody renewed them since.

        Raises:
            Pan115Error: Fetching keys failed.
        """
        token = self._token
        if token is not None and token != stale:
            return token
        return await self._renewed()

    async def _renewed(self) -> OssToken:
        """One fetch for everybody who waits; it goes on when one of them is cancelled."""
        if self._renewal is None:
            self._renewal = asyncio.create_task(self._fetch_and_keep(), name="pan115kit-sts-keys")
            self._renewal.add_done_callback(self._renewal_done)
        return await asyncio.shield(self._renewal)

    async def _fetch_and_keep(self) -> OssToken:
        token = await self._fetch()
        self._renew_at = renewal_time(self._clock(), token.expires_at, self._margin)
        self._token = token
        return token

    def _renewal_done(self, task: asyncio.Task[OssToken]) -> None:
        self._renewal = None
        if not task.cancelled():
            task.exception()  # those who waited have it; if all were cancelled, nobody needs to hear of it
