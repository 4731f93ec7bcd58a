"""One upload at one moment: what panels, bars and servers show, and nothing they can change.

Bytes are the one truth: percent, speed and remaining time are all derived from them, so they cannot disagree.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ..i18n import format_duration, say
from ..models import Phase, UploadStatus, WaitingFor


@dataclass(frozen=True, slots=True)
class UploadProgress:
    """One upload at one moment (specification: ``UploadProgress``).

    Attributes:
        uploaded_bytes: Bytes that are in OSS or on the wire, those of earlier runs included; never falls.
        resumed_bytes: How many of them an earlier run had sent.
        hashed_bytes: Bytes hashed so far, the hash phase's own progress.
        speed_mbps: MB/s (10^6 bytes) now: of hashing while hashing, else of uploading; 0.0 while nothing moves.
        eta_seconds: Seconds left, or None while that cannot be known (stalled, waiting, hashing).
        elapsed_seconds: Seconds of work, without pauses.
        waiting_for: What it waits for that is not its turn, or None.
        waiting_seconds: For how long already.
        ended_at: Epoch seconds of its end, None before it.
        version: Grows with every change of this upload.

    Example:
        >>> progress = UploadProgress("job", "/a/b.bin", "b.bin", 200, uploaded_bytes=50)
        >>> progress.percentage, progress.to_dict()["uploaded_bytes"]
        (25.0, 50)
    """

    job_id: str
    file_path: str
    file_name: str
    file_size: int
    status: UploadStatus = UploadStatus.PENDING
    target_path: str = "/"
    session_id: str = ""
    uploaded_bytes: int = 0
    resumed_bytes: int = 0
    hashed_bytes: int = 0
    total_parts: int = 0
    uploaded_parts: int = 0
    speed_mbps: float = 0.0
    eta_seconds: float | None = None
    elapsed_seconds: float = 0.0
    retries: int = 0
    waiting_for: WaitingFor | None = None
    waiting_seconds: float = 0.0
    error_message: str | None = None
    file_id: str | None = None
    is_quick_upload: bool = False
    created_at: float = 0.0
    ended_at: float | None = None
    version: int = 0

    @property
    def total_bytes(self) -> int:
        """The file's size in bytes."""
        return self.file_size

    @property
    def percentage(self) -> float:
        """Percent uploaded, 0-100; 100 only when the upload succeeded or every byte is on its way."""
        if self.status.is_success:
            return 100.0
        return min(100.0, 100.0 * self.uploaded_bytes / self.file_size) if self.file_size else 0.0

    @property
    def hash_percentage(self) -> float:
        """Percent hashed, 0-100."""
        return min(100.0, 100.0 * self.hashed_bytes / self.file_size) if self.file_size else 100.0

    @property
    def label(self) -> str:
        """What it does, or what it waits for and how long already, in the user's language."""
        if self.waiting_for is None:
            return self.status.label
        return say(f"waiting.{self.waiting_for}", time=format_duration(self.waiting_seconds))

    @property
    def phase(self) -> Phase:
        """What moves: the hash or the upload."""
        return Phase.HASHING if self.status is UploadStatus.HASHING else Phase.UPLOADING

    def get_elapsed_time(self) -> float:
        """Seconds of work so far (specification's name for ``elapsed_seconds``)."""
        return self.elapsed_seconds

    def get_eta(self) -> float:
        """Seconds left as a number that can be formatted; ``inf`` while ``eta_seconds`` is None."""
        return math.inf if self.eta_seconds is None else self.eta_seconds

    def to_dict(self) -> dict[str, Any]:
        """The specification's JSON object (``GET /api/upload/progress``)."""
        return {
            "file_name": self.file_name,
            "file_size": self.file_size,
            "status": str(self.status),
            "percentage": round(self.percentage, 2),
            "uploaded_bytes": self.uploaded_bytes,
            "total_bytes": self.total_bytes,
            "total_parts": self.total_parts,
            "uploaded_parts": self.uploaded_parts,
            "speed_mbps": round(self.speed_mbps, 3),
            "elapsed_seconds": round(self.elapsed_seconds, 1),
            "eta_seconds": None if self.eta_seconds is None else round(self.eta_seconds, 1),
            "error_message": self.error_message,
            "file_id": self.file_id,
            "is_quick_upload": self.is_quick_upload,
        }
