"""Keeping credentials, only when asked: a file only the user can read, or the system's keyring.

Each profile is one login: ``credentials.json`` is the default one's, ``credentials-work.json`` that of ``work``.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ...config import CREDENTIAL_VARIABLES, state_directory
from ...errors import ConfigError, CredentialsError, StoreError
from ...i18n import say
from .credentials import Credentials

FILE_NAME = "credentials.json"
DEFAULT_PROFILE = "default"
#: Which saved login is meant where no argument says it.
PROFILE_VARIABLE = CREDENTIAL_VARIABLES[-1]
_SERVICE = "pan115kit"
#: What is kept of :class:`Credentials`.
_KEPT: dict[str, type] = {
    "cookie": str,
    "access_token": str,
    "refresh_token": str,
    "login": str,
    "renewals": int,
    "expires_at": float,
}


@dataclass(frozen=True, slots=True)
class _Place:
    """How one profile's files are called in the state directory."""

    profile: str

    @property
    def credentials(self) -> str:
        return FILE_NAME if self.profile == DEFAULT_PROFILE else f"credentials-{self.profile}.json"

    @property
    def lock(self) -> str:
        return "renewing.lock" if self.profile == DEFAULT_PROFILE else f"renewing-{self.profile}.lock"


def profile_name(given: str | None = None) -> str:
    """The profile meant: ``given``, else ``PAN115_PROFILE``, else ``default``.

    Raises:
        ConfigError: It cannot be part of a file's name on every system: letters, digits, ``-``, ``_``, at most 64.
    """
    name = given if given is not None else os.environ.get(PROFILE_VARIABLE, "").strip() or DEFAULT_PROFILE
    if not (isinstance(name, str) and re.fullmatch(r"[\w-]{1,64}", name)):
        raise ConfigError(say("drive.profile.name", name=repr(name)), hint=say("drive.profile.name.hint"))
    return name


class CredentialStore:
    """One login's credentials, written whole or not at all.

    Args:
        directory: Where the file lies; the state directory if None.
        keyring: Use the system's keyring (``pip install pan115kit[keyring]``) instead of a file.
        profile: Which login; ``PAN115_PROFILE``, else ``default``, if None.

    Raises:
        ConfigError: The keyring is wanted, but not installed, or the system has none; or no name for a profile.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str] | None = None,
        *,
        keyring: bool = False,
        profile: str | None = None,
    ) -> None:
        self._directory = state_directory(directory)
        self._place = _Place(profile_name(profile))
        # one entry per state directory and profile
        entry = str(self._directory if self.is_default else self.path)
        self._keyring = _Keyring(entry) if keyring else None

    def __repr__(self) -> str:
        return f"<CredentialStore in {'the keyring' if self._keyring else self.path}>"

    @property
    def profile(self) -> str:
        """Which login is kept here."""
        return self._place.profile

    @property
    def is_default(self) -> bool:
        """Whether it is the one that is used where no profile is named."""
        return self.profile == DEFAULT_PROFILE

    @property
    def uses_keyring(self) -> bool:
        """Whether they are in the system's keyring instead of a file."""
        return self._keyring is not None

    @property
    def path(self) -> Path:
        """The file (unless the keyring is used)."""
        return self._directory / self._place.credentials

    @property
    def lock_path(self) -> Path:
        """What is locked while one process renews the tokens."""
        return self._directory / self._place.lock

    def load(self) -> Credentials | None:
        """What was saved, or None.

        A file others can read is made private again.

        Raises:
            CredentialsError: What is there cannot be read, or not as credentials.
        """
        text = self._keyring.read() if self._keyring else self._read()
        if text is None:
            return None
        try:
            values = json.loads(text)
            return Credentials(**{name: _KEPT[name](value) for name, value in values.items() if name in _KEPT})
        except (ValueError, TypeError, AttributeError):
            raise CredentialsError(say("drive.saved.damaged"), hint=say("refusal.login_ended.hint")) from None

    def save(self, credentials: Credentials) -> None:
        """Keep these instead of what was kept.

        Raises:
            StoreError: The file cannot be written.
            CredentialsError: The keyring cannot be.
        """
        text = json.dumps({name: getattr(credentials, name) for name in _KEPT})
        if self._keyring:
            self._keyring.write(text)
        else:
            self._write(text)

    def delete(self) -> None:
        """Forget them; nothing happens where there are none."""
        if self._keyring is None:
            self.path.unlink(missing_ok=True)
        else:
            self._keyring.delete()

    def _read(self) -> str | None:
        try:
            if os.name == "posix" and self.path.stat().st_mode & 0o077:
                self.path.chmod(0o600)
            return self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError):
            raise CredentialsError(
                say("drive.saved.unreadable", path=self.path), hint=say("refusal.login_ended.hint")
            ) from None

    def _write(self, text: str) -> None:
        draft = self._directory / f".{self.path.name}.{secrets.token_hex(4)}"
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                # Private from its first byte on, not only after a chmod.
                descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(draft, self.path)
            finally:
                draft.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(
                say("drive.saved.unwritable", path=self.path, reason=error.strerror or type(error).__name__),
                hint=say("drive.saved.unwritable.hint"),
            ) from None


class _Keyring:
    """One entry of the system's keyring.

    Whether there is a keyring to use is found out when this is made, not after a QR code was scanned.
    """

    def __init__(self, account: str) -> None:
        try:
            import keyring
            from keyring.backends import null
            from keyring.errors import NoKeyringError
        except ImportError:
            raise ConfigError(say("drive.keyring.missing"), hint=say("drive.keyring.missing.hint")) from None
        self._keyring, self._account, self._none = keyring, account, NoKeyringError
        with self._errors_as_ours():
            if isinstance(keyring.get_keyring(), null.Keyring):
                raise NoKeyringError
        self.read()

    def read(self) -> str | None:
        """What is kept, or None."""
        with self._errors_as_ours():
            text: str | None = self._keyring.get_password(_SERVICE, self._account)
        return text

    def write(self, text: str) -> None:
        """Keep this instead."""
        with self._errors_as_ours():
            self._keyring.set_password(_SERVICE, self._account, text)

    def delete(self) -> None:
        """Keep nothing."""
        if self.read() is not None:
            with self._errors_as_ours():
                self._keyring.delete_password(_SERVICE, self._account)

    @contextlib.contextmanager
    def _errors_as_ours(self) -> Iterator[None]:
        """One line of ours for whatever goes wrong: each backend has errors of its own."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - raised again as ours
            if isinstance(error, self._none):
                message = say("drive.keyring.none")
            else:
                message = say("drive.keyring.failed", error=str(error) or type(error).__name__)
            raise CredentialsError(message, hint=say("drive.keyring.hint")) from None
