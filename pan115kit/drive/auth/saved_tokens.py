"""Saved logins, and one login's tokens where every process that uses them finds the newest (protocol.md §1.2)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

from ..._base.file_locks import LockUnsupported, try_lock, unlock
from ...errors import ConfigError, CredentialsError, StoreError
from ...i18n import say
from .credentials import Credentials
from .credentials_file import DEFAULT_PROFILE, PROFILE_VARIABLE, CredentialStore, profile_name

#: Seconds to wait for another process that is renewing the same tokens: its request and all its tries fit in.
RENEWING_PATIENCE = 120.0
_LOOK_AGAIN = 0.05


def kept_in(store: CredentialStore, credentials: Credentials) -> Credentials:
    """These credentials, whose renewed tokens go where they are saved."""
    return replace(credentials, on_tokens=SavedTokens(store, credentials))


def saved_credentials(
    directory: str | os.PathLike[str] | None = None, profile: str | None = None, *, keyring: bool | None = None
) -> Credentials | None:
    """What a login has saved, or None.

    Args:
        directory: The state directory.
        profile: Which login; as :func:`profile_name` says if None.
        keyring: Whether to look in the system's keyring; if None, in the file first and, if there is none, in the
            keyring where the system has one.

    Raises:
        CredentialsError: What is saved cannot be read.
        ConfigError: The keyring is asked for and there is none; the profile's name is none.
    """
    for in_keyring in (False, True) if keyring is None else (keyring,):
        try:
            store = CredentialStore(directory, keyring=in_keyring, profile=profile_name(profile))
        except ConfigError:
            if keyring is None and in_keyring:  # no keyring: then nothing is kept there
                continue
            raise
        if (found := store.load()) is not None:
            return kept_in(store, found)
    return None


def environment_credentials(directory: str | os.PathLike[str] | None = None) -> Credentials | None:
    """What the environment says: a cookie, or tokens, or the saved login that ``PAN115_PROFILE`` names.

    Args:
        directory: The state directory.

    Returns:
        None where it says nothing.

    Raises:
        CredentialsError: Two of them are set, or that profile has no saved login.
        ConfigError: The profile's name is none.
    """
    given = Credentials.from_variables()
    profile = os.environ.get(PROFILE_VARIABLE, "").strip()
    if not profile:
        return given
    if given is not None:
        raise CredentialsError(say("drive.profile.and_variables"), hint=say("drive.profile.and_variables.hint"))
    return saved_or_raise(directory, profile)


def saved_or_raise(
    directory: str | os.PathLike[str] | None = None, profile: str | None = None, *, keyring: bool | None = None
) -> Credentials:
    """As :func:`saved_credentials`.

    Raises:
        CredentialsError: Nothing is saved, too.
    """
    found = saved_credentials(directory, profile, keyring=keyring)
    if found is not None:
        return found
    name = profile_name(profile)
    if name == DEFAULT_PROFILE:
        raise CredentialsError(say("credentials.none_kept"), hint=say("credentials.none_kept.hint"))
    raise CredentialsError(
        say("drive.saved.no_profile", profile=repr(name)), hint=say("drive.saved.no_profile.hint", profile=name)
    )


class SavedTokens:
    """What a client made by ``from_saved`` or ``login(save=...)`` renews its tokens with.

    A refresh token works once, so a notebook and a terminal that took the same pair from the same place would log
    each other out.  Here one process at a time renews, and the next finds what that one was given.

    Args:
        store: Where the tokens are kept.
        credentials: What was loaded from there, or saved there.
    """

    def __init__(self, store: CredentialStore, credentials: Credentials) -> None:
        self._store = store
        self._login = credentials.login
        self._renewals = credentials.renewals

    @asynccontextmanager
    async def renewing(self) -> AsyncIterator[Credentials | None]:
        """Hold off the other processes, and say what one of them was given meanwhile.

        Where the directory has no locks (some network mounts, a folder that cannot be written) nobody is held off.

        Raises:
            StoreError: Another process has been renewing for two minutes.
        """
        async with _alone(self._store.lock_path):
            yield self.newer()

    def newer(self) -> Credentials | None:
        """The pair that another process has renewed since, or None.

        What another login left there is none of ours: it may be another account's.
        """
        try:
            kept = self._store.load()
        except CredentialsError:  # damaged: nothing to be had from it
            return None
        if kept is None or kept.login != self._login or kept.renewals <= self._renewals:
            return None
        self._renewals = kept.renewals
        return kept

    def keep(self, access_token: str, refresh_token: str, expires_at: float) -> None:
        """Keep a new pair; the old one is dead when this is called.

        Nothing is written where the user has logged in again or has deleted the credentials meanwhile.

        Raises:
            StoreError: It cannot be written.
        """
        self._renewals += 1  # also when writing fails: what lies there is older than ours then
        if self._ours():
            self._store.save(
                Credentials(
                    access_token=access_token,
                    refresh_token=refresh_token,
                    login=self._login,
                    renewals=self._renewals,
                    expires_at=expires_at,
                )
            )

    def _ours(self) -> bool:
        try:
            kept = self._store.load()
        except CredentialsError:  # damaged: what is kept now replaces it
            return True
        return kept is not None and kept.login == self._login


@asynccontextmanager
async def _alone(path: Path) -> AsyncIterator[None]:
    descriptor = _opened(path)
    try:
        with suppress(LockUnsupported):
            for _ in range(int(RENEWING_PATIENCE / _LOOK_AGAIN)):
                if descriptor is None or try_lock(descriptor):
                    break
                await asyncio.sleep(_LOOK_AGAIN)
            else:
                raise StoreError(
                    say("drive.renewing_elsewhere", seconds=round(RENEWING_PATIENCE)),
                    hint=say("drive.renewing_elsewhere.hint"),
                    retryable=True,
                )
        yield
    finally:
        if descriptor is not None:
            unlock(descriptor)
            os.close(descriptor)


def _opened(path: Path) -> int | None:
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    return None
