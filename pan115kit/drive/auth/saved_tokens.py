"""One login's tokens, where every process that uses them finds the newest (protocol §1.2)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from ..._base.file_locks import LockUnsupported, try_lock, unlock
from ...errors import CredentialsError, StoreError
from .credentials_file import Credentials, CredentialStore

#: Seconds to wait for another process that is renewing the same tokens: its request and all its tries fit in.
RENEWING_PATIENCE = 120.0
_LOOK_AGAIN = 0.05


class SavedTokens:
    """What a client made by ``from_saved`` or ``login(save=...)`` renews its tokens with.

    A refresh token works once, so a notebook and a terminal that took the same pair from the same place would log
    each other out.  Here one process at a time renews, and the next finds what that one was given.

    Args:
        store: Where the tokens are kept.
        credentials: What was loaded from there, or saved there.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     store = CredentialStore(directory)
        ...     store.save(Credentials(access_token="a", refresh_token="r"))
        ...     notebook, terminal = SavedTokens(store, store.load()), SavedTokens(store, store.load())
        ...     notebook.keep("a2", "r2", 0.0)
        ...     terminal.newer().access_token
        'a2'
    """

    def __init__(self, store: CredentialStore, credentials: Credentials) -> None:
        self._store = store
        self._login = credentials.login
        self._renewals = credentials.renewals
        #: When the access token ends, in seconds since the epoch, or None.
        self.expires_at = credentials.expires_at or None

    @asynccontextmanager
    async def renewing(self) -> AsyncIterator[Credentials | None]:
        """Hold off the other processes, and say what one of them was given meanwhile.

        Where the directory has no locks (some network mounts, a folder that cannot be written) nobody is held off.

        Raises:
            StoreError: Another process has been renewing for two minutes.
        """
        async with _alone(self._store.directory):
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

        Nothing is written where the user has logged in anew or has deleted the credentials meanwhile.

        Raises:
            StoreError: It cannot be written.
        """
        self._renewals += 1  # also when writing fails: what lies there is older than ours then
        if self._ours():
            self._store.save(Credentials("", access_token, refresh_token, self._login, self._renewals, expires_at))

    def _ours(self) -> bool:
        try:
            kept = self._store.load()
        except CredentialsError:  # damaged, and made whole by what is kept now
            return True
        return kept is not None and kept.login == self._login


@asynccontextmanager
async def _alone(directory: Path) -> AsyncIterator[None]:
    descriptor = _opened(directory)
    try:
        with suppress(LockUnsupported):
            for _ in range(int(RENEWING_PATIENCE / _LOOK_AGAIN)):
                if descriptor is None or try_lock(descriptor):
                    break
                await asyncio.sleep(_LOOK_AGAIN)
            else:
                raise StoreError(
                    f"another process has been renewing the tokens for {RENEWING_PATIENCE:.0f} s",
                    hint="is one stopped or hanging? end it and try again",
                    retryable=True,
                )
        yield
    finally:
        if descriptor is not None:
            unlock(descriptor)
            os.close(descriptor)


def _opened(directory: Path) -> int | None:
    with suppress(OSError):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(directory / "renewing.lock", os.O_RDWR | os.O_CREAT, 0o600)
    return None
