"""QR login: shown, followed, and gone at the end; kept only where asked."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from panel_support import wait_for

from pan115kit import ConfigError, LoginError, Pan115Client
from pan115kit.drive.auth.credentials_file import FILE_NAME
from pan115kit.notebook import qr_screen as login_module
from pan115kit.sandbox import Sandbox


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A 115 whose phone scans and confirms by itself."""
    with Sandbox(qr_polls=3) as made:
        monkeypatch.setenv("PAN115_ENDPOINT", made.endpoint)
        monkeypatch.setenv("PAN115_ECDH_PUBLIC_KEY", made.ecdh_public_key)
        yield made


@pytest.mark.parametrize(("route", "client_id"), [("cookie", None), ("open", "100195125")])
def test_a_scanned_code_gives_a_working_client(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str], route: str, client_id: str | None
) -> None:
    """From nothing to an upload without ever copying a cookie."""
    path = tmp_path / "a.bin"
    path.write_bytes(os.urandom(1000))

    async def main() -> None:
        client = await Pan115Client.login(route, client_id=client_id)
        assert client.route == route
        assert (await client.upload_file(path, "/x")).success
        await client.aclose()

    asyncio.run(main())
    told = capsys.readouterr()
    assert "█" in told.err
    assert "confirm on the phone" in told.err
    assert "in memory only" in told.err
    assert told.out == ""
    assert not (tmp_path / "state" / FILE_NAME).exists()


def test_credentials_are_kept_only_where_asked_and_privately(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A cookie is the whole account: the file is the user's alone, and the text on the screen has none of it."""
    client = asyncio.run(Pan115Client.login(save="file", state_dir=tmp_path / "kept"))
    client.close()
    file = tmp_path / "kept" / FILE_NAME
    assert file.stat().st_mode & 0o077 == 0
    again = Pan115Client.from_saved(state_dir=tmp_path / "kept")
    assert again.route == "cookie"
    again.close()
    told = capsys.readouterr()
    assert "SEID" not in told.err + told.out


class Handle:
    """IPython's display handle, noting what it is told."""

    def __init__(self) -> None:
        self.htmls: list[str] = []

    def update(self, bundle: dict[str, str], *, raw: bool) -> None:
        assert raw
        self.htmls.append(bundle["text/html"])


@pytest.fixture
def handle(monkeypatch: pytest.MonkeyPatch) -> Handle:
    """As in a kernel: what is displayed comes here."""
    made = Handle()

    def display(bundle: dict[str, str], **_: Any) -> Handle:
        made.htmls.append(bundle["text/html"])
        return made

    monkeypatch.setattr("IPython.display.display", display)
    monkeypatch.setattr(login_module, "in_kernel", lambda: True)
    return made


def test_in_a_notebook_the_code_is_a_picture_that_vanishes(sandbox: Sandbox, handle: Handle) -> None:
    """A code, or anything of the login, left in a saved notebook would be published with it."""
    client = asyncio.run(Pan115Client.login())
    client.close()
    assert any("<svg" in html and "Waiting for a scan" in html for html in handle.htmls)
    assert any("Scanned" in html for html in handle.htmls)
    assert "<svg" not in handle.htmls[-1]
    assert "Logged in" in handle.htmls[-1]
    assert not any("SEID" in html for html in handle.htmls)


def test_stopping_the_cell_ends_the_login_at_once(handle: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    """■ while 115 holds the poll open for half a minute; the code must not stay on the screen."""
    with Sandbox(qr_polls=None, qr_long_poll=3600) as sandbox:
        monkeypatch.setenv("PAN115_ENDPOINT", sandbox.endpoint)

        async def main() -> None:
            task = asyncio.create_task(Pan115Client.login())
            await asyncio.to_thread(wait_for, lambda: any("<svg" in html for html in handle.htmls))
            task.cancel()
            async with asyncio.timeout(60):
                with pytest.raises(asyncio.CancelledError):
                    await task

        asyncio.run(main())
    assert "<svg" not in handle.htmls[-1]
    assert "stopped" in handle.htmls[-1]


@pytest.mark.parametrize("wrong", [{"route": "qr"}, {"save": "disk"}])
def test_wrong_words_are_told_before_a_code_is_shown(wrong: dict[str, str]) -> None:
    """A login that fails after the scan because of a typo must be scanned again."""
    with pytest.raises(ConfigError, match="one of"):
        asyncio.run(Pan115Client.login(**wrong))


def test_a_login_cancelled_on_the_phone_says_so(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The user pressed "no" there: asking again by itself would be rude."""
    shown: list[str] = []

    def cancelled(reply: object) -> login_module.LoginState:
        shown.append("")
        return login_module.LoginState.CANCELLED

    monkeypatch.setattr("pan115kit.drive.auth.qr_login.state_of", cancelled)
    with pytest.raises(LoginError, match="Cancelled on the phone"):
        asyncio.run(Pan115Client.login())
    assert len(shown) == 1


def test_an_expired_code_is_followed_by_a_new_one(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Codes live some minutes; whoever looks for his phone finds a fresh one, but not for ever."""
    monkeypatch.setattr("pan115kit.drive.auth.qr_login.state_of", lambda reply: login_module.LoginState.EXPIRED)
    with pytest.raises(LoginError, match="no code was scanned in time"):
        asyncio.run(Pan115Client.login())
    assert capsys.readouterr().err.count("has expired") == login_module.CODES
