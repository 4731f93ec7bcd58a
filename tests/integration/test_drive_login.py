"""Logins and tokens against the local 115: one-shot refresh tokens, checked PKCE."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from drive_sandbox_support import (
    CONFIG,
    SMALL,
    claim,
    drive_at,
    hasher,
    init,
    route_fixture,
    run,
    sandbox_fixture,
)

from pan115kit.config import Endpoints
from pan115kit.drive import CookieDrive, Credentials, Drive, NeedsUpload, make_drive
from pan115kit.drive.auth.cookie_login import start_cookie_login
from pan115kit.drive.auth.device_login import start_device_login
from pan115kit.drive.auth.qr_login import LoginState, QrLogin
from pan115kit.errors import LoginError
from pan115kit.sandbox import Sandbox

__all__ = ["route_fixture", "sandbox_fixture"]


def test_who_am_i(sandbox: Sandbox) -> None:
    """The same user by both routes."""
    cookie = run(drive_at(sandbox, "cookie"), lambda drive: drive.account())
    tokens = run(drive_at(sandbox, "open"), lambda drive: drive.account())
    assert cookie.user_id == tokens.user_id == sandbox.cookie.split("=")[1].split("_")[0]
    assert cookie.size_limit == sandbox.size_limit
    assert tokens.space_left == sandbox.space_left


def test_a_kicked_cookie_is_a_login_error(sandbox: Sandbox) -> None:
    """Log in again, not 'sig invalid'."""
    drive = drive_at(sandbox, "cookie")
    sandbox.log_out()
    with pytest.raises(LoginError, match="log in again"):
        run(drive, lambda d: d.account())


def test_fifty_uploads_renew_the_token_once(sandbox: Sandbox) -> None:
    """115's refresh tokens work once; the pair is saved."""
    saved: list[tuple[str, str]] = []
    drive = drive_at(sandbox, "open", on_tokens=lambda access, refresh: saved.append((access, refresh)))
    sandbox.expire_access_token()

    async def story(drive: Drive) -> list[Any]:
        calls = (drive.init(claim(SMALL, name=f"{n}.bin"), hasher(SMALL)) for n in range(50))
        return await asyncio.gather(*calls)

    answers = run(drive, story)
    assert {type(answer) for answer in answers} == {NeedsUpload}
    assert sandbox.count("refresh_token") == 1
    assert saved == [(sandbox.access_token, sandbox.refresh_token)]


def test_a_withdrawn_authorisation_is_final(sandbox: Sandbox) -> None:
    """One renewal is tried, then nothing more is asked."""
    drive = drive_at(sandbox, "open")
    sandbox.revoke_refresh_token()

    async def story(drive: Drive) -> None:
        for _ in range(3):
            with pytest.raises(LoginError, match="authorise the app again"):
                await drive.account()

    run(drive, story)
    assert sandbox.count("refresh_token") == 1
    assert sandbox.count("open_user_info") == 1


async def follow(login: QrLogin, sandbox: Sandbox) -> list[LoginState]:
    """Scan when waited for, confirm when scanned."""
    seen = []
    async for state in login.states():
        seen.append(state)
        if not state.is_final:
            step = "scanned" if state is LoginState.WAITING else "confirmed"
            await asyncio.to_thread(sandbox.login_step, step)
    await login.close()
    return seen


def test_a_cookie_by_qr_code_uploads(sandbox: Sandbox) -> None:
    """From the scan to a working drive."""

    async def story() -> str:
        login = await start_cookie_login("tv", endpoints=Endpoints.at(sandbox.endpoint), config=CONFIG)
        states = await follow(login, sandbox)
        assert states == [LoginState.WAITING, LoginState.SCANNED, LoginState.CONFIRMED]
        return login.cookie

    cookie = asyncio.run(story())
    assert cookie != sandbox.cookie
    key = bytes.fromhex(sandbox.ecdh_public_key)
    drive = CookieDrive(
        Credentials(cookie), endpoints=Endpoints.at(sandbox.endpoint), config=CONFIG, server_public_key=key
    )
    assert isinstance(run(drive, init(SMALL)), NeedsUpload)


def test_tokens_by_qr_code_upload(sandbox: Sandbox) -> None:
    """PKCE is really checked there."""

    async def story() -> Credentials:
        login = await start_device_login("100195125", endpoints=Endpoints.at(sandbox.endpoint), config=CONFIG)
        assert (await follow(login, sandbox))[-1] is LoginState.CONFIRMED
        return login.credentials

    pair = asyncio.run(story())
    drive = make_drive(pair, endpoints=Endpoints.at(sandbox.endpoint), config=CONFIG)
    assert isinstance(run(drive, init(SMALL)), NeedsUpload)


@pytest.mark.parametrize(("step", "state"), [("expired", LoginState.EXPIRED), ("cancelled", LoginState.CANCELLED)])
def test_a_login_that_does_not_happen_ends(sandbox: Sandbox, step: str, state: LoginState) -> None:
    """Instead of polling for ever."""

    async def story() -> LoginState:
        async with await start_cookie_login(endpoints=Endpoints.at(sandbox.endpoint), config=CONFIG) as login:
            sandbox.login_step(step)
            return await login.wait()

    assert asyncio.run(story()) is state
