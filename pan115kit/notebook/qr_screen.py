"""Logging in by QR code from a cell or a script: the code is shown, followed, and vanishes at the end."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Coroutine
from html import escape
from typing import Any

from .._base import event_loops
from .._base.environment import in_kernel
from .._base.safe_output import print_err
from ..drive.auth.credentials import Credentials
from ..drive.auth.credentials_file import CredentialStore
from ..drive.auth.logins import LOGINS, LoginOptions, login_method
from ..drive.auth.qr_login import LoginState, QrLogin
from ..errors import ConfigError, LoginError
from ..i18n import brief, say

#: Codes shown one after the other before giving up; each lives some minutes.
CODES = 3
#: Where credentials may be kept.
PLACES = (None, "file", "keyring")


def check_login(route: str, save: str | None) -> None:
    """Refuse an unknown word before a code is shown.

    Raises:
        ConfigError: ``route`` or ``save`` is not known.
    """
    login_method(route)
    if save not in PLACES:
        raise ConfigError(
            say("login.save_unknown", save=brief(save)), hint=say("drive.one_of", names="None, 'file', 'keyring'")
        )


async def scan(
    route: str,
    options: LoginOptions | None = None,
    *,
    kept: CredentialStore | None = None,
) -> Credentials:
    """Show a QR code and wait until it is scanned and confirmed on the phone.

    In a notebook the code is a picture that is replaced by one line at the end, so nothing of the login stays in
    the notebook; elsewhere it is text on stderr.  ■ or cancelling ends the login.

    Args:
        route: One of :data:`~pan115kit.drive.auth.logins.LOGINS`.
        options: What that login may be given.
        kept: Where the credentials are kept; None keeps them nowhere.

    Raises:
        LoginError: Cancelled on the phone, or no code was scanned in time.
        Pan115Error: 115 did not answer, or refused.

    Example:
        >>> credentials = await scan("cookie")      # doctest: +SKIP
    """
    check_login(route, None)
    screen: _Screen = _NotebookScreen() if in_kernel() else _TerminalScreen()
    # on the kit's own loop: ■ is felt at once there, not only when the long poll returns
    faces = event_loops.ui_loop()
    work: asyncio.Future[Credentials] = await event_loops.wait_async(
        faces.submit(_begin(_follow(route, options or LoginOptions(), screen)))
    )
    future = faces.submit(_outcome(work))
    try:
        credentials = await event_loops.wait_async(future, interrupted=lambda: say("login.stopped"))
        if kept is not None:
            kept.save(credentials)
    except asyncio.CancelledError:
        faces.call(work.cancel)
        concurrent.futures.wait([future], timeout=2)
        screen.end(say("login.stopped"))
        raise
    except Exception as error:
        screen.fail(str(error))
        raise
    screen.end(_end_line(route, kept))
    return credentials


async def _begin(following: Coroutine[Any, Any, Credentials]) -> asyncio.Future[Credentials]:
    """A task of its own, because what was submitted to the kit's loops cannot be cancelled from outside."""
    return asyncio.ensure_future(following)


async def _outcome(work: asyncio.Future[Credentials]) -> Credentials:
    return await work


async def _follow(route: str, options: LoginOptions, screen: _Screen) -> Credentials:
    for _ in range(CODES):
        async with await LOGINS[route].start(options) as login:
            async for state in login.states():
                screen.show(login, state)
            if login.state is LoginState.CONFIRMED:
                return login.credentials
            if login.state is LoginState.CANCELLED:
                raise LoginError(LoginState.CANCELLED.label, hint=say("refusal.login_ended.hint"))
    raise LoginError(say("login.not_scanned"), hint=say("refusal.login_ended.hint"))


def _end_line(route: str, kept: CredentialStore | None) -> str:
    method = LOGINS[route].label
    if kept is None:
        return say("login.done.in_memory", method=method)
    profile = "" if kept.is_default else repr(kept.profile)
    arguments = ", ".join(filter(None, (profile, "keyring=True" if kept.uses_keyring else "")))
    return say("login.done.kept", method=method, call=f"Pan115Client.from_saved({arguments})")


class _Screen:
    """Where the code is shown."""

    def show(self, login: QrLogin, state: LoginState) -> None:
        raise NotImplementedError

    def end(self, message: str) -> None:
        raise NotImplementedError

    def fail(self, message: str) -> None:
        """The error itself is shown by whoever gets it; the code must not stay."""


class _TerminalScreen(_Screen):
    def __init__(self) -> None:
        self._shown = ""

    def show(self, login: QrLogin, state: LoginState) -> None:
        if login.qr_data != self._shown:
            self._shown = login.qr_data
            print_err(login.qr_text)
            print_err(_how())
        print_err(f"  {state.label}")

    def end(self, message: str) -> None:
        print_err(message)


class _NotebookScreen(_Screen):
    def __init__(self) -> None:
        from IPython.display import display

        # made by the cell that asked; later updates find it by its id from any thread
        self._handle: Any = display(self._bundle(say("login.asking"), ""), **_RAW)

    def show(self, login: QrLogin, state: LoginState) -> None:
        svg = login.qr_svg.replace("<svg ", '<svg style="width:100%;height:auto;display:block" ', 1)
        # a phone reads dark on white, also where the notebook is dark
        picture = f'<div style="background:#fff;width:220px;padding:6px;border-radius:8px">{svg}</div>'
        self._handle.update(self._bundle(f"{_how()} · {state.label}", picture), raw=True)

    def end(self, message: str) -> None:
        self._handle.update(self._bundle(message, ""), raw=True)

    fail = end

    @staticmethod
    def _bundle(message: str, picture: str) -> dict[str, str]:
        line = f'<div role="status" style="margin-top:6px">{escape(message)}</div>'
        return {"text/plain": message, "text/html": f'<div style="font-size:14px">{picture}{line}</div>'}


_RAW: dict[str, Any] = {"raw": True, "display_id": True}


def _how() -> str:
    return say("login.scan_it")
