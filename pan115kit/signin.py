"""``python -m pan115kit login``: a QR code in the terminal, both routes."""

from __future__ import annotations

import sys
from pathlib import Path

from .drive import make_drive
from .drive.base import Drive
from .drive.credentials_file import Credentials, CredentialStore
from .drive.login import (
    CookieLogin,
    DeviceLogin,
    LoginState,
    credentials_of,
    start_cookie_login,
    start_device_login,
)
from .drive.saved_tokens import SavedTokens
from .errors import LoginError
from .text import say


async def sign_in(*, route: str, app: str | None, client_id: str | None, save: str | None, state_dir: Path) -> None:
    """Show a QR code, follow it, and keep the credentials where asked.

    Args:
        route: ``cookie`` or ``open``.
        app: Kind of device of the cookie route.
        client_id: App of the open route.
        save: ``file``, ``keyring``, or None to keep nothing.
        state_dir: Where the file lies.

    Raises:
        LoginError: It was cancelled on the phone, or the code expired.
        Pan115Error: 115 did not answer, or refused.
    """
    kept = CredentialStore(state_dir, keyring=save == "keyring") if save else None
    async with await _start(route, app, client_id) as login:
        print(login.qr_text, file=sys.stderr)
        print(say("请用 115 手机客户端扫码", "scan it with the 115 app"), file=sys.stderr)
        async for state in login.states():
            print(f"  {state.label}", file=sys.stderr, flush=True)
        if login.state is not LoginState.CONFIRMED:
            raise LoginError(f"the login ended as {login.state}", hint="run it again for a new code")
        credentials = credentials_of(login)
    if kept is not None:
        kept.save(credentials)  # first of all: what the scan gave is not lost when 115 does not answer now
    user_id = await _who(_drive(credentials, kept))
    print(say(f"已登录：用户 {user_id}", f"logged in as user {user_id}"))
    if kept is None:
        print(say("凭证未保存（--save file 可保存）", "nothing was kept (--save file keeps the credentials)"))
        return
    where = kept.path if save == "file" else say("系统钥匙串", "the system's keyring")
    print(say(f"凭证已保存：{where}", f"credentials kept in {where}"))


async def _start(route: str, app: str | None, client_id: str | None) -> CookieLogin | DeviceLogin:
    if route == "open":
        return await start_device_login(client_id)
    return await (start_cookie_login(app) if app else start_cookie_login())


def _drive(credentials: Credentials, kept: CredentialStore | None) -> Drive:
    return make_drive(
        cookie=credentials.cookie or None,
        access_token=credentials.access_token or None,
        refresh_token=credentials.refresh_token or None,
        on_tokens=SavedTokens(kept, credentials) if kept else None,
    )


async def _who(drive: Drive) -> str:
    try:
        return (await drive.account()).user_id
    finally:
        await drive.close()
