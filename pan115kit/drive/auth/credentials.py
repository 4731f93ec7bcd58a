"""What opens an account: a cookie, or the Open API's tokens, as one value that is passed whole."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Self

from ...config import CREDENTIAL_VARIABLES
from ...errors import ConfigError, CredentialsError
from ...i18n import say

if TYPE_CHECKING:
    from .saved_tokens import SavedTokens

#: Called with the new access and refresh token, before either is used; may be sync or async.
OnTokens = Callable[[str, str], Awaitable[None] | None]


class Route(StrEnum):
    """The two ways into 115: a login's cookie, and the Open API's tokens."""

    COOKIE = "cookie"
    OPEN = "open"

    @classmethod
    def named(cls, name: str) -> Self:
        """The route of this name.

        Raises:
            ConfigError: There is none.
        """
        try:
            return cls(name)
        except ValueError:
            raise unknown_route(name, list(cls)) from None


def unknown_route(name: object, known: Iterable[str]) -> ConfigError:
    """The error for a route that is none of these."""
    names = ", ".join(repr(str(route)) for route in known)
    return ConfigError(say("drive.route_unknown", route=repr(name)), hint=say("drive.one_of", names=names))


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """A cookie, or the tokens of the Open API.  Its repr says only which.

    Attributes:
        cookie: ``UID=…; CID=…; SEID=…`` and perhaps ``KID``.
        access_token: Lives two hours; may be empty where there is a refresh token.
        refresh_token: Renews the access token, once.
        login: Tells one login from the next; a renewed pair of tokens belongs to the same login.
        renewals: How often the pair of this login was renewed.
        expires_at: When the access token ends, in seconds since the epoch; 0 if 115 did not say.
        on_tokens: Who keeps a new pair, the old one being dead: a function, or the place the login is saved in.

    Raises:
        CredentialsError: A cookie or token is no text; its value is not shown.
    """

    cookie: str = ""
    access_token: str = ""
    refresh_token: str = ""
    login: str = field(default_factory=lambda: secrets.token_hex(8), compare=False)
    renewals: int = 0
    expires_at: float = 0.0
    on_tokens: OnTokens | SavedTokens | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        for given in (self.cookie, self.access_token, self.refresh_token):
            if not isinstance(given, str):  # its type, not its value: it may be a secret all the same
                raise CredentialsError(say("drive.credentials.not_text", kind=type(given).__name__))

    def __repr__(self) -> str:
        kinds = [name for name in ("cookie", "access_token", "refresh_token") if getattr(self, name)]
        return f"<Credentials: {', '.join(kinds) or 'none'}>"

    @property
    def route(self) -> Route:
        """The way into 115 that they open.

        Raises:
            CredentialsError: There are none, or two kinds at once.
        """
        tokens = bool(self.access_token or self.refresh_token)
        if self.cookie and tokens:
            raise CredentialsError(say("drive.credentials.both"), hint=say("drive.credentials.both.hint"))
        if not (self.cookie or tokens):
            raise CredentialsError(say("drive.credentials.none"), hint=say("drive.credentials.none.hint"))
        return Route.COOKIE if self.cookie else Route.OPEN

    def account_key(self) -> str:
        """Tells one account from another within this process; no secret: who sees it learns the user id at most."""
        user_id = re.match(r"\s*(?:.*;\s*)?UID=(\d+)", self.cookie)
        return f"cookie {user_id[1]}" if user_id else f"login {self.login}"

    @classmethod
    def from_variables(cls, environment: Mapping[str, str] = os.environ) -> Self | None:
        """What ``PAN115_COOKIE``, ``PAN115_ACCESS_TOKEN`` and ``PAN115_REFRESH_TOKEN`` say; None where unset.

        Raises:
            CredentialsError: A cookie and tokens are set.
        """
        cookie, access, refresh = (environment.get(name, "") for name in CREDENTIAL_VARIABLES[:3])
        if cookie and (access or refresh):
            raise CredentialsError(
                say("drive.credentials.both_variables"), hint=say("drive.credentials.both_variables.hint")
            )
        return cls(cookie, access, refresh) if cookie or access or refresh else None
