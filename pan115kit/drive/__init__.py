"""Everything said to 115's hosts: two routes (cookie, Open API) behind one interface."""

from __future__ import annotations

from ..config import Endpoints, UploadConfig
from .auth.credentials import Credentials, OnTokens, Route
from .cookie_route import CookieDrive
from .data import (
    Account,
    DownloadLink,
    Entry,
    EntryKind,
    FileClaim,
    Instant,
    NeedsUpload,
    SecondCheck,
    SignedRange,
    Space,
    SubtreeCounts,
)
from .download import RemoteReader
from .interface import Drive
from .open_route import OpenDrive

__all__ = [
    "Account",
    "CookieDrive",
    "Credentials",
    "DownloadLink",
    "Drive",
    "Entry",
    "EntryKind",
    "FileClaim",
    "Instant",
    "NeedsUpload",
    "OnTokens",
    "OpenDrive",
    "RemoteReader",
    "Route",
    "SecondCheck",
    "SignedRange",
    "Space",
    "SubtreeCounts",
    "make_drive",
]


def make_drive(
    credentials: Credentials,
    *,
    endpoints: Endpoints | None = None,
    config: UploadConfig | None = None,
    server_public_key: bytes | None = None,
    download_modulus: int | None = None,
) -> Drive:
    """The drive these credentials open.

    Args:
        credentials: A cookie, or tokens.
        endpoints: Where 115 is; as the environment says (``PAN115_ENDPOINT``) if None.
        config: Rate, retries, timeouts, app version.
        server_public_key: Whom initupload is encrypted for; from the environment if None.
        download_modulus: Of the RSA key that links of large files are encrypted for; from the environment if None.

    Raises:
        CredentialsError: There are none, two kinds at once, or of the wrong shape.
        ConfigError: ``PAN115_ENDPOINT`` is no URL.
    """
    if credentials.route is Route.OPEN:
        return OpenDrive(credentials, endpoints=endpoints, config=config)
    return CookieDrive(
        credentials,
        endpoints=endpoints,
        config=config,
        server_public_key=server_public_key,
        download_modulus=download_modulus,
    )
