"""A local 115 + Aliyun OSS: for tests, demos, and to see how 115 works.

Example:
    >>> from pan115kit.sandbox import Sandbox
    >>> with Sandbox() as sandbox:
    ...     sandbox.count("initupload")
    0
"""

from .app import Sandbox
from .faults import ROUTES, Fault, FaultKind
from .inventory import DriveFile, UnfinishedPart, UnfinishedUpload
from .traffic_log import RequestRecord

__all__ = [
    "ROUTES",
    "DriveFile",
    "Fault",
    "FaultKind",
    "RequestRecord",
    "Sandbox",
    "UnfinishedPart",
    "UnfinishedUpload",
]
