"""The login that gives Open API tokens: device code with PKCE, no app secret needed (protocol.md §1.2)."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from collections.abc import Mapping
from typing import Any

from ...config import Endpoints, UploadConfig
from ...errors import CredentialsError
from ...i18n import say
from ..http_client import ApiClient
from ..responses import one_object
from ..secret import RedactedDict, Secret, TokenPair
from .credentials import Credentials, Route
from .qr_login import QrLogin, confirmed
from .tokens import read_pair

#: Environment variable with the Open API app's id, used where ``client_id`` is not given.
CLIENT_ID_VARIABLE = "PAN115_CLIENT_ID"


class DeviceLogin(QrLogin):
    """A login that gives a pair of tokens."""

    def __init__(self, api: ApiClient, endpoints: Endpoints, ticket: Mapping[str, Any], verifier: str) -> None:
        super().__init__(api, endpoints, ticket, str(ticket.get("qrcode") or ""))
        self._verifier = verifier
        self._pair = TokenPair(Secret(""), Secret(""))

    @property
    def access_token(self) -> str:
        """Lives two hours.

        Raises:
            LoginError: The login is not confirmed.
        """
        return confirmed(self._pair.access.reveal())

    @property
    def refresh_token(self) -> str:
        """Renews the pair, once.

        Raises:
            LoginError: The login is not confirmed.
        """
        return confirmed(self._pair.refresh.reveal())

    @property
    def credentials(self) -> Credentials:
        return Credentials(access_token=self.access_token, refresh_token=self.refresh_token)

    async def _fetch(self) -> None:
        url = f"{self._at.passport}/open/deviceCodeToToken"
        form: RedactedDict[str | int] = RedactedDict(uid=self._uid, code_verifier=self._verifier)
        self._pair = read_pair((await self._api.once("POST", url, form=form)).get("data"))


async def start_device_login(
    client_id: str | None = None,
    *,
    endpoints: Endpoints | None = None,
    config: UploadConfig | None = None,
    api: ApiClient | None = None,
) -> DeviceLogin:
    """Ask 115 for a QR code whose scan gives Open API tokens.

    Args:
        client_id: The app's id; ``PAN115_CLIENT_ID`` if None.
        endpoints: Where 115 is.
        config: Timeouts and retries.
        api: The HTTP client, for tests.

    Raises:
        CredentialsError: No ``client_id``.
        LoginError: 115 refuses the app.
        NetworkError: No answer.
    """
    client_id = (client_id or os.environ.get(CLIENT_ID_VARIABLE, "")).strip()
    if not client_id:
        raise CredentialsError(
            say("login.no_client_id"), hint=say("login.no_client_id.hint", variable=CLIENT_ID_VARIABLE)
        )
    endpoints = endpoints or Endpoints.from_environment()
    api = api or ApiClient(config or UploadConfig(), route=Route.OPEN)
    verifier = secrets.token_urlsafe(48)
    form = {
        "client_id": client_id,
        "code_challenge": code_challenge(verifier),
        "code_challenge_method": "sha256",
    }
    reply = await api.call("POST", f"{endpoints.passport}/open/authDeviceCode", form=form)
    return DeviceLogin(api, endpoints, one_object(reply.get("data")) or {}, verifier)


def code_challenge(verifier: str) -> str:
    """PKCE's challenge as 115 takes it: standard base64 of the SHA-256 (protocol.md §1.2).

    Args:
        verifier: 43 to 128 characters.
    """
    return base64.b64encode(hashlib.sha256(verifier.encode()).digest()).decode()
