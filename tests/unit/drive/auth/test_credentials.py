"""Credentials as one value, and where they come from: which account an upload goes to is never guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from pan115kit.config import CREDENTIAL_VARIABLES
from pan115kit.drive.auth.credentials import Credentials, Route
from pan115kit.drive.auth.credentials_file import CredentialStore
from pan115kit.drive.auth.saved_tokens import environment_credentials, saved_credentials, saved_or_raise
from pan115kit.errors import ConfigError, CredentialsError

COOKIE = "UID=1_A1_2; CID=ab; SEID=cd"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in CREDENTIAL_VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_a_repr_says_which_and_never_what() -> None:
    """Notebooks show the last value of a cell."""
    assert repr(Credentials(COOKIE)) == "<Credentials: cookie>"
    assert repr(Credentials(access_token="a", refresh_token="r")) == "<Credentials: access_token, refresh_token>"
    assert repr(Credentials()) == "<Credentials: none>"


@pytest.mark.parametrize("given", [b"bytes", 7, None, ["UID"]])
def test_what_is_no_text_is_refused_by_its_type(given: object) -> None:
    """A value shown in the message might be the secret."""
    for name in ("cookie", "access_token", "refresh_token"):
        with pytest.raises(CredentialsError, match=type(given).__name__) as caught:
            Credentials(**{name: given})  # type: ignore[arg-type]
        assert "UID" not in str(caught.value)


def test_a_route_is_named_or_refused() -> None:
    """'Cookie' or 'web' must not silently mean the Open API."""
    assert Route.named("open") is Route.OPEN
    with pytest.raises(ConfigError, match="'cookie', 'open'"):
        Route.named("web")


def test_the_environment_decides(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A script without any argument uploads to the account its user set."""
    assert environment_credentials(tmp_path) is None
    monkeypatch.setenv("PAN115_COOKIE", COOKIE)
    assert environment_credentials(tmp_path) == Credentials(COOKIE)
    monkeypatch.setenv("PAN115_ACCESS_TOKEN", "a")
    with pytest.raises(CredentialsError, match="both set"):
        environment_credentials(tmp_path)
    monkeypatch.delenv("PAN115_COOKIE")
    assert environment_credentials(tmp_path) == Credentials(access_token="a")


def test_profiles_stand_side_by_side(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Work and home on one machine; the login that is saved without a name stays the one without a name."""
    CredentialStore(tmp_path).save(Credentials(COOKIE))
    work = CredentialStore(tmp_path, profile="work")
    work.save(Credentials(access_token="w", refresh_token="r"))
    assert saved_credentials(tmp_path) == Credentials(COOKIE)
    assert saved_credentials(tmp_path, "default") == Credentials(COOKIE)
    found = saved_or_raise(tmp_path, "work")
    assert found.access_token == "w"
    assert found.on_tokens is not None  # what is renewed is saved under the same name
    assert CredentialStore(tmp_path).path.name == "credentials.json"
    monkeypatch.setenv("PAN115_PROFILE", "work")
    assert saved_credentials(tmp_path) == found == environment_credentials(tmp_path)
    work.delete()
    assert CredentialStore(tmp_path, profile="default").load() == Credentials(COOKIE)


def test_a_profile_nobody_saved_is_named_with_the_command_that_saves_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A misspelt PAN115_PROFILE must not upload to the default account."""
    CredentialStore(tmp_path).save(Credentials(COOKIE))
    monkeypatch.setenv("PAN115_PROFILE", "wrok")
    for find in (environment_credentials, saved_or_raise):
        with pytest.raises(CredentialsError, match="--profile wrok"):
            find(tmp_path)


def test_a_profile_and_a_cookie_at_once_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """They may be two accounts: a cookie exported long ago must not win in silence."""
    CredentialStore(tmp_path, profile="work").save(Credentials(COOKIE))
    monkeypatch.setenv("PAN115_PROFILE", "work")
    monkeypatch.setenv("PAN115_COOKIE", COOKIE)
    with pytest.raises(CredentialsError, match="PAN115_PROFILE"):
        environment_credentials(tmp_path)


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a b", "x" * 65, "a\n"])
def test_a_profile_is_a_name_not_a_path(name: str, tmp_path: Path) -> None:
    """Credentials are written where they are looked for, nowhere else."""
    with pytest.raises(ConfigError, match="saved login"):
        CredentialStore(tmp_path, profile=name)


def test_renewals_of_two_profiles_do_not_wait_for_each_other(tmp_path: Path) -> None:
    """They are different refresh tokens."""
    assert CredentialStore(tmp_path, profile="a").lock_path != CredentialStore(tmp_path, profile="b").lock_path
