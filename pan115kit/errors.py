"""Every error pan115kit raises, in one tree.

Catch :class:`Pan115Error` for "the upload did not work", or a branch for one cause::

    Pan115Error
    ├── ConfigError (ValueError)        an argument or an environment variable makes no sense
    │   └── CredentialsError            no credentials, two at once, or of the wrong shape
    ├── LocalFileError                  the file on this machine
    │   ├── FileMissingError            (FileNotFoundError)
    │   ├── NotAFileError               a directory, FIFO, socket or device
    │   ├── FileUnreadableError         (PermissionError)
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
helps (:attr:`Pan115Error.retryable`).  No message carries a cookie, token or key.

Example:
    >>> error = NoSpaceError("the drive is full", hint="delete something", code=91005, server_message="空间不足")
    >>> str(error)
    'the drive is full: delete something (115 says: 空间不足, code 91005)'
    >>> error.retryable
    False
"""

from __future__ import annotations

import re
from typing import ClassVar

from .i18n import say

_CHINESE = re.compile("[\u4e00-\u9fff]")


class Pan115Error(Exception):
    """The root of the tree.

    Args:
        message: What happened, one line.
        hint: What to do about it, one line; may be empty.
        code: 115's or OSS's own code, unchanged.
        server_message: 115's or OSS's own words, unchanged.
        retryable: Overrides the class's answer to "does trying the same again help?".

    Example:
        >>> Pan115Error("nothing happened").retryable
        False
    """

    zh: ClassVar[str] = "上传出错"
    #: What to do, in Chinese, where the hint is not: what is true of the whole kind.
    zh_hint: ClassVar[str] = ""
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
        self.hint = hint
        self.code = code
        self.server_message = server_message
        self.retryable: bool = self._retryable if retryable is None else retryable

    def __str__(self) -> str:
        text = f"{self.message}: {self.hint}" if self.hint else self.message
        said = [f"{self._server} says: {self.server_message}"] if self.server_message else []
        said += [f"code {self.code}"] if self.code is not None else []
        return f"{text} ({', '.join(said)})" if said else text

    @property
    def told(self) -> str:
        """The message for people, in their language: in Chinese the kind of error and what to do about it.

        Example:
            >>> UploadCancelled("stopped").told, NoSpaceError("full", code=1).told in (
            ...     "full (code 1)",
            ...     "网盘空间不足：full（代码 1）。请清理网盘空间，或换用其他账号",
            ... )
            ('stopped', True)
        """
        return say(self._in_chinese(), str(self))

    def _in_chinese(self) -> str:
        said = [f"{self._server}：{self.server_message}"] if self.server_message else []
        said += [f"代码 {self.code}"] if self.code is not None else []
        text = f"{self.zh}：{self.message}" + (f"（{'，'.join(said)}）" if said else "")
        hint = self.hint if _CHINESE.search(self.hint) else self.zh_hint or self.hint
        return f"{text}。{hint}" if hint else text

    def _render_traceback_(self) -> list[str]:
        """What IPython shows instead of a page of frames: one line that says what to do."""
        return [f"{type(self).__name__}: {self.told}"]


class ConfigError(Pan115Error, ValueError):
    """An argument, option or environment variable makes no sense; nothing was sent."""

    zh = "参数错误"


class CredentialsError(ConfigError):
    """No credentials were given, two kinds at once, or one of the wrong shape."""

    zh = "凭证错误"


class LocalFileError(Pan115Error):
    """The file on this machine cannot be uploaded as it is."""

    zh = "本地文件错误"


class FileMissingError(LocalFileError, FileNotFoundError):
    """There is no such file."""

    zh = "文件不存在"
    zh_hint = "请检查路径"


class NotAFileError(LocalFileError):
    """A directory, FIFO, socket or device was named where a regular file is needed."""

    zh = "不是普通文件"


class FileUnreadableError(LocalFileError, PermissionError):
    """The file exists but may not be read, or reading it failed."""

    zh = "文件无法读取"
    zh_hint = "请检查文件权限"


class FileNameError(LocalFileError):
    """The name cannot be sent: it is not valid Unicode, empty, or has a character 115 refuses."""

    zh = "文件名不合法"


class FileTooLargeError(LocalFileError):
    """The file is larger than the account (uploadinfo's ``size_limit``) or OSS allows."""

    zh = "文件超出大小限制"


class FileChangedError(LocalFileError):
    """The file was changed while it was hashed or sent; nothing was completed on the drive."""

    zh = "文件在上传过程中被修改"
    zh_hint = "请等文件写完后再次上传"


class DriveError(Pan115Error):
    """115 answered, and its answer is no."""

    zh = "115 返回错误"


class LoginError(DriveError):
    """The cookie or the refresh token is not, or no longer, valid: log in again."""

    zh = "登录失败"
    zh_hint = "请重新登录"


class AccessTokenError(LoginError):
    """The access token has run out (40140125, 99 …); renewed once before this reaches anyone."""

    zh = "访问令牌已失效"


class AccountBlockedError(DriveError):
    """115 blocks the account for a while (405 page, 911, 770004): the queue stops instead of failing every file."""

    zh = "账号被 115 暂时限制"
    zh_hint = "请在 115 官方客户端完成验证，或等待至少十分钟，然后继续"


class RateLimitedError(DriveError):
    """115 is busy or we asked too often; waiting helps."""

    zh = "请求过于频繁"
    zh_hint = "请稍后再试，或调低 api_rate"
    _retryable = True


class ClientOutdatedError(DriveError):
    """115 asks for a newer client: set ``app_version`` to a current one."""

    zh = "客户端版本过低"
    zh_hint = "请把 UploadConfig(app_version=…) 调到当前版本"


class TargetError(DriveError):
    """The target folder does not exist, is gone, full, or may not be made."""

    zh = "目标目录错误"
    zh_hint = "请检查目标目录"


class NoSpaceError(DriveError):
    """The drive has no room for the file."""

    zh = "网盘空间不足"
    zh_hint = "请清理网盘空间，或换用其他账号"


class VerificationError(DriveError):
    """What 115 recorded of the file is not what was sent (10002, another sha1 or size), or it recorded nothing."""

    zh = "校验文件失败"
    zh_hint = "请重新上传该文件"


class DriveProtocolError(DriveError):
    """An answer that does not fit the protocol: HTML, cut JSON, missing fields."""

    zh = "115 返回了无法识别的内容"
    zh_hint = "请稍后再试"
    _retryable = True


class OssError(Pan115Error):
    """OSS answered with an error.

    Args:
        status: HTTP status.
        request_id: OSS's ``x-oss-request-id``, worth quoting to support.
    """

    zh = "OSS 返回错误"
    zh_hint = "再次上传将从断点继续"
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

    zh = "OSS 临时凭证失效"
    _retryable = True


class CallbackFailedError(OssError):
    """203: the object is stored but 115 was not told, so the file is not in the drive."""

    zh = "OSS 回调 115 失败"


class NoSuchUploadError(OssError):
    """404: the upload_id was aborted, completed or has expired."""

    zh = "分片上传已失效"


class PartAlreadyExistError(OssError):
    """409: OSS has this part already; ListParts tells whether it is ours."""

    zh = "分片已存在"


class PartNotSequentialError(OssError):
    """400: a part before this one is missing; ListParts tells where to go on."""

    zh = "分片顺序错误"


class ChecksumMismatchError(OssError):
    """OSS computed another CRC-64 than we did."""

    zh = "CRC-64 校验不一致"
    _retryable = True


class NetworkError(Pan115Error):
    """No (whole) answer came: refused, reset, timed out, name not found."""

    zh = "网络错误"
    zh_hint = "请检查网络，再次上传将从断点继续"
    _retryable = True


class StoreError(Pan115Error):
    """The state directory cannot be used."""

    zh = "状态目录错误"
    zh_hint = "请检查状态目录（PAN115_STATE_DIR）的权限和磁盘空间"


class StoreDamagedError(StoreError):
    """The state database was unreadable; it was set aside with a date, never deleted."""

    zh = "状态数据库损坏"
    zh_hint = "再次启动时会把它另存，并新建一个"


class SessionBusyError(StoreError):
    """Another upload, of this process or another living one, is at this file and place."""

    zh = "该文件正在上传"
    zh_hint = "请等它结束，或在那里取消"


class UploadCancelled(Pan115Error):
    """The upload was cancelled with ``cancel()`` or its button."""

    zh = "上传已取消"

    @property
    def told(self) -> str:
        """Its message is in the user's language already."""
        return str(self)


class UploadInterrupted(KeyboardInterrupt):
    """■ or Ctrl-C while waiting for an upload; its message says what goes on and what stopped.

    A KeyboardInterrupt, so that a script stops as its user expects; a notebook shows one friendly line.

    Example:
        >>> UploadInterrupted("stopped waiting")._render_traceback_()
        ['stopped waiting']
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def _render_traceback_(self) -> list[str]:
        return [self.message]


def told(error: BaseException) -> str:
    """What an error says to people; for our own with its kind in Chinese.

    Example:
        >>> told(ValueError("odd"))
        'odd'
    """
    return error.told if isinstance(error, Pan115Error) else str(error)
