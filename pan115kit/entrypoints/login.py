"""``python -m pan115kit login``: a QR code in the terminal, both routes."""

from __future__ import annotations

from pathlib import Path

from .._base.safe_output import print_out
from ..drive import make_drive
from ..drive.auth.credentials_file import Credentials, CredentialStore
from ..drive.auth.saved_tokens import SavedTokens
from ..drive.interface import Drive
from ..i18n import both
from ..notebook.qr_screen import scan


async def sign_in(*, route: str, app: str | None, client_id: str | None, save: str | None, state_dir: Path) -> None:
    """Show a QR code, follow it, and keep the credentials where asked.

    Args:
        route: ``cookie`` or ``open``.
        app: Kind of device of the cookie route.
        client_id: App of the open route.
        save: ``file``, ``keyring``, or None to keep nothing.
        state_dir: Where the file lies.

    Raises:
        ConfigError: The keyring is wanted, but there is none; no code was shown.
        LoginError: It was cancelled on the phone, or no code was scanned in time.
        Pan115Error: 115 did not answer, or refused.
    """
    kept = CredentialStore(state_dir, keyring=save == "keyring") if save else None
    # kept before 115 is asked whose they are: what the scan gave is not lost when 115 does not answer now
    credentials = await scan(route, app=app, client_id=client_id, kept=kept)
    user_id = await _who(_drive(credentials, kept))
    print_out(both(f"已登录：用户 {user_id}", f"logged in as user {user_id}"))
    if kept is None:
        print_out(both("凭证未保存（--save file 可保存）", "nothing was kept (--save file keeps the credentials)"))
        return
    where = kept.path if save == "file" else both("系统钥匙串", "the system's keyring")
    print_out(both(f"凭证已保存：{where}", f"credentials kept in {where}"))


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
