"""pan115kit: uploads to the 115 cloud drive from notebooks and scripts.

Example:
    >>> from pan115kit import Pan115Client
    >>> client = Pan115Client.sandbox()                          # doctest: +SKIP
    >>> result = client.upload("movie.mkv", "/影视")              # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

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
        NameTakenError,
        NetworkError,
        NoSpaceError,
        NotAFileError,
        OssError,
        OutsideFolderError,
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
    "NameTakenError",
    "NetworkError",
    "NoSpaceError",
    "NotAFileError",
    "OssError",
    "OutsideFolderError",
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

#: Where each public name is defined.  A name is imported when it is first asked for (PEP 562): a command or a script
#: pays only for what it uses.
_NAMES = {
    "batch": ("BatchReport", "UploadBatch"),
    "client": ("Pan115Client",),
    "config": ("UploadConfig",),
    "errors": (
        "AccessTokenError",
        "AccountBlockedError",
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
        "LocalFileError",
        "LoginError",
        "NameTakenError",
        "NetworkError",
        "NoSpaceError",
        "NotAFileError",
        "OutsideFolderError",
        "OssError",
        "Pan115Error",
        "RateLimitedError",
        "SessionBusyError",
        "StoreDamagedError",
        "StoreError",
        "TargetError",
        "UploadCancelled",
        "UploadInterrupted",
        "VerificationError",
    ),
    "job": ("UploadJob",),
    "models": (
        "HistoryEntry",
        "Sample",
        "UploadResult",
        "UploadSession",
        "UploadStatus",
    ),
    "progress.snapshot": ("UploadProgress",),
    "progress.tracker": ("ProgressTracker", "UploadProgressManager", "get_progress_manager"),
    "store.resume_manager": ("UploadResumeManager", "get_resume_manager"),
}
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names}
#: Public modules, which ``pan115kit.errors`` and the like reach without an import of their own.
_MODULES = ("batch", "client", "config", "errors", "job", "models", "notebook")

if not TYPE_CHECKING:  # a type checker knows the names above; for it, any other is a mistake

    def __getattr__(name: str) -> object:
        if name in _MODULES:
            return importlib.import_module(f".{name}", __name__)
        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f".{_MODULE_OF[name]}", __name__), name)
        globals()[name] = value  # asked for once
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__, *_MODULES})


def load_ipython_extension(shell: InteractiveShell) -> None:
    """``%load_ext pan115kit``: brings ``%upload``, ``%uploads`` and ``%%upload``."""
    from .entrypoints.ipython_magics import load

    load(shell)
