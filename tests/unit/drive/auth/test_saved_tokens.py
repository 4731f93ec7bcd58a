"""One saved login in several processes: renewed once, never mixed up with another login."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from drive_support import ACCESS_EXPIRED, CONFIG, ENDPOINTS, NOW, Scripted115, bearer, renewed, run

from pan115kit._base.file_locks import try_lock
from pan115kit.drive.auth import saved_tokens
from pan115kit.drive.auth.credentials import Credentials, Route
from pan115kit.drive.auth.credentials_file import CredentialStore
from pan115kit.drive.auth.saved_tokens import SavedTokens, kept_in
from pan115kit.drive.interface import Drive
from pan115kit.drive.open_route import OpenDrive
from pan115kit.errors import LoginError, StoreError

USER, REFRESH = "/open/user/info", "/open/refreshToken"
ME = {"state": True, "code": 0, "data": {"user_id": 100000001}}
USED = {"state": 0, "code": 40140116, "message": "refresh_token used"}
FIRST = Credentials(access_token="access-1", refresh_token="refresh-1", login="one")


def asked(drive: Drive) -> str:
    """Whose tokens these are; what every story asks for."""
    return run(drive, lambda d: d.account()).user_id


@pytest.fixture
def store(tmp_path: Path) -> CredentialStore:
    store = CredentialStore(tmp_path)
    store.save(FIRST)
    return store


def at(server: Scripted115, store: CredentialStore, credentials: Credentials = FIRST) -> Drive:
    """A drive of a process that has these credentials."""
    return OpenDrive(kept_in(store, credentials), endpoints=ENDPOINTS, config=CONFIG, api=server.api(Route.OPEN))


def once(access: str = "access-2") -> Scripted115:
    """115 with a refresh token that works once."""
    server = Scripted115()
    server.on(USER, bearer(access, ME))
    server.on(REFRESH, [renewed(), USED])
    return server


def test_what_one_process_renewed_the_next_one_uses(store: CredentialStore) -> None:
    """A terminal left open since the morning goes on with what the notebook was given at noon."""
    server = once()
    notebook, terminal = at(server, store), at(server, store)
    assert asked(notebook) == asked(terminal) == "100000001"
    assert server.paths().count(REFRESH) == 1
    assert store.load() == Credentials("", "access-2", "refresh-2", renewals=1, expires_at=NOW + 7200)


def test_two_at_the_same_moment_are_one_renewal(store: CredentialStore) -> None:
    """The second waits until the first has saved, and takes that."""
    server = once()
    waiting = asyncio.Event()

    async def slow(_request: Any) -> Any:
        waiting.set()
        await asyncio.sleep(0.2)
        return renewed()

    server.on(REFRESH, [slow, USED])

    async def main() -> None:
        notebook, terminal = at(server, store), at(server, store)
        first = asyncio.create_task(notebook.account())
        await waiting.wait()
        accounts = await asyncio.gather(first, terminal.account())
        assert {account.user_id for account in accounts} == {"100000001"}
        await notebook.close()
        await terminal.close()

    asyncio.run(main())
    assert server.paths().count(REFRESH) == 1


def test_a_pair_that_has_run_out_meanwhile_is_renewed_in_turn(store: CredentialStore) -> None:
    """The notebook ended yesterday; its access token is of no use, its refresh token is the only good one."""
    store.save(Credentials("", "access-2", "refresh-2", "one", 1, NOW - 1))
    server = Scripted115()
    server.on(USER, bearer("access-3", ME))
    server.on(REFRESH, [renewed("access-3", "refresh-3"), USED])
    assert asked(at(server, store)) == "100000001"
    assert server.forms(REFRESH) == [{"refresh_token": "refresh-2"}]
    assert store.load() == Credentials("", "access-3", "refresh-3", renewals=2, expires_at=NOW + 7200)


def test_a_saved_token_that_has_run_out_is_not_tried(store: CredentialStore) -> None:
    """Its end was saved with it, so the day does not begin with a refusal."""
    server = once()
    assert asked(at(server, store, Credentials("", "access-1", "refresh-1", "one", 0, NOW - 1))) == "100000001"
    assert server.paths() == [REFRESH, USER]


def test_another_login_is_neither_taken_nor_overwritten(store: CredentialStore) -> None:
    """The user logged in to the second account in a terminal: an upload to the first one stays with the first."""
    other = Credentials("", "other-access", "other-refresh", "two", 7, NOW + 7200)
    store.save(other)
    server = once()
    assert asked(at(server, store)) == "100000001"
    assert server.forms(REFRESH) == [{"refresh_token": "refresh-1"}]
    assert (store.load(), store.load().login) == (other, "two")  # type: ignore[union-attr]


def test_deleted_credentials_stay_deleted(store: CredentialStore) -> None:
    """Whoever forgets a login does not find it again after the next renewal."""
    store.delete()
    assert asked(at(once(), store)) == "100000001"
    assert store.load() is None


def test_a_damaged_file_is_made_whole_by_the_next_renewal(store: CredentialStore) -> None:
    """The running process has the only good pair."""
    store.path.write_text("{")
    assert asked(at(once(), store)) == "100000001"
    assert store.load() == Credentials("", "access-2", "refresh-2", renewals=1, expires_at=NOW + 7200)


def test_what_could_not_be_saved_is_not_undone_by_what_lies_there(
    store: CredentialStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a full disk the file has the old, dead pair: the process goes on with its own and saves the next one."""
    tokens = SavedTokens(store, FIRST)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", full)
        with pytest.raises(StoreError, match="No space left"):
            tokens.keep("access-2", "refresh-2", 0.0)
    assert tokens.newer() is None
    tokens.keep("access-3", "refresh-3", 0.0)
    assert store.load() == Credentials("", "access-3", "refresh-3", renewals=2)


def test_a_directory_that_cannot_be_locked_does_not_stop_an_upload(
    store: CredentialStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some network mounts have no locks; a read-only one has no lock file either."""
    monkeypatch.setattr(saved_tokens, "_opened", lambda _directory: None)
    assert asked(at(once(), store)) == "100000001"


def test_a_process_that_never_ends_its_renewal_is_reported(
    store: CredentialStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stopped process (Ctrl-Z) holds the lock: the others say so instead of hanging for ever."""
    monkeypatch.setattr(saved_tokens, "RENEWING_PATIENCE", 0.1)
    server = once()
    descriptor = os.open(store.lock_path, os.O_RDWR | os.O_CREAT)
    try:
        assert try_lock(descriptor)
        with pytest.raises(StoreError, match="another process has been renewing"):
            asked(at(server, store))
    finally:
        os.close(descriptor)
    assert server.paths().count(REFRESH) == 0
    assert asked(at(server, store)) == "100000001"


def test_a_withdrawn_authorisation_is_still_final(store: CredentialStore) -> None:
    """Nobody renewed meanwhile: 115 simply does not want it any more."""
    server = Scripted115()
    server.on(USER, ACCESS_EXPIRED)
    server.on(REFRESH, USED)
    with pytest.raises(LoginError):
        asked(at(server, store))
    assert store.load() == FIRST
