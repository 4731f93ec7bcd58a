"""The Open API's pair of tokens: renewed once for all who wait, saved before it is used (protocol §1.2)."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from ...errors import AccessTokenError, CredentialsError, DriveProtocolError, LoginError, Pan115Error
from ..error_codes import as_int
from ..http_client import ApiClient
from ..secret import RedactedDict, Secret, TokenPair
from .credentials_file import Credentials
from .saved_tokens import SavedTokens

#: Called with the new access and refresh token, before either is used; may be sync or async.
OnTokens = Callable[[str, str], Awaitable[None] | None]

#: Renewed this many seconds before its end, where the end is known.
EARLY = 60.0


class TokenKeeper:
    """Holds the pair; nothing of it is ever shown.

    A refresh token works once: two renewals at the same moment would log the user out, and so would a renewal whose
    answer is thrown away.  So there is one at a time, as a task of its own that no waiter's cancellation touches.

    Args:
        api: The account's client.
        url: ``…/open/refreshToken``.
        access_token: The present access token.
        refresh_token: Its refresh token; without one the access token's end is final.
        on_tokens: Keeps a new pair; with :class:`SavedTokens` other processes may renew the same pair.

    Example:
        >>> from pan115kit.config import UploadConfig
        >>> TokenKeeper(ApiClient(UploadConfig()), "https://x/open/refreshToken", "access", "refresh")
        <TokenKeeper, renewable>
    """

    def __init__(
        self,
        api: ApiClient,
        url: str,
        access_token: str | None,
        refresh_token: str | None = None,
        on_tokens: OnTokens | SavedTokens | None = None,
    ) -> None:
        if not access_token and not refresh_token:
            raise CredentialsError("the Open API needs access_token or refresh_token")
        self._pair = TokenPair(
            _checked(access_token or "", "access_token"), _checked(refresh_token or "", "refresh_token")
        )
        self._api = api
        self._url = url
        self._on_tokens = on_tokens
        self._expires_at = on_tokens.expires_at if isinstance(on_tokens, SavedTokens) else None
        self._renewal: asyncio.Task[None] | None = None
        self._final: LoginError | None = None
        api.hide(self._pair.access.reveal(), self._pair.refresh.reveal())

    def __repr__(self) -> str:
        return f"<TokenKeeper, {'renewable' if self._pair.refresh else 'not renewable'}>"

    async def current(self) -> Secret:
        """The access token to use now, renewed if it is about to end.

        Raises:
            LoginError: The pair is dead.
        """
        if self._final is not None:
            raise _again(self._final)
        if not self._pair.access or (self._ends() and self._pair.refresh):
            return await self.renew(self._pair.access)
        return self._pair.access

    def _ends(self) -> bool:
        return self._expires_at is not None and self._api.timing.wall() >= self._expires_at - EARLY

    async def renew(self, used: Secret) -> Secret:
        """Another access token than ``used``: the one somebody renewed meanwhile, else a new one.

        Raises:
            LoginError: There is no refresh token, or 115 does not take it any more.
            RateLimitedError: Renewed too often (40140117); the pair is kept.
        """
        if self._final is not None:
            raise _again(self._final)
        if self._pair.access != used:
            return self._pair.access
        if not self._pair.refresh:
            raise LoginError(
                "the access token has run out", hint="pass refresh_token too, or log in again", code=40140125
            )
        if self._renewal is None:
            self._renewal = asyncio.create_task(self._renew(), name="pan115kit-renew-token")
            self._renewal.add_done_callback(self._renewed)
        await asyncio.shield(self._renewal)
        return self._pair.access

    async def settle(self) -> None:
        """Wait for a renewal under way: cut off after 115 answered, it would cost the login."""
        if self._renewal is not None:
            await asyncio.wait([self._renewal])

    def _renewed(self, task: asyncio.Task[None]) -> None:
        self._renewal = None
        if not task.cancelled():
            task.exception()  # every waiter may have been cancelled: then nobody else looks at it

    async def _renew(self) -> None:
        if isinstance(self._on_tokens, SavedTokens):
            async with self._on_tokens.renewing() as newer:
                if newer is not None:
                    self._take(newer)
                if newer is None or self._ends():
                    await self._ask()
        else:
            await self._ask()

    def _take(self, newer: Credentials) -> None:
        self._api.hide(newer.access_token, newer.refresh_token)
        self._pair = TokenPair(Secret(newer.access_token), Secret(newer.refresh_token))
        self._expires_at = newer.expires_at or None

    async def _ask(self) -> None:
        form: RedactedDict[str | int] = RedactedDict(refresh_token=self._pair.refresh.reveal())
        try:
            # route="open" reads 99 as an expired access token.
            pair = read_pair((await self._api.once("POST", self._url, form=form)).get("data"))
        except AccessTokenError as error:
            # For this call there is nothing left to renew with.
            self._final = LoginError("115 does not renew the login", hint="authorise the app again", code=error.code)
            raise _again(self._final) from None
        except LoginError as error:
            self._final = error
            raise _again(error) from None
        self._api.hide(pair.access.reveal(), pair.refresh.reveal())
        expires_at = None if pair.lifetime is None else self._api.timing.wall() + pair.lifetime
        try:
            await self._save(pair, expires_at)
        finally:
            # The old pair is dead from here on, whether or not the new one could be saved.
            self._pair, self._expires_at = pair, expires_at

    async def _save(self, pair: TokenPair, expires_at: float | None) -> None:
        if self._on_tokens is None:
            return
        if isinstance(self._on_tokens, SavedTokens):
            self._on_tokens.keep(pair.access.reveal(), pair.refresh.reveal(), expires_at or 0.0)
            return
        try:
            waiting = self._on_tokens(pair.access.reveal(), pair.refresh.reveal())
            if inspect.isawaitable(waiting):
                await waiting
        except Pan115Error:
            raise
        except Exception as error:  # noqa: BLE001 - a user's callback may raise anything
            # It may also quote the tokens it was given, so it is not chained.
            raise LoginError(
                f"on_tokens could not keep the new tokens ({type(error).__name__})",
                hint="they live in this process only; make on_tokens work, or log in again next time",
            ) from None


def read_pair(data: Any) -> TokenPair:
    """The tokens of ``deviceCodeToToken`` or ``refreshToken``.

    Raises:
        DriveProtocolError: A token is missing.

    Example:
        >>> read_pair({"access_token": "a", "refresh_token": "r", "expires_in": 7200})
        TokenPair(access=<secret>, refresh=<secret>, lifetime=7200.0)
    """
    pair = RedactedDict(data) if isinstance(data, dict) else RedactedDict()
    if not all(isinstance(pair.get(name), str) and pair[name] for name in ("access_token", "refresh_token")):
        raise DriveProtocolError("115's answer lacks the tokens", hint="log in again", retryable=False)
    seconds = as_int(pair.get("expires_in"))
    lifetime = float(seconds) if seconds and seconds > 0 else None
    return TokenPair(Secret(pair["access_token"]), Secret(pair["refresh_token"]), lifetime)


def _checked(token: str, name: str) -> Secret:
    """A token as it can stand in a header, or none.

    Raises:
        CredentialsError: It has blanks inside or is blank; its value is not shown.
    """
    clean = token.strip()
    if token and not (clean and clean.isascii() and clean.isprintable() and " " not in clean):
        raise CredentialsError(f"{name} is blank or has characters no token has", hint="copy it again")
    return Secret(clean)


def _again(error: LoginError) -> LoginError:
    return LoginError(
        error.message, hint=error.hint, code=error.code, server_message=error.server_message, retryable=False
    )
