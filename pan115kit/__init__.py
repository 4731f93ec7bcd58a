"""pan115kit: uploads to the 115 cloud drive from notebooks and scripts.

Example:
    >>> from pan115kit import Pan115Client
    >>> client = Pan115Client.sandbox()                          # doctest: +SKIP
    >>> result = client.upload("movie.mkv", "/影视")              # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .batch import BatchReport, UploadBatch
from .client import Pan115Client
from .config import UploadConfig
from .errors import (
    AccessTokenError,
    AccountBlockedError,
    CallbackFailedError,
    ChecksumMismatchError,
    ClientOutdatedError,
    ConfigError,
    CredentialsError,
    DriveError,
    DriveProtocolError,
    FileChangedError,
    FileMissingError,
    FileNameError,
    FileTooLargeError,
    FileUnreadableError,
    LocalFileError,
    LoginError,
    NetworkError,
    NoSpaceError,
    NotAFileError,
    OssError,
    Pan115Error,
    RateLimitedError,
    SessionBusyError,
    StoreDamagedError,
    StoreError,
    TargetError,
    UploadCancelled,
    UploadInterrupted,
    VerificationError,
)
from .job import UploadJob
from .models import HistoryEntry, Sample, UploadResult, UploadSession, UploadStatus
from .progress.snapshot import UploadProgress
from .progress.tracker import ProgressTracker, UploadProgressManager, get_progress_manager
from .store.resume_manager import UploadResumeManager, get_resume_manager

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__version__ = "0.1.0"

__all__ = [
    "AccessTokenError",
    "AccountBlockedError",
    "BatchReport",
    "CallbackFailedError",
    "ChecksumMismatchError",
    "ClientOutdatedError",
    "ConfigError",
    "CredentialsError",
    "DriveError",
    "DriveProtocolError",
    "FileChangedError",
    "FileMissingError",
    "FileNameError",
    "FileTooLargeError",
    "FileUnreadableError",
    "HistoryEntry",
    "LocalFileError",
    "LoginError",
    "NetworkError",
    "NoSpaceError",
    "NotAFileError",
    "OssError",
    "Pan115Client",
    "Pan115Error",
    "ProgressTracker",
    "RateLimitedError",
    "Sample",
    "SessionBusyError",
    "StoreDamagedError",
    "StoreError",
    "TargetError",
    "UploadBatch",
    "UploadCancelled",
    "UploadConfig",
    "UploadInterrupted",
    "UploadJob",
    "UploadProgress",
    "UploadProgressManager",
    "UploadResult",
    "UploadResumeManager",
    "UploadSession",
    "UploadStatus",
    "VerificationError",
    "__version__",
    "get_progress_manager",
    "get_resume_manager",
]


def load_ipython_extension(shell: InteractiveShell) -> None:
    """``%load_ext pan115kit``: brings ``%upload``, ``%uploads`` and ``%%upload``."""
    from .entrypoints.ipython_magics import load

    load(shell)
