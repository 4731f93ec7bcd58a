"""A login by QR code: the code is shown, 115 says where it stands, and a confirmed one gives credentials.

Each way to log in is a file beside this one, named in :data:`pan115kit.drive.auth.logins.LOGINS`.  Nothing is saved
here: what a login gives is in the caller's hands (``CredentialStore`` keeps it, if asked).
"""

from __future__ import annotations

import abc
from collections.abc import AsyncIterator, Mapping
from enum import StrEnum
from typing import Any, Self

from ..._base.drive_codes import Code, as_int
from ...config import Endpoints
from ...errors import DriveProtocolError, LoginError
from ...i18n import say
from ..error_codes import check_reply, is_true
from ..http_client import ApiClient
from ..responses import one_object
from .credentials import Credentials
from .qr_code import qr_svg, qr_text

#: What logins call themselves.
USER_AGENT = "Mozilla/5.0"
# 115 keeps a poll open for about 30 s; a server that answers at once is asked once a second.
_POLL_PAUSE = 1.0


class LoginState(StrEnum):
    """Where a QR login stands."""

    WAITING = "waiting"
    SCANNED = "scanned"
    CONFIRMED = "confirmed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens with this QR code."""
        return self not in (LoginState.WAITING, LoginState.SCANNED)

    @property
    def label(self) -> str:
        """Where it stands, in the user's language."""
        return say(f"login.state.{self}")


_STATES = {
    0: LoginState.WAITING,
    1: LoginState.SCANNED,
    2: LoginState.CONFIRMED,
    -1: LoginState.EXPIRED,
    -2: LoginState.CANCELLED,
}


def state_of(reply: Mapping[str, Any]) -> LoginState:
    """The state in a poll's answer.

    Raises:
        DriveError: 115 says something else.
    """
    status = as_int((one_object(reply.get("data")) or {}).get("status"))
    if status in _STATES:
        return _STATES[status]
    if as_int(reply.get("code")) == Code.QR_EXPIRED or not is_true(reply.get("state", True)):
        return LoginState.EXPIRED
    check_reply(reply)
    # A long poll that ran out without news has no status.
    return LoginState.WAITING


class QrLogin(abc.ABC):
    """A QR code that waits to be scanned; made by a :class:`~pan115kit.drive.auth.logins.LoginMethod`."""

    def __init__(self, api: ApiClient, endpoints: Endpoints, ticket: Mapping[str, Any], data: str) -> None:
        self._api = api
        self._at = endpoints
        self._uid = str(ticket.get("uid") or "")
        self._ask = {name: str(ticket.get(name) or "") for name in ("uid", "time", "sign")}
        self.qr_data = data
        self.state = LoginState.WAITING
        if not self._uid or not data:
            raise DriveProtocolError(say("login.no_code"), hint=say("drive.try_again"))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.state}>"

    @property
    def qr_text(self) -> str:
        """The QR code for a terminal."""
        return qr_text(self.qr_data)

    @property
    def qr_svg(self) -> str:
        """The QR code for a notebook."""
        return qr_svg(self.qr_data)

    @property
    @abc.abstractmethod
    def credentials(self) -> Credentials:
        """What the login gives.

        Raises:
            LoginError: It is not confirmed.
        """

    async def states(self) -> AsyncIterator[LoginState]:
        """Each state as it comes, the present one first, until a final one.

        When it is ``confirmed``, the credentials are there.

        Raises:
            LoginError: 115 refuses the login after it was confirmed.
            NetworkError: No answer, also after retries.
        """
        yield self.state
        while not self.state.is_final:
            seen = await self._poll()
            if seen is self.state:
                await self._api.timing.sleep(_POLL_PAUSE)
                continue
            if seen is LoginState.CONFIRMED:
                await self._api.retrying(self._fetch)
            self.state = seen
            yield seen

    async def wait(self) -> LoginState:
        """Wait for the end; returns the final state."""
        async for _ in self.states():
            pass
        return self.state

    async def close(self) -> None:
        """Close connections."""
        await self._api.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _poll(self) -> LoginState:
        params: dict[str, str | int] = {**self._ask, "_": int(self._api.timing.wall())}
        url = f"{self._at.qrcode}/get/status/"
        headers = {"User-Agent": USER_AGENT}
        return state_of(
            await self._api.retrying(lambda: self._api.once("GET", url, params=params, headers=headers, check=False))
        )

    @abc.abstractmethod
    async def _fetch(self) -> None:
        """Get what the confirmed login gives."""


def confirmed(value: str) -> str:
    """A value that is there once the login is confirmed.

    Raises:
        LoginError: It is not.
    """
    if not value:
        raise LoginError(say("login.not_confirmed"), hint=say("login.not_confirmed.hint"))
    return value
