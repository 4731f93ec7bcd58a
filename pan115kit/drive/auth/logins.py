"""The ways to log in, each once: a further one is a file beside this one and a line of the table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple

from ...config import Endpoints
from .cookie_login import DEFAULT_COOKIE_APP, start_cookie_login
from .credentials import Route, unknown_route
from .device_login import start_device_login
from .qr_login import QrLogin


@dataclass(frozen=True, slots=True)
class LoginOptions:
    """What a login may be given; each method takes what concerns it.

    Attributes:
        app: Kind of device that logs in (:data:`~pan115kit.drive.auth.cookie_login.COOKIE_APPS`).
        client_id: App of the Open API.
        endpoint: One address for all of 115's hosts.
    """

    app: str | None = None
    client_id: str | None = None
    endpoint: str | None = None

    @property
    def endpoints(self) -> Endpoints:
        """Where 115 is."""
        return Endpoints.from_environment(self.endpoint)


class LoginMethod(NamedTuple):
    """One way to log in.

    Attributes:
        label: What it is called before people.
        start: Asks 115 for a code to scan.
    """

    label: str
    start: Callable[[LoginOptions], Awaitable[QrLogin]]


#: By the name that ``login(...)`` and ``--route`` take.
LOGINS: dict[str, LoginMethod] = {
    Route.COOKIE: LoginMethod(
        "cookie", lambda options: start_cookie_login(options.app or DEFAULT_COOKIE_APP, endpoints=options.endpoints)
    ),
    Route.OPEN: LoginMethod(
        "Open API", lambda options: start_device_login(options.client_id, endpoints=options.endpoints)
    ),
}


def login_method(name: str) -> LoginMethod:
    """The way to log in that is called this.

    Raises:
        ConfigError: There is none.
    """
    if name not in LOGINS:
        raise unknown_route(name, LOGINS)
    return LOGINS[name]
