"""Every error pan115kit raises, in one tree.

Catch :class:`Pan115Error` for "the upload did not work", or a branch for one cause::

    Pan115Error
    ├── ConfigError (ValueError)        an argument or an environment variable makes no sense
    │   └── CredentialsError            no credentials, two at once, or of the wrong shape
    ├── LocalFileError                  the file on this machine
    │   ├── FileMissingError            (FileNotFoundError)
    │   ├── NotAFileError               a directory, FIFO, socket or device
    │   ├── FileUnreadableError         (PermissionError)
    │   ├── OutsideFolderError          it is not (or no longer) under a folder that may be uploaded from
    │   ├── FileNameError               a name that 115 or UTF-8 cannot carry
    │   ├── FileTooLargeError           over the account's or OSS's limit
    │   └── FileChangedError            it was written to while it was uploaded
    ├── DriveError                      what 115 answered
    │   ├── LoginError                  cookie or token is not (or no longer) valid
    │   │   └── AccessTokenError        the access token has run out: renewed once, then final
    │   ├── AccountBlockedError         405 page, 911, 770004: the whole queue stops
    │   ├── RateLimitedError            too many calls, 115 is busy
    │   ├── ClientOutdatedError         "please upgrade": the version string is too old
    │   ├── TargetError                 the target folder is missing or cannot be made
    │   │   └── NameTakenError          on_conflict="error", and another file has the name
    │   ├── NoSpaceError                the drive is full
    │   ├── VerificationError           115 (or we) found other content than was sent
    │   └── DriveProtocolError          an answer that is not what the protocol says
    ├── OssError                        what OSS answered
    │   ├── OssCredentialsError         403: STS keys expired or unknown; renewed
    │   ├── CallbackFailedError         203: stored, but 115 was not told
    │   ├── NoSuchUploadError           404: the upload_id is dead
    │   ├── PartAlreadyExistError       409: this part is there already
    │   ├── PartNotSequentialError      400: a part before this one is missing
    │   └── ChecksumMismatchError       CRC-64 differs between us and OSS
    ├── NetworkError                    no answer: refused, reset, timed out
    ├── StoreError                      the state directory
    │   ├── StoreDamagedError           the database was unreadable and was set aside
    │   └── SessionBusyError            another living upload works on this session
    ├── UploadCancelled                 somebody called cancel()
    └── UploadInterrupted (KeyboardInterrupt)   ■ or Ctrl-C while waiting

Each says in one line what happened and what to do, keeps 115's own words and code, and knows whether a retry
helps (:attr:`Pan115Error.retryable`).  ``str(error)`` shows control characters as escapes.  No message carries a
cookie, token or key.

Example:
    >>> error = NoSpaceError("the drive is full", hint="delete something", code=91005, server_message="空间不足")
    >>> str(error)
    'the drive is full: delete something (115 says: 空间不足, code 91005)'
    >>> error.retryable
    False
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from .i18n import has_text, say, visible


class Pan115Error(Exception):
    """The root of the tree.

    Args:
        message: What happened, one line.
        hint: What to do about it, one line; what is true of the whole kind (the catalogue's
            ``error.KIND.hint``, if any) where empty.
        code: 115's or OSS's own code, unchanged.
        server_message: 115's or OSS's own words, unchanged.
        retryable: Overrides the class's answer to "does trying the same again help?".

    Example:
        >>> Pan115Error("nothing happened").retryable
        False
    """

    _retryable: ClassVar[bool] = False
    _server: ClassVar[str] = "115"
    #: Seconds the server asked to wait before the next try, where it said so.
    retry_after: float | None = None

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        code: int | str | None = None,
        server_message: str = "",
        retryable: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or self._default_hint()
        self.code = code
        self.server_message = server_message
        self.retryable: bool = self._retryable if retryable is None else retryable

    @classmethod
    def _default_hint(cls) -> str:
        return next((say(f"{key}.hint") for key in cls._keys() if has_text(f"{key}.hint")), "")

    @classmethod
    def kind(cls) -> str:
        """The kind of error, in a few words of the user's language.

        Example:
            >>> NoSpaceError.kind() in ("The drive is full", "网盘空间不足")
            True
        """
        return say(next(key for key in cls._keys() if has_text(key)))

    @classmethod
    def _keys(cls) -> Iterator[str]:
        return (f"error.{kind.__name__}" for kind in cls.__mro__ if issubclass(kind, Pan115Error))

    def __str__(self) -> str:
        line = say("error.line", message=self.message, hint=self.hint) if self.hint else self.message
        words = []
        if self.server_message:
            words.append(say("error.line.server_says", server=self._server, words=self.server_message))
        if self.code is not None:
            words.append(say("error.line.code", code=self.code))
        if words:
            line = say("error.line.server", line=line, words=say("error.line.separator").join(words))
        # file names and servers' words may hold what moves a cursor or turns the direction of writing
        return visible(line)

    def _render_traceback_(self) -> list[str]:
        """What IPython shows instead of a page of frames: one line that says what to do."""
        return [f"{type(self).__name__}: {self}"]


class ConfigError(Pan115Error, ValueError):
    """An argument, option or environment variable makes no sense; nothing was sent."""


class CredentialsError(ConfigError):
    """No credentials were given, two kinds at once, or one of the wrong shape."""


class LocalFileError(Pan115Error):
    """The file on this machine cannot be uploaded as it is."""


class FileMissingError(LocalFileError, FileNotFoundError):
    """There is no such file."""


class NotAFileError(LocalFileError):
    """A directory, FIFO, socket or device was named where a regular file is needed."""


class FileUnreadableError(LocalFileError, PermissionError):
    """The file exists but may not be read, or reading it failed."""


class OutsideFolderError(LocalFileError):
    """The file is not under a folder that may be uploaded from, or a link on its way now leads out of it."""


class FileNameError(LocalFileError):
    """The name cannot be sent: it is not valid Unicode, empty, or has a character 115 refuses."""


class FileTooLargeError(LocalFileError):
    """The file is larger than the account (uploadinfo's ``size_limit``) or OSS allows."""


class FileChangedError(LocalFileError):
    """The file was changed while it was hashed or sent; nothing was completed on the drive."""


class DriveError(Pan115Error):
    """115 answered, and its answer is no."""


class LoginError(DriveError):
    """The cookie or the refresh token is not, or no longer, valid: log in again."""


class AccessTokenError(LoginError):
    """The access token has run out (40140125, 99 …); renewed once before this reaches anyone."""


class AccountBlockedError(DriveError):
    """115 blocks the account for a while (405 page, 911, 770004): the queue stops instead of failing every file."""


class RateLimitedError(DriveError):
    """115 is busy or we asked too often; waiting helps."""

    _retryable = True


class ClientOutdatedError(DriveError):
    """115 asks for a newer client: set ``app_version`` to a current one."""


class TargetError(DriveError):
    """The target folder does not exist, is gone, full, or may not be made."""


class NameTakenError(TargetError):
    """The target folder has another file of this name, and ``on_conflict="error"`` forbids a second one."""


class NoSpaceError(DriveError):
    """The drive has no room for the file."""


class VerificationError(DriveError):
    """What 115 recorded of the file is not what was sent (10002, another sha1 or size), or it recorded nothing."""


class DriveProtocolError(DriveError):
    """An answer that does not fit the protocol: HTML, cut JSON, missing fields."""

    _retryable = True


class OssError(Pan115Error):
    """OSS answered with an error.

    Args:
        status: HTTP status.
        request_id: OSS's ``x-oss-request-id``, worth quoting to support.
    """

    _server = "OSS"

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        request_id: str = "",
        hint: str = "",
        code: int | str | None = None,
        server_message: str = "",
        retryable: bool | None = None,
    ) -> None:
        super().__init__(message, hint=hint, code=code, server_message=server_message, retryable=retryable)
        self.status = status
        self.request_id = request_id


class OssCredentialsError(OssError):
    """403 SecurityTokenExpired, InvalidAccessKeyId or InvalidSecurityToken: fetch new STS keys, same upload_id."""

    _retryable = True


class CallbackFailedError(OssError):
    """203: the object is stored but 115 was not told, so the file is not in the drive."""


class NoSuchUploadError(OssError):
    """404: the upload_id was aborted, completed or has expired."""


class PartAlreadyExistError(OssError):
    """409: OSS has this part already; ListParts tells whether it is ours."""


class PartNotSequentialError(OssError):
    """400: a part before this one is missing; ListParts tells where to go on."""


class ChecksumMismatchError(OssError):
    """OSS computed another CRC-64 than we did."""

    _retryable = True


class NetworkError(Pan115Error):
    """No (whole) answer came: refused, reset, timed out, name not found."""

    _retryable = True


class StoreError(Pan115Error):
    """The state directory cannot be used."""


class StoreDamagedError(StoreError):
    """The state database was unreadable; it was set aside with a date, never deleted."""


class SessionBusyError(StoreError):
    """Another upload, of this process or another living one, is at this file and place."""


class UploadCancelled(Pan115Error):
    """The upload was cancelled with ``cancel()`` or its button."""


class UploadInterrupted(KeyboardInterrupt):
    """■ or Ctrl-C while waiting for an upload; its message says what goes on and what stopped.

    A KeyboardInterrupt, so that a script stops as its user expects; a notebook shows one friendly line.

    Example:
        >>> UploadInterrupted("stopped waiting")._render_traceback_()
        ['stopped waiting']
    """

    def __init__(self, message: str) -> None:
        super().__init__(visible(message))
        self.message = visible(message)

    def _render_traceback_(self) -> list[str]:
        return [self.message]
