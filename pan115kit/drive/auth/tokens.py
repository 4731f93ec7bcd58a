"""The Open API's pair of tokens: renewed once for all who wait, saved before it is used (protocol.md §1.2)."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

from ..._base.drive_codes import Code, as_int
from ...errors import AccessTokenError, CredentialsError, DriveProtocolError, LoginError, Pan115Error
from ...i18n import say
from ..http_client import ApiClient
from ..secret import RedactedDict, Secret, TokenPair
from .credentials import Credentials
from .saved_tokens import SavedTokens

#: Renewed this many seconds before its end, where the end is known.
EARLY = 60.0


class TokenKeeper:
    """Holds the pair; nothing of it is ever shown.

    A refresh token works once: two renewals at the same moment would log the user out, and so would a renewal whose
    answer is thrown away.  So there is one at a time, as a task of its own that no waiter's cancellation touches.

    Args:
        api: The account's client.
        url: ``…/open/refreshToken``.
        credentials: The present pair and who keeps a new one.  Without a refresh token the access token's end is
            final; with :class:`SavedTokens` other processes may renew the same pair.
    """

    def __init__(
        self,
        api: ApiClient,
        url: str,
        credentials: Credentials,
    ) -> None:
        if not credentials.access_token and not credentials.refresh_token:
            raise CredentialsError(say("drive.tokens.none"))
        self._pair = TokenPair(
            _checked(credentials.access_token, "access_token"), _checked(credentials.refresh_token, "refresh_token")
        )
        self._api = api
        self._url = url
        self._on_tokens = credentials.on_tokens
        self._expires_at = credentials.expires_at or None
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
            raise _copy_of(self._final)
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
            raise _copy_of(self._final)
        if self._pair.access != used:
            return self._pair.access
        if not self._pair.refresh:
            raise LoginError(
                say("refusal.access_token_expired"),
                hint=say("drive.tokens.not_renewable"),
                code=Code.ACCESS_TOKEN_EXPIRED.value,
            )
        if self._renewal is None:
            self._renewal = asyncio.create_task(self._renew(), name="pan115kit-renew-token")
            self._renewal.add_done_callback(self._renewed)
        await asyncio.shield(self._renewal)
        return self._pair.access

    async def finish_renewal(self) -> None:
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
            # the Open route reads 99 as an expired access token
            pair = read_pair((await self._api.once("POST", self._url, form=form)).get("data"))
        except AccessTokenError as error:
            # For this call there is nothing left to renew with.
            self._final = LoginError(
                say("drive.tokens.refused"), hint=say("refusal.refresh_token_ended.hint"), code=error.code
            )
            raise _copy_of(self._final) from None
        except LoginError as error:
            self._final = error
            raise _copy_of(error) from None
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
                say("drive.tokens.not_kept", kind=type(error).__name__),
                hint=say("drive.tokens.not_kept.hint"),
            ) from None


def read_pair(data: Any) -> TokenPair:
    """The tokens of ``deviceCodeToToken`` or ``refreshToken``.

    Raises:
        DriveProtocolError: A token is missing.
    """
    pair = RedactedDict(data) if isinstance(data, dict) else RedactedDict()
    if not all(isinstance(pair.get(name), str) and pair[name] for name in ("access_token", "refresh_token")):
        raise DriveProtocolError(say("drive.tokens.missing"), hint=say("refusal.login_ended.hint"), retryable=False)
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
        raise CredentialsError(say("drive.tokens.characters", name=name), hint=say("drive.copy_again"))
    return Secret(clean)


def _copy_of(error: LoginError) -> LoginError:
    return LoginError(
        error.message, hint=error.hint, code=error.code, server_message=error.server_message, retryable=False
    )
