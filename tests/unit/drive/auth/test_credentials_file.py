"""Credentials kept on request: private, whole, and gone when deleted."""

from __future__ import annotations

import json
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail, null
from keyring.errors import KeyringLocked

from pan115kit.drive.auth.credentials import Credentials
from pan115kit.drive.auth.credentials_file import CredentialStore
from pan115kit.errors import ConfigError, CredentialsError, StoreError

BOTH = Credentials(access_token="acc-1", refresh_token="ref-1")


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    """A second notebook needs no second login."""
    store = CredentialStore(tmp_path / "state")
    assert store.load() is None
    store.save(BOTH)
    assert CredentialStore(tmp_path / "state").load() == BOTH
    second = Credentials(access_token="acc-2", refresh_token="ref-2", login="l", renewals=1, expires_at=5.5)
    store.save(second)
    assert store.load() == second
    assert store.load().login == "l"
    store.delete()
    store.delete()
    assert store.load() is None


def test_the_file_is_private_from_its_first_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a shared machine nobody else reads the cookie, not even for a moment, whatever the umask."""
    import os

    seen: list[int] = []
    replace = os.replace

    def watched(source: Path, target: Path) -> None:
        seen.append(stat.S_IMODE(Path(source).stat().st_mode))
        replace(source, target)

    monkeypatch.setattr(os, "replace", watched)
    before = os.umask(0)
    try:
        store = CredentialStore(tmp_path / "state")
        store.save(BOTH)
    finally:
        os.umask(before)
    assert seen == [0o600]
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["credentials.json"]


def test_a_file_others_could_read_is_made_private(tmp_path: Path) -> None:
    """Restored from a backup, for example."""
    store = CredentialStore(tmp_path)
    store.save(BOTH)
    store.path.chmod(0o644)
    assert store.load() == BOTH
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600


def test_a_failed_save_keeps_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk at the moment of a renewal must not empty the file."""
    import os

    store = CredentialStore(tmp_path)
    store.save(BOTH)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left") as caught:
        store.save(Credentials(access_token="acc-2", refresh_token="ref-2"))
    assert "acc-2" not in str(caught.value)
    assert store.load() == BOTH
    assert [path.name for path in tmp_path.iterdir()] == ["credentials.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"acc"', "\udcff"])
def test_a_damaged_file_is_reported_without_its_content(tmp_path: Path, text: str) -> None:
    """The user logs in again instead of reading a traceback."""
    store = CredentialStore(tmp_path)
    store.path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(CredentialsError, match="log in again"):
        store.load()


def test_fields_of_a_later_version_are_ignored(tmp_path: Path) -> None:
    """Going back a version keeps the login."""
    store = CredentialStore(tmp_path)
    store.path.write_text(json.dumps({"cookie": "c", "new": 1}))
    assert store.load() == Credentials(cookie="c")


class Remembering(KeyringBackend):
    """A keyring in memory that can be locked."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = False

    def _open(self) -> dict[tuple[str, str], str]:
        if self.locked:
            raise KeyringLocked("the collection is locked")
        return self.kept

    def get_password(self, service: str, username: str) -> str | None:
        return self._open().get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._open()[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self._open()[service, username]


@pytest.fixture
def use_keyring() -> Iterator[Callable[[KeyringBackend], None]]:
    """Make a keyring the system's."""
    before = keyring.get_keyring()
    yield keyring.set_keyring
    keyring.set_keyring(before)


def test_the_keyring_is_used_when_asked(tmp_path: Path, use_keyring: Callable[[KeyringBackend], None]) -> None:
    """Then no file lies on disk."""
    system = Remembering()
    use_keyring(system)
    store = CredentialStore(tmp_path, keyring=True)
    assert store.load() is None
    store.save(BOTH)
    assert store.load() == BOTH
    assert list(system.kept) == [("pan115kit", str(tmp_path))]
    assert list(tmp_path.iterdir()) == []
    store.delete()
    store.delete()
    assert system.kept == {}


@pytest.mark.parametrize("none", [fail.Keyring, null.Keyring])
def test_a_system_without_a_keyring_is_reported_before_anything_is_scanned(
    tmp_path: Path, use_keyring: Callable[[KeyringBackend], None], none: type[KeyringBackend]
) -> None:
    """Else the user scans a code, and what the scan gave is lost in a traceback (or, with ``null``, in silence)."""
    use_keyring(none())
    with pytest.raises(ConfigError, match=r"no keyring.*save='file'"):
        CredentialStore(tmp_path, keyring=True)


class Broken(Remembering):
    """A backend that fails with an error of its own."""

    def get_password(self, service: str, username: str) -> str | None:
        raise ConnectionError("the session bus is gone")


def test_a_broken_keyring_is_reported(tmp_path: Path, use_keyring: Callable[[KeyringBackend], None]) -> None:
    """Whatever a backend raises is one line with a way out, before a code is shown."""
    use_keyring(Broken())
    with pytest.raises(CredentialsError, match=r"the session bus is gone.*save='file'"):
        CredentialStore(tmp_path, keyring=True)


def test_a_locked_keyring_is_reported(tmp_path: Path, use_keyring: Callable[[KeyringBackend], None]) -> None:
    """In one line, with the keyring's own words."""
    system = Remembering()
    use_keyring(system)
    store = CredentialStore(tmp_path, keyring=True)
    system.locked = True
    for use in (store.load, lambda: store.save(BOTH), store.delete):
        with pytest.raises(CredentialsError, match=r"the collection is locked.*save='file'"):
            use()


def test_a_missing_keyring_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install."""
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(ConfigError, match=r"pan115kit\[keyring\]"):
        CredentialStore(tmp_path, keyring=True)


def test_nothing_shows_a_secret(tmp_path: Path) -> None:
    """A notebook shows the repr of whatever ends a cell."""
    store = CredentialStore(tmp_path)
    store.save(BOTH)
    for shown in (repr(BOTH), str(BOTH), f"{BOTH}", repr(store), repr(store.load())):
        assert "acc-1" not in shown
        assert "ref-1" not in shown
