"""Keeping credentials, only when asked: a file only the user can read, or the system's keyring."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from ...config import state_directory
from ...errors import ConfigError, CredentialsError, StoreError

FILE_NAME = "credentials.json"
_SERVICE = "pan115kit"
_NUMBERS: dict[str, type] = {"renewals": int, "expires_at": float}


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """A cookie, or the tokens of the Open API.  Its repr tells only which.

    Attributes:
        login: Tells one login from the next; a renewed pair of tokens belongs to the same login.
        renewals: How often the pair of this login was renewed.
        expires_at: When the access token ends, in seconds since the epoch; 0 if 115 did not say.

    Example:
        >>> Credentials(cookie="UID=1_A1_2; CID=ab; SEID=cd")
        <Credentials: cookie>
    """

    cookie: str = ""
    access_token: str = ""
    refresh_token: str = ""
    login: str = field(default_factory=lambda: secrets.token_hex(8), compare=False)
    renewals: int = 0
    expires_at: float = 0.0

    def __repr__(self) -> str:
        kinds = [name for name in ("cookie", "access_token", "refresh_token") if getattr(self, name)]
        return f"<Credentials: {', '.join(kinds) or 'none'}>"


class CredentialStore:
    """One set of credentials, written whole or not at all.

    Args:
        directory: Where the file lies; the state directory if None.
        keyring: Use the system's keyring (``pip install pan115kit[keyring]``) instead of a file.

    Raises:
        ConfigError: The keyring is wanted, but not installed, or the system has none.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     store = CredentialStore(directory)
        ...     store.save(Credentials(access_token="a", refresh_token="r"))
        ...     store.load()
        <Credentials: access_token, refresh_token>
    """

    def __init__(self, directory: str | os.PathLike[str] | None = None, *, keyring: bool = False) -> None:
        self._directory = state_directory(directory)
        # one entry per state directory
        self._keyring = _Keyring(str(self._directory)) if keyring else None

    def __repr__(self) -> str:
        return f"<CredentialStore in {'the keyring' if self._keyring else self.path}>"

    @property
    def directory(self) -> Path:
        """The state directory they belong to."""
        return self._directory

    @property
    def uses_keyring(self) -> bool:
        """Whether they are in the system's keyring instead of a file."""
        return self._keyring is not None

    @property
    def path(self) -> Path:
        """The file (unless the keyring is used)."""
        return self._directory / FILE_NAME

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
            known = {part.name: _NUMBERS.get(part.name, str) for part in fields(Credentials)}
            return Credentials(**{name: known[name](value) for name, value in values.items() if name in known})
        except (ValueError, TypeError, AttributeError):
            raise CredentialsError("the saved credentials are damaged", hint="log in again") from None

    def save(self, credentials: Credentials) -> None:
        """Keep these instead of what was kept.

        Raises:
            StoreError: The file cannot be written.
            CredentialsError: The keyring cannot be.
        """
        text = json.dumps(asdict(credentials))
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
            raise CredentialsError(f"{self.path} cannot be read", hint="log in again") from None

    def _write(self, text: str) -> None:
        draft = self._directory / f".{FILE_NAME}.{secrets.token_hex(4)}"
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
                f"{self.path} cannot be written ({error.strerror})", hint="look at the state directory"
            ) from None


class _Keyring:
    """One entry of the system's keyring.

    Whether there is a keyring to use is told when this is made, not after a QR code was scanned.
    """

    def __init__(self, account: str) -> None:
        try:
            import keyring
            from keyring.backends import null
            from keyring.errors import NoKeyringError
        except ImportError:
            raise ConfigError("the keyring is not installed", hint="pip install 'pan115kit[keyring]'") from None
        self._keyring, self._account, self._none = keyring, account, NoKeyringError
        with self._told():
            if isinstance(keyring.get_keyring(), null.Keyring):
                raise NoKeyringError
        self.read()

    def read(self) -> str | None:
        """What is kept, or None."""
        with self._told():
            text: str | None = self._keyring.get_password(_SERVICE, self._account)
        return text

    def write(self, text: str) -> None:
        """Keep this instead."""
        with self._told():
            self._keyring.set_password(_SERVICE, self._account, text)

    def delete(self) -> None:
        """Keep nothing."""
        if self.read() is not None:
            with self._told():
                self._keyring.delete_password(_SERVICE, self._account)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """One line of ours for whatever goes wrong: each backend has errors of its own."""
        try:
            yield
        except Exception as error:  # noqa: BLE001  (told, not swallowed)
            if isinstance(error, self._none):
                told = "this system has no keyring"
            else:
                told = f"the system's keyring cannot be used: {error or type(error).__name__}"
            hint = "keep the credentials in a file: save='file', --save file"
            raise CredentialsError(told, hint=hint) from None
