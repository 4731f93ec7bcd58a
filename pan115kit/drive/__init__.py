"""Everything said to 115's hosts: two routes (cookie, Open API) behind one interface.

Example:
    >>> drive = make_drive(cookie="UID=1_A1_2; CID=ab; SEID=cd")
    >>> drive.route
    'cookie'
"""

from __future__ import annotations

from ..config import Endpoints, UploadConfig
from ..errors import CredentialsError
from .auth.saved_tokens import SavedTokens
from .auth.tokens import OnTokens
from .cookie_route import CookieDrive
from .interface import Account, Drive, FileClaim, Instant, NeedsUpload, RemoteFile, SecondCheck, SignedRange
from .open_route import OpenDrive

__all__ = [
    "Account",
    "CookieDrive",
    "Drive",
    "FileClaim",
    "Instant",
    "NeedsUpload",
    "OnTokens",
    "OpenDrive",
    "RemoteFile",
    "SecondCheck",
    "SignedRange",
    "make_drive",
]


def make_drive(
    *,
    cookie: str | None = None,
    access_token: str | None = None,
    refresh_token: str | None = None,
    on_tokens: OnTokens | SavedTokens | None = None,
    endpoints: Endpoints | None = None,
    config: UploadConfig | None = None,
    server_public_key: bytes | None = None,
) -> Drive:
    """The drive these credentials open.

    Args:
        cookie: ``UID=…; CID=…; SEID=…``, or
        access_token: of the Open API, with or without
        refresh_token: that renews it.
        on_tokens: Called with every new pair of tokens before it is used.
        endpoints: Where 115 is; as the environment says (``PAN115_ENDPOINT``) if None.
        config: Rate, retries, timeouts, app version.
        server_public_key: Whom initupload is encrypted for; from the environment if None.

    Raises:
        CredentialsError: None were given, two kinds at once, or of the wrong shape.
        ConfigError: ``PAN115_ENDPOINT`` is no URL.

    Example:
        >>> make_drive(access_token="a", refresh_token="r").route
        'open'
    """
    for given in (cookie, access_token, refresh_token):
        if not isinstance(given, str | None):  # its type, not its value: it may be a secret all the same
            raise CredentialsError(f"a cookie or token must be a text, not {type(given).__name__}")
    tokens = bool(access_token or refresh_token)
    if cookie and tokens:
        raise CredentialsError("a cookie and tokens were given", hint="give one of the two")
    if cookie:
        return CookieDrive(cookie, endpoints=endpoints, config=config, server_public_key=server_public_key)
    if tokens:
        return OpenDrive(access_token, refresh_token, on_tokens=on_tokens, endpoints=endpoints, config=config)
    raise CredentialsError(
        "no credentials were given", hint="pass a cookie (user_key=...) or access_token= and refresh_token="
    )
